"""What a carrier sends, and when that was pressed. Pure.

A carrier has two clocks: the page's own, which nobody can step and which begins anew with each run (each load of the
page), and the wall clock, which anybody can. Each delivery tells both, so it is an anchor in the city's time. A row of
a run that has an anchor is dated by the page's clock: by this delivery, or by the one before, if the page was loaded
anew since. It may be off by as long as that delivery was under way, and is corrected. Where no anchor reaches, or where
the two clocks went apart between row and anchor (it slept, or somebody set its clock), it is estimated by the
wall clock, between what is known: after the row before it, and before the row behind it or the run that sends it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, TypeVar

import msgspec

from contract.batch import MAX_NUMBER, EpochName, Millis, Number
from contract.errors import ManyiError
from contract.rating import MAX_PRESSES, Quality, Row

# By so much the two clocks of a carrier may go apart between a row and what dates it. A city's rating is right to 10 s.
APART_MS = 5_000

Run = Annotated[int, msgspec.Meta(ge=1, le=MAX_NUMBER)]
# Ten years without a reload.
Mono = Annotated[int, msgspec.Meta(ge=0, le=315_576_000_000)]
Why = Literal["forked", "gap", "elsewhere"]
E = TypeVar("E")
K = TypeVar("K")


class Press(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """`[run, mono, date, level, presses]`: a settled choice, by the clock of that run and by the wall clock (ms)."""

    run: Run
    mono: Mono
    date: Millis
    level: Annotated[int, msgspec.Meta(ge=1, le=3)]
    presses: Annotated[int, msgspec.Meta(ge=1, le=MAX_PRESSES)]


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a carrier keeps of `epoch`, numbered from `first` on, and its two clocks as it sends that.

    What it keeps stands behind these in the struct of its channel; where that is nothing, it only tells its clocks.
    """

    v: Literal[1]
    epoch: EpochName
    first: Number
    run: Run
    mono: Mono
    date: Millis


class Anchor(NamedTuple):
    """At the city's time `at`, run `run` of a page stood at `mono` and the wall clock at `date` (ms)."""

    run: int
    mono: int
    date: int
    at: int

    def dates(self, row: Press) -> bool:
        """Whether the time of `row` follows from this."""
        return self.run == row.run and abs((self.mono - row.mono) - (self.date - row.date)) <= APART_MS

    def at_of(self, row: Press) -> int:
        """When that was (ms)."""
        return self.at - (self.mono - row.mono)


class Refused(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """Numbers beyond `held` were not taken, and never will be as these. `why` is the countable reason.

    forked: they are held with other contents. gap: those before them are not held. elsewhere: another window's epoch.
    """

    def __init__(self, why: Why, held: int) -> None:
        super().__init__(f"{why}: held up to {held}")
        self.why = why
        self.held = held


class Dated(NamedTuple):
    """Rows that make one batch, with their numbers from `first` on, its `t0` (ms), quality and bounds."""

    first: int
    given: Sequence[Press]
    rows: list[Row]
    t0: int
    quality: Quality
    bounds: tuple[int, int] | None


def fresh(
    given: Sequence[E], first: int, held: int, known: Iterable[tuple[int, K]], key: Callable[[E], K]
) -> Sequence[E]:
    """Return what is new of `given`, numbered from `first` on, where numbers up to `held` are held.

    `known`: the `key` of what is held under those numbers. Raises `Refused` where the same number has other contents,
    and where numbers are missed.
    """
    for number, one in known:
        if key(given[number - first]) != one:
            raise Refused("forked", number - 1)
    if first > held + 1:
        raise Refused("gap", held)
    return given[held + 1 - first :]


def dated(
    rows: Sequence[Press], first: int, window: str, anchors: tuple[Anchor, Anchor | None], floor: int
) -> tuple[list[Dated], int]:
    """Return `rows` (numbers from `first` on) of the window `window` as batches, and what no later row is before (ms).

    `anchors`: that of this delivery, and the one before it. No row was pressed before `floor`.
    """
    now = anchors[0]
    sure = [_sure(row, anchors) for row in rows]
    latest = _latest(rows, sure, now)
    made = []
    for begin, end in _stretches(rows, sure):
        given, span = rows[begin:end], rows[end - 1].mono - rows[begin].mono
        at = sure[begin]
        if at is None:
            high = max(floor, latest[end - 1] - span)
            t0 = min(max(floor, given[0].date + now.at - now.date), high)
            # Where the page's clock says more than there was time for, the rows stand as late as they can.
            ages = (row.mono - given[0].mono for row in given)
            moments = [max(t0, min(t0 + age, late)) for age, late in zip(ages, latest[begin:end], strict=True)]
            bounds, quality = (floor, high), Quality.ESTIMATED
        else:
            moments = []
            for moment in sure[begin:end]:
                floor = max(floor, min(moment or 0, now.at))
                moments.append(floor)
            t0, bounds, quality = moments[0], None, Quality.CORRECTED
        batch = [Row(moment - t0, window, row.level, row.presses) for moment, row in zip(moments, given, strict=True)]
        made.append(Dated(first + begin, given, batch, t0, quality, bounds))
    return made, floor


def _sure(row: Press, anchors: tuple[Anchor, Anchor | None]) -> int | None:
    return next((anchor.at_of(row) for anchor in anchors if anchor is not None and anchor.dates(row)), None)


def _latest(rows: Sequence[Press], sure: Sequence[int | None], now: Anchor) -> list[int]:
    """The latest that each row can have been pressed: before the one behind it, and before the run that sends it."""
    latest = now.at
    found = []
    for row, at in zip(reversed(rows), reversed(sure), strict=True):
        # The page's clock stands still while a tablet sleeps, and never runs ahead.
        since = now.mono - row.mono if row.run == now.run else now.mono
        latest = min(latest, now.at - max(0, since) if at is None else at)
        found.append(latest)
    return found[::-1]


def _stretches(rows: Sequence[Press], sure: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    """From where until before where rows make one batch: all sure, or all of one run whose clocks went together."""
    cuts = [0]
    for number, (before, row) in enumerate(pairwise(rows), start=1):
        one_run = before.run == row.run and before.mono <= row.mono
        steady = one_run and abs((row.mono - before.mono) - (row.date - before.date)) <= APART_MS
        both_sure = sure[number - 1] is not None and sure[number] is not None
        neither = sure[number - 1] is None and sure[number] is None
        if not (both_sure or (neither and steady)):
            cuts.append(number)
    return pairwise([*cuts, len(rows)]) if rows else iter(())
