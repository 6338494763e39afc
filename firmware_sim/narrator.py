"""Tells a person on stderr what is going on: a live line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

# Where lines pile up, a figure now and then is enough.
_SELDOM_S = 5.0


class Narrator:
    """One stage after the other; in a stage, figures may change."""

    def __init__(self, console: Console) -> None:
        """Write to `console`."""
        self._console = console
        self._status: Status | None = None
        self._said_at = 0.0

    @contextmanager
    def stage(self, text: str) -> Iterator[None]:
        """Say that `text` is being done, and how long it took."""
        begin = time.monotonic()
        with self._console.status(text) as self._status:  # shows on terminals only
            yield
        self._status = None
        mark = "[green]✓[/] " if self._console.is_terminal else ""
        self._console.print(f"{mark}{text} [dim]({time.monotonic() - begin:.1f} s)[/]", highlight=False, soft_wrap=True)

    def figures(self, text: str) -> None:
        """Show the newest figures of the stage."""
        if self._status is not None and self._console.is_terminal:
            self._status.update(text)
        elif time.monotonic() - self._said_at >= _SELDOM_S:
            self._said_at = time.monotonic()
            self._console.print(text, highlight=False)

    def say(self, text: str) -> None:
        """Say one line that stays."""
        self._console.print(text, highlight=False, soft_wrap=True)
