"""The console's own files, and the desk at which everybody begins."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.appeals.outlook import Looker
from cloud.assets import serve
from cloud.calendar import Calendar
from cloud.cases.case import ENDS, STATES
from cloud.console.glance import glance
from cloud.console.screens import Screens
from cloud.door.asker import asker_of
from cloud.people.rules import Person
from cloud.registry.snapshot import Registry
from cloud.staffing.seats import Seats


class Pages:
    """`registry` names places, `now` is the city's time in ms.

    `year` gives the year whose holidays nobody knows to whoever can do something about it, `seats` who sits where,
    `appeals` how those of a place stand.
    """

    def __init__(
        self,
        reader: AsyncEngine,
        screens: Screens,
        seats: Seats,
        appeals: Looker,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
        year: Callable[[Person], int | None],
    ) -> None:
        self._reader = reader
        self._screens = screens
        self._seats = seats
        self._appeals = appeals
        self._registry = registry
        self._calendar = calendar
        self._now = now
        self._year = year

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        serve(pages, "/static/console", "cloud.console")
        pages.add_api_route("/desk", self.desk)
        return pages

    async def desk(self, request: Request) -> Response:
        """Show how the own place stands."""
        return await self.shown(request, "")

    async def shown(self, request: Request, refused: str) -> Response:
        """Show the desk, and above it why something was `refused`."""
        person = asker_of(request).person
        return self._screens.page(
            request,
            "desk.html",
            status=409 if refused else 200,
            here="/desk",
            place=self._screens.called(request, self._registry(), person.place),
            glance=await glance(self._reader, person, self._calendar, self._now()),
            states=[state for state in STATES if state not in ENDS],
            refused=refused,
            year=self._year(person),
            outlook=await self._appeals.of(person),
            seat=await self._seats.at(person) if person.role == "clerk" else None,
        )
