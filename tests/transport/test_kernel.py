"""What the kernel says of its clock, as it says it."""

from typing import Any

import pytest

from transport.kernel import kernel_error_ms


class Kernel:
    """An adjtimex(2) that answers as it is told."""

    def __init__(self, state: int, status: int, maxerror: int) -> None:
        self._answer = (state, status, maxerror)

    def adjtimex(self, pointer: Any) -> int:  # noqa: ANN401  (ctypes has no public name for it)
        state, pointer._obj.status, pointer._obj.maxerror = self._answer
        return state


@pytest.mark.parametrize(
    ("state", "status", "error_ms"),
    [(0, 0, 13), (5, 0, None), (0, 0x40, None), (-1, 0, None), (1, 0x2001, 13)],
    ids=["synchronised", "TIME_ERROR", "STA_UNSYNC", "refused", "leap second ahead"],
)
def test_what_the_kernel_says_of_its_clock(
    monkeypatch: pytest.MonkeyPatch, state: int, status: int, error_ms: int | None
) -> None:
    monkeypatch.setattr("transport.kernel._LIBC", Kernel(state, status, 12_001))

    assert kernel_error_ms() == error_ms
