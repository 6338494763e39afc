"""What every test may use: free ports and a real mosquitto of its own."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from firmware_sim import broker


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Return a factory of TCP ports on 127.0.0.1 that nobody uses; no port is given twice to one test."""
    given: set[int] = set()

    def take() -> int:
        while (port := broker.free_port()) in given:
            pass
        given.add(port)
        return port

    return take


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[broker.Mosquitto]:
    """A real mosquitto on a free loopback port; `kill()` is SIGKILL, `restart()` comes back at the same port."""
    async with broker.Mosquitto(tmp_path / "mosquitto") as running:
        yield running
