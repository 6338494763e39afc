"""Synced bytes of a node's store are damaged while nobody runs, in ratings that nobody else has yet."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

from contract.batch import StreamKey
from contract.codec import stored_batch
from contract.identity import window_id
from contract.ranges import Ranges
from firmware_sim.faults.city import PATIENCE_S, FaultyCity
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from firmware_sim.verdict import Number, Row
from proof import ledger
from transport.greeting import EVERY_S

_LIGHTS = 24
# A node tells with its hello, and the first may meet a gateway whose line has not come back yet: then it is the next.
_DECLARED_S = PATIENCE_S + EVERY_S
_MOST = 3

_BATCHES = "SELECT s.node, s.epoch, b.raw FROM batch b JOIN stream s ON s.id = b.stream"
_RATINGS = """
SELECT s.node, s.epoch, r.seq, r.window, r.level, r.at
FROM rating r JOIN stream s ON s.id = r.stream WHERE r.at IS NOT NULL
"""
_HELD = "SELECT s.node, s.epoch, b.first, b.last FROM batch b JOIN stream s ON s.id = b.stream"
_GIVEN = "SELECT node, epoch, first, last FROM ledger_entry WHERE kind = 'batch'"


class Kept(NamedTuple):
    """A rating in a node's store, and bytes in its file that nothing else there has."""

    row: Row
    bytes: bytes


class Damage:
    """Bits are flipped in some ratings of one node; it has to say on its next start which they were."""

    kind = "damage"
    seconds = 14.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Let nodes gather ratings alone, stop them, and flip bits."""
        lit = city.lit
        with city.township_line.barred(lambda name: not name.endswith("-nodes")):
            if not await city.until(lambda: city.lit >= lit + _LIGHTS):
                raise NoEffect(f"only {city.lit - lit} lights came on while the nodes were alone")
            await city.fleet.kill()
            store, lost = self._damage(city, random)
        city.allowed.destroyed.extend(lost)
        await city.revive("fleet")
        wanted: set[Number] = {row[:3] for row in lost}
        if not await city.until(lambda: wanted <= _declared(city), within_s=_DECLARED_S):
            raise NoEffect(f"{len(wanted - _declared(city))} damaged numbers were not declared to be lost")
        aside = len([*store.parent.glob(f"{store.name}.damaged-*[0-9]")])
        ranges = ", ".join(f"{row.epoch}/{row.seq}" for row in lost)
        seen = f"bits flipped in {ranges}: all declared to be lost; {aside} stores put aside"
        return Effect(self.kind, lost[0].node, seen)

    def _damage(self, city: FaultyCity, random: Random) -> tuple[Path, list[Row]]:
        elsewhere = _elsewhere(city)
        stores = [file.parent / "outbox.db" for file in city.premises.nodes]
        random.shuffle(stores)
        for store in stores:
            here = [one for one in _kept(store) if one.row.seq not in elsewhere.get(StreamKey(*one.row[:2]), Ranges())]
            if here:
                break
        else:
            raise NoEffect("no node had a rating that nobody else has")
        content = bytearray(store.read_bytes())
        hit = random.sample(here, min(len(here), random.randint(1, _MOST)))
        for one in hit:
            at = content.rindex(one.bytes) + random.randrange(len(one.bytes))
            content[at] ^= 1 << random.randrange(8)
        store.write_bytes(content)
        return store, [one.row for one in hit]


def _kept(store: Path) -> Iterator[Kept]:
    """What a store has, each rating once; its log is written back first, so that each stands in one place."""
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for node, epoch, raw in connection.execute(_BATCHES):
            batch = stored_batch(raw)
            if len(batch.rows) == 1:
                (row,) = batch.rows
                window = window_id(node, row.window)
                yield Kept(Row(node, epoch, batch.first, window, row.level, batch.t0 + row.ms), raw)
        for node, epoch, seq, window, level, at in connection.execute(_RATINGS):
            yield Kept(Row(node, epoch, seq, window_id(node, window), level, at), int(at).to_bytes(6, "big"))


def _elsewhere(city: FaultyCity) -> dict[StreamKey, Ranges]:
    """By stream, the numbers that a gateway or the city has."""
    pairs: dict[StreamKey, list[tuple[int, int]]] = {}
    journals = [file.parent / "journal.db" for file in city.premises.gateways]
    for path, question in [*((journal, _HELD) for journal in journals), (city.premises.database, _GIVEN)]:
        with closing(ledger.connect(path)) as connection:
            for node, epoch, first, last in connection.execute(question):
                pairs.setdefault(StreamKey(node, epoch), []).append((first, last))
    return {stream: Ranges(numbers) for stream, numbers in pairs.items()}


def _declared(city: FaultyCity) -> set[Number]:
    return {
        (*stream, number)
        for stream, numbers in ledger.void(city.premises.database).items()
        for lo, hi in numbers
        for number in range(lo, hi + 1)
    }


FAULTS: tuple[Fault, ...] = (Damage(),)
