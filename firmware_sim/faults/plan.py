"""Which faults strike in which order: a function of the seed, the minutes and the kinds there are. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from random import Random
from typing import NamedTuple

LONG_S = 50.0
_WITH_LONG = 0.25


class Strike(NamedTuple):
    """One strike: its number in the run, from 1, and the kind of fault."""

    number: int
    kind: str

    def random(self, seed: int) -> Random:
        """Return where the strike draws its targets and times from; no other strike changes what it draws."""
        return Random(f"{seed}/{self.number}/{self.kind}")


def draw(seed: int, minutes: float, kinds: Mapping[str, float], *, first: Sequence[str] = ()) -> list[Strike]:
    """Draw the strikes of a run of so many `minutes`; `kinds` tells how many seconds a strike of each takes.

    Those named `first` begin. Then all kinds come once, in an order of the seed's own, before any comes again; those
    that take longer than `LONG_S` take part with one seed of four, unless there are no others. A kind that does not fit
    into what is left of the time is passed over for one that does.
    """
    random = Random(f"{seed}/faults")
    if random.random() >= _WITH_LONG:
        kinds = {kind: seconds for kind, seconds in kinds.items() if seconds <= LONG_S or kind in first} or kinds
    left = minutes * 60
    strikes: list[Strike] = []
    for kind in chain(first, _rounds(random, sorted(kinds))):
        if left < min(kinds.values()):
            break
        if kinds[kind] <= left:
            left -= kinds[kind]
            strikes.append(Strike(len(strikes) + 1, kind))
    return strikes


def _rounds(random: Random, kinds: list[str]) -> Iterator[str]:
    while kinds:
        yield from random.sample(kinds, len(kinds))
