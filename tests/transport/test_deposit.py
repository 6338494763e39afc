"""Small files are whole or not there, and whoever may not read them never could."""

import os
import stat
from pathlib import Path

import pytest

from transport import deposit


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_new_file_is_for_its_owner_unless_it_is_public(tmp_path: Path) -> None:
    deposit.create(tmp_path / "a", b"secret")
    deposit.create(tmp_path / "b", b"public", deposit.PUBLIC)

    assert ((tmp_path / "a").read_bytes(), mode(tmp_path / "a")) == (b"secret", 0o600)
    assert ((tmp_path / "b").read_bytes(), mode(tmp_path / "b")) == (b"public", 0o644)


def test_what_is_there_is_not_created_again(tmp_path: Path) -> None:
    deposit.create(tmp_path / "a", b"first")
    with pytest.raises(FileExistsError):
        deposit.create(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"


def test_a_file_is_replaced_with_its_mode_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "a"
    deposit.replace(file, b"first", deposit.PUBLIC)
    # An interrupted attempt, open for all.
    (tmp_path / ".a.new").write_bytes(b"half")
    (tmp_path / ".a.new").chmod(0o666)

    deposit.replace(file, b"second")

    assert (file.read_bytes(), mode(file)) == (b"second", 0o600)
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def test_a_replacement_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deposit.replace(tmp_path / "a", b"first")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            deposit.replace(tmp_path / "a", b"second")

    assert (tmp_path / "a").read_bytes() == b"first"


def test_content_and_name_are_on_the_disk_when_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    deposit.create(tmp_path / "a", b"x")
    deposit.replace(tmp_path / "a", b"y")

    assert synced == [str(tmp_path / "a"), str(tmp_path), str(tmp_path / ".a.new"), str(tmp_path)]
