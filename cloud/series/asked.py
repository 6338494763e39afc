"""What is asked of counts over time: by what, of which place, how many buckets, and up to when."""

from typing import Annotated, NamedTuple

from fastapi import Path, Query, Request, Response

from cloud.calendar import Calendar
from cloud.door.asker import asker_of
from cloud.openapi import problem
from cloud.people.rules import AT_ONCE
from cloud.registry.routes import PlaceName, unregistered
from cloud.registry.snapshot import Registry
from cloud.series.rules import MOST, USUAL, Scale, Veil, starts
from contract.identity import TOWNSHIP


class Asked(NamedTuple):
    """So many `buckets` of `place`, each a `by` wide, the last of which holds `until` (ms; None: now).

    `at_once`: the asker may see a single rating with its window as it comes.
    """

    by: Scale
    place: str
    buckets: int
    until: int | None
    at_once: bool

    def refused(self, registry: Registry) -> Response | None:
        """Return why that cannot be had; None where it can."""
        if self.buckets > MOST[self.by]:
            return problem(400, f"count: at most {MOST[self.by]} by {self.by}, got {self.buckets}")
        return unregistered(self.place, registry)

    def last(self, now: int) -> int:
        """Return the moment (ms) that the last bucket holds."""
        return now if self.until is None else self.until

    def firsts(self, now: int, calendar: Calendar) -> list[int]:
        """Return where each bucket begins (ms), oldest first."""
        return starts(self.by, self.last(now), self.buckets, calendar)

    @property
    def veil(self) -> Veil:
        """How much of it is hidden from who asks; of a township as of a window, since it may have one that is open."""
        if self.at_once:
            return "none"
        if "/" in self.place or TOWNSHIP.fullmatch(self.place):
            return "ever" if self.by == "minute" else "fresh"
        return "few"


async def asked(
    request: Request,
    by: Annotated[Scale, Path(description="The width of a bucket")],
    place: PlaceName = "city",
    count: Annotated[int | None, Query(ge=1, description="How many buckets; 60 minutes, 24 hours, 30 days")] = None,
    until: Annotated[
        int | None, Query(ge=0, le=100_000_000_000_000, description="A moment (ms) in the last bucket; now")
    ] = None,
) -> Asked:
    """Return what a request asks for; to be depended on, and async since others are run in a thread."""
    at_once = asker_of(request).person.role in AT_ONCE
    return Asked(by, place, USUAL[by] if count is None else count, until, at_once)
