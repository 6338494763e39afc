"""A day that never left the townships: signed batches in the journals of real gateways, written by the real shelf.

What was pressed follows from the seed alone, so it is made once to be signed and once more to be judged, and is not
kept in between.
"""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from contract.batch import Batch, StreamKey
from contract.codec import encode
from contract.identity import EPOCH_BITS, epoch_text
from contract.rating import Quality, Row
from contract.signing import Signer
from firmware_sim.cityplan import NodePlan, TownshipPlan
from firmware_sim.fingerlog import Choice, Touch
from transport.shelf import Shelf

# A node that is online sends one rating a batch, one that waited a moment more: about ten, as batches of an outage.
SIZES = (8, 9, 10, 11, 12)
# One person in so many changes their mind.
_TWICE = 8
_GRADES = ((3, 2, 1), (88, 8, 4))
# What one commit of a journal takes.
_GROUP = 2000


class Rating(NamedTuple):
    """A settled choice: when (ms since 1970), at which of the node's windows, what, and after how many presses."""

    at: int
    window: str
    level: int
    presses: int


class Backlog(NamedTuple):
    """What stands in all journals together; `size` in bytes, signatures included."""

    ratings: int
    batches: int
    size: int


class Day:
    """What people pressed between two moments (ms since 1970), `a_window` ratings at each window."""

    def __init__(self, begin: int, end: int, *, a_window: int, seed: int) -> None:
        self._begin = begin
        self._end = end
        self._a_window = a_window
        self._seed = seed

    def stream(self, node: NodePlan) -> StreamKey:
        """The epoch in which `node` recorded it all."""
        return StreamKey(node.name, epoch_text(Random(f"{self._seed}/{node.name}/epoch").getrandbits(EPOCH_BITS)))

    def ratings(self, node: NodePlan) -> list[Rating]:
        """What was pressed at `node`, in the order of time."""
        random = Random(f"{self._seed}/{node.name}")
        count = self._a_window * len(node.wiring)
        moments = sorted(random.randrange(self._begin, self._end) for _ in range(count))
        levels = random.choices(_GRADES[0], _GRADES[1], k=count)
        windows = random.choices([pins.id for pins in node.wiring], k=count)
        return [
            Rating(at, window, level, 1 + (random.randrange(_TWICE) == 0))
            for at, window, level in zip(moments, windows, levels, strict=True)
        ]

    def batches(self, node: NodePlan) -> Iterator[Batch]:
        """The same, cut as the node cut it."""
        sizes = Random(f"{self._seed}/{node.name}/cut")
        stream, rest, first = self.stream(node), self.ratings(node), 1
        while rest:
            size = sizes.choice(SIZES)
            taken, rest = rest[:size], rest[size:]
            t0 = taken[0].at
            rows = [Row(one.at - t0, one.window, one.level, one.presses) for one in taken]
            yield Batch(1, *stream, first, t0, Quality.SYNCHRONISED, rows)
            first += len(rows)

    def choices(self, plan: Sequence[TownshipPlan]) -> Iterator[Choice]:
        """The same, as fingers remember it."""
        for township in plan:
            for node in township.nodes:
                for number, one in enumerate(self.ratings(node), 1):
                    touch = Touch(one.level, one.at)
                    yield Choice(f"{node.name}-{number}", f"{node.name}/{one.window}", (touch,), touch)


async def fill(journal: Path, township: TownshipPlan, day: Day, signers: dict[str, Signer]) -> Backlog:
    """Write the day of `township` into its gateway's new `journal`, in the order in which it arrived there."""
    made = [(batch, signers[node.name]) for node in township.nodes for batch in day.batches(node)]
    made.sort(key=lambda one: one[0].t0 + one[0].rows[-1].ms)
    signed = await asyncio.to_thread(lambda: [(batch, signer.entry(encode(batch))) for batch, signer in made])
    shelf = await Shelf.open(journal)
    try:
        for start in range(0, len(signed), _GROUP):
            await shelf.put(signed[start : start + _GROUP])
    finally:
        await shelf.close()
    return Backlog(sum(len(batch.rows) for batch, _ in signed), len(signed), sum(len(raw) for _, raw in signed))
