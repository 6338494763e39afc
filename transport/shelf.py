"""Signed batches on disk, from their first commit until long after they are settled.

The outbox of a node and the journal of a gateway are shelves. What is acknowledged is not written down (a welcome tells
it again after a restart); what a signed receipt settled is, and only that may ever be deleted.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from contract.batch import Batch, StreamKey
from contract.ranges import Ranges
from transport import sums
from transport.checking import Summed
from transport.dating import Anchor, Dating, Tie
from transport.disk import Disk, marks, rows
from transport.lanes import Item
from transport.store import Store
from transport.unbroken import unbroken

KEEP_MS = 30 * 24 * 3600 * 1000
# Later than any time.
_EVER = 1 << 62
# Anchors, and as many ties, that are kept: one in ten minutes for two weeks.
_LESSONS = 2048

SCHEMA = """
CREATE TABLE IF NOT EXISTS stream (
    id INTEGER PRIMARY KEY,
    node TEXT NOT NULL,
    epoch TEXT NOT NULL,
    last INTEGER NOT NULL DEFAULT 0,     -- highest number that was ever pruned
    UNIQUE (node, epoch)
);
CREATE TABLE IF NOT EXISTS batch (
    id INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    settled_at INTEGER,                  -- the city's time of the receipt, ms
    raw BLOB NOT NULL,
    sum INTEGER                          -- of node, epoch, first, last and raw; see sums.py
);
CREATE TABLE IF NOT EXISTS anchor (boot TEXT, boottime INTEGER, at INTEGER, error INTEGER, sum INTEGER);
CREATE TABLE IF NOT EXISTS tie (
    boot TEXT, boottime INTEGER, peer_boot TEXT, peer_boottime INTEGER, error INTEGER, sum INTEGER
);
CREATE TABLE IF NOT EXISTS void (
    node TEXT, epoch TEXT, first INTEGER, last INTEGER  -- numbers that were given and that damage made unreadable
);
CREATE TABLE IF NOT EXISTS paper (
    name TEXT PRIMARY KEY,               -- what it is about: "config", "roster", "receipt node epoch"
    raw BLOB NOT NULL                    -- as signed by the city
);
CREATE INDEX IF NOT EXISTS batch_numbers ON batch (stream, first);
CREATE INDEX IF NOT EXISTS batch_settled ON batch (settled_at) WHERE settled_at IS NOT NULL;
"""

SUMMED = {
    "batch": Summed(
        ("s.node", "s.epoch", "t.first", "t.last", "t.raw"),
        "batch t LEFT JOIN stream s ON s.id = t.stream",
        "t.id = batch.id",
    ),
    "anchor": Summed(("t.boot", "t.boottime", "t.at", "t.error"), "anchor t", "t.rowid = anchor.rowid"),
    "tie": Summed(
        ("t.boot", "t.boottime", "t.peer_boot", "t.peer_boottime", "t.error"), "tie t", "t.rowid = tie.rowid"
    ),
}

ADD_BATCH = "INSERT INTO batch (id, stream, first, last, raw, sum) VALUES (?, ?, ?, ?, ?, ?)"
_ADD_STREAM = "INSERT INTO stream (node, epoch) VALUES (?, ?) ON CONFLICT DO NOTHING"
_STREAMS = "SELECT id, node, epoch FROM stream"
_NUMBERS = "SELECT stream, first, last FROM batch ORDER BY stream, first"
_LAST_ID = "SELECT coalesce(max(id), 0) FROM batch"
_UNSETTLED = "SELECT id, stream, first, last, length(raw) FROM batch WHERE settled_at IS NULL ORDER BY id"
_OVERLAPPING = """
SELECT id, stream, first, last, length(raw) FROM batch WHERE stream = ? AND first <= ? AND last >= ? ORDER BY id
"""
# CROSS JOIN keeps SQLite from reading every batch instead of seeking those of each range.
_WITHIN = """
WITH wanted (stream, low, high) AS (VALUES {values})
SELECT b.id, b.stream, b.first, b.last, length(b.raw) FROM wanted CROSS JOIN batch AS b
WHERE b.stream = wanted.stream AND b.first <= wanted.high AND b.last >= wanted.low
"""
# Ranges that one question asks about.
_A_QUESTION = 256
_SAME = "SELECT 1 FROM batch WHERE stream = ? AND first = ? AND last = ? AND raw = ?"
_KEEP = "INSERT INTO paper VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET raw = excluded.raw"
_SETTLE = """
UPDATE batch SET settled_at = ? WHERE stream = ? AND first >= ? AND last <= ? AND settled_at IS NULL
RETURNING id, stream, first, last, length(raw)
"""
_UNSETTLE = """
UPDATE batch SET settled_at = NULL WHERE stream = ?1 AND first <= ?3 AND last >= ?2 AND settled_at IS NOT NULL
"""
_PRUNED = "UPDATE stream SET last = max(last, ?) WHERE id = ?"
_OLDEST_SETTLED = """
SELECT id, stream, first, last FROM batch WHERE settled_at < ? ORDER BY settled_at, id LIMIT ?
"""


class Shelf(Store):
    """`kept` tells, at any time and without reading the disk, which numbers of which stream are here."""

    schema = SCHEMA
    summed = SUMMED

    def __init__(self, disk: Disk) -> None:
        """Use `open`."""
        super().__init__(disk)
        self._ids: dict[StreamKey, int] = {}
        self._keys: dict[int, StreamKey] = {}
        # Held from choosing a number until its commit, so that none is chosen twice.
        self._adding = asyncio.Lock()

    async def _load(self) -> None:
        for id_, node, epoch in await self.disk.read(_STREAMS):
            self._name(StreamKey(node, epoch), id_)
        pairs: dict[int, list[tuple[int, int]]] = {}
        for stream, first, last in await self.disk.read(_NUMBERS):
            pairs.setdefault(stream, []).append((first, last))
        self._kept: dict[StreamKey, Ranges] = {self._keys[stream]: Ranges(all_) for stream, all_ in pairs.items()}
        self._last_id: int = (await self.disk.read(_LAST_ID))[0][0]
        self.void: dict[StreamKey, Ranges] = {}
        for node, epoch, first, last in await self.disk.read("SELECT * FROM void"):
            stream = StreamKey(node, epoch)
            self.void[stream] = self.void.get(stream, Ranges()) | Ranges([(first, last)])

    def _name(self, key: StreamKey, id_: int) -> None:
        self._ids[key] = id_
        self._keys[id_] = key

    @property
    def kept(self) -> Mapping[StreamKey, Ranges]:
        """The numbers on the shelf, settled or not."""
        return self._kept

    async def stream_id(self, key: StreamKey) -> int:
        """The row of a stream, made at its first mention."""
        if key not in self._ids:
            await self.disk.write(_ADD_STREAM, key)
            for id_, node, epoch in await self.disk.read(_STREAMS + " WHERE node = ? AND epoch = ?", key):
                self._name(StreamKey(node, epoch), id_)
        return self._ids[key]

    async def put(self, batches: Sequence[tuple[Batch, bytes]]) -> list[Item]:
        """Record signed batches in one commit; raises `StoreFull` and then records none."""
        return await unbroken(self._put(batches))

    async def _put(self, batches: Sequence[tuple[Batch, bytes]]) -> list[Item]:
        async with self._adding:
            self.disk.require_room()
            rows = []
            for place, (batch, raw) in enumerate(batches, self._last_id + 1):
                numbers = (batch.first, batch.last, raw)
                sum_ = sums.of_row(*batch.stream, *numbers)
                rows.append((place, await self.stream_id(batch.stream), *numbers, sum_))
            async with self.disk.transaction() as db:
                await db.executemany(ADD_BATCH, rows)
            return [self.shelved(row[0], batch, len(row[4])) for row, (batch, _) in zip(rows, batches, strict=True)]

    def shelved(self, id_: int, batch: Batch, size: int) -> Item:
        """Remember a batch that was just committed."""
        self._last_id = max(self._last_id, id_)
        self._kept[batch.stream] = self._kept.get(batch.stream, Ranges()).add(batch.first, batch.last)
        return Item(id_, batch.stream, batch.first, batch.last, size)

    async def holds(self, batch: Batch, raw: bytes) -> bool:
        """Whether exactly these bytes are here already."""
        known = self._kept.get(batch.stream)
        if known is None or not known.covers(batch.first, batch.last):
            return False
        same = await self.disk.read(_SAME, (self._ids[batch.stream], batch.first, batch.last, raw))
        return bool(same)

    async def raws(self, ids: Sequence[int]) -> dict[int, bytes]:
        """The bytes of batches, exactly as signed."""
        rows = await self.disk.read(f"SELECT id, raw FROM batch WHERE id IN ({marks(ids)})", ids)  # noqa: S608
        return {row[0]: row[1] for row in rows}

    async def unsettled(self) -> list[Item]:
        """Everything that no receipt covers, oldest first."""
        return [self._item(row) for row in await self.disk.read(_UNSETTLED)]

    async def within(self, numbers: Mapping[StreamKey, Ranges]) -> list[Item]:
        """The batches that hold any of these `numbers`, oldest first."""
        wanted = self._pairs(numbers)
        found: dict[int, Item] = {}
        for begin in range(0, len(wanted), _A_QUESTION):
            some = wanted[begin : begin + _A_QUESTION]
            values = ", ".join(f"({marks(pair)})" for pair in some)
            for row in await self.disk.read(_WITHIN.format(values=values), list(chain.from_iterable(some))):
                found[row[0]] = self._item(row)
        return sorted(found.values())

    def _pairs(self, numbers: Mapping[StreamKey, Ranges]) -> list[tuple[int, int, int]]:
        """The ranges of those streams that are here, each with the stream's row."""
        return [(self._ids[stream], *pair) for stream, all_ in numbers.items() if stream in self._ids for pair in all_]

    async def _overlapping(self, stream: int, lo: int, hi: int) -> list[sqlite3.Row]:
        return await self.disk.read(_OVERLAPPING, (stream, hi, lo))

    def _item(self, row: Sequence[int]) -> Item:
        return Item(row[0], self._keys[row[1]], row[2], row[3], row[4])

    async def settle(self, receipts: Iterable[tuple[StreamKey, Ranges, int]]) -> list[Item]:
        """Receipts, each of a time (the city's, ms), cover numbers of streams; the batches that are settled by them."""
        settled: list[Item] = []
        known = [(self._ids[stream], numbers, at) for stream, numbers, at in receipts if stream in self._ids]
        if known:
            async with self.disk.transaction() as db:
                for stream, numbers, at in known:
                    for lo, hi in numbers:
                        settled += map(self._item, await rows(db, _SETTLE, (at, stream, lo, hi)))
        return settled

    async def unsettle(self, numbers: Mapping[StreamKey, Ranges]) -> None:
        """The city has lost these `numbers`, whatever a receipt said: none of them may be deleted for now."""
        lost = self._pairs(numbers)
        if lost:
            async with self.disk.transaction() as db:
                await db.executemany(_UNSETTLE, lost)

    async def prune(self, before: int, most: int = 1000) -> int:
        """Delete up to `most` batches settled before `before` (city's time, ms), oldest first; how many went."""
        rows = await self.disk.read(_OLDEST_SETTLED, (before, most))
        await self._delete(rows)
        return len(rows)

    async def make_room(self, now: int | None) -> None:
        """Delete what was settled 30 days before `now` (city's time, ms, None: unknown).

        While the disk is full, also what was settled later, the oldest first.
        """
        while now is not None and await self.prune(now - KEEP_MS):
            pass
        while not self.disk.free() and await self.prune(_EVER):
            await self.disk.reclaim()

    async def drop(self, items: Iterable[Item]) -> None:
        """Give up batches that the next end refused, for want of room."""
        await self._delete([(item.id, self._ids[item.stream], item.first, item.last) for item in items])

    async def _delete(self, rows: Sequence[Sequence[int]]) -> None:
        if rows:
            await unbroken(self._deleted(rows))

    async def _deleted(self, rows: Sequence[Sequence[int]]) -> None:
        gone: dict[int, list[tuple[int, int]]] = {}
        for _, stream, first, last in rows:
            gone.setdefault(stream, []).append((first, last))
        async with self._adding:
            # Not said to be here from before the commit on: a welcome may be given at any moment.
            before = {self._keys[stream]: self._kept[self._keys[stream]] for stream in gone}
            self._kept |= {key: before[key] - Ranges(gone[self._ids[key]]) for key in before}
            try:
                async with self.disk.transaction() as db:
                    await db.executemany(_PRUNED, [(row[3], row[1]) for row in rows])
                    await db.executemany("DELETE FROM batch WHERE id = ?", [(row[0],) for row in rows])
            except BaseException:
                self._kept |= before
                raise
            for stream, pairs in gone.items():
                # Two batches can have had the same numbers: a conflict, of which one was given up.
                left = [row[2:4] for lo, hi in Ranges(pairs) for row in await self._overlapping(stream, lo, hi)]
                self._kept[self._keys[stream]] |= Ranges(left)

    async def keep(self, papers: Mapping[str, bytes]) -> None:
        """Keep the newest papers that the city signed, by name."""
        async with self.disk.transaction() as db:
            await db.executemany(_KEEP, papers.items())

    async def papers(self) -> dict[str, bytes]:
        """All papers, by name."""
        return {row[0]: row[1] for row in await self.disk.read("SELECT name, raw FROM paper ORDER BY name")}

    async def discard(self, names: Iterable[str]) -> None:
        """Delete papers that the city took back."""
        async with self.disk.transaction() as db:
            await db.executemany("DELETE FROM paper WHERE name = ?", [(name,) for name in names])

    async def remember(self, learnt: Anchor | Tie) -> None:
        """Keep what was learnt about time, and forget what is long past."""
        table = "anchor" if isinstance(learnt, Anchor) else "tie"
        async with self.disk.transaction() as db:
            row = (*learnt, sums.of_row(*learnt))
            await db.execute(f"INSERT INTO {table} VALUES ({marks(row)})", row)  # noqa: S608  (one of two names)
            await db.execute(f"DELETE FROM {table} WHERE rowid <= last_insert_rowid() - ?", (_LESSONS,))  # noqa: S608

    async def dating(self) -> Dating:
        """All that was learnt about time, in this run and earlier ones."""
        anchors = [Anchor(*row[:-1]) for row in await self.disk.read("SELECT * FROM anchor ORDER BY rowid")]
        return Dating(anchors, [Tie(*row[:-1]) for row in await self.disk.read("SELECT * FROM tie ORDER BY rowid")])
