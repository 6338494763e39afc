"""All windows of a node, opened and served together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from contract.config import WindowPins
from edge.asking import Ask
from edge.pins import Factory
from edge.settings import Timing
from edge.window import Became, Record, Window

# A stop waits this long for commits under way; one takes 5 to 50 ms on an SD card.
DRAIN_S = 1.0


class Panel:
    """The windows of a node, served while the context is open.

    `record(choice)` returns once the choice is on disk, and raises `StoreFull` where it cannot be. Any other error of
    it ends the body of the `async with` and comes out of it in an `ExceptionGroup`: a panel never dies silently.
    `became(token, standing)` is told what became of prompts. The clock is CLOCK_BOOTTIME in nanoseconds, read on the
    pins' thread too.
    """

    def __init__(
        self,
        windows: Sequence[WindowPins],
        timing: Timing,
        *,
        factory: Factory,
        record: Record,
        became: Became,
        monotonic_ns: Callable[[], int],
    ) -> None:
        """Prepare; no pin is touched before `async with`, which one task must enter and leave."""
        self._windows = [
            Window(wiring, timing, factory=factory, record=record, became=became, monotonic_ns=monotonic_ns)
            for wiring in windows
        ]
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def settled(self) -> int:
        """Choices settled since the start, refused ones included."""
        return sum(window.settled for window in self._windows)

    @property
    def ignored(self) -> int:
        """Presses ignored in cooldowns."""
        return sum(window.session.ignored for window in self._windows)

    @property
    def refused(self) -> int:
        """Choices that the full disk could not take."""
        return sum(window.refused for window in self._windows)

    def ask(self, window: str, asked: Ask) -> bool:
        """Ask whoever was served at `window`; False where there is none of that name."""
        there = [one for one in self._windows if one.name == window]
        for one in there:
            one.ask(asked)
        return bool(there)

    def stuck(self) -> list[str]:
        """Buttons held for 60 s or more, as "02/3" (window/level)."""
        return [name for window in self._windows for name in window.stuck()]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            for window in self._windows:
                window.open(loop)
        except BaseException:
            self._close()
            raise
        await self._group.__aenter__()
        for window in self._windows:
            self._tasks.append(self._group.create_task(window.serve(), name=f"window {window.name}"))
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop intake, settle and record what is open, wait for that a bounded time, go dark."""
        try:
            for window in self._windows:
                window.deafen()
            await asyncio.sleep(0)  # edges that were handed over already become presses
            for window in self._windows:
                window.finish()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=DRAIN_S)
        finally:
            for task in self._tasks:
                task.cancel()
            self._close()
            # The group is told nothing of the body's own error, which then comes out as it is and not in a group.
            await self._group.__aexit__(None, None, None)

    def _close(self) -> None:
        for window in self._windows:
            window.close()
