"""What the filter sees of a rating: when, where, how many presses, and its number. Never the grade. Pure.

The filter has no struct that could hold a grade and reads the ledger with a decoder of its own: the third value of a
row goes through `_blind`, which gives the same for every value. Whatever is judged from here on cannot depend on it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

# Changes with whatever changes what is seen of a ledger that stays the same.
FORMAT = 2
# The time quality of ratings that no anchor dates: their moment is a guess (`q` on the wire).
_ESTIMATED = 2


class Seen(NamedTuple):
    """One rating that counts. `at`: ms since 1970 UTC; `sure`: it is dated, not guessed; `window`: the node's own name.

    `token`: of the visit at which it was asked for; "": it was not. With `visit` it is no rating but a visit, told at
    `at`, and what became of it (`contract.rating.Became`). Its place in this tuple is its order: by time, then by name.
    """

    at: int
    window: str
    epoch: str
    number: int
    presses: int
    sure: bool
    token: str = ""
    visit: int = 0


class _Unseen:
    """What stands where the grade was."""

    __slots__ = ()


_UNSEEN = _Unseen()


class _Line(msgspec.Struct, array_like=True, gc=False):
    ms: int
    window: str
    unseen: _Unseen
    presses: int
    item: str | None = None
    token: str | None = None


class _Lines(msgspec.Struct):
    epoch: str
    first: int
    t0: int
    q: int
    rows: list[_Line]


class _Visit(msgspec.Struct, array_like=True, gc=False):
    ms: int
    window: str
    became: int
    presses: int
    item: str | None = None
    token: str | None = None


class _Visits(msgspec.Struct):
    epoch: str
    first: int
    t0: int
    q: int
    rows: list[_Visit]


def _blind(_type: type, _value: object) -> Any:  # noqa: ANN401  (what msgspec asks for)
    return _UNSEEN


_decode = msgspec.json.Decoder(_Lines, dec_hook=_blind).decode
_decode_visits = msgspec.json.Decoder(_Visits).decode


def seen(raw: bytes, indexes: Iterable[int]) -> Iterator[Seen]:
    """Yield what may be seen of the rows at `indexes` in the ledger's batch `raw`."""
    batch = _decode(raw.partition(b"\n")[0])
    sure = batch.q != _ESTIMATED
    for index in indexes:
        row = batch.rows[index]
        yield Seen(batch.t0 + row.ms, row.window, batch.epoch, batch.first + index, row.presses, sure, row.token or "")


def visits(raw: bytes) -> Iterator[Seen]:
    """Yield the visits that the ledger's entry `raw`, which holds no rating, tells of."""
    told = _decode_visits(raw.partition(b"\n")[0])
    sure = told.q != _ESTIMATED
    for index, row in enumerate(told.rows):
        at, number = told.t0 + row.ms, told.first + index
        yield Seen(at, row.window, told.epoch, number, row.presses, sure, row.token or "", row.became)


# As it is kept, one run of the node after the other: number, ms since the begin of the day, window, presses, sure,
# token, and what became of it where it is a visit.
_Kept = dict[str, list[tuple[int, int, str, int, bool, str, int]]]
_encode = msgspec.msgpack.Encoder().encode
_kept = msgspec.msgpack.Decoder(_Kept).decode


def packed(ratings: Iterable[Seen], start: int) -> bytes:
    """Return a node's day, which began at `start` (ms), as it is kept; equal sets of ratings give equal bytes."""
    kept: _Kept = {}
    for one in sorted(ratings, key=lambda rating: (rating.epoch, rating.number, rating.visit)):
        row = (one.number, one.at - start, one.window, one.presses, one.sure, one.token, one.visit)
        kept.setdefault(one.epoch, []).append(row)
    return _encode(kept)


def unpacked(body: bytes, start: int) -> list[Seen]:
    """Return what `packed` made `body` of, by time."""
    return sorted(
        Seen(start + ms, window, epoch, number, presses, sure, token, visit)
        for epoch, rows in _kept(body).items()
        for number, ms, window, presses, sure, token, visit in rows
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
