"""Which ratings are upheld as misuse, and since which ledger position. Pure.

A judgement counts from its own position on, until a newer one of the same flag. A rating that several upheld flags
cover is taken out once.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from contract.batch import StreamKey
from contract.ranges import Ranges
from proof.judgement import FlagKey, Judgement


class _Cover(NamedTuple):
    """`numbers` are upheld from ledger position `since` on, until before `until`; None: until further notice."""

    numbers: Ranges
    since: int
    until: int | None


class Upheld:
    """What the judgements say that were added."""

    def __init__(self, judgements: Iterable[tuple[int, Judgement]] = ()) -> None:
        """Take in `judgements` by position, lowest first."""
        found = list(judgements)
        behind: dict[FlagKey, int] = {}
        self._covers: dict[StreamKey, list[_Cover]] = {}
        for position, judgement in reversed(found):
            until = behind.get(judgement.flag)
            behind[judgement.flag] = position
            if judgement.verdict == "upheld":
                for stream, numbers in judgement.numbers.items():
                    self._covers.setdefault(stream, []).append(_Cover(numbers, position, until))

    def has(self, stream: StreamKey, number: int, position: int | None = None) -> bool:
        """Whether `number` of `stream` is upheld at ledger position `position`, by default at the end."""
        return any(number in cover.numbers and _holds(cover, position) for cover in self._covers.get(stream, ()))

    @property
    def numbers(self) -> Mapping[StreamKey, Ranges]:
        """All that is upheld at the end, each number once."""
        found: dict[StreamKey, Ranges] = {}
        for stream, covers in self._covers.items():
            for cover in covers:
                if _holds(cover, None):
                    found[stream] = found.get(stream, Ranges()) | cover.numbers
        return found


def _holds(cover: _Cover, position: int | None) -> bool:
    if position is None:
        return cover.until is None
    return cover.since <= position and (cover.until is None or position < cover.until)
