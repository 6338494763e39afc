"""The clocks of a machine under the implant: they can be stepped, begin anew, or see two weeks pass at once.

The wall clock that a house reads is stepped apart from the one of the fingers, which is the truth. What passes for the
whole machine passes for both.
"""

import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import transport.boot
from contract.hello import Clock
from firmware_sim.faults.nerve import Skew
from transport.dating import Anchor, Tie
from transport.timepiece import Timepiece

_NS = 1_000_000
# Where each house looks for its wall clock, to say it in a hello or, the city, to date by.
_WALLS = {"fleet": "edge.node", "gateways": "gateway.post", "cloud": "transport.boot"}


class Clocks:
    """`boot_file` holds the name of this boot; `began_ms`: its BOOTTIME at the real one's zero; `leapt_ms`: so far.

    `crystal_ms`: how wrong the crystal has gone; `deaf`: from the start.
    """

    def __init__(
        self, house: str, *, boot_file: Path, began_ms: int, leapt_ms: int, crystal_ms: int, deaf: bool
    ) -> None:
        """Take over the clocks; before anything of the house is imported that binds one by name."""
        self.seen: Counter[str] = Counter()
        self._house = house
        self._leapt_ms, self._crystal_ms, self._began_ms = leapt_ms, crystal_ms, began_ms
        self._skew = Skew()
        self._deaf = deaf
        transport.boot._BOOT_ID = boot_file  # noqa: SLF001
        self._real_ns, self._true_ms = time.clock_gettime_ns, transport.boot.wall_ms
        time.clock_gettime_ns = self._gettime_ns
        _lengthen("time", lambda: self._leapt_ms / 1000)
        _lengthen("time_ns", lambda: self._leapt_ms * _NS)
        # Fingers share the nodes' loop, and nobody waits two days for a light: that loop's own clock does not leap.
        if house != "fleet":
            _lengthen("monotonic", lambda: self._leapt_ms / 1000)
            _lengthen("monotonic_ns", lambda: self._leapt_ms * _NS)

    def take_over(self) -> None:
        """Stand between the house and what tells it the time."""
        if self._house == "cloud":
            clock: Any = import_module("cloud.ingest.clock")
            trusted = clock.trusted_error_ms
            clock.trusted_error_ms = lambda: self._unsynchronised() if self._skew.unknown else trusted()
        reader: Any = import_module(_WALLS[self._house])
        reader.wall_ms = self._wall_ms
        if self._house == "fleet":
            reader.time = SimpleNamespace(monotonic=lambda: time.monotonic() + self._leapt_ms / 1000)
        clocks, heard = self, Timepiece.heard

        def listen(
            self: Timepiece, clock: Clock, round_trip_s: float, arrived: int | None = None
        ) -> Anchor | Tie | None:
            if clocks._deaf and clock.at is not None:
                clocks.seen["unheard"] += 1
                clock = Clock(clock.boot, clock.boottime)
            return heard(self, clock, round_trip_s, arrived)

        Timepiece.heard = listen  # type: ignore[method-assign]

    def skew(self, order: Skew) -> None:
        """Step the house's wall clock."""
        self._skew = order

    def leap(self, ms: int, ppm: float) -> None:
        """Let `ms` pass."""
        self._leapt_ms += ms
        self._crystal_ms += round(ms * ppm / 1e6)

    def deafen(self, *, deaf: bool) -> None:
        """Hear nobody tell the time, or hear it again."""
        self._deaf = deaf

    def _unsynchronised(self) -> None:
        """Answer as for a kernel that no time server has set right."""
        self.seen["unsynchronised"] += 1

    def _gettime_ns(self, clock: int) -> int:
        passed = self._leapt_ms
        if clock == time.CLOCK_BOOTTIME:
            passed += self._crystal_ms + self._began_ms
        return self._real_ns(clock) + passed * _NS

    def _wall_ms(self) -> int:
        true = self._true_ms()
        if self._skew.to is None and not self._skew.by:
            return true
        self.seen["skewed"] += 1
        return self._skew.to if self._skew.to is not None else true + self._skew.by


def _lengthen(name: str, passed: Callable[[], float]) -> None:
    real = getattr(time, name)
    setattr(time, name, lambda: real() + passed())
