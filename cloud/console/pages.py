"""The console's own files, and the desk at which everybody begins."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from cloud.assets import serve
from cloud.console.screens import Screens, language_of, visitor_of
from cloud.registry.snapshot import Registry


def router(screens: Screens, *, registry: Callable[[], Registry]) -> APIRouter:
    """Return the pages; `registry` names places."""
    pages = APIRouter(include_in_schema=False)
    serve(pages, "cloud.console", "/static/console")

    @pages.get("/desk")
    async def desk(request: Request) -> Response:
        visitor = visitor_of(request)
        place = "" if visitor is None else visitor.person.place
        return screens.page(request, "desk.html", place=registry().called(place, language_of(request)))

    return pages
