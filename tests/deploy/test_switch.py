"""Another version in the midst of presses, under a real systemd: it serves or it is gone again, and nothing is lost."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.booted import HEAD, Booted, python
from tests.deploy.test_units import SETTINGS

PRESSED = SETTINGS["edge"].replace(
    "dissatisfied = 22 }}",
    "dissatisfied = 22, light_satisfied = 5, light_basic = 6, light_dissatisfied = 13 }}",
)
TIMES = "timing = {{ settle_s = 0, cooldown_s = 0 }}\n"
SWITCH = "/opt/project/deploy/switch.sh"
WATCHED_S = "2"
# What may come of a version that is not as it should be: how it goes when it is asked to run.
BROKEN = {
    "ends at once": "sys.exit(1)",
    "never says that it serves": "del os.environ['NOTIFY_SOCKET']; main(sys.argv[2:])",
    "serves, and ends soon after": "threading.Timer(1.0, os._exit, (3,)).start(); main(sys.argv[2:])",
}
BREAKING = """#!{python}
{head}
import os, threading

if sys.argv[-1] == "--version":
    print("0.0.0-broken")
    sys.exit()
from edge.__main__ import main
{how}
"""
pytestmark = pytest.mark.timeout(600)


def install(machine: Booted, folder: str, program: str) -> None:
    machine.run("mkdir", "-p", f"{folder}/bin")
    machine.write(f"{folder}/bin/manyi", program)
    machine.run("chmod", "0755", f"{folder}/bin/manyi")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """A node at work in version 1, at whose window somebody presses; version 2 is installed beside it."""
    with Booted(tmp_path_factory.mktemp("booted") / "boot.log") as machine:
        city = machine.keygen("cloud")
        machine.keygen("edge")
        machine.write("/etc/manyi/edge.toml", TIMES.format() + PRESSED.format(city=city))
        hurried = "[Service]\nRestartSec=0.2\nTimeoutStartSec=20\n"
        machine.write("/opt/units/manyi-edge.service.d/hurried.conf", hurried)
        machine.run("systemctl", "daemon-reload")
        program = f"#!{python()}\n{HEAD}" + Path(__file__).with_name("finger.py").read_text(encoding="utf-8")
        for version in ("1", "2"):
            install(machine, f"/opt/manyi-{version}", program)
        machine.run("rm", "-r", "/opt/manyi")
        machine.run("ln", "-s", "/opt/manyi-1", "/opt/manyi")
        started = machine.run("systemctl", "start", "manyi-edge")
        assert started.returncode == 0, machine.read("/run/edge.log")
        machine.until(lambda: lit(machine) > 20)
        yield machine


def lit(machine: Booted) -> int:
    return machine.read("/var/lib/manyi/edge/lit").count("\n")


def kept(machine: Booted, tmp_path: Path) -> int:
    """How many ratings the stopped node's outbox holds."""
    store = tmp_path / "outbox.db"
    store.write_bytes(machine.bytes("/var/lib/manyi/edge/outbox.db"))
    with sqlite3.connect(store) as connection:
        (count,) = connection.execute(
            "SELECT (SELECT count(*) FROM rating) + (SELECT coalesce(sum(last - first + 1), 0) FROM batch)"
        ).fetchone()
    return int(count)


def test_from_version_to_version_and_back_from_each_that_is_broken(machine: Booted, tmp_path: Path) -> None:
    done = machine.run(SWITCH, "edge", "/opt/manyi-2", WATCHED_S)
    assert done.returncode == 0, done.stderr
    assert "manyi-edge runs" in done.stderr
    assert machine.run("readlink", "/opt/manyi").stdout == "/opt/manyi-2\n"
    stops = 1
    for number, (what, how) in enumerate(BROKEN.items()):
        folder = f"/opt/manyi-broken-{number}"
        install(machine, folder, BREAKING.format(python=python(), head=HEAD, how=how))
        done = machine.run(SWITCH, "edge", folder, WATCHED_S)
        assert done.returncode == 1, what
        assert f"did not serve from {folder} (0.0.0-broken); going back to /opt/manyi-2" in done.stderr, what
        assert "runs from /opt/manyi-2 again" in done.stderr, what
        assert machine.run("readlink", "/opt/manyi").stdout == "/opt/manyi-2\n"
        wanted = lit(machine) + 10
        machine.until(lambda: lit(machine) > wanted)  # noqa: B023  (asked at once)
        stops += 1
    assert machine.run("systemctl", "stop", "manyi-edge").returncode == 0
    # Of a light that came on as the node stopped the line may be missing; of no line a rating.
    seen, there = lit(machine), kept(machine, tmp_path)
    assert seen <= there <= seen + stops + 1
    assert seen > 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "usage"),
        (["edge", "/opt/manyi-2/"], "is in use already"),
        (["edge", "/opt/nowhere"], "does not start; nothing was done"),
    ],
)
def test_what_cannot_be_switched_to_stops_nothing(machine: Booted, arguments: list[str], said: str) -> None:
    machine.run("systemctl", "start", "manyi-edge")
    machine.run("ln", "-sfn", "/opt/manyi-2", "/opt/manyi")
    pid = machine.shown("manyi-edge", "MainPID")
    done = machine.run(SWITCH, *arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert machine.shown("manyi-edge", "MainPID") == pid
