"""A node's ratings on disk: appended as they settle, dated as the time becomes known, cut into signed batches once.

An epoch is one run of the node's process. Numbers are given in the present epoch only, from 1 without gaps, and a
number is given by the commit that stores its rating. What an older epoch left uncut is still cut under its own name.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from contract.batch import MAX_ROWS, Batch, StreamKey
from contract.codec import encode
from contract.rating import MAX_PRESSES
from contract.signing import Signer
from transport import sums
from transport.checking import Summed
from transport.cutting import Uncut, batch_of, run_of
from transport.dating import Dated
from transport.disk import Disk, marks, rows
from transport.lanes import Item
from transport.salvage import salvage
from transport.shelf import ADD_BATCH, SCHEMA, SUMMED, Shelf
from transport.unbroken import unbroken

logger = logging.getLogger(__name__)

_SCHEMA = (
    SCHEMA
    + """
CREATE TABLE IF NOT EXISTS boot (
    id INTEGER PRIMARY KEY,              -- in the order in which they were lived
    name TEXT NOT NULL UNIQUE,
    last_boottime INTEGER NOT NULL       -- latest moment known of it, ms
);
CREATE TABLE IF NOT EXISTS rating (
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    boottime INTEGER NOT NULL,           -- CLOCK_BOOTTIME of the press, ms
    window TEXT NOT NULL,
    level INTEGER NOT NULL,
    presses INTEGER NOT NULL,
    at INTEGER,                          -- the city's time, ms; NULL until dated
    q INTEGER,
    earliest INTEGER,
    latest INTEGER,
    sum INTEGER,                         -- of node, epoch, seq, the boot's name and what stands behind it here
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answered (    -- which of these ratings were asked for, and by which token
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    token TEXT NOT NULL,
    sum INTEGER,                         -- of node, epoch, seq and token
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;
"""
)

_VALUES = ("boottime", "window", "level", "presses", "at", "q", "earliest", "latest")
_SUMMED = {
    **SUMMED,
    "rating": Summed(
        ("s.node", "s.epoch", "t.seq", "b.name", *(f"t.{column}" for column in _VALUES)),
        "rating t LEFT JOIN stream s ON s.id = t.stream LEFT JOIN boot b ON b.id = t.boot",
        "t.stream = rating.stream AND t.seq = rating.seq",
    ),
    "answered": Summed(
        ("s.node", "s.epoch", "t.seq", "t.token"),
        "answered t LEFT JOIN stream s ON s.id = t.stream",
        "t.stream = answered.stream AND t.seq = answered.seq",
    ),
}

_ADD_RATING = "INSERT INTO rating VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_ANSWERED = "INSERT INTO answered VALUES (?, ?, ?, ?)"
_IN_BATCH = ("DELETE FROM rating WHERE stream = ? AND seq <= ?", "DELETE FROM answered WHERE stream = ? AND seq <= ?")
_ADD_BOOT = """
INSERT INTO boot (name, last_boottime) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET last_boottime = max(last_boottime, excluded.last_boottime)
"""
# The stream before this one that gave any number, and its last.
_BEFORE = """
SELECT s.epoch, max(s.last,
    coalesce((SELECT max(b.last) FROM batch b WHERE b.stream = s.id), 0),
    coalesce((SELECT max(r.seq) FROM rating r WHERE r.stream = s.id), 0)) AS given
FROM stream s JOIN stream own ON own.node = s.node
WHERE own.id = ? AND s.id < own.id AND given > 0 ORDER BY s.id DESC LIMIT 1
"""
_UNCUT = "SELECT count(*), count(*) FILTER (WHERE at IS NULL) FROM rating"
_CUTTABLE = "SELECT DISTINCT stream FROM rating ORDER BY stream"
# The dated beginning of a stream's uncut ratings, as `Uncut` has it: an undated one holds back those after it.
_HEAD = """
SELECT seq, boot, window, level, presses, at, q, coalesce(earliest, at), coalesce(latest, at), NULL, (
    SELECT token FROM answered a WHERE a.stream = rating.stream AND a.seq = rating.seq
) FROM rating
WHERE stream = :stream
AND seq < coalesce((SELECT min(seq) FROM rating WHERE stream = :stream AND at IS NULL), 1 << 60)
ORDER BY seq LIMIT :most
"""
_UNDATED = """
SELECT r.stream, r.seq, b.name, r.boottime, r.window, r.level, r.presses FROM rating r JOIN boot b ON b.id = r.boot
WHERE r.at IS NULL AND (r.stream, r.seq) > (?, ?) ORDER BY r.stream, r.seq LIMIT ?
"""
_DATE = "UPDATE rating SET at = ?, q = ?, earliest = ?, latest = ?, sum = ? WHERE stream = ? AND seq = ?"


class Settled(NamedTuple):
    """A settled choice; `boottime` (CLOCK_BOOTTIME, ms) is when it was pressed, `dated` the same in the city's time.

    `token`: of the prompt that it answers.
    """

    window: str
    level: int
    presses: int
    boottime: int
    dated: Dated | None
    token: str | None = None


class Outbox(Shelf):
    """`uncut` and `undated` count the ratings that are not in a batch yet, and those without a time."""

    schema = _SCHEMA
    summed = _SUMMED

    def __init__(self, disk: Disk) -> None:
        """Use `open`, then `begin`."""
        super().__init__(disk)
        self.last = 0
        self.uncut = 0
        self.undated = 0
        # For each stream that may still cut its first batch: the epoch before it, and that epoch's last number.
        self._before: dict[int, tuple[str, int]] = {}

    async def begin(self, stream: StreamKey, signer: Signer, boot: str) -> None:
        """Begin the epoch `stream`, signed for by `signer`, in this `boot` of the machine. Called once, first."""
        self.stream = stream
        self._signer = signer
        await self.disk.write(_ADD_BOOT, (boot, 0))
        self._boot = (await self.disk.read("SELECT id FROM boot WHERE name = ?", (boot,)))[0][0]
        self._boot_name = boot
        self._stream = await self.stream_id(stream)
        for (stream_row,) in [*await self.disk.read(_CUTTABLE), (self._stream,)]:
            before = await self.disk.read(_BEFORE, (stream_row,))
            if before:
                self._before[stream_row] = (before[0][0], before[0][1])
        self.uncut, self.undated = (await self.disk.read(_UNCUT))[0]

    async def recover(self, damaged: Path) -> None:
        """Take over every sound row of the damaged store `damaged`; what is lost is declared in `void`."""
        found = await asyncio.to_thread(salvage, damaged)
        async with self.disk.transaction() as db:
            for table, kept in found.rows.items():
                if kept:
                    await db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks(kept[0])})", kept)  # noqa: S608  (salvage's own names)
            lost = [(*stream, first, last) for stream, numbers in found.void.items() for first, last in numbers]
            await db.executemany("INSERT INTO void VALUES (?, ?, ?, ?)", lost)
        for node, epoch, first, last in lost:
            logger.error("%s: %s/%s: numbers %d..%d are destroyed", damaged, node, epoch, first, last)

    async def append(self, choice: Settled, *, cut: bool) -> list[Item]:
        """Commit one settled choice under the next number; it is on disk when this returns.

        With `cut`, a dated choice with nothing uncut before it goes straight into a batch of its own, in the same
        single commit: the batch is the answer. Otherwise the list is empty, and `cut` makes the batch later. Raises
        `StoreFull`, and then nothing was stored and no number given.
        """
        return await unbroken(self._append(choice, cut=cut))

    async def _append(self, choice: Settled, *, cut: bool) -> list[Item]:
        async with self._adding:
            self.disk.require_room()
            seq = self.last + 1
            # A batch with a count that no reader takes could never be delivered, nor the batch's other ratings.
            choice = choice._replace(presses=min(choice.presses, MAX_PRESSES))
            if cut and choice.dated is not None and not self.uncut:
                batch, raw = self._sign(self.stream, [self._row(choice, choice.dated)])
                id_ = self._last_id + 1
                await self.disk.write(ADD_BATCH, (id_, self._stream, seq, seq, raw, _sum_of(batch, raw)))
                self.last = seq
                return [self.shelved(id_, batch, len(raw))]
            dated = choice.dated
            moment = (dated.at, dated.q, *(dated.bounds or (None, None))) if dated else (None, None, None, None)
            values = (choice.boottime, choice.window, choice.level, choice.presses, *moment)
            sum_ = sums.of_row(*self.stream, seq, self._boot_name, *values)
            row = (self._stream, seq, self._boot, *values, sum_)
            if choice.token is None:
                await self.disk.write(_ADD_RATING, row)
            else:
                answered = (self._stream, seq, choice.token, sums.of_row(*self.stream, seq, choice.token))
                async with self.disk.transaction() as db:
                    await db.execute(_ADD_RATING, row)
                    await db.execute(_ADD_ANSWERED, answered)
            self.last = seq
            self.uncut += 1
            self.undated += dated is None
            return []

    async def date(self, later: Callable[[str, int], Dated | None], most: int = 5000) -> int:
        """Date what had no time when it was pressed; `later(boot, boottime)` answers None while it cannot. How many."""
        return await unbroken(self._date(later, most)) if self.undated else 0

    async def _date(self, later: Callable[[str, int], Dated | None], most: int) -> int:
        async with self._adding:
            found: list[tuple[object, ...]] = []
            after = (0, 0)
            while len(found) < most and (undated := await self.disk.read(_UNDATED, (*after, most))):
                for stream, seq, boot, boottime, *choice in undated:
                    dated = later(boot, boottime)
                    if dated is not None:
                        moment = (dated.at, dated.q, *(dated.bounds or (None, None)))
                        sum_ = sums.of_row(*self._keys[stream], seq, boot, boottime, *choice, *moment)
                        found.append((*moment, sum_, stream, seq))
                after = undated[-1][:2]
            if found:
                async with self.disk.transaction() as db:
                    await db.executemany(_DATE, found)
                self.undated -= len(found)
            return len(found)

    async def oldest_uncut(self) -> int | None:
        """When the oldest rating of this boot that is not in a batch was pressed (CLOCK_BOOTTIME, ms)."""
        rows = await self.disk.read("SELECT min(boottime) FROM rating WHERE boot = ?", (self._boot,))
        oldest: int | None = rows[0][0]
        return oldest

    async def lived(self, boot: str, boottime: int) -> None:
        """Note that `boot` has come as far as `boottime` (ms): a bound for what it never learns to date."""
        await self.disk.write(_ADD_BOOT, (boot, boottime))

    async def boots(self) -> list[tuple[str, int]]:
        """Every boot that was noted, in the order they were lived, with the latest moment known of each (ms)."""
        return [
            (name, last)
            for name, last in await self.disk.read(
                "SELECT name, max(last_boottime, coalesce((SELECT max(boottime) FROM rating WHERE boot = b.id), 0)) "
                "FROM boot b ORDER BY id"
            )
        ]

    async def cut(self, most: int = 64) -> list[Item]:
        """Cut what is dated and uncut into at most `most` signed batches, oldest first, in one commit.

        Within a stream nothing overtakes: an undated rating holds back those after it.
        """
        return [] if self.uncut == self.undated else await unbroken(self._cut(most))

    async def _cut(self, most: int) -> list[Item]:
        async with self._adding:
            made: list[tuple[int, Batch, bytes]] = []
            async with self.disk.transaction() as db:
                for (stream,) in await rows(db, _CUTTABLE):
                    while len(made) < most:
                        head = await rows(db, _HEAD, {"stream": stream, "most": MAX_ROWS})
                        run = run_of(Uncut._make(row) for row in head)
                        if not run:
                            break
                        batch, raw = self._sign(self._keys[stream], run)
                        id_ = self._last_id + len(made) + 1
                        numbers = (batch.first, batch.last, raw)
                        await db.execute(ADD_BATCH, (id_, stream, *numbers, _sum_of(batch, raw)))
                        for statement in _IN_BATCH:
                            await db.execute(statement, (stream, batch.last))
                        made.append((id_, batch, raw))
            self.uncut -= sum(len(batch.rows) for _, batch, _ in made)
            return [self.shelved(id_, batch, len(raw)) for id_, batch, raw in made]

    def _row(self, choice: Settled, dated: Dated) -> Uncut:
        bounds = dated.bounds or (dated.at, dated.at)
        own = (choice.window, choice.level, choice.presses)
        return Uncut(self.last + 1, self._boot, *own, dated.at, dated.q, *bounds, token=choice.token)

    def _sign(self, stream: StreamKey, run: Sequence[Uncut]) -> tuple[Batch, bytes]:
        batch = batch_of(stream, run, self._before.get(self._ids[stream]))
        return batch, self._signer.entry(encode(batch))


def _sum_of(batch: Batch, raw: bytes) -> int:
    return sums.of_row(*batch.stream, batch.first, batch.last, raw)
