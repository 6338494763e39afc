"""The page that shows a hall the codes of its windows, with a picture that brings a telephone there."""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Request, Response
from markupsafe import Markup

from cloud.console.picture import qr
from cloud.console.screens import Screens, language_of
from cloud.door.asker import asker_of
from cloud.people.rules import within
from cloud.phone.desk import PhoneDesk
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry

# A hall has no more windows; of a county or a city this is a choice of townships.
MOST = 60


class Shown(NamedTuple):
    """A window as the hall sees it: its name, its code in groups of three, and the picture of its address."""

    window: str
    called: str
    code: str
    picture: Markup


class Pages:
    """The page, by where ratings are taken; `registry` is asked at each request, `now` is the city's time in ms."""

    def __init__(
        self, desk: PhoneDesk, screens: Screens, *, registry: Callable[[], Registry], now: Callable[[], int]
    ) -> None:
        self._desk = desk
        self._screens = screens
        self._registry = registry
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/codes", self.codes)
        pages.add_api_route("/codes/sheets", self.sheets)
        return pages

    async def codes(self, request: Request, place: Annotated[str, Query(pattern=OWN_PLACE)] = "") -> Response:
        """Show the codes of this minute."""
        return self._page(request, "codes.html", place, with_code=True)

    async def sheets(self, request: Request, place: Annotated[str, Query(pattern=OWN_PLACE)] = "") -> Response:
        """Show a sheet for each window, to be printed and hung there; no code is on it."""
        return self._page(request, "sheets.html", place, with_code=False)

    def _page(self, request: Request, template: str, place: str, *, with_code: bool) -> Response:
        where, registry = place or asker_of(request).person.place, self._registry()
        windows = sorted(one for one in registry.windows_at(self._now()) if within(one, where))
        shown = [
            Shown(
                one,
                registry.called(one, language_of(request)),
                self._desk.code(one) if with_code else "",
                self._picture(request, one, with_code=with_code),
            )
            for one in windows[:MOST]
        ]
        called = self._screens.called(request, registry, where)
        return self._screens.page(
            request, template, shown=shown, place=where, place_called=called, more=len(windows) > MOST
        )

    def _picture(self, request: Request, window: str, *, with_code: bool) -> Markup:
        """The window's address as a QR code, with its code of the minute where the hall alone sees it."""
        query = f"c={self._desk.code(window)}" if with_code else ""
        address = str(request.url.replace(path=f"/r/{window}", query=query))
        return qr(address)
