"""Whether a stream is whole: every number from 1 to the last that its node signed for. Pure.

How far a stream goes its node says in each hello (`last`), and again in the first batch of its next epoch (`prev`).
What it signed to have lost to a damaged disk (`void`) is a loss that is declared, and no row withheld.
"""

from collections.abc import Mapping
from typing import NamedTuple

from contract.batch import StreamKey
from contract.ranges import Ranges

NONE = Ranges()


class Gap(NamedTuple):
    """Numbers `missing` of a stream that its node said to go up to `upto`."""

    stream: StreamKey
    missing: Ranges
    upto: int


def gaps(
    given: Mapping[StreamKey, Ranges], said: Mapping[StreamKey, int], void: Mapping[StreamKey, Ranges]
) -> list[Gap]:
    """What is missing of the streams in `given` (the numbers there are) and `said` (the last number each signed)."""
    found: list[Gap] = []
    for stream in sorted(given.keys() | said.keys()):
        numbers = given.get(stream, NONE)
        upto = max(said.get(stream, 0), max((last for _, last in numbers), default=0))
        missing = Ranges([(1, upto)] if upto else ()) - numbers - void.get(stream, NONE)
        if missing:
            found.append(Gap(stream, missing, upto))
    return found
