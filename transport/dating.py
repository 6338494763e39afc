"""When did it happen? Boot ids and boottimes to the city's time, without trusting any wall clock.

An *anchor* says that a moment of a boot was a moment of the city's time, within an error. A *tie* says that a moment of
this boot was a moment of another machine's boot (a gateway that did not know the time itself); an anchor of that boot
turns it into an anchor of this one. All times in milliseconds.
"""

from collections.abc import Iterable
from typing import NamedTuple

from contract.rating import Quality

# Crystal drift of a Pi, both ways: 60 s in 14 days.
DRIFT_PPM = 50
# One in the frost may go beyond; beyond four times that a clock was stepped.
OUT_OF_TUNE = 4
FREEZE_BELOW_MS = 10_000
# Nothing of ours happened before: the floor of an estimate that has no other.
FLOOR_MS = 1_767_225_600_000  # 2026-01-01 UTC


class Anchor(NamedTuple):
    """CLOCK_BOOTTIME `boottime` of `boot` was the city's `at`, within `error`."""

    boot: str
    boottime: int
    at: int
    error: int


class Tie(NamedTuple):
    """`boottime` of `boot` was `peer_boottime` of `peer_boot`, within `error`."""

    boot: str
    boottime: int
    peer_boot: str
    peer_boottime: int
    error: int


class Dated(NamedTuple):
    """A moment in the city's time: its quality, its error and, when estimated, the earliest and latest it can be."""

    at: int
    q: Quality
    error: int
    bounds: tuple[int, int] | None = None


class _Known(NamedTuple):
    """An anchor as it is kept; one that is not `direct` follows from a tie."""

    boottime: int
    at: int
    error: int
    direct: bool


class _Moment(NamedTuple):
    """A moment in the city's time, right within `error`; `bracketed`: there are good anchors on both sides of it."""

    at: int
    error: int
    bracketed: bool


class Dating:
    """All that is known about time, and what follows from it.

    A moment lies within the error of every anchor, which grows with the distance from it, hence where all of these
    overlap. Anchors that contradict each other beyond what a crystal can do mean that the city's clock, or a gateway's,
    was stepped in between: what was told last counts.
    """

    def __init__(self, anchors: Iterable[Anchor] = (), ties: Iterable[Tie] = ()) -> None:
        """Start from what a store kept, in the order in which it was learnt."""
        self._anchors: dict[str, list[_Known]] = {}
        self._ties: list[Tie] = []
        for anchor in anchors:
            self.learn(anchor)
        for tie in ties:
            self.tie(tie)

    def learn(self, anchor: Anchor) -> None:
        """Take in an anchor, and what it makes of the ties to its boot."""
        self._keep(anchor, direct=True)
        self._follow(anchor.boot)

    def tie(self, tie: Tie) -> None:
        """Take in a tie."""
        self._ties.append(tie)
        if len(self._ties) > 1024:  # noqa: PLR2004
            del self._ties[1:-1:2]
        if tie.peer_boot in self._anchors:
            self._follow(tie.peer_boot)

    def _follow(self, boot: str) -> None:
        """Date by the ties to `boot` what they tie to it.

        Nothing is tied to that in turn: one end of a tie is this machine's, the other is not.
        """
        for tie in self._ties:
            moment = self._at(boot, tie.peer_boottime) if tie.peer_boot == boot != tie.boot else None
            if moment is not None:
                self._keep(Anchor(tie.boot, tie.boottime, moment.at, moment.error + tie.error), direct=False)

    def _keep(self, anchor: Anchor, *, direct: bool) -> None:
        """Keep an anchor in the place of those that it contradicts, where it is news."""
        new = _Known(anchor.boottime, anchor.at, anchor.error, direct)
        mine = self._anchors.setdefault(anchor.boot, [])
        against = [known for known in mine if _contradict(known, new)]
        same = [known for known in mine if known.boottime == new.boottime and known not in against]
        if not direct and any(known.direct for known in against):
            # A machine that was tied stood still meanwhile, say: its word is worth less than the city's own.
            return
        if any(known.error <= new.error for known in same):
            return
        mine[:] = sorted([new, *(known for known in mine if known not in against and known not in same)])
        # The first, the last and a few between bracket every moment well enough.
        if len(mine) > 64:  # noqa: PLR2004
            del mine[1:-1:2]

    def _at(self, boot: str, boottime: int) -> _Moment | None:
        """The moment as all anchors of its boot have it; None without any."""
        anchors = self._anchors.get(boot)
        if not anchors:
            return None

        def error_of(known: _Known) -> int:
            return known.error + drift(boottime - known.boottime)

        earliest = max(known.at + boottime - known.boottime - error_of(known) for known in anchors)
        latest = min(known.at + boottime - known.boottime + error_of(known) for known in anchors)
        best = min(anchors, key=error_of)
        sure = [known for known in anchors if _brackets(known)]
        before = next((known for known in reversed(sure) if known.boottime <= boottime), None)
        after = next((known for known in sure if known.boottime > boottime), None)
        bracketed = before is not None and after is not None
        at = best.at + boottime - best.boottime
        if before is not None and after is not None and error_of(best) >= FREEZE_BELOW_MS:
            # Far from both: the crystal's drift is nearly constant, so the straight line between them is better.
            share = (boottime - before.boottime) / (after.boottime - before.boottime)
            at = before.at + round(share * (after.at - before.at))
        if earliest > latest:
            # A crystal a little beyond what it should be.
            return _Moment(at, error_of(best) + earliest - latest, bracketed)
        at = min(max(at, earliest), latest)
        return _Moment(at, max(at - earliest, latest - at), bracketed)

    def now(self, boot: str, boottime: int) -> Dated | None:
        """The present moment of a running `boot`: None while unknown or its error is 10 s or more."""
        moment = self._at(boot, boottime)
        if moment is None or moment.error >= FREEZE_BELOW_MS:
            return None
        return Dated(moment.at, Quality.SYNCHRONISED, moment.error)

    def later(self, boot: str, boottime: int, *, running: bool) -> Dated | None:
        """A moment that could not be dated when it happened.

        None when nothing at all dates that boot, or while it is `running` and the next good anchor will bracket the
        moment. Nothing better can come for a moment before the last good one.
        """
        moment = self._at(boot, boottime)
        if moment is None:
            return None
        at, error, bracketed = moment
        if bracketed or error < FREEZE_BELOW_MS:
            return Dated(at, Quality.CORRECTED, error)
        if running and boottime > max((k.boottime for k in self._anchors[boot] if _brackets(k)), default=-1):
            return None
        return Dated(at, Quality.ESTIMATED, error, (at - error, at + error))

    def lasted_until(self, boot: str) -> int | None:
        """The latest city time at which `boot` is known to have been running."""
        anchors = self._anchors.get(boot)
        moment = self._at(boot, anchors[-1].boottime) if anchors else None
        return moment.at - moment.error if moment else None

    def began_by(self, boot: str) -> int | None:
        """The latest city time at which `boot` can have begun."""
        moment = self._at(boot, 0)
        return moment.at + moment.error if moment else None


def _brackets(known: _Known) -> bool:
    """Whether a moment beside `known` is better dated by it.

    Not by a tie to who last knew the time months ago, nor by an answer that took a minute: what lies between such has
    bounds, and is to say so.
    """
    return known.error < FREEZE_BELOW_MS


def drift(elapsed: int) -> int:
    """How much a crystal can have gone wrong over `elapsed` milliseconds that it counted itself, rounded up.

    Its own seconds are those that it counts wrongly, hence 50 ppm of what is left.
    """
    return -(-abs(elapsed) * DRIFT_PPM // (1_000_000 - DRIFT_PPM))


def _contradict(one: _Known, other: _Known) -> bool:
    """Whether not even a crystal far beyond what it should be explains both."""
    elapsed = other.boottime - one.boottime
    off = abs(other.at - one.at - elapsed)
    return off > one.error + other.error + OUT_OF_TUNE * drift(elapsed)


def estimate(boottime: int, *, last_boottime: int, after: int | None, before: int) -> Dated:
    """Date a moment of a boot that met nobody, from the boots around it.

    `last_boottime` is the boot's last known moment, `after` the last known city time before that boot (None: none),
    `before` the latest city time at which the next known boot can have begun. The estimate is the middle of what is
    possible. Where the two contradict each other (a card was copied, a clock was stepped) one of them is right, and all
    between them is possible.
    """
    rest = last_boottime - boottime
    by_next = max(0, before - rest + drift(rest))
    by_last = (FLOOR_MS if after is None else after) + boottime - drift(boottime)
    earliest, latest = min(by_last, by_next), max(by_last, by_next)
    middle = (earliest + latest) // 2
    return Dated(middle, Quality.ESTIMATED, (latest - earliest + 1) // 2, (earliest, latest))


def overlap(one: Dated, other: Dated) -> Dated:
    """What two estimates of a moment leave: the middle of where both may be; `one` where they contradict each other."""
    (early, late), (low, high) = one.bounds or (one.at, one.at), other.bounds or (other.at, other.at)
    earliest, latest = max(early, low), min(late, high)
    if earliest > latest:
        return one
    return Dated((earliest + latest) // 2, Quality.ESTIMATED, (latest - earliest + 1) // 2, (earliest, latest))
