"""Counts by window and minute, as a commit brings them: the three counts of a cell packed into one whole number. Pure.

After an outage nearly every rating is a cell of its own, and most of what a commit costs is adding cells up. Adding one
number for a cell makes no new list or triple, which took longer than the sum itself.
"""

from collections.abc import Mapping

from contract.identity import BUTTON, channel_of, counter_of
from proof.scores import Counts

# By city-wide window, as its node names it, and minute number (ms since 1970 UTC // 60000).
Cells = Mapping[tuple[str, int], int]
# No count that is added up in memory comes near 2 ** BITS; the last one has no bound.
BITS = 32
TWICE = 2 * BITS
MASK = (1 << BITS) - 1
# One rating, by its level.
ONE = {3: 1, 2: 1 << BITS, 1: 1 << TWICE}


def number_of(n: Counts) -> int:
    """`n`, (satisfied, basic, dissatisfied), as one number; the numbers add up as the counts do."""
    return n[0] + (n[1] << BITS) + (n[2] << TWICE)


def counts_of(number: int) -> Counts:
    """The counts that `number` stands for, made by `number_of` or a sum of such."""
    return number & MASK, number >> BITS & MASK, number >> TWICE


def by_minute(cells: Cells) -> dict[int, int]:
    """The same by minute alone."""
    sums: dict[int, int] = {}
    for (_, minute), n in cells.items():
        sums[minute] = sums.get(minute, 0) + n
    return sums


def by_channel(cells: Cells) -> Mapping[str, Cells]:
    """The same by channel, and in each by the window at the counter: what comes by another channel is never pooled."""
    if not any("." in window for window, _ in cells):
        return {BUTTON: cells}
    channels: dict[str, dict[tuple[str, int], int]] = {}
    for (window, minute), n in cells.items():
        channels.setdefault(channel_of(window), {})[counter_of(window), minute] = n
    return channels


def rated(cells: Cells) -> int:
    """How many ratings `cells` count."""
    return sum(counts_of(sum(cells.values())))
