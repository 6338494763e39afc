"""A box in the model: its disk, its clocks, and whose turn it is. Each house finds its own through `HOST`."""

from contextvars import ContextVar

from tests.model.loop import VirtualLoop
from tests.model.platter import Platter

# The city's time at the loop's zero, ms: a morning in November 2026.
NOON = 1_795_370_400_000


class Host:
    """`drift`: how much faster than true its crystal runs. A power cut begins another boot, a crash does not."""

    def __init__(self, name: str, loop: VirtualLoop, platter: Platter, drift: float) -> None:
        self.name = name
        self.loop = loop
        self.platter = platter
        self.drift = drift
        # What its kernel says of its wall clock: how far off it can be (ms), None while not synchronised.
        self.error_ms: int | None = 3
        self.wall_off_ms = 0
        self._boots = 0
        self._names = 0
        self.power_on()

    def power_on(self) -> None:
        self._boots += 1
        self._born = self.loop.time()
        self.boot = f"{self.name} boot {self._boots}"

    def truth(self) -> int:
        """The true time, ms."""
        return NOON + round(self.loop.time() * 1000)

    def monotonic(self) -> float:
        return self.loop.time()

    def boottime_ns(self) -> int:
        return int((self.loop.time() - self._born) * (1 + self.drift) * 1e9)

    def boottime_ms(self) -> int:
        return self.boottime_ns() // 1_000_000

    def wall_ms(self) -> int:
        return max(0, self.truth() + self.wall_off_ms)

    def bits(self) -> int:
        """Bits that were never given before, as those of an epoch."""
        self._names += 1
        return (sum(self.name.encode()) << 20) + self._names


HOST: ContextVar[Host] = ContextVar("host")
