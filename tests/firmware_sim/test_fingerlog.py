import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.fingerlog import Choice, Entry, FingerLog, Follower, Touch, choices, read

WINDOW = "371721121-a1/02"


def pressed(name: str, level: int, at: int) -> Entry:
    return Entry("pressed", name, WINDOW, level, at)


def test_what_was_written_is_read_in_order(tmp_path: Path) -> None:
    entries = [pressed(f"v-{number}", 1 + number % 3, 1000 + number) for number in range(50)]
    with FingerLog(tmp_path / "log") as log:
        for entry in entries:
            log.write(entry)
    assert list(read(tmp_path / "log")) == entries


def test_a_log_that_was_never_begun_is_empty(tmp_path: Path) -> None:
    assert list(read(tmp_path / "log")) == []


@given(st.integers(min_value=0, max_value=400))
def test_wherever_the_file_ends_every_whole_line_is_read(cut: int) -> None:
    whole = b"".join(msgspec.json.encode(pressed(f"v-{number}", 3, number)) + b"\n" for number in range(5))
    with tempfile.NamedTemporaryFile() as file:
        file.write(whole[:cut])
        file.flush()
        assert len(list(read(Path(file.name)))) == whole[:cut].count(b"\n")


def test_a_new_writer_cuts_off_what_a_killed_one_left_unfinished(tmp_path: Path) -> None:
    path = tmp_path / "log"
    first = pressed("v-1", 3, 1)
    with FingerLog(path) as log:
        log.write(first)
    with path.open("ab") as torn:
        torn.write(b'{"kind":"pressed","id":"' + b"x" * 100_000)
    with FingerLog(path) as log:
        log.write(pressed("v-2", 1, 2))
    assert list(read(path)) == [first, pressed("v-2", 1, 2)]


def test_a_file_that_is_nothing_but_half_a_line_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"kind"')
    FingerLog(path).close()
    assert path.read_bytes() == b""


def test_damage_in_the_middle_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"rubbish\n" + msgspec.json.encode(pressed("v-1", 3, 1)) + b"\n")
    with pytest.raises(msgspec.DecodeError):
        list(read(path))


def test_a_level_that_no_button_has_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b'{"kind":"pressed","id":"v","window":"w","level":4,"at":1}\n')
    with pytest.raises(msgspec.ValidationError):
        list(read(path))


def test_lines_outlive_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = (
        "import sys, pathlib\n"
        "from firmware_sim.fingerlog import *\n"
        "log = FingerLog(pathlib.Path(sys.argv[1]))\n"
        "number = 0\n"
        "while True:\n"
        "    number += 1\n"
        "    log.write(Entry('pressed', f'v-{number}', 'w', 3, number))\n"
        "    if number == 200: print('go', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", writer, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"go\n"
        time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    numbers = [entry.at for entry in read(path)]
    assert len(numbers) >= 200
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_visit_is_all_its_presses_and_its_light() -> None:
    entries = [
        pressed("a", 1, 10),
        pressed("b", 3, 11),
        pressed("a", 3, 400),
        Entry("lit", "a", WINDOW, 3, 1200),
        Entry("refused", "b", WINDOW, 3, 1300),
    ]
    assert choices(entries) == [
        Choice("a", WINDOW, (Touch(1, 10), Touch(3, 400)), Touch(3, 1200)),
        Choice("b", WINDOW, (Touch(3, 11),), refused=True),
    ]


def test_a_follower_gets_each_line_once_and_an_unfinished_one_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    follower = Follower(path)
    assert list(follower.news()) == []
    first, second = pressed("v-1", 3, 1), pressed("v-2", 2, 2)
    line = msgspec.json.encode(second) + b"\n"
    with path.open("ab", buffering=0) as log:
        log.write(msgspec.json.encode(first) + b"\n" + line[:20])
        assert list(follower.news()) == [first]
        assert list(follower.news()) == []
        log.write(line[20:])
        assert list(follower.news()) == [second]
        assert list(follower.news()) == []
