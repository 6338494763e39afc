"""The runbooks of docs/operating.md, block by block as they stand there, while somebody presses at the window."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_sim.servers.daemon import HOST
from firmware_sim.servers.influx import SETTINGS, SHIM
from firmware_sim.servers.nginx import whole
from tests.deploy.booted import HEAD, ROOT, Booted, python

TEXT = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
CHAPTERS = [chapter for chapter in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:] if "```sh" in chapter]
# What differs from a machine of one's own: nobody vouches for its clock, pins are in memory, nobody waits for thanks.
CITY_KEY = 'key = "/var/lib/manyi/cloud/city.key"\n'
STORE = 'store = "/var/lib/manyi/edge/outbox.db"\n'
HERE = {
    CITY_KEY: f'{CITY_KEY}clock = "trusted"\n',
    STORE: f'{STORE}pins = "mock"\nheartbeat_s = 1\ntiming = {{ settle_s = 0, cooldown_s = 0 }}\n',
}
FINGER = "/opt/finger"
COUNTING = """
import sqlite3
ledger = sqlite3.connect("file:/var/lib/manyi/cloud/manyi.db?mode=ro", uri=True)
print(ledger.execute("SELECT coalesce(sum(satisfied + basic + dissatisfied), 0) FROM tally_city").fetchone()[0])
"""
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    with Booted(tmp_path_factory.mktemp("booted") / "boot.log") as machine:
        machine.write("/etc/hosts", "127.0.0.1 localhost city.example gw.example\n")
        program = f"#!{python()}\n{HEAD}" + Path(__file__).with_name("finger.py").read_text(encoding="utf-8")
        machine.write(FINGER, program)
        machine.run("chmod", "0755", FINGER)
        # In the place of the node's own program: there is nobody else here to press.
        machine.write(
            "/opt/units/manyi-edge.service.d/finger.conf",
            f"[Service]\nExecStart=\nExecStart={FINGER} edge run --config /etc/manyi/edge.toml\n",
        )
        install_influxdb(machine)
        machine.run("systemctl", "daemon-reload")
        yield machine


def install_influxdb(machine: Booted) -> None:
    """As a package would have it: version 1.6 here, behind an nginx that gives it the writing address of 1.8."""
    machine.write("/opt/influxdb.conf", SETTINGS.format(folder="/var/lib/influxdb", host=HOST, http=8087, rpc=8088))
    machine.write("/opt/influxdb.nginx", whole(SHIM.format(host=HOST, http=8087, port=8086)))
    # It answers some seconds after its unit is started; till then nginx says 502, which `influx` takes for done.
    start = "(sleep 3; exec influxd -config /opt/influxdb.conf) & exec nginx -p /run -e stderr -c /opt/influxdb.nginx"
    unit = f'[Service]\nExecStart=/bin/bash -c "{start}"\nStandardError=append:/run/influxdb.log\n'
    machine.write("/opt/units/influxdb.service", f"{unit}[Install]\nWantedBy=multi-user.target\n")


def blocks(chapter: str) -> list[str]:
    found = re.findall(r"^```sh\n(.*?)^```$", chapter, flags=re.MULTILINE | re.DOTALL)
    for before, after in HERE.items():
        found = [block.replace(before, after) for block in found]
    return found


def lit(machine: Booted) -> int:
    """How many lights came on, at this node and at those before it."""
    return machine.read("/media/lit").count("\n") + machine.read("/var/lib/manyi/edge/lit").count("\n")


def counted(machine: Booted) -> int:
    """How many ratings the ledger has; 0 while there is none."""
    done = machine.run(python(), "-c", COUNTING)
    return int(done.stdout) if done.returncode == 0 else 0


def await_ratings(machine: Booted) -> None:
    """Wait until people are thanked again, and all that they pressed is counted."""
    now = lit(machine)
    machine.until(lambda: lit(machine) > now + 10)
    await_counted(machine)


def await_counted(machine: Booted) -> None:
    """Wait until every light that was lit by now is a rating that counts."""
    seen = lit(machine)
    machine.until(lambda: counted(machine) >= seen)


def test_every_block_of_every_chapter_does_what_the_page_says(machine: Booted, tmp_path: Path) -> None:
    assert len(CHAPTERS) == 10
    for chapter in CHAPTERS:
        title = chapter.splitlines()[0]
        replaced = title == "A node is replaced"
        if replaced:
            # What the old card had not sent goes with it, and what it had lit is remembered there: so it sends first.
            machine.run("touch", "/run/still")
            await_counted(machine)
            machine.run("cp", "/var/lib/manyi/edge/lit", "/media/lit")
        for block in blocks(chapter):
            done = machine.run("bash", "-euo", "pipefail", "-c", f'export PATH="/opt/manyi/bin:$PATH"\n{block}')
            assert done.returncode == 0, f"{title}:\n{block}\n{done.stdout}\n{done.stderr}"
        if replaced:
            machine.run("rm", "/run/still")
        await_ratings(machine)
        print(f"{title}: {lit(machine)} lit, {counted(machine)} counted")  # noqa: T201  (with -s)
    machine.run("systemctl", "stop", "manyi-edge")
    await_counted(machine)
    # Of a light that came on as its node stopped the line may be missing.
    assert lit(machine) <= counted(machine) <= lit(machine) + 3
