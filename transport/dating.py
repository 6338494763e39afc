"""When did it happen? Boot ids and boottimes to the city's time, without trusting any wall clock.

An *anchor* says that a moment of a boot was a moment of the city's time, within an error. A *tie* says that a moment of
this boot was a moment of another machine's boot (a gateway that did not know the time itself); an anchor of that boot
turns it into an anchor of this one. All times in milliseconds.
"""

from collections.abc import Iterable
from typing import NamedTuple

from contract.rating import Quality

# Crystal drift of a Pi, both ways: 60 s in 14 days.
DRIFT = 50e-6
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


class Dating:
    """All that is known about time, and what follows from it."""

    def __init__(self, anchors: Iterable[Anchor] = (), ties: Iterable[Tie] = ()) -> None:
        """Start from what a store kept."""
        self._anchors: dict[str, list[Anchor]] = {}
        self._ties: list[Tie] = []
        for anchor in anchors:
            self.learn(anchor)
        for tie in ties:
            self.tie(tie)

    def learn(self, anchor: Anchor) -> None:
        """Take in an anchor, and what it makes of the ties to its boot."""
        mine = self._anchors.setdefault(anchor.boot, [])
        mine.append(anchor)
        mine.sort(key=lambda known: known.boottime)
        # The first, the last and a few between bracket every moment well enough.
        if len(mine) > 64:  # noqa: PLR2004
            del mine[1:-1:2]
        for tie in self._ties:
            if tie.peer_boot == anchor.boot and tie.boot != anchor.boot:
                self._untie(tie)

    def tie(self, tie: Tie) -> None:
        """Take in a tie."""
        self._ties.append(tie)
        if len(self._ties) > 1024:  # noqa: PLR2004
            del self._ties[1:-1:2]
        if tie.peer_boot in self._anchors and tie.boot != tie.peer_boot:
            self._untie(tie)

    def _untie(self, tie: Tie) -> None:
        moment = self._at(tie.peer_boot, tie.peer_boottime)
        if moment is not None and not any(known.boottime == tie.boottime for known in self._anchors.get(tie.boot, ())):
            at, error, _ = moment
            self.learn(Anchor(tie.boot, tie.boottime, at, error + tie.error))

    def _at(self, boot: str, boottime: int) -> tuple[int, int, bool] | None:
        """The moment, its error, and whether anchors stand on both sides of it; None without any anchor."""
        anchors = self._anchors.get(boot)
        if not anchors:
            return None

        def error_of(known: Anchor) -> int:
            return known.error + _drift(boottime - known.boottime)

        best = min(anchors, key=error_of)
        before = next((known for known in reversed(anchors) if known.boottime <= boottime), None)
        after = next((known for known in anchors if known.boottime > boottime), None)
        if before is not None and after is not None and error_of(best) >= FREEZE_BELOW_MS:
            # Far from both: the crystal's drift is nearly constant, so the straight line between them is better.
            share = (boottime - before.boottime) / (after.boottime - before.boottime)
            return before.at + round(share * (after.at - before.at)), error_of(best), True
        bracketed = before is not None and after is not None
        return best.at + boottime - best.boottime, error_of(best), bracketed

    def now(self, boot: str, boottime: int) -> Dated | None:
        """The present moment of a running `boot`: None while unknown or its error is 10 s or more."""
        moment = self._at(boot, boottime)
        if moment is None or moment[1] >= FREEZE_BELOW_MS:
            return None
        return Dated(moment[0], Quality.SYNCHRONISED, moment[1])

    def later(self, boot: str, boottime: int, *, running: bool) -> Dated | None:
        """A moment that could not be dated when it happened.

        None when nothing at all dates that boot, or while it is `running` and the next anchor will bracket the moment.
        Nothing better can come for a moment before the first anchor.
        """
        moment = self._at(boot, boottime)
        if moment is None:
            return None
        at, error, bracketed = moment
        if bracketed or error < FREEZE_BELOW_MS:
            return Dated(at, Quality.CORRECTED, error)
        if running and boottime > self._anchors[boot][-1].boottime:
            return None
        return Dated(at, Quality.ESTIMATED, error, (at - error, at + error))

    def lasted_until(self, boot: str) -> int | None:
        """The latest city time at which `boot` is known to have been running."""
        anchors = self._anchors.get(boot)
        return anchors[-1].at - anchors[-1].error if anchors else None

    def began_by(self, boot: str) -> int | None:
        """The latest city time at which `boot` can have begun."""
        anchors = self._anchors.get(boot)
        if not anchors:
            return None
        first = anchors[0]
        return first.at - first.boottime + first.error + _drift(first.boottime)


def _drift(elapsed: int) -> int:
    """How much a crystal can have gone wrong over `elapsed` milliseconds."""
    return int(abs(elapsed) * DRIFT)


def estimate(boottime: int, *, last_boottime: int, after: int | None, before: int) -> Dated:
    """Date a moment of a boot that met nobody, from the boots around it.

    `last_boottime` is the boot's last known moment, `after` the last known city time before that boot (None: none),
    `before` the latest city time at which the next known boot can have begun. The estimate is the middle of what is
    possible.
    """
    rest = last_boottime - boottime
    latest = max(0, before - rest + _drift(rest))
    earliest = min(latest, (FLOOR_MS if after is None else after) + boottime - _drift(boottime))
    middle = (earliest + latest) // 2
    return Dated(middle, Quality.ESTIMATED, (latest - earliest + 1) // 2, (earliest, latest))
