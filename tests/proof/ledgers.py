"""A whole ledger for tests: the city's own schema and statements, real keys, and whatever then is done to a copy."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from cloud.calendar import Calendar
from cloud.database import Database, open_database, write
from cloud.ledger import store
from cloud.ledger.cells import ONE
from cloud.ledger.store import Entry
from cloud.reports.publishing import Wish, publish
from cloud.seals.closing import bear_witness, close, leaves_of
from cloud.tallies import store as tallies
from contract.batch import Batch
from contract.codec import encode
from contract.hello import Hello, Stream
from contract.rating import Quality, Row
from contract.signing import Signer
from proof.edition import Published
from proof.given import Given
from proof.period import period
from proof.policy import shipped
from proof.seals import Sealed

TOWNSHIP = "371721121"
A1, B2 = f"{TOWNSHIP}-a1", f"{TOWNSHIP}-b2"
OLD, NEW, OTHER = "AAAAAAAAAA", "BBBBBBBBBB", "CCCCCCCCCC"
KEYS = {A1: Signer(b"1" * 32), B2: Signer(b"2" * 32)}
REPLACED, MALLORY, CITY = Signer(b"3" * 32), Signer(b"6" * 32), Signer(b"9" * 32)
# 23:59:30 on 21 November 2026 in Heze.
NOW = 1_795_276_770_000
CALENDAR = Calendar("Asia/Shanghai")


def batch(node: str, epoch: str, first: int, levels: Sequence[int], **more: object) -> Batch:
    """A batch whose ratings come twenty seconds apart; midnight passes behind the second."""
    rows = [Row(20_000 * at, "01", level, 1) for at, level in enumerate(levels)]
    quality = Quality.ESTIMATED if "bounds" in more else Quality.SYNCHRONISED
    return Batch(1, node, epoch, first, NOW, quality, rows, **more)  # type: ignore[arg-type]


def raw_of(one: Batch, by: Signer | None = None) -> bytes:
    """The signed entry."""
    return (by or KEYS[one.node]).entry(encode(one))


def hello(node: str, epoch: str, last: int, *, void: Sequence[tuple[int, int]] = (), by: Signer | None = None) -> bytes:
    """A signed hello."""
    streams = [Stream(node, epoch, [], list(void))] if void else []
    return (by or KEYS[node]).entry(encode(Hello(1, node, epoch, last, "n", 0, "b" * 8, 5, 5, streams)))


BATCHES = [
    batch(A1, OLD, 1, [3, 2, 1]),
    batch(B2, OTHER, 1, [3, 3], bounds=(NOW - 5, NOW + 5)),
    batch(A1, OLD, 4, [3, 3, 3]),
    batch(A1, NEW, 1, [1], prev=(OLD, 6)),
    # Number 2 again, as it was, and 3.
    batch(B2, OTHER, 2, [3, 1]),
]
# Which rows of each batch count.
COUNTED = [*((one, range(len(one.rows))) for one in BATCHES[:4]), (BATCHES[4], [1])]
HELLOS = {(A1, NEW): hello(A1, NEW, 1), (B2, OTHER): hello(B2, OTHER, 5, void=[(4, 5)])}


async def whole(file: Path) -> None:
    """Make the ledger in `file`."""
    async with await open_database(str(file)) as database:
        await _registry(database)
        async with database.writer.begin() as connection:
            entries = [
                Entry("batch", one.node, one.epoch, one.first, one.last, NOW + 90_000, "live", raw_of(one))
                for one in BATCHES
            ]
            await store.append(connection, entries)
            cells: dict[tuple[str, int], int] = {}
            estimated: dict[tuple[str, int], int] = {}
            for one, rows in COUNTED:
                for at in rows:
                    cell = (f"{one.node}/01", (one.t0 + one.rows[at].ms) // 60_000)
                    cells[cell] = cells.get(cell, 0) + ONE[one.rows[at].level]
                    if one.q is Quality.ESTIMATED:
                        estimated[cell] = estimated.get(cell, 0) + 1
            await tallies.add(connection, cells, CALENDAR)
            await tallies.add_estimated(connection, estimated)
            greeted = "INSERT INTO hello (node, epoch, last, at, raw) VALUES (:node, :epoch, :last, :at, :raw)"
            rows_of = [(node, epoch, 5 if node == B2 else 1, NOW, raw) for (node, epoch), raw in HELLOS.items()]
            await write(connection, greeted, rows_of)


async def _registry(database: Database) -> None:
    async with database.writer.begin() as connection:
        nodes = [
            (A1, TOWNSHIP, REPLACED.public, 0, 5),
            (A1, TOWNSHIP, KEYS[A1].public, 5, None),
            (B2, TOWNSHIP, KEYS[B2].public, 0, None),
        ]
        node = "INSERT INTO node (node, kind, township, key, valid_from, valid_to) VALUES (:a, 'node', :b, :c, :d, :e)"
        await write(connection, node, nodes)
        await write(
            connection,
            "INSERT INTO window (id, valid_from, valid_to) VALUES (:a, 0, NULL)",
            [(f"{A1}/01",), (f"{B2}/01",)],
        )


async def close_day(file: Path, day: str) -> Sealed:
    """Close `day` in the ledger `file` as the city does; the seal with its leaves."""
    async with await open_database(str(file)) as database:
        made = await close(database, CITY, day=day, at=NOW + 100_000)
        assert made is not None
        async with database.reader.connect() as connection:
            pages = [page async for page in leaves_of(connection, made.seal.first, made.seal.last)]
    return made._replace(leaves=tuple(leaf for page in pages for leaf in page))


async def hand_back(file: Path, *seals: Sealed) -> None:
    """Let townships hand `seals` back to the ledger in `file`."""
    async with await open_database(str(file)) as database:
        await bear_witness(database, seals, NOW + 100_000)


async def publish_day(file: Path, day: str, *, at: int, final: bool = False) -> Published:
    """Publish `day` from the ledger in `file` at `at` (ms), as the city does."""
    scores = {TOWNSHIP: Given(Decimal(90), 1), "371721": Given(Decimal("88.5"), 2)}
    wish = Wish(period(day), shipped("plain"), scores, "scores.csv", final, 1)
    async with await open_database(str(file)) as database:
        return (await publish(database, CITY, wish, zone=CALENDAR.zone, at=at))[0]


async def enter_batch(file: Path, one: Batch, by: Signer | None = None) -> None:
    """Append a batch, signed by its node or `by` somebody else, to the ledger in `file`, with its tallies."""
    async with await open_database(str(file)) as database, database.writer.begin() as connection:
        entry = Entry("batch", one.node, one.epoch, one.first, one.last, NOW + 95_000, "live", raw_of(one, by))
        await store.append(connection, [entry])
        cells: dict[tuple[str, int], int] = {}
        for row in one.rows:
            cell = (f"{one.node}/{row.window}", (one.t0 + row.ms) // 60_000)
            cells[cell] = cells.get(cell, 0) + ONE[row.level]
        await tallies.add(connection, cells, CALENDAR)


async def two_days(file: Path, second: int) -> list[Sealed]:
    """A ledger in `file` of five batches, their seal at position 6, a batch, its seal at 8, a batch that is not sealed.

    `second` is the level of the batch at 7. The seals come with their leaves.
    """
    await whole(file)
    seals = [await close_day(file, "2026-11-21")]
    await enter_batch(file, batch(A1, NEW, 2, [second]))
    seals.append(await close_day(file, "2026-11-22"))
    await enter_batch(file, batch(A1, NEW, 3, [3]))
    return seals


def tampered(file: Path, *statements: tuple[str, Sequence[object]]) -> None:
    """Do to `file` what the city's own triggers would refuse."""
    with closing(sqlite3.connect(file)) as ledger, ledger:
        for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            ledger.execute(f"DROP TRIGGER {name}")
        for statement, values in statements:
            ledger.execute(statement, values)
