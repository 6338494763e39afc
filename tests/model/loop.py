"""An event loop in virtual time: nothing waits, nothing sleeps, and what a thread would do is done at once."""

import asyncio
import heapq
from asyncio import events
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_LEAST_S = 1e-6
# A minute of everybody's work takes some hundred turns.
MOST_TURNS = 20_000


class Endless(AssertionError):  # noqa: N818  (it is named as the verdict reads)
    """Somebody goes on for ever while no time passes, or hardly any."""


class _Nothing:
    """The selector of a loop without files: nothing ever becomes ready."""

    def select(self, _timeout: float | None) -> list[object]:
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """`run_for` lets time pass at its own pace; `leap` lets it pass while every process stands still."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = _Nothing()
        self.failures: list[BaseException] = []
        self.turns = 0
        self.set_exception_handler(self._complained)

    def time(self) -> float:
        return self._now

    def run_for(self, seconds: float) -> None:
        """Do all that is due within `seconds`, in its order; `Endless` where that does not come to its end."""
        end = self._now + seconds
        most = self.turns + MOST_TURNS
        events._set_running_loop(self)
        try:
            while self._ready or self._comes(end):  # type: ignore[attr-defined]
                if self.turns == most:
                    raise Endless(f"{seconds} s take more than {MOST_TURNS:,} turns of the loop; next: {self._next()}")
                self.turns += 1
                self._run_once()  # type: ignore[attr-defined]
        finally:
            events._set_running_loop(None)
        self._now = max(self._now, end)

    def _comes(self, end: float) -> bool:
        """Whether a timer is due by `end`; then it is that time."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0].cancelled():
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
            heapq.heappop(timers)._scheduled = False  # type: ignore[attr-defined]
        if not timers or timers[0].when() > end:
            return False
        # It moves on in any case: who waits for less than a float can tell would wait for ever.
        self._now = max(self._now + _LEAST_S, timers[0].when())
        return True

    def _next(self) -> list[str]:
        """Who wants the next turns."""
        handles: list[asyncio.Handle] = [*self._ready, *self._scheduled]  # type: ignore[attr-defined]
        return [repr(handle) for handle in handles[:5]]

    def leap(self, seconds: float) -> None:
        """All processes sleep, as in a machine that is suspended; whoever was to wake meanwhile wakes now."""
        self._now += seconds
        self.run_for(0)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]  # noqa: ANN401
        """Do at once what a thread would do: no interleaving is lost, since rules share nothing with the loop."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as failed:  # noqa: BLE001  (whatever it is, it is the awaiter's)
            done.set_exception(failed)
        return done

    def _complained(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failure = context.get("exception")
        self.failures.append(failure if failure is not None else AssertionError(context["message"]))

    def _process_events(self, _events: object) -> None:
        """There are no files."""

    def _write_to_self(self) -> None:
        """There is no other thread."""
