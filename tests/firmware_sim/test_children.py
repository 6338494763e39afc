import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_sim.children import STOP_S, Child, ChildDied


def child(folder: Path, program: str, *, speaks: bool = True) -> Child:
    return Child("the house", [sys.executable, "-c", program], log=folder / "log", speaks=speaks)


FOREVER = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(1)"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER


async def test_it_runs_until_stopped_and_that_is_no_death(tmp_path: Path) -> None:
    one = child(tmp_path, FOREVER)
    await one.start()
    await one.says("ready")
    async with asyncio.TaskGroup() as group:
        group.create_task(one.failed(), name="watch")
        await one.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(one.pid, 0)


async def test_it_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    one = child(tmp_path, FOREVER)
    await one.start()
    assert os.getsid(one.pid) == one.pid != os.getsid(0)
    await one.stop()


async def test_who_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    one = child(tmp_path, STUBBORN)
    await one.start()
    await one.says("ready")
    begin = time.monotonic()
    await one.stop(within_s=0.3)
    assert 0.3 <= time.monotonic() - begin < STOP_S


async def test_a_death_is_told_with_the_last_words(tmp_path: Path) -> None:
    one = child(tmp_path, "import sys\nfor n in range(50): print('line', n, file=sys.stderr)\nsys.exit(3)")
    await one.start()
    with pytest.raises(ChildDied) as told:
        await one.failed()
    text = str(told.value)
    assert text.startswith("the house ended with code 3:")
    assert "line 49" in text
    assert "line 30" not in text
    await one.stop()


async def test_a_kill_is_told_by_its_name(tmp_path: Path) -> None:
    one = child(tmp_path, FOREVER)
    await one.start()
    await one.says("ready")
    os.kill(one.pid, signal.SIGKILL)
    with pytest.raises(ChildDied, match="the house was killed by SIGKILL, without a word"):
        await one.failed()


async def test_who_dies_before_its_word_is_not_waited_for(tmp_path: Path) -> None:
    one = child(tmp_path, "print('something else')")
    await one.start()
    with pytest.raises(ChildDied, match="ended with code 0"):
        await one.says("ready")


async def test_one_that_ends_by_itself_is_waited_for_and_its_failure_told(tmp_path: Path) -> None:
    good = child(tmp_path, "print('done')", speaks=False)
    await good.start()
    await good.finish()
    assert (tmp_path / "log").read_text() == "done\n"
    bad = child(tmp_path, "raise SystemExit('no such file')", speaks=False)
    await bad.start()
    with pytest.raises(ChildDied, match="no such file"):
        await bad.finish()


async def test_what_a_speaking_one_said_is_returned_and_a_code_may_be_expected(tmp_path: Path) -> None:
    one = child(tmp_path, "print('one'); print('two'); raise SystemExit(1)")
    await one.start()
    assert await one.finish(codes=(0, 1)) == "one\ntwo\n"
    await one.start()
    with pytest.raises(ChildDied, match="ended with code 1"):
        await one.finish(codes=(0, 3))


async def test_a_program_that_is_not_there_is_a_death_too(tmp_path: Path) -> None:
    one = Child("the house", [str(tmp_path / "nothing")], log=tmp_path / "log")
    with pytest.raises(ChildDied, match="the house"):
        await run_to_its_end(one)
    await one.stop()


async def run_to_its_end(one: Child) -> None:
    # With setpriv it is setpriv that finds out; without, the start does.
    await one.start()
    await one.finish()


async def test_stopping_what_never_began_does_nothing(tmp_path: Path) -> None:
    await child(tmp_path, FOREVER).stop()


def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    parent = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from firmware_sim.children import Child\n"
        "async def main():\n"
        "    one = Child('c', [sys.executable, '-c', sys.argv[1]], log=Path(sys.argv[2]), speaks=True)\n"
        "    await one.start()\n"
        "    await one.says('ready')\n"
        "    print(one.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent, FOREVER, str(tmp_path / "log")], stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        running.kill()
    deadline = time.monotonic() + 5
    while _alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
