"""This machine's own clocks: its boot id and CLOCK_BOOTTIME, which no time server and no hand can step.

The wall clock is read in one place, to be reported in a hello, and nothing is ever dated by it.
"""

import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """The kernel's name for this boot."""
    return _BOOT_ID.read_text(encoding="ascii").strip()


def boottime_ns() -> int:
    """Nanoseconds since this boot, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def boottime_ms() -> int:
    """Milliseconds since this boot, sleep included."""
    return boottime_ns() // 1_000_000


def boottime_s() -> float:
    """Seconds since this boot, sleep included: a round trip through a sleep must not look short."""
    return boottime_ns() / 1e9


def wall_ms() -> int:
    """Milliseconds since 1970 as this machine believes."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1_000_000
