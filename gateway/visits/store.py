"""The township's visits on disk: taken once by each transaction, and each told the city once, under a number.

The numbers of a node's visits are a stream like that of its ratings, and cut into signed batches by the same rules.
The bytes are committed here, with the numbers, before anybody has them, and stay until the journal does.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from contract.batch import MAX_ROWS, Batch, StreamKey
from contract.codec import encode, stored_batch
from contract.identity import PROMPT, node_of
from contract.rating import Became
from contract.signing import Signer
from gateway.visits.visit import Visit
from transport import sums
from transport.checking import Summed
from transport.cutting import Uncut, batch_of, run_of
from transport.dating import Dated
from transport.disk import marks, rows
from transport.salvage import kept_in
from transport.store import Store
from transport.unbroken import unbroken

KEEP_MS = 30 * 24 * 3600 * 1000
# The transaction is forgotten after so long: the queue gives its number anew, and nobody can tie a rating to it.
FORGET_MS = 24 * 3600 * 1000

_TABLES = {"stream": "id", "boot": "id", "visit": "id", "telling": "id"}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS stream (
    id INTEGER PRIMARY KEY,              -- in the order in which they were begun
    node TEXT NOT NULL,                  -- who speaks for the visits of a node: 371721121-a1.prompt
    epoch TEXT NOT NULL,
    last INTEGER NOT NULL,               -- highest number that was given
    UNIQUE (node, epoch)
);
CREATE TABLE IF NOT EXISTS boot (
    id INTEGER PRIMARY KEY,              -- in the order in which they were lived
    name TEXT NOT NULL UNIQUE,
    last_boottime INTEGER NOT NULL       -- latest moment known of it, ms
);
CREATE TABLE IF NOT EXISTS visit (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    called TEXT,                         -- the transaction, as the queue's system has it; NULL: forgotten
    window TEXT NOT NULL,                -- city-wide
    item TEXT,
    because TEXT NOT NULL,
    boot INTEGER NOT NULL,
    boottime INTEGER NOT NULL,           -- when it was told, CLOCK_BOOTTIME, ms
    at INTEGER,                          -- the city's time, ms; NULL until dated
    q INTEGER,
    earliest INTEGER,
    latest INTEGER,
    became INTEGER,                      -- NULL while nobody knows
    stream INTEGER,                      -- under which number the city is told; NULL: not yet
    seq INTEGER,
    sum INTEGER                          -- of all before it
);
CREATE UNIQUE INDEX IF NOT EXISTS visit_called ON visit (called) WHERE called IS NOT NULL;
CREATE INDEX IF NOT EXISTS visit_open ON visit (id) WHERE seq IS NULL;
CREATE TABLE IF NOT EXISTS telling (     -- signed batches that the journal may not have yet
    id INTEGER PRIMARY KEY,
    raw BLOB NOT NULL,
    sum INTEGER                          -- of raw
);
"""
_COLUMNS = (
    "token", "called", "window", "item", "because", "boot", "boottime", "at", "q", "earliest", "latest", "became",
    "stream", "seq",
)  # fmt: skip
_SUMMED = {
    "visit": Summed(tuple(f"t.{column}" for column in _COLUMNS), "visit t", "t.id = visit.id"),
    "telling": Summed(("t.raw",), "telling t", "t.id = telling.id"),
}

_VISIT = "SELECT token, called, window, item, because, at, became FROM visit"
_ADD_BOOT = """
INSERT INTO boot (name, last_boottime) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET last_boottime = max(last_boottime, excluded.last_boottime)
"""
_TAKE = f"""
INSERT INTO visit ({", ".join(_COLUMNS)}, sum) VALUES ({marks(_COLUMNS)}, ?)
ON CONFLICT (called) WHERE called IS NOT NULL DO NOTHING RETURNING id
"""  # noqa: S608  (our columns)
_SUM = f"UPDATE visit SET sum = {sums.in_sql(*_COLUMNS)} WHERE id = ?"  # noqa: S608
# What a rating says stands; otherwise what was known first.
_BECAME = """
UPDATE visit SET became = ? WHERE token = ? AND (became IS NULL OR (? AND became <> ?)) RETURNING id
"""
_UNDATED = "SELECT v.id, b.name, v.boottime FROM visit v JOIN boot b ON b.id = v.boot WHERE v.at IS NULL ORDER BY v.id"
_DATE = "UPDATE visit SET at = ?, q = ?, earliest = ?, latest = ? WHERE id = ?"
_UNTOLD = """
SELECT id, window, boot, became, at, q, coalesce(earliest, at), coalesce(latest, at), item, token FROM visit
WHERE seq IS NULL AND became IS NOT NULL AND at IS NOT NULL ORDER BY id LIMIT ?
"""
_BEFORE = """
SELECT s.epoch, s.last FROM stream s JOIN stream own ON own.node = s.node
WHERE own.id = ? AND s.id < own.id ORDER BY s.id DESC LIMIT 1
"""
_OVER = "DELETE FROM visit WHERE seq IS NOT NULL AND at < ?"
_LONG_AGO = "SELECT id FROM visit WHERE called IS NOT NULL AND at < ?"


class Made(NamedTuple):
    """A signed batch that the journal may not have yet."""

    id: int
    batch: Batch
    raw: bytes


class VisitStore(Store):
    """Opened as every store of a house; then `begin`."""

    schema = _SCHEMA
    summed = _SUMMED

    async def begin(self, epoch: str, signer: Signer, boot: str) -> None:
        """Begin the gateway's `epoch`, in which `signer` signs, in this `boot` of its machine. Called once, first."""
        self._epoch = epoch
        self._signer = signer
        await self.lived(boot, 0)
        self._boot = (await self.disk.read("SELECT id FROM boot WHERE name = ?", (boot,)))[0][0]

    async def recover(self, damaged: Path) -> None:
        """Take over every sound row of the damaged store `damaged`; what is lost was told by nobody else."""
        found = kept_in(damaged, _TABLES)
        sound = {
            **found,
            "visit": [row for row in found["visit"] if sums.of_row(*row[1:-1]) == row[-1]],  # type: ignore[arg-type]
            "telling": [row for row in found["telling"] if sums.of_row(row[1]) == row[-1]],  # type: ignore[arg-type]
        }
        async with self.disk.transaction() as db:
            for table, kept in sound.items():
                if kept:
                    await db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks(kept[0])})", kept)  # noqa: S608  (our tables)

    async def lived(self, boot: str, boottime: int) -> None:
        """Note that `boot` has come as far as `boottime` (ms)."""
        await self.disk.write(_ADD_BOOT, (boot, boottime))

    async def boots(self) -> list[tuple[str, int]]:
        """Every boot in the order they were lived, with the latest moment known of each (ms)."""
        latest = "max(last_boottime, coalesce((SELECT max(boottime) FROM visit WHERE boot = b.id), 0))"
        return [tuple(row) for row in await self.disk.read(f"SELECT name, {latest} FROM boot b ORDER BY id")]  # noqa: S608

    async def take(self, visit: Visit, boottime: int, dated: Dated | None) -> Visit | None:
        """Take `visit`, told at `boottime` (ms) of this boot; None, on disk when this returns.

        Where its transaction was taken before: the visit that it was, and nothing has changed. Raises `StoreFull`.
        """
        self.disk.require_room()
        moment = (dated.at, dated.q, *(dated.bounds or (None, None))) if dated else (None, None, None, None)
        own = (visit.token, visit.called, visit.window, visit.item, visit.because)
        values = (*own, self._boot, boottime, *moment, None, None, None)
        async with self.disk.transaction() as db:
            new = await rows(db, _TAKE, (*values, sums.of_row(*values)))
        return None if new else await self.called(visit.called or "")

    async def called(self, called: str) -> Visit | None:
        """The visit of a transaction; None where there is none, or it was forgotten."""
        found = await self.disk.read(f"{_VISIT} WHERE called = ?", (called,))
        return _visit(found[0]) if found else None

    async def open_visits(self) -> list[Visit]:
        """The visits that nobody knows the end of, oldest first."""
        found = await self.disk.read(f"{_VISIT} WHERE seq IS NULL AND became IS NULL ORDER BY id")
        return [_visit(row) for row in found]

    async def became(self, token: str, became: Became) -> None:
        """Note what became of the visit `token`; that it was rated is believed at any time, the rest once."""
        rated = became is Became.RATED
        async with self.disk.transaction() as db:
            for (id_,) in await rows(db, _BECAME, (became, token, rated, became)):
                await db.execute(_SUM, (id_,))

    async def date(self, later: Callable[[str, int], Dated | None]) -> None:
        """Date what had no time when it was told; `later(boot, boottime)` answers None while it cannot."""
        found = []
        for id_, boot, boottime in await self.disk.read(_UNDATED):
            dated = later(boot, boottime)
            if dated is not None:
                found.append((dated.at, dated.q, *(dated.bounds or (None, None)), id_))
        if found:
            async with self.disk.transaction() as db:
                await db.executemany(_DATE, found)
                await db.executemany(_SUM, [(row[-1],) for row in found])

    async def cut(self) -> None:
        """Number and sign what is known and dated and was not told yet."""
        await unbroken(self._cut())

    async def _cut(self) -> None:
        async with self.disk.transaction() as db:
            by_node: dict[str, list[Sequence[int | str | None]]] = {}
            for untold in await rows(db, _UNTOLD, (MAX_ROWS,)):
                by_node.setdefault(node_of(untold[1]), []).append(tuple(untold))
            for node, found in by_node.items():
                stream = StreamKey(f"{node}.{PROMPT}", self._epoch)
                await db.execute("INSERT OR IGNORE INTO stream (node, epoch, last) VALUES (?, ?, 0)", stream)
                ((place, last),) = await rows(db, "SELECT id, last FROM stream WHERE node = ? AND epoch = ?", stream)
                numbered = [_uncut(last + 1 + index, row) for index, row in enumerate(found)]
                before = await rows(db, _BEFORE, (place,)) if last == 0 else []
                prev = (before[0][0], before[0][1]) if before else None
                for raw in self._batches(stream, numbered, prev):
                    await db.execute("INSERT INTO telling (raw, sum) VALUES (?, ?)", (raw, sums.of_row(raw)))
                for one, row in zip(numbered, found, strict=True):
                    await db.execute("UPDATE visit SET stream = ?, seq = ? WHERE id = ?", (place, one.seq, row[0]))
                    await db.execute(_SUM, (row[0],))
                await db.execute("UPDATE stream SET last = ? WHERE id = ?", (numbered[-1].seq, place))

    def _batches(self, stream: StreamKey, numbered: Sequence[Uncut], prev: tuple[str, int] | None) -> Iterable[bytes]:
        rest = list(numbered)
        while rest:
            run = run_of(rest)
            yield self._signer.entry(encode(batch_of(stream, run, prev)))
            del rest[: len(run)]

    async def untold(self) -> list[Made]:
        """The batches that the journal may not have yet, oldest first."""
        found = await self.disk.read("SELECT id, raw FROM telling ORDER BY id LIMIT ?", (MAX_ROWS,))
        return [Made(id_, stored_batch(raw), raw) for id_, raw in found]

    async def told(self, made: Iterable[Made]) -> None:
        """The journal has these."""
        async with self.disk.transaction() as db:
            await db.executemany("DELETE FROM telling WHERE id = ?", [(one.id,) for one in made])

    async def streams(self) -> list[tuple[StreamKey, int]]:
        """The streams of this epoch, with the highest number given in each."""
        found = await self.disk.read("SELECT node, epoch, last FROM stream WHERE epoch = ?", (self._epoch,))
        return [(StreamKey(node, epoch), last) for node, epoch, last in found]

    async def forget(self, now: int) -> None:
        """Forget which transaction a visit was that was told a day before `now` (ms), and all of it after thirty."""
        async with self.disk.transaction() as db:
            await db.execute(_OVER, (now - KEEP_MS,))
            for (id_,) in await rows(db, _LONG_AGO, (now - FORGET_MS,)):
                await db.execute("UPDATE visit SET called = NULL WHERE id = ?", (id_,))
                await db.execute(_SUM, (id_,))


def _visit(row: Sequence[str | int | None]) -> Visit:
    *own, became = row
    return Visit(*own, None if became is None else Became(became))  # type: ignore[arg-type,call-arg]


def _uncut(seq: int, row: Sequence[int | str | None]) -> Uncut:
    _, window, boot, became, at, q, earliest, latest, item, token = row
    short = str(window).partition("/")[2]
    return Uncut(seq, boot, short, became, 1, at, q, earliest, latest, item, token)  # type: ignore[arg-type]
