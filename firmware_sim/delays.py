"""How long it took from a light to the city and to the wall. Pure."""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import NamedTuple


class Sighting(NamedTuple):
    """When (wall clock, ms) the total on the wall was first seen to be `total`."""

    at: int
    total: int


class Spread(NamedTuple):
    """Median and 99th percentile (nearest rank) in ms; None without a value."""

    p50: int | None
    p99: int | None

    @classmethod
    def of(cls, delays: Iterable[int]) -> "Spread":
        """Return the spread of `delays`."""
        ordered = sorted(delays)
        if not ordered:
            return cls(None, None)
        return cls(ordered[ceil(len(ordered) * 0.5) - 1], ordered[ceil(len(ordered) * 0.99) - 1])


def until_seen(lights: Iterable[int], sightings: Sequence[Sighting]) -> list[int]:
    """Return ms from each light (wall clock, ms) to the wall's total that includes it.

    The wall shows sums, not single ratings: the k-th light is taken as seen when the total reaches k. Lights that the
    wall never came to are left out.
    """
    delays = []
    rest = iter(sightings)
    seen: Sighting | None = next(rest, None)
    for count, at in enumerate(sorted(lights), 1):
        while seen is not None and seen.total < count:
            seen = next(rest, None)
        if seen is None:
            break
        delays.append(seen.at - at)
    return delays
