"""A call that is still to come."""

from typing import Protocol


class Timer(Protocol):
    """A pending call, as asyncio's `TimerHandle`."""

    def cancel(self) -> None:
        """Make it not happen."""
