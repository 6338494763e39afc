"""What every test may use: free ports, a real mosquitto of its own, databases on real servers that all share."""

import asyncio
import gc
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import aiosqlite
import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from firmware_sim.broker import Mosquitto
from firmware_sim.servers import daemon
from firmware_sim.servers.influx import Influx
from firmware_sim.servers.postgres import Postgres
from tests.model.count import counts_of, told

# How long an example takes on a busy machine says nothing about the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


class Shares(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """How `-n 3` shares tests out: one worker opens city after city, one looks at pages in a browser, one has the rest.

    Two large cities would starve each other of two cores for twenty minutes; what is left over goes to whoever is free.
    By the time the city's own tests are through so are the large cities, and the faults wait more than they work: what
    is quick goes on beside them.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _share(nodeid) or nodeid


_SLOW = ("tests/cli/", "tests/cloud/")
_PAGES = ("tests/acceptance/test_console", "tests/acceptance/test_wall")


def _share(nodeid: str) -> str:
    """Return which tests `nodeid` must be one after the other with, "" for none."""
    if nodeid.startswith("tests/acceptance/test_faults.py"):
        return "faults"
    if nodeid.startswith(_PAGES):
        return "pages"
    return "cities" if nodeid.startswith("tests/acceptance/") else ""


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:  # noqa: ANN401  (xdist's own, private)
    """Share out as `Shares` does."""
    return Shares(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The cities and pages come first, since they take longest, and the faults before what is quick."""
    items.sort(key=lambda item: _order(item.nodeid))


def pytest_collection_finish() -> None:
    """Have Python look no more through what lives as long as the run: 8,000 tests took it 0.4 s each time."""
    gc.collect()
    gc.freeze()


def _order(nodeid: str) -> int:
    share = _share(nodeid) or ("slow" if nodeid.startswith(_SLOW) else "quick")
    return ("cities", "pages", "slow", "faults", "quick").index(share)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what the model did, in whichever process."""
    for line in told(counts_of(chain.from_iterable(terminalreporter.stats.values()))):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def no_store_left_open(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the stores that a test left open; one that did not fail by itself fails for that.

    Python waits for a store's thread before it ends, so pytest would hang once all is told. That the connection ends it
    when it is deleted is no help: it warns first, which is an error here, and gets no further.
    """
    opened: list[tuple[aiosqlite.Connection, object]] = []
    connect, failed = aiosqlite.connect, request.session.testsfailed

    def remembered(database: str | Path, **options: Any) -> aiosqlite.Connection:  # noqa: ANN401  (aiosqlite's own)
        connection = connect(database, **options)
        opened.append((connection, database))
        return connection

    monkeypatch.setattr(aiosqlite, "connect", remembered)
    yield
    left = [(connection, database) for connection, database in opened if _is_open(connection)]
    for connection, _ in left:
        asyncio.run(_close(connection))
    if left and request.session.testsfailed == failed:
        pytest.fail("\n".join(f"left open: {database}" for _, database in left), pytrace=False)


def _is_open(connection: aiosqlite.Connection) -> bool:
    try:
        connection.total_changes  # noqa: B018  (it has no other way to say so)
    except ValueError:
        return False
    return True


async def _close(connection: aiosqlite.Connection) -> None:
    async with asyncio.timeout(5):
        await connection.close()


@pytest.fixture(scope="session")
def errand() -> Iterator[asyncio.Runner]:
    """A loop for what a fixture has to wait for; no test runs in it, so servers serve tests on any loop."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield runner


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, errand: asyncio.Runner) -> Iterator[Postgres]:
    """One real PostgreSQL for the whole session; it would not survive a power cut, and is faster for it."""
    server = Postgres(tmp_path_factory.mktemp("postgres"), durable=False)
    errand.run(server.start())
    yield server
    errand.run(server.stop())


class PostgresUrl(NamedTuple):
    """An empty database: its URL without the password, the file with the password, and both in one."""

    url: str
    password_file: Path
    with_password: str


@pytest.fixture
def postgres_url(postgres: Postgres, errand: asyncio.Runner) -> Iterator[PostgresUrl]:
    """A fresh, empty database on PostgreSQL, gone after the test."""
    name = f"test_{secrets.token_hex(6)}"
    url = errand.run(postgres.create(name))
    yield PostgresUrl(url, postgres.password_file, postgres.url_with_password(name))
    errand.run(postgres.drop(name))


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Return a factory of TCP ports on 127.0.0.1 that nobody uses; no port is given twice to one test."""
    given: set[int] = set()

    def take() -> int:
        while (port := daemon.free_port()) in given:
            pass
        given.add(port)
        return port

    return take


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory, errand: asyncio.Runner) -> Iterator[Influx]:
    """One real InfluxDB for the whole session; a test that hurts it starts its own."""
    server = Influx(tmp_path_factory.mktemp("influx"))
    errand.run(server.start())
    yield server
    errand.run(server.stop())


@pytest.fixture
def influx_database(influx: Influx, errand: asyncio.Runner) -> Iterator[str]:
    """The name of a database that is not there yet, gone after the test."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    errand.run(influx.query(f'DROP DATABASE "{name}"'))


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A real mosquitto on a free loopback port; `kill()` is SIGKILL, `restart()` comes back at the same port."""
    async with Mosquitto(tmp_path / "mosquitto") as running:
        yield running
