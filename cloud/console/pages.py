"""The console's own files, and the desk at which everybody begins."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.assets import serve
from cloud.calendar import Calendar
from cloud.cases.case import ENDS, STATES
from cloud.console.glance import glance
from cloud.console.screens import Screens, language_of
from cloud.door.asker import asker_of
from cloud.registry.snapshot import Registry


def router(
    reader: AsyncEngine,
    screens: Screens,
    *,
    registry: Callable[[], Registry],
    calendar: Calendar,
    now: Callable[[], int],
) -> APIRouter:
    """Return the pages; `registry` names places, `now` is the city's time in ms."""
    pages = APIRouter(include_in_schema=False)
    serve(pages, "cloud.console", "/static/console")

    @pages.get("/desk")
    async def desk(request: Request) -> Response:
        person = asker_of(request).person
        return screens.page(
            request,
            "desk.html",
            place=registry().called(person.place, language_of(request)),
            glance=await glance(reader, person, calendar, now()),
            states=[state for state in STATES if state not in ENDS],
        )

    return pages
