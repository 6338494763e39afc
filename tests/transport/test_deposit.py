"""Small files are whole or not there, and whoever may not read them never could."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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

    deposit.replace(file, b"second")

    assert (file.read_bytes(), mode(file)) == (b"second", 0o600)
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def full(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_replacement_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deposit.replace(tmp_path / "a", b"first")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            deposit.replace(tmp_path / "a", b"second")

    assert (tmp_path / "a").read_bytes() == b"first"
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def test_two_replace_one_file_at_once_and_one_of_them_has_it(tmp_path: Path) -> None:
    def often(content: bytes) -> None:
        for _ in range(100):
            deposit.replace(tmp_path / "a", content)

    with ThreadPoolExecutor() as pool:
        list(pool.map(often, [b"one" * 9, b"two" * 9]))

    assert (tmp_path / "a").read_bytes() in {b"one" * 9, b"two" * 9}
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def test_a_new_file_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def full_folder(descriptor: int) -> None:
        (full if stat.S_ISDIR(os.fstat(descriptor).st_mode) else fsync)(descriptor)

    for failing in (full, full_folder):
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", failing)
            with pytest.raises(OSError, match="No space left"):
                deposit.create(tmp_path / "a", b"first")
        assert list(tmp_path.iterdir()) == []

    deposit.create(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"second"


def test_of_a_new_file_that_the_system_cuts_short_nothing_is_left(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from transport import deposit; import resource\n"
    script += "resource.setrlimit(resource.RLIMIT_FSIZE, (3, 3))\n"
    script += "deposit.create(Path(sys.argv[1]), b'more than three')"
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "a"], capture_output=True, text=True, check=False)

    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_does_not_hide_that_a_file_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deposit.create(tmp_path / "a", b"first")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileExistsError):
        deposit.create(tmp_path / "a", b"second")


def test_one_of_many_creates_a_file_and_whoever_is_late_reads_it_whole(tmp_path: Path) -> None:
    def attempt(content: bytes) -> bytes:
        with suppress(FileExistsError):
            deposit.create(tmp_path / "a", content)
        return (tmp_path / "a").read_bytes()

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(attempt, [bytes([letter]) * 1000 for letter in b"abcdefgh"]))

    assert len(seen) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def test_content_and_name_are_on_the_disk_when_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    deposit.create(tmp_path / "a", b"x")
    deposit.replace(tmp_path / "a", b"y")

    first, after_first, second, after_second = synced
    for beside in (first, second):
        assert Path(beside).parent == tmp_path
        assert Path(beside).name.startswith(".a.")
    assert after_first == after_second == str(tmp_path)
