"""What the filter sees of a rating: when, where, how many presses, and its number. Never the grade. Pure.

The filter has no struct that could hold a grade and reads the ledger with a decoder of its own: the third value of a
row goes through `_blind`, which gives the same for every value. Whatever is judged from here on cannot depend on it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

# Changes with whatever changes what is seen of a ledger that stays the same.
FORMAT = 1
# The time quality of ratings that no anchor dates: their moment is a guess (`q` on the wire).
_ESTIMATED = 2


class Seen(NamedTuple):
    """One rating that counts. `at`: ms since 1970 UTC; `sure`: it is dated, not guessed; `window`: the node's own name.

    Its place in this tuple is its order: by time, then by name.
    """

    at: int
    window: str
    epoch: str
    number: int
    presses: int
    sure: bool


class _Unseen:
    """What stands where the grade was."""

    __slots__ = ()


_UNSEEN = _Unseen()


class _Line(msgspec.Struct, array_like=True, gc=False):
    ms: int
    window: str
    unseen: _Unseen
    presses: int


class _Lines(msgspec.Struct):
    epoch: str
    first: int
    t0: int
    q: int
    rows: list[_Line]


def _blind(_type: type, _value: object) -> Any:  # noqa: ANN401  (what msgspec asks for)
    return _UNSEEN


_decode = msgspec.json.Decoder(_Lines, dec_hook=_blind).decode


def seen(raw: bytes, indexes: Iterable[int]) -> Iterator[Seen]:
    """Yield what may be seen of the rows at `indexes` in the ledger's batch `raw`."""
    batch = _decode(raw.partition(b"\n")[0])
    sure = batch.q != _ESTIMATED
    for index in indexes:
        row = batch.rows[index]
        yield Seen(batch.t0 + row.ms, row.window, batch.epoch, batch.first + index, row.presses, sure)


# As it is kept, one run of the node after the other: number, ms since the begin of the day, window, presses, sure.
_Kept = dict[str, list[tuple[int, int, str, int, bool]]]
_encode = msgspec.msgpack.Encoder().encode
_kept = msgspec.msgpack.Decoder(_Kept).decode


def packed(ratings: Iterable[Seen], start: int) -> bytes:
    """Return a node's day, which began at `start` (ms), as it is kept; equal sets of ratings give equal bytes."""
    kept: _Kept = {}
    for one in sorted(ratings, key=lambda rating: (rating.epoch, rating.number)):
        kept.setdefault(one.epoch, []).append((one.number, one.at - start, one.window, one.presses, one.sure))
    return _encode(kept)


def unpacked(body: bytes, start: int) -> list[Seen]:
    """Return what `packed` made `body` of, by time."""
    return sorted(
        Seen(start + ms, window, epoch, number, presses, sure)
        for epoch, rows in _kept(body).items()
        for number, ms, window, presses, sure in rows
    )


def numbers(ratings: Iterable[Seen]) -> list[tuple[str, int, int]]:
    """Return the numbers of `ratings` as ranges (epoch, first, last), in order."""
    ranges: list[tuple[str, int, int]] = []
    for epoch, number in sorted({(one.epoch, one.number) for one in ratings}):
        if ranges and ranges[-1][0] == epoch and ranges[-1][2] == number - 1:
            ranges[-1] = epoch, ranges[-1][1], number
        else:
            ranges.append((epoch, number, number))
    return ranges


def by_window(ratings: Iterable[Seen]) -> Mapping[str, Sequence[Seen]]:
    """Return the ratings of each window, by time."""
    windows: dict[str, list[Seen]] = {}
    for one in sorted(ratings):
        windows.setdefault(one.window, []).append(one)
    return windows
