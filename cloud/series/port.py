"""What a store of ratings over time must be able to do."""

from collections.abc import Mapping
from typing import Protocol

from proof.scores import Counts


class Series(Protocol):
    """Counts by time for one place: "city", a county (6 digits), a township (9 digits) or a city-wide window name."""

    async def minutes(self, place: str, first: int, last: int) -> Mapping[int, Counts]:
        """Return counts by minute number (ms since 1970 // 60000), `first` to `last` inclusive; empty ones left out."""
        ...

    async def days(self, place: str, first: str, last: str) -> Mapping[str, Counts]:
        """Return counts by ISO day in the city's zone, `first` to `last` inclusive; empty ones left out."""
        ...
