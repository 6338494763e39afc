"""A city without a broker: real database, real pipeline, and a `publish` that a test can look into."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cloud.calendar import Calendar
from cloud.database import Database, open_database
from cloud.ingest.charge import Charge, Whole
from cloud.ingest.committer import Committer
from cloud.ingest.intake import Intake
from cloud.ledger.commit import Commit
from cloud.ledger.memory import Memory
from cloud.ledger.rules import Lane
from cloud.registry.snapshot import RegisteredNode, RegisteredWindow, Registry
from contract import topics
from contract.ack import Ack, Refusal
from contract.batch import Batch
from contract.bundle import pack, unpack
from contract.codec import Entry, decode, encode
from contract.hello import Clock, Hello, Stream
from contract.rating import Quality, Row
from contract.signing import Signer, public_key
from firmware_sim.servers.postgres import Postgres
from tests.cloud.spares import Spares
from tests.cloud.where import InFile, OnServer, Where

NOW = 1_795_370_400_000
TOWNSHIP = "371721121"
NODE = "371721121-a1"
GATEWAY = "371721121-g0"
EPOCH = "q7Zk2wX0aB"
CITY = Signer(b"c" * 32)
SIGNERS = {name: Signer(name.encode().ljust(32, b".")) for name in (NODE, GATEWAY, "371721122-b2", "371721121-x9")}


def registry_of(*windows: str) -> Registry:
    """Everybody of SIGNERS but the last, whom nobody registered; `windows` of NODE."""
    known = [name for name in SIGNERS if not name.endswith("-x9")]
    return Registry(
        1,
        nodes=[
            RegisteredNode(
                name, "gateway" if "-g" in name else "node", name[:9], public_key(SIGNERS[name].public), 0, None
            )
            for name in known
        ],
        windows=[RegisteredWindow(f"{NODE}/{window}", 0, None) for window in windows],
    )


class Said(NamedTuple):
    """One publish: where, what, and whether it was to be retained."""

    lane: Lane
    topic: str
    payload: bytes
    retain: bool


class Desk:
    """One running pipeline on the database at `where`."""

    def __init__(self, database: Database, where: Where, charge: Charge | None = None) -> None:
        self.now = NOW
        self.where = where
        self.registry = registry_of("01", "02")
        self.said: list[Said] = []
        self.on_publish: Callable[[Said], None] = lambda _said: None
        self.commits: list[Commit] = []
        self.database = database
        self.memory = Memory(database.reader)
        self.committer = Committer(
            database,
            self.memory,
            charge or Whole(),
            now=lambda: self.now,
            calendar=Calendar("Asia/Shanghai"),
            future_ms=lambda: 60_000,
            monotonic=time.monotonic,
        )
        self.intake = Intake(
            self.committer,
            self.memory,
            registry=lambda: self.registry,
            publish=self._publish,
            now=lambda: self.now,
            clock=lambda: Clock("boot", 5, self.now, 1),
            by=lambda: "city-00001",
            city=public_key(CITY.public),
            monotonic=time.monotonic,
        )
        self.intake.listeners.append(self.commits.append)

    def _publish(self, lane: Lane, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        said = Said(lane, topic, payload, retain)
        self.on_publish(said)
        self.said.append(said)
        return True

    def send(self, *entries: bytes, lane: Lane = "live", township: str = TOWNSHIP) -> None:
        """Put one bundle of `entries` before the city."""
        self.intake.receive(lane, topics.township(township, lane), pack(entries))

    async def settled(self) -> list[Entry]:
        """Wait until everything sent is settled; the answers since last asked."""
        while self.intake.waiting_bytes:
            await asyncio.sleep(0.001)
        answers = [decode(entry.body) for said in self.said for entry in unpack(said.payload)]
        self.said.clear()
        return answers

    async def exchange(self, *entries: bytes, lane: Lane = "live", township: str = TOWNSHIP) -> list[Entry]:
        """Send one bundle and wait for its answers."""
        self.send(*entries, lane=lane, township=township)
        return await self.settled()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What another process sees in the database now."""
        return self.where.query(sql)

    @property
    def path(self) -> Path:
        """The SQLite file that an outsider reads."""
        return self.where.file

    @property
    def tallied(self) -> tuple[object, ...]:
        """All tallies by minute together: satisfied, basic, dissatisfied."""
        return self.query(
            "SELECT coalesce(sum(satisfied), 0), coalesce(sum(basic), 0), coalesce(sum(dissatisfied), 0) "
            "FROM tally_minute"
        )[0]


def entry(first: int, *rows: tuple[str, int], node: str = NODE, epoch: str = EPOCH, t0: int = NOW - 1000) -> bytes:
    """A signed batch of (window, level) rows, one millisecond apart."""
    content = [Row(index, window, level, 1) for index, (window, level) in enumerate(rows)]
    return SIGNERS[node].entry(encode(Batch(1, node, epoch, first, t0, Quality.SYNCHRONISED, content)))


def hello(node: str, *streams: Stream, nonce: str = "n1", last: int = 0) -> bytes:
    """A signed hello."""
    return SIGNERS[node].entry(encode(Hello(1, node, EPOCH, last, nonce, 0, "boot", 5, 5, list(streams))))


def ranges(answers: list[Entry]) -> tuple[list[tuple[int, int]], list[tuple[int, int, str]], list[str]]:
    """What the acks and refusals among `answers` say: settled, refused, and the reasons of unreadable input."""
    settled = [pair for answer in answers if isinstance(answer, Ack) for pair in answer.settled]
    refused = [
        (lo, hi, reason.value) for answer in answers if isinstance(answer, Ack) for lo, hi, reason in answer.refused
    ]
    return settled, refused, [answer.reason.value for answer in answers if isinstance(answer, Refusal)]


@asynccontextmanager
async def open_desk(where: Where) -> AsyncIterator[Desk]:
    """A desk on the database at `where`, running."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(await where.open())
        desk = Desk(database, where)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(desk.intake.run())
            yield desk
            running.cancel()


@pytest.fixture(scope="session")
def upgraded_file(tmp_path_factory: pytest.TempPathFactory, errand: asyncio.Runner) -> Path:
    """An empty SQLite database to begin from."""
    file = tmp_path_factory.mktemp("upgraded") / "city.db"
    errand.run(_make(str(file)))
    return file


@pytest.fixture(scope="session")
def spares(postgres: Postgres, errand: asyncio.Runner) -> Iterator[Spares]:
    """Upgraded databases on PostgreSQL."""
    found = Spares(postgres)
    errand.run(found.prepare())
    yield found
    errand.run(found.drop())


async def _make(file: str) -> None:
    async with await open_database(file):
        pass


@pytest.fixture(params=["sqlite", "postgresql"])
def where(
    request: pytest.FixtureRequest, tmp_path: Path, upgraded_file: Path, errand: asyncio.Runner
) -> Iterator[Where]:
    """A database of the test's own, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield InFile(tmp_path, upgraded_file)
        return
    spares: Spares = request.getfixturevalue("spares")
    name = errand.run(spares.take())
    yield OnServer(spares.server.url_with_password(name), tmp_path, upgraded_file)
    errand.run(spares.give_back(name))


@pytest.fixture
async def database(where: Where) -> AsyncIterator[Database]:
    """It, open."""
    async with await where.open() as opened:
        yield opened


@pytest.fixture
async def desk(where: Where) -> AsyncIterator[Desk]:
    """A desk on a database of its own."""
    async with open_desk(where) as opened:
        yield opened
