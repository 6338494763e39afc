"""This machine's own clocks, beside what the kernel says itself."""

import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from transport import boot


def test_a_boot_has_one_name_which_is_the_kernels() -> None:
    assert boot.boot_id() == boot.boot_id() == str(UUID(boot.boot_id()))
    assert boot.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").rstrip("\n")


@pytest.mark.parametrize(
    ("read", "clock", "unit_ns"),
    [
        (boot.boottime_ns, time.CLOCK_BOOTTIME, 1),
        (boot.boottime_ms, time.CLOCK_BOOTTIME, 1_000_000),
        (lambda: int(boot.boottime_s() * 1000), time.CLOCK_BOOTTIME, 1_000_000),
        (boot.wall_ms, time.CLOCK_REALTIME, 1_000_000),
    ],
)
def test_a_clock_is_read_in_its_unit(read: Callable[[], int], clock: int, unit_ns: int) -> None:
    before = time.clock_gettime_ns(clock)
    told = read()
    after = time.clock_gettime_ns(clock)
    assert before // unit_ns <= told <= after // unit_ns


def test_units_of_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = {time.CLOCK_BOOTTIME: 9_000_000_007_250_000, time.CLOCK_REALTIME: 1_790_000_000_123_999_999}
    monkeypatch.setattr(time, "clock_gettime_ns", readings.__getitem__)
    assert boot.boottime_ns() == 9_000_000_007_250_000
    assert boot.boottime_ms() == 9_000_000_007
    assert boot.boottime_s() == 9_000_000.00725
    assert boot.wall_ms() == 1_790_000_000_123
