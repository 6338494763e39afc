"""The key file: made once, for its owner alone, and every mistake said without showing the key."""

import os
import stat
from pathlib import Path

import pytest

from contract.errors import SettingsError
from contract.signing import Signer, public_key, verify
from transport.keys import new_key, read_key


def test_a_new_key_signs_and_its_public_half_verifies(tmp_path: Path) -> None:
    public = new_key(tmp_path / "node.key")
    signer = read_key(tmp_path / "node.key")

    assert signer.public == public
    assert verify(b"three", signer.sign(b"three"), public_key(public))
    assert stat.S_IMODE((tmp_path / "node.key").stat().st_mode) == 0o600


def test_keys_come_from_the_randomness_handed_in(tmp_path: Path) -> None:
    assert new_key(tmp_path / "node.key", random=bytes) == Signer(bytes(32)).public
    assert (tmp_path / "node.key").read_text() == "A" * 43 + "\n"


def test_two_keys_differ(tmp_path: Path) -> None:
    assert new_key(tmp_path / "a.key") != new_key(tmp_path / "b.key")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "node.key"
    new_key(file)
    before = file.read_bytes()

    with pytest.raises(SettingsError, match="never overwritten"):
        new_key(file)

    assert file.read_bytes() == before


def test_no_folder_for_a_new_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        new_key(tmp_path / "nowhere" / "node.key")


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="keygen"):
        read_key(tmp_path / "node.key")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o610])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "node.key"
    new_key(file)
    file.chmod(mode)

    with pytest.raises(SettingsError, match=f"mode {mode:04o}"):
        read_key(file)


def test_a_read_only_key_is_fine(tmp_path: Path) -> None:
    public = new_key(tmp_path / "node.key")
    (tmp_path / "node.key").chmod(0o400)

    assert read_key(tmp_path / "node.key").public == public


@pytest.mark.parametrize(
    "text",
    [b"", b"A" * 41, b"A" * 42, b"A" * 42 + b"B", b"A" * 43 + b"=", b"A" * 86, b"*" * 43, b"\xff" * 43, b"A" * 1000],
)
def test_what_is_no_key_is_said_without_showing_it(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "node.key"
    file.write_bytes(text)
    file.chmod(0o600)

    with pytest.raises(SettingsError) as caught:
        read_key(file)

    assert str(caught.value) == f"{file}: a key is 32 bytes as base64url text (43 characters), this is not"


def test_a_path_that_is_wrong_pulls_no_disk_image_into_memory(tmp_path: Path) -> None:
    file = tmp_path / "image"
    new_key(file)
    os.truncate(file, 1 << 42)

    with pytest.raises(SettingsError, match="this is not"):
        read_key(file)
