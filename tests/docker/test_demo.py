"""`compose.demo.yml` on a real engine: a township is cut off for a minute and comes back; nothing is lost or twice."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docker.engine import Engine, wait

pytestmark = pytest.mark.timeout(600)

COMPOSE = Path(__file__).parents[2] / "docker" / "compose.demo.yml"
PROJECT = "manyi-demo"
FOLDER = "/var/lib/manyi/demo"
HOUSES = ("city", "gateway-1", "gateway-2", "node-1", "node-2")
CUT_S = 60.0


class Demo:
    """The composed city, and the wall that is published of it."""

    def __init__(self, engine: Engine, port: int) -> None:
        self.engine = engine
        self._port = port

    def compose(self, *words: str) -> str:
        return self.engine.compose(COMPOSE, "-p", PROJECT, *words, MANYI_PORT=str(self._port))

    @staticmethod
    def name(service: str) -> str:
        return f"{PROJECT}_{service}_1"

    def inside(self, service: str, *words: str) -> str:
        return self.engine.docker("exec", self.name(service), *words).strip()

    def is_quiet(self, service: str) -> bool:
        return "quiet" in self.engine.docker("logs", self.name(service))

    def board(self) -> dict[str, Any]:
        key = json.loads(self.inside("city", "cat", f"{FOLDER}/keys.json"))["operator"]
        header = {"Authorization": f"Bearer {key}"}
        answer = httpx.get(f"http://127.0.0.1:{self._port}/api/board", headers=header, trust_env=False, timeout=10)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def counted(self, number: int) -> int:
        """Return how many ratings of the `number`th township the wall shows."""
        code = self.inside("city", "readlink", f"{FOLDER}/gateway-{number}").rsplit("/", 1)[-1]
        return sum(self.board()["townships"][code]["n"])


@pytest.fixture
def demo(engine: Engine, free_port: Callable[[], int]) -> Iterator[Demo]:
    demo = Demo(engine, free_port())
    try:
        demo.compose("up", "-d", "--no-build")
        yield demo
    finally:
        print(demo.compose("logs", "--tail=20"))
        demo.compose("down", "-v", "-t", "5")


def test_a_township_is_cut_off_for_a_minute_and_nothing_is_lost(demo: Demo) -> None:
    wait("every house is healthy", lambda: all(demo.engine.health(demo.name(house)) == "healthy" for house in HOUSES))
    wait("both townships are on the wall", lambda: min(demo.counted(1), demo.counted(2)) >= 5)

    demo.engine.docker("network", "disconnect", f"{PROJECT}_city", demo.name("gateway-1"))
    time.sleep(CUT_S / 10)  # what was on its way has come
    cut, whole = demo.counted(1), demo.counted(2)
    time.sleep(CUT_S * 9 / 10)
    held, went_on = demo.counted(1) - cut, demo.counted(2) - whole
    assert (held, went_on > 5) == (0, True)

    demo.engine.docker("network", "connect", f"{PROJECT}_city", demo.name("gateway-1"))
    wait("what was pressed meanwhile has come", lambda: demo.counted(1) > cut + 5)
    for windows in ("windows-1", "windows-2"):
        demo.engine.docker("kill", "-s", "USR1", demo.name(windows))
        wait("the last visitor has left", partial(demo.is_quiet, windows))
    said = demo.compose("run", "--rm", "judge")
    print(f"\ncut off for {CUT_S:.0f} s: {held} of it came meanwhile, {went_on} of the other township\n{said}")
    assert "lost=0, twice=0, misdated=0, altered=0, strange=0" in said
