"""How workers share the duties of a city: which to give up and which to take. Pure.

Nobody decides for the others. Each worker sees how many there are and what is held, gives up what it has beyond a fair
share and takes what is free up to it; so all come to rest as soon as every duty is held.
"""

from collections.abc import Collection
from typing import NamedTuple


class Step(NamedTuple):
    """What to give up and what to try to take, in the order of their names."""

    give: list[int]
    take: list[int]


def step(duties: Collection[int], mine: Collection[int], others: Collection[int], workers: int) -> Step:
    """The next step of a worker that holds `mine` of `duties`, `others` being held by the other of `workers` (>= 1).

    What is held and is no duty any more is given up.
    """
    fair = -(-len(duties) // workers)
    kept = sorted(duty for duty in mine if duty in duties)
    free = sorted(duty for duty in duties if duty not in mine and duty not in others)
    gone = sorted(duty for duty in mine if duty not in duties)
    return Step(gone + kept[fair:], free[: max(0, fair - len(kept))])
