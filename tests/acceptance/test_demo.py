"""`manyi demo` as a person runs it: what it prints, what it proves, how it stops, and what it leaves behind."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from firmware_sim.evidence import contradictions, gather

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

SMALL = ("demo", "--windows", "45", "--port", "0")
ZONE = ZoneInfo("Asia/Shanghai")
# It is three seconds where nothing else runs; other tests do, beside this one.
SOON_S = 8


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demo puts its own temporary folder."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    tempfile.tempdir = None
    return folder


def manyi(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=80, check=False)


class Running:
    """A demo that goes on until told to stop; `children` are the processes it started."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "cli.main", *words]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.told: list[str] = []

    def until(self, text: str) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.told.append(line)
            if text in line:
                return line
        raise AssertionError("".join(self.told))

    @property
    def children(self) -> dict[int, str]:
        """Command lines by id."""
        pid = self.process.pid
        ids = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        lines = {int(one): Path(f"/proc/{one}/cmdline").read_bytes() for one in ids}
        return {one: line.replace(b"\0", b" ").decode() for one, line in lines.items()}

    def end(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)


@pytest.fixture
def running() -> Iterator[Running]:
    one = Running(*SMALL)
    yield one
    one.end()


def gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_timed_run_proves_its_count_and_leaves_nothing(temp: Path) -> None:
    run = manyi(*SMALL, "--seconds", "6", "--json")
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout.splitlines()[-1])
    assert said["ok"] is True
    assert said["pressed"] == said["settled"] == said["ledger"] == said["tallies"] == said["wall"] > 5
    assert said["lost"] == said["twice"] == said["misdated"] == said["altered"] == said["strange"] == 0
    assert 0 <= said["latency_ms"]["p50"] <= said["latency_ms"]["p99"]
    assert 0 <= said["wall_latency_ms"]["p50"] <= said["wall_latency_ms"]["p99"]
    assert (said["windows"], said["townships"]) == (45, 4)
    assert list(temp.iterdir()) == []


def test_without_mosquitto_the_same_city_runs_on_amqtt(temp: Path) -> None:
    program = (
        "import sys; import firmware_sim.broker as broker; broker.mosquitto_path = lambda: None;"
        "from cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    words = (*SMALL, "--seconds", "5", "--json")
    run = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=80, check=False
    )
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout.splitlines()[-1])
    assert (said["broker"], said["ok"]) == ("amqtt", True)
    assert list(temp.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "package"), [(("--db", "postgres"), "postgresql"), (("--series", "influx"), "influxdb")]
)
def test_a_server_that_is_not_here_is_one_line_with_its_package(
    temp: Path, words: tuple[str, str], package: str
) -> None:
    program = (
        "import sys; import firmware_sim.servers.daemon as daemon; daemon.shutil.which = lambda *_, **__: None;"
        "from cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, "demo", *words], capture_output=True, text=True, timeout=80, check=False
    )
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert f"Debian's package {package}" in run.stderr
    assert list(temp.iterdir()) == []


@pytest.mark.parametrize(("db", "series"), [("postgres", "embedded"), ("sqlite", "influx"), ("postgres", "influx")])
def test_a_city_on_servers_is_judged_by_the_same_judge(temp: Path, db: str, series: str) -> None:
    run = manyi(*SMALL, "--seconds", "6", "--json", "--db", db, "--series", series)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout.splitlines()[-1])
    assert (said["ok"], said["db"], said["series"]) == (True, db, series)
    assert said["pressed"] == said["settled"] == said["ledger"] == said["tallies"] == said["wall"] > 5
    assert said["contradictions"] == []
    assert list(temp.iterdir()) == []


def test_ctrl_c_stops_everything_soon_and_still_proves(temp: Path, running: Running) -> None:
    address = running.until("the wall: ").split()[2]
    page = httpx.get(address, follow_redirects=True, trust_env=False)
    assert page.is_success
    assert "满意" in page.text
    running.until("people press: ")
    time.sleep(4)
    children = list(running.children)
    assert len(children) == 4
    begin = time.monotonic()
    os.killpg(running.process.pid, signal.SIGINT)
    out, errors = running.process.communicate(timeout=20)
    assert time.monotonic() - begin < SOON_S
    assert running.process.returncode == 0, out + errors
    assert "lost 0, twice 0" in out
    assert gone(children)
    assert list(temp.iterdir()) == []


def test_ctrl_c_before_it_began_stops_it_too(temp: Path, running: Running) -> None:
    running.until("laying out")
    begin = time.monotonic()
    os.killpg(running.process.pid, signal.SIGINT)
    out, _ = running.process.communicate(timeout=20)
    assert time.monotonic() - begin < SOON_S
    assert (running.process.returncode, out) == (130, "")
    assert list(temp.iterdir()) == []


def test_ctrl_c_that_also_reaches_a_house_that_is_being_started_stops_it_too(temp: Path, running: Running) -> None:
    running.until("laying out")
    while not (children := [pid for pid, line in running.children.items() if "cloud" in line]):
        time.sleep(0.005)
    # As if the house had no session of its own yet: it dies before its parent hears of anything.
    os.kill(running.process.pid, signal.SIGSTOP)
    os.kill(children[0], signal.SIGKILL)
    os.kill(running.process.pid, signal.SIGINT)
    os.kill(running.process.pid, signal.SIGCONT)
    out, errors = running.process.communicate(timeout=20)
    assert (running.process.returncode, out) == (130, ""), errors
    assert "died" not in errors
    assert list(temp.iterdir()) == []


@pytest.mark.parametrize("house", ["-m cloud run", "firmware_sim.townships", "firmware_sim.fleet"])
def test_a_house_that_dies_is_named_and_nothing_is_left(temp: Path, running: Running, house: str) -> None:
    running.until("people press: ")
    children = running.children
    (victim,) = [pid for pid, line in children.items() if house in line]
    os.kill(victim, signal.SIGKILL)
    out, errors = running.process.communicate(timeout=15)
    assert running.process.returncode == 1, errors
    assert out == ""
    assert "was killed by SIGKILL" in errors
    assert gone(list(children))
    assert list(temp.iterdir()) == []


def test_a_port_in_use_is_one_line_and_nothing_starts(temp: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = manyi("demo", "--port", str(port))
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert str(port) in run.stderr
    assert "--port" in run.stderr
    assert list(temp.iterdir()) == []


def test_a_folder_that_is_not_empty_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    run = manyi(*SMALL, "--keep", str(tmp_path))
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("kept") / "city"
    run = manyi(*SMALL, "--seconds", "6", "--json", "--keep", str(folder))
    assert run.returncode == 0, run.stderr
    return folder, json.loads(run.stdout.splitlines()[-1])


def test_what_is_kept_can_be_judged_again(kept: tuple[Path, dict[str, Any]]) -> None:
    folder, said = kept
    database = folder / "city" / "cloud" / "manyi.db"
    verdict = gather(folder / "fingers.log", database, wall=said["wall"])
    assert verdict.clean
    assert (verdict.settled, verdict.ledger, verdict.tallies) == (said["settled"], said["ledger"], said["tallies"])
    assert contradictions(database, ZONE) == []


def broken(kept: Path, folder: Path, sql: str) -> Path:
    """A copy of the city's database with `sql` done to it, by somebody who knows how to get round its triggers."""
    database = folder / "manyi.db"
    shutil.copy(kept / "city" / "cloud" / "manyi.db", database)
    with closing(sqlite3.connect(database)) as connection, connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        assert connection.execute(sql).rowcount >= 1
    return database


def test_an_entry_taken_out_of_the_ledger_turns_it_red(kept: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, said = kept
    first = "(SELECT min(position) FROM ledger_entry WHERE kind = 'batch')"
    database = broken(folder, tmp_path, f"DELETE FROM ledger_entry WHERE position = {first}")  # noqa: S608
    verdict = gather(folder / "fingers.log", database, wall=said["wall"])
    assert verdict.lost >= 1
    assert not verdict.clean
    assert contradictions(database, ZONE)
    named = [one["rule"] for one in audited(database, 1)["named"]]
    assert "gap" in named
    assert "tally" in named


def test_what_a_real_city_wrote_passes_an_audit(kept: tuple[Path, dict[str, Any]]) -> None:
    folder, said = kept
    account = audited(folder / "city" / "cloud" / "manyi.db", 0)
    assert account["named"] == []
    assert account["counted"] == said["wall"] > 0


def audited(database: Path, code: int) -> dict[str, Any]:
    run = manyi("audit", "--database", str(database), "--json")
    assert run.returncode == code, run.stdout + run.stderr
    account: dict[str, Any] = json.loads(run.stdout)
    return account


def test_a_tally_changed_by_hand_turns_it_red(kept: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, said = kept
    one = '"window" = (SELECT min("window") FROM tally_day)'
    database = broken(folder, tmp_path, f"UPDATE tally_day SET satisfied = satisfied + 1 WHERE {one}")  # noqa: S608
    verdict = gather(folder / "fingers.log", database, wall=said["wall"])
    assert verdict.violations == 0
    assert not verdict.clean
    assert contradictions(database, ZONE)


def test_a_finger_that_saw_a_light_for_nothing_turns_it_red(kept: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, said = kept
    log = tmp_path / "fingers.log"
    lines = (folder / "fingers.log").read_bytes().splitlines(keepends=True)
    # One visit more, by another name and an hour earlier: pressed, lit, and in no ledger.
    extra = [json.loads(line) for line in lines if json.loads(line)["id"] == json.loads(lines[0])["id"]]
    for entry in extra:
        entry["id"], entry["at"] = "nobody", entry["at"] - 3_600_000
    log.write_bytes(b"".join(lines) + b"".join(json.dumps(entry).encode() + b"\n" for entry in extra))
    verdict = gather(log, folder / "city" / "cloud" / "manyi.db", wall=said["wall"])
    assert verdict.lost == 1
    assert not verdict.clean
