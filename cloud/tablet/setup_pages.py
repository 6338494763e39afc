"""The operators' page on tablets: which there are, a link that sets one up, and the end of one."""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse

from cloud.calendar import Calendar
from cloud.console.listing import Cell, Column, Listing
from cloud.console.picture import qr
from cloud.console.screens import Screens, language_of
from cloud.door.asker import asker_of
from cloud.door.rules import OPERATORS
from cloud.registry.snapshot import Registry
from cloud.tablet import store
from cloud.tablet.desk import TabletDesk
from cloud.tablet.store import Tablet
from contract.identity import COUNTER, WINDOW

_COLUMNS = (
    Column("tablets.window"), Column("tablets.name"), Column("tablets.state"), Column("tablets.heard"),
    Column("tablets.made"), Column("tablets.by"),
)  # fmt: skip


class Link(NamedTuple):
    """A link that sets a tablet of `window` up, shown this once."""

    window: str
    called: str
    address: str


class Pages:
    """The pages, by where tablets are made; `registry` is asked at each request, `now` is the city's time in ms."""

    def __init__(
        self,
        reader: AsyncEngine,
        desk: TabletDesk,
        screens: Screens,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._desk = desk
        self._screens = screens
        self._registry = registry
        self._shown = calendar.shown
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/tablets", self.tablets)
        pages.add_api_route("/tablets", self.make, methods=["POST"])
        pages.add_api_route("/tablets/{name}/end", self.end, methods=["POST"])
        return pages

    async def tablets(self, request: Request) -> Response:
        """List every tablet by its window."""
        return await self._page(request)

    async def make(self, request: Request, window: Annotated[str, Form(max_length=60)]) -> Response:
        """Make a tablet of a window, and show the link that sets it up this once."""
        window, registry = window.strip(), self._registry()
        node, _, short = window.partition("/")
        named = COUNTER.fullmatch(node) and WINDOW.fullmatch(short)
        if not named or not registry.has_window(window, self._now()):
            return await self._page(request, said="tablets.no_window")
        link = await self._desk.make(window, asker_of(request).person.name)
        # Behind the hash: no server, no proxy and no log on the way is told it.
        address = str(request.url.replace(path=f"/window/{window}", query="", fragment=link))
        return await self._page(request, made=Link(window, registry.called(window, language_of(request)), address))

    async def end(self, request: Request, name: str) -> Response:
        """Take nothing more of a tablet."""
        await self._desk.end(name, asker_of(request).person.name)
        return RedirectResponse("/tablets", 303)

    async def _page(self, request: Request, *, said: str = "", made: Link | None = None) -> Response:
        async with self._reader.connect() as connection:
            every = await store.listed(connection)
        return self._screens.listed(
            request,
            "tablets.html",
            Listing("tablets", _COLUMNS, [self._row(request, one) for one in every]),
            status=400 if said else 200,
            said=said,
            made=made,
            picture=None if made is None else qr(made.address),
            using=[one for one in every if one.ended_at is None],
            may=asker_of(request).person.role in OPERATORS,
        )

    def _row(self, request: Request, one: Tablet) -> list[Cell]:
        state = self._state(one)
        return [
            Cell(one.window),
            Cell(one.name),
            Cell(self._screens.word(request, state), tone="" if state == "tablets.used" else "quiet"),
            Cell("" if one.heard is None else self._shown(one.heard)),
            Cell(self._shown(one.made_at)),
            Cell(one.made_by),
        ]

    def _state(self, one: Tablet) -> str:
        if one.ended_at is not None:
            return "tablets.ended"
        if one.set_up_at is not None:
            return "tablets.used"
        return "tablets.waiting" if self._now() < one.link_until else "tablets.over"
