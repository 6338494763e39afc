"""The city's clock as it is handed down: only while the kernel says that it is synchronised.

Source: adjtimex(2). The kernel returns TIME_ERROR and sets STA_UNSYNC until a time daemon has set it right, and again
when the daemon has been silent for too long.
"""

import ctypes
from collections.abc import Callable

from contract.hello import Clock
from transport.boot import boot_id, boottime_ms

_TIME_ERROR = 5
_STA_UNSYNC = 0x0040


class _Timex(ctypes.Structure):
    """`struct timex` of Linux as far as it is read; the rest is room for what the kernel writes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_error_ms() -> int | None:
    """How far off the kernel's clock can be, in ms rounded up; None while it is not synchronised."""
    timex = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if state < 0 or state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return None
    return int(-(-timex.maxerror // 1000))


def city_clock(now_ms: Callable[[], int], error_ms: Callable[[], int | None]) -> Clock:
    """This machine's clock at this moment; without a time while `error_ms` does not know how right `now_ms` is."""
    boot, boottime, error = boot_id(), boottime_ms(), error_ms()
    if error is None:
        return Clock(boot, boottime)
    return Clock(boot, boottime, now_ms(), error)


def trusted_error_ms() -> int | None:
    """For `clock = "trusted"`: whoever set it up answers for it."""
    return 0
