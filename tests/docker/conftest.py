"""A Docker engine with every image of ours, once for all tests."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.docker.engine import Engine

ROOT = Path(__file__).parents[2]
ROLES = ("edge", "gateway", "cloud", "sim")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Built from nothing: bases first, then ours, two at a time."""
    engine = Engine(tmp_path_factory.mktemp("docker"))
    engine.start()
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda make: make(), (engine.make_base, engine.make_servers)))
            list(pool.map(lambda role: _build(engine, role), ROLES))
        yield engine
    finally:
        engine.stop()


def _build(engine: Engine, role: str) -> None:
    # With this machine's network: the engine of the tests has no way out of its own.
    dockerfile = ROOT / "docker" / f"{role}.Dockerfile"
    engine.docker("build", "--network", "host", "-q", "-t", f"manyi-{role}", "-f", dockerfile, ROOT)
