"""What the kernel says of this machine's wall clock.

Source: adjtimex(2). The kernel returns TIME_ERROR and sets STA_UNSYNC until a time daemon has set it right, and again
when the daemon has been silent for too long.
"""

import ctypes

_TIME_ERROR = 5
_STA_UNSYNC = 0x0040
_LIBC = ctypes.CDLL(None, use_errno=True)


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
    state = _LIBC.adjtimex(ctypes.byref(timex))
    if state < 0 or state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return None
    return int(-(-timex.maxerror // 1000))
