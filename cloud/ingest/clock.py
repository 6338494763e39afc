"""The city's clock as it is handed down: only while the kernel says that it is synchronised."""

import logging
from collections.abc import Callable

from contract.hello import Clock
from transport.dating import drift

logger = logging.getLogger(__name__)

# A daemon slews what is less; a step moves the clock against CLOCK_BOOTTIME, which slewing does not.
STEP_MS = 1_000
# What keeps a clock right looks at it every 17 minutes at the most (chrony and ntpd poll every 1024 s).
HOLD_MS = 1_200_000


class CityClock:
    """This machine's clock, as it is handed down: with its boot, and a time only while that is known to be right.

    `now_ms` reads it, `error_ms` tells how right it is, None for not known; `boottime_ms` is of `boot`, and nothing can
    step it. A clock that is stepped while it counted as right was wrong before or is wrong now, and whoever stepped it
    may not be who keeps it right. So nobody is told the time until it is back, or has stayed for `HOLD_MS`: nodes keep
    it well enough by themselves for two days. `steps` counts.
    """

    def __init__(
        self,
        now_ms: Callable[[], int],
        error_ms: Callable[[], int | None],
        *,
        boot: str,
        boottime_ms: Callable[[], int],
    ) -> None:
        self.steps = 0
        self._now_ms = now_ms
        self._kernel_error_ms = error_ms
        self._boot = boot
        self._boottime_ms = boottime_ms
        # How far it is ahead of the boot's clock when it is right, and since a step; None: not known, none.
        self._ahead: int | None = None
        self._stepped: int | None = None
        # When it last counted as right, by the boot's clock.
        self._looked = 0
        self._held_until = 0

    def clock(self) -> Clock:
        """What a welcome says. The two clocks are read one after the other; what passes between them is error."""
        boottime = self._boottime_ms()
        error = self.error_ms()
        at = self._now_ms()
        took = self._boottime_ms() - boottime
        # Once more: it may have been stepped between the question and the answer.
        if error is None or self.error_ms() is None:
            return Clock(self._boot, boottime)
        return Clock(self._boot, boottime, at, error + took)

    def error_ms(self) -> int | None:
        """How far off the clock is at most, in ms; None while that is not known, or a step makes it doubtful."""
        error = self._kernel_error_ms()
        if error is None:
            return None
        boottime = self._boottime_ms()
        ahead = self._now_ms() - boottime
        # What two crystals can do to each other while nobody looked is no step; here it is one crystal, mostly.
        allowed = STEP_MS + 2 * drift(boottime - self._looked)
        if self._ahead is None or abs(ahead - self._ahead) < allowed:
            self._ahead, self._looked, self._stepped = ahead, boottime, None
            return error
        if self._stepped is None or abs(ahead - self._stepped) >= STEP_MS:
            self.steps += 1
            self._stepped, self._held_until = ahead, boottime + HOLD_MS
            logger.warning(
                "the city's clock was stepped by %.1f s: nobody is told the time", (ahead - self._ahead) / 1000
            )
        if boottime < self._held_until:
            return None
        self._ahead, self._looked, self._stepped = ahead, boottime, None
        return error

    @property
    def trouble(self) -> str | None:
        """Why nobody is told the time now, if nobody is."""
        if self._kernel_error_ms() is None:
            return "the kernel does not say that this machine's clock is synchronised"
        if self.error_ms() is None:
            return "this machine's clock was stepped: it is believed once it is back, or has stayed for 20 minutes"
        return None


def trusted_error_ms() -> int | None:
    """For `clock = "trusted"`: whoever set it up answers for it."""
    return 0
