"""Sets of numbers kept as closed intervals: what is held, settled or missing of a stream."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """An immutable set of integers, as sorted, disjoint, non-adjacent closed pairs `(lo, hi)`.

    Adding at the tail, which is what a living stream does, searches nothing.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[int, int] | list[int]] = ()) -> None:
        """Normalise `pairs`, which may overlap and stand in any order; a pair with lo > hi is a `ValueError`."""
        merged: list[tuple[int, int]] = []
        for lo, hi in sorted((pair[0], pair[1]) for pair in pairs):
            if lo > hi:
                raise ValueError(f"a range runs from low to high, got {lo}..{hi}")
            if merged and lo <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], hi))
            else:
                merged.append((lo, hi))
        self._pairs = tuple(merged)

    @classmethod
    def _of(cls, pairs: tuple[tuple[int, int], ...]) -> "Ranges":
        made = cls.__new__(cls)
        made._pairs = pairs  # noqa: SLF001 (its own class)
        return made

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs, sorted; what goes on the wire."""
        return self._pairs

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Walk the pairs, lowest first."""
        return iter(self._pairs)

    def __len__(self) -> int:
        """How many numbers are in the set."""
        return sum(hi - lo + 1 for lo, hi in self._pairs)

    def __bool__(self) -> bool:
        """Whether the set holds anything."""
        return bool(self._pairs)

    def __eq__(self, other: object) -> bool:
        """Equal sets hold the same numbers."""
        return isinstance(other, Ranges) and self._pairs == other._pairs

    def __hash__(self) -> int:
        """Equal sets hash alike."""
        return hash(self._pairs)

    def __repr__(self) -> str:
        """Readable in a failing test."""
        return f"Ranges({list(self._pairs)})"

    def __contains__(self, number: int) -> bool:
        """Whether `number` is in the set."""
        return self.covers(number, number)

    def covers(self, lo: int, hi: int) -> bool:
        """Whether every number of `lo..hi` (lo <= hi) is in the set."""
        at = bisect_right(self._pairs, (lo, float("inf"))) - 1
        return at >= 0 and self._pairs[at][1] >= hi

    def touches(self, lo: int, hi: int) -> bool:
        """Whether any number of `lo..hi` (lo <= hi) is in the set."""
        at = bisect_right(self._pairs, (hi, float("inf"))) - 1
        return at >= 0 and self._pairs[at][1] >= lo

    def add(self, lo: int, hi: int) -> "Ranges":
        """Return the set with `lo..hi` in it; `ValueError` when lo > hi."""
        if lo > hi:
            raise ValueError(f"a range runs from low to high, got {lo}..{hi}")
        pairs = self._pairs
        if not pairs or lo > pairs[-1][1] + 1:
            return Ranges._of((*pairs, (lo, hi)))
        if lo >= pairs[-1][0]:
            return Ranges._of((*pairs[:-1], (pairs[-1][0], max(hi, pairs[-1][1]))))
        start = bisect_left(pairs, lo - 1, key=lambda pair: pair[1])
        end = bisect_right(pairs, hi + 1, key=lambda pair: pair[0])
        swallowed = pairs[start:end]
        if swallowed:
            lo, hi = min(lo, swallowed[0][0]), max(hi, swallowed[-1][1])
        return Ranges._of((*pairs[:start], (lo, hi), *pairs[end:]))

    def __or__(self, other: "Ranges") -> "Ranges":
        """Return the union."""
        if not other._pairs or self._pairs == other._pairs:
            return self
        if not self._pairs:
            return other
        if len(other._pairs) == 1:
            return self.add(*other._pairs[0])
        return Ranges((*self._pairs, *other._pairs))

    def __sub__(self, other: "Ranges") -> "Ranges":
        """Return what is in this set and not in `other`."""
        left: list[tuple[int, int]] = []
        taken = other._pairs
        for lo, hi in self._pairs:
            start = lo
            at = bisect_left(taken, start, key=lambda pair: pair[1])
            while at < len(taken) and taken[at][0] <= hi:
                if taken[at][0] > start:
                    left.append((start, taken[at][0] - 1))
                start = max(start, taken[at][1] + 1)
                at += 1
            if start <= hi:
                left.append((start, hi))
        return Ranges._of(tuple(left))
