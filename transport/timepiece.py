"""What time is it, here: a machine's boot clock and all that its peers told about the city's time."""

from collections.abc import Callable
from math import ceil

from contract.hello import Clock
from transport.dating import Anchor, Dated, Dating, Tie, drift, estimate, overlap

# An anchor no better than what is known is still taken after this long, to measure the crystal by.
RENEW_MS = 600_000


class Timepiece:
    """`boottime_ms` reads CLOCK_BOOTTIME, `wall_ms` the wall clock, which is only ever reported, never used."""

    def __init__(
        self, dating: Dating, *, boot: str, boottime_ms: Callable[[], int], wall_ms: Callable[[], int]
    ) -> None:
        """A timepiece that knows what `dating` knows."""
        self.boot = boot
        self.boottime_ms = boottime_ms
        self.wall_ms = wall_ms
        self._dating = dating
        self._last_learnt: int | None = None
        self._last_tie: tuple[str, int] | None = None

    def now(self) -> Dated | None:
        """The city's time now, None while unknown."""
        return self._dating.now(self.boot, self.boottime_ms())

    def at(self, boottime: int) -> Dated | None:
        """The city's time of a moment of this boot just gone by, None while unknown."""
        return self._dating.now(self.boot, boottime)

    def clock(self) -> Clock:
        """What a welcome says about time."""
        boottime = self.boottime_ms()
        moment = self._dating.now(self.boot, boottime)
        if moment is None:
            return Clock(self.boot, boottime)
        return Clock(self.boot, boottime, moment.at, moment.error)

    def heard(self, clock: Clock, round_trip_s: float, arrived: int | None = None) -> Anchor | Tie | None:
        """Learn from a welcome: what is worth keeping on disk, or None when nothing new was said.

        The answer was given somewhere in the round trip that ended at `arrived` (CLOCK_BOOTTIME, ms; None: now), read
        no later than the end of the round trip; taking its middle is wrong by half of it at most. One more for the
        milliseconds that are cut off at both ends.
        """
        half_ms = ceil(round_trip_s * 500)
        moment = (self.boottime_ms() if arrived is None else arrived) - half_ms
        error = half_ms + drift(half_ms) + 1
        # A time in which one of these boots began before 1970 is none: nothing could be dated by it.
        if clock.at is None or clock.at < max(moment, clock.boottime):
            return self._tied(clock, moment, error)
        anchor = Anchor(self.boot, moment, clock.at, clock.error + error)
        if clock.boot != self.boot:
            # Whatever was tied to the peer's boot is dated by this too.
            self._dating.learn(Anchor(clock.boot, clock.boottime, clock.at, clock.error))
        known = self._dating.now(self.boot, moment)
        fresh = self._last_learnt is not None and moment - self._last_learnt < RENEW_MS
        agreed = known is not None and abs(known.at - anchor.at) <= known.error + anchor.error
        if known is not None and agreed and known.error <= anchor.error and fresh:
            return None
        self._last_learnt = moment
        self._dating.learn(anchor)
        return anchor

    def _tied(self, clock: Clock, moment: int, error: int) -> Tie | None:
        last = self._last_tie
        known = last is not None and last[0] == clock.boot and moment - last[1] < RENEW_MS
        if clock.boot == self.boot or known:
            return None
        self._last_tie = (clock.boot, moment)
        tie = Tie(self.boot, moment, clock.boot, clock.boottime, error)
        self._dating.tie(tie)
        return tie

    def later(self, boots: list[tuple[str, int]]) -> Callable[[str, int], Dated | None]:
        """A judge of moments that had no time when they happened, given all boots lived here and how far each came.

        A past boot that nothing dates is estimated between its neighbours, once the present time is known.
        """
        order = {boot: place for place, (boot, _) in enumerate(boots)}

        def judge(boot: str, boottime: int) -> Dated | None:
            dated = self._dating.later(boot, boottime, running=boot == self.boot)
            if boot == self.boot or boot not in order or (dated is not None and dated.bounds is None):
                return dated
            place = order[boot]
            begins = (self._dating.began_by(b) for b, _ in boots[place + 1 :])
            before = next((began for began in begins if began is not None), None)
            if before is None:
                return None
            ends = (self._dating.lasted_until(b) for b, _ in reversed(boots[:place]))
            after = next((end for end in ends if end is not None), None)
            between = estimate(boottime, last_boottime=boots[place][1], after=after, before=before)
            return between if dated is None else overlap(dated, between)

        return judge
