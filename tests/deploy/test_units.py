"""The units as they are shipped, under a real systemd: they start, stop, are begun anew, and may do little."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.deploy.booted import ROOT, Booted

ROLES = ["edge", "gateway", "cloud"]
SETTINGS = {
    "edge": """
node = "371721121-a1"
store = "/var/lib/manyi/edge/outbox.db"
key = "/var/lib/manyi/edge/edge.key"
city_key = "{city}"
pins = "mock"
broker = {{ host = "127.0.0.1", port = 9 }}
window = [{{ id = "01", satisfied = 17, basic = 27, dissatisfied = 22 }}]
""",
    "gateway": """
township = "371721121"
store = "/var/lib/manyi/gateway/journal.db"
key = "/var/lib/manyi/gateway/gateway.key"
city_key = "{city}"
node_broker = {{ host = "127.0.0.1", port = 9 }}
city_broker = {{ host = "127.0.0.1", port = 9 }}
""",
    "cloud": """
database = "/var/lib/manyi/cloud/manyi.db"
key = "/var/lib/manyi/cloud/cloud.key"
broker = {{ host = "127.0.0.1", port = 9 }}
http = {{ host = "127.0.0.1", port = 0 }}
""",
}
# The longest pause between two beats that a test waits for: shorter than the shipped one, and longer than a role that
# is well ever takes on a machine where other tests run beside.
HURRIED_S = 10
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    with Booted(tmp_path_factory.mktemp("booted") / "boot.log") as machine:
        city = machine.keygen("cloud")
        for role in ROLES:
            if role != "cloud":
                machine.keygen(role)
            machine.write(f"/etc/manyi/{role}.toml", SETTINGS[role].format(city=city))
            machine.write(
                f"/opt/units/manyi-{role}.service.d/hurried.conf",
                f"[Service]\nWatchdogSec={HURRIED_S}\nRestartSec=0.2\n",
            )
        machine.run("systemctl", "daemon-reload")
        yield machine


@pytest.fixture(params=ROLES)
def unit(request: pytest.FixtureRequest, machine: Booted) -> Iterator[str]:
    """A role's unit, started; Type=notify: `start` returns once the role itself has said that it serves."""
    unit = f"manyi-{request.param}"
    started = machine.run("systemctl", "start", unit)
    ended = machine.shown(unit, "ExecMainStatus")
    assert started.returncode == 0, f"{started.stderr}{ended}\n{machine.read(f'/run/{request.param}.log')}"
    yield unit
    machine.run("systemctl", "stop", unit)
    machine.run("systemctl", "reset-failed", unit)


def test_it_serves_as_a_user_of_its_own_and_stops_in_good_order(machine: Booted, unit: str) -> None:
    pid = machine.shown(unit, "MainPID")
    assert machine.run("ps", "-o", "user=", "-p", pid).stdout.strip() == "manyi"
    assert machine.shown(unit, "ActiveState") == "active"

    assert machine.run("systemctl", "stop", unit).returncode == 0

    assert (machine.shown(unit, "ActiveState"), machine.shown(unit, "Result")) == ("inactive", "success")
    assert machine.shown(unit, "ExecMainStatus") == "0"
    assert "Traceback" not in machine.read(f"/run/{unit.removeprefix('manyi-')}.log")


def test_one_that_hangs_is_ended_and_begun_anew(machine: Booted, unit: str) -> None:
    pid = machine.shown(unit, "MainPID")
    machine.run("kill", "-STOP", pid)
    machine.until(lambda: int(machine.shown(unit, "NRestarts")) > 0)
    machine.until(lambda: machine.shown(unit, "ActiveState") == "active")
    assert machine.shown(unit, "MainPID") != pid


def test_one_that_is_killed_is_begun_anew(machine: Booted, unit: str) -> None:
    machine.run("kill", "-KILL", machine.shown(unit, "MainPID"))
    machine.until(lambda: int(machine.shown(unit, "NRestarts")) > 0)
    machine.until(lambda: machine.shown(unit, "ActiveState") == "active")


@pytest.mark.parametrize("role", ROLES)
def test_a_wrong_settings_file_is_not_tried_for_ever(machine: Booted, role: str) -> None:
    file = f"/etc/manyi/{role}.toml"
    kept = machine.read(file)
    machine.write(file, kept.replace("broker = {", "brokre = {"))
    try:
        assert machine.run("systemctl", "start", f"manyi-{role}").returncode == 1
        machine.until(lambda: machine.shown(f"manyi-{role}", "ActiveState") == "failed")
        assert machine.shown(f"manyi-{role}", "NRestarts") == "0"
        assert machine.shown(f"manyi-{role}", "ExecMainStatus") == "2"
    finally:
        machine.write(file, kept)
        machine.run("systemctl", "reset-failed", f"manyi-{role}")


@pytest.mark.parametrize("role", ROLES)
def test_systemd_finds_nothing_wrong_with_it(machine: Booted, role: str) -> None:
    done = machine.run("systemd-analyze", "verify", f"/opt/units/manyi-{role}.service")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("role", ROLES)
def test_it_may_do_little(role: str) -> None:
    """systemd's own figure of how exposed a service is, 0 to 100; below 20 it calls it OK."""
    unit = ROOT / "deploy" / f"manyi-{role}.service"
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_what_is_written_elsewhere_is_refused(machine: Booted) -> None:
    """The unit's sandbox, tried from inside: all but its own folder is read-only, and homes are not to be seen."""
    machine.write(
        "/opt/units/probe.service",
        "\n".join(
            line
            if not line.startswith("ExecStart=")
            else "ExecStart=/bin/sh -c '! touch /etc/x && ! touch /opt/x "
            "&& ! ls /root/. && touch /var/lib/manyi/edge/probe && ! unshare --net true && ! mknod /dev/probe c 1 5'"
            for line in (ROOT / "deploy/manyi-edge.service").read_text(encoding="utf-8").splitlines()
            if line not in {"Type=notify", "Restart=always"}
        ).replace("[Service]", "[Service]\nType=oneshot"),
    )
    machine.run("systemctl", "daemon-reload")
    done = machine.run("systemctl", "start", "probe")
    assert done.returncode == 0, done.stderr
    assert machine.run("test", "-e", "/var/lib/manyi/edge/probe").returncode == 0
