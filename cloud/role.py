"""What a process of the city does: it ingests, it serves the pages, or it does both."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter

from cloud.health.metrics import Source
from cloud.health.routes import Check


class Role(Protocol):
    """One of the two. Its tasks live in the city's TaskGroup."""

    @property
    def checks(self) -> Sequence[tuple[str, Check]]:
        """What /health asks."""
        ...

    @property
    def sources(self) -> Sequence[Source]:
        """What /metrics tells."""
        ...

    @property
    def routers(self) -> Sequence[APIRouter]:
        """What it serves beside health and metrics."""
        ...

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End: intake first, then what waits for it."""
        ...
