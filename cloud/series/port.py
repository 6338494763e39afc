"""What a store of ratings over time must be able to do."""

from collections.abc import Mapping
from typing import Protocol

from proof.scores import Counts

CITY = "city"


class Series(Protocol):
    """Counts by time for one place: "city", a county (6 digits), a township (9 digits) or a city-wide window name.

    What has no ratings is left out of every answer. A store that does not answer raises `Unavailable`.
    """

    async def minutes(self, place: str, first: int, last: int) -> Mapping[int, Counts]:
        """Return counts by minute number (ms since 1970 // 60000), `first` to `last` inclusive."""
        ...

    async def hours(self, place: str, first: int, last: int) -> Mapping[int, Counts]:
        """Return counts by the minute number at which an hour of the city's zone begins, `first` to `last` inclusive.

        Both are such numbers.
        """
        ...

    async def days(self, place: str, first: str, last: str) -> Mapping[str, Counts]:
        """Return counts by ISO day in the city's zone, `first` to `last` inclusive."""
        ...

    async def ranking(self, first: str, last: str) -> Mapping[str, Counts]:
        """Return counts by township, over the ISO days in the city's zone from `first` to `last` inclusive."""
        ...
