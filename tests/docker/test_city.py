"""docker/README.md as it stands: city, township and node with TLS, PostgreSQL and InfluxDB, and presses that arrive."""

import json
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from firmware_sim.evidence import gather
from tests.docker.engine import Engine, wait

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```sh\n(.*?)^```$", (ROOT / "docker" / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
# In the order in which they can go: a gateway still hangs in the city's network.
PROJECTS = ("township", "city")
# What differs from a machine of one's own: nobody vouches for its clock, and pins are in memory.
HERE = {
    'key = "city.key"\n': 'key = "city.key"\nclock = "trusted"\n',
    'key = "edge.key"\n': 'key = "edge.key"\npins = "mock"\n',
}
CONFIG = "/etc/manyi/cloud.toml"
PRESSED_S = 30.0


@pytest.fixture
def etc(engine: Engine, tmp_path: Path) -> Iterator[Path]:
    """Where the chapters write, in place of /etc/manyi; whatever they started is gone afterwards."""
    try:
        yield tmp_path / "etc"
    finally:
        settings = {"MANYI_ETC": str(tmp_path / "etc"), "MANYI_HOST": "any"}
        for project in PROJECTS:
            compose = ROOT / "docker" / f"compose.{project}.yml"
            print(engine.compose(compose, "-p", project, "logs", "--tail=15", **settings))
            engine.compose(compose, "-p", project, "down", "-v", "-t", "5", **settings)


def run(engine: Engine, etc: Path, blocks: list[str], https: int, free_port: Callable[[], int]) -> None:
    """Run the chapters in one shell, published on ports that are free here."""
    text = "\n".join(["set -euo pipefail", *blocks])
    for before, after in HERE.items():
        text = text.replace(before, after, 1)
    text = text.replace("/etc/manyi MANYI_CA=/media/ca", f"{etc} MANYI_CA={etc.parent / 'ca'}", 1)
    text = text.replace("MANYI_BROKER=8884", f"MANYI_BROKER={free_port()}", 1)
    ports = {"MANYI_HTTPS": https, "MANYI_HTTP": free_port(), "MANYI_BROKER": free_port()}
    done = subprocess.run(
        ["/bin/bash", "-c", text],
        cwd=ROOT,
        env={**engine.environment, **{name: str(port) for name, port in ports.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def answered(etc: Path, https: int) -> int:
    """Ask the front as a browser would that trusts its certificate; return the status."""
    trusting = ssl.create_default_context(cafile=str(etc / "front" / "city.pem"))
    trusting.check_hostname = False  # it is asked for at this machine's loopback
    header = {"Host": "city.example"}
    return httpx.get(
        f"https://127.0.0.1:{https}/api/board", headers=header, verify=trusting, trust_env=False
    ).status_code


@contextmanager
def node(engine: Engine, etc: Path) -> Iterator[str]:
    """Start compose.edge.yml on a machine whose pins only a program can touch, and yield its container."""
    machine = {"MANYI_ETC": str(etc), "MANYI_GPIO": "0", "MANYI_PINS": "/dev/null"}
    compose = partial(engine.compose, ROOT / "docker" / "compose.edge.yml", "-p", "node", **machine)
    compose("up", "-d", "--no-build")
    try:
        engine.docker("network", "connect", "township_office", "node_node_1")
        yield "node_node_1"
    finally:
        print(compose("logs", "--tail=15"))
        compose("down", "-v", "-t", "5")


@contextmanager
def people(engine: Engine, etc: Path) -> Iterator[str]:
    """Let people press at the node's window, with its settings and its key."""
    spec = etc / "edge" / "fleet.json"
    spec.write_text('{"nodes": ["/etc/manyi/edge.toml"], "log": "/var/lib/manyi/fingers.log", "per_s": 1.0}')
    shutil.chown(spec, 10001, 10001)
    machine = ("--network", "township_office", "-v", f"{etc / 'edge'}:/etc/manyi:ro", "--read-only")
    program = ("/opt/manyi/bin/python", "manyi-sim", "-m", "firmware_sim.fleet", "/etc/manyi/fleet.json")
    engine.docker("run", "-d", "--name", "people", *machine, "--entrypoint", *program)
    try:
        yield "people"
    finally:
        print(engine.docker("logs", "--tail=15", "people"))
        engine.docker("rm", "-f", "-v", "people")


def test_the_chapters_make_a_city_that_counts(
    engine: Engine, etc: Path, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    https = free_port()
    run(engine, etc, BLOCKS, https, free_port)
    # The road between the machines.
    engine.docker("network", "connect", "city_uplink", "township_gateway_1")
    with node(engine, etc) as name:
        wait("the node is well", lambda: engine.health(name) == "healthy")
    log, copy = tmp_path / "fingers.log", tmp_path / "copy.db"
    with people(engine, etc) as name:
        time.sleep(PRESSED_S)
        engine.docker("kill", "-s", "USR1", name)
        wait("the last visitor has left", lambda: "quiet" in engine.docker("logs", name))
        engine.docker("cp", f"{name}:/var/lib/manyi/fingers.log", log)

        def clean() -> bool:
            city(engine, "backup", "--config", CONFIG, "/var/lib/manyi/copy.db")
            engine.docker("cp", "city_city_1:/var/lib/manyi/copy.db", copy)
            engine.docker("exec", "city_city_1", "rm", "/var/lib/manyi/copy.db")
            return gather(log, copy, wall=None).clean

        wait("each light is in the ledger", clean)
    verdict = gather(log, copy, wall=None)
    reconcile = ("series", "reconcile", "--config", CONFIG, "--json")
    wait("the series has it too", lambda: json.loads(city(engine, *reconcile))["equal"])
    print(f"\nover TLS, in PostgreSQL and in the series: {verdict}")
    assert verdict.settled > 5
    assert answered(etc, https) == 401  # the front serves, and lets nobody in who has no key


def city(engine: Engine, *words: str) -> str:
    return engine.docker("exec", "city_city_1", "/opt/manyi/bin/manyi", *words)
