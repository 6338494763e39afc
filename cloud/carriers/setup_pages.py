"""The operators' page on the carriers of a channel: which there are, a link that sets one up, and the end of one."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse

from cloud.calendar import Calendar
from cloud.carriers import store
from cloud.carriers.desk import Desk
from cloud.carriers.store import Carrier
from cloud.console.listing import Cell, Column, Listing, Tone
from cloud.console.picture import qr
from cloud.console.screens import Screens, language_of
from cloud.door.asker import asker_of
from cloud.door.rules import OPERATORS
from cloud.registry.snapshot import Registry
from contract.identity import COUNTER, WINDOW

# Whose it is.
Holder = Annotated[str, Form(max_length=40)]
_COLUMNS = ("window", "holder", "name", "state", "heard", "made", "by")
STATES = ("waiting", "used", "over", "ended")
# What a shelf's section of the words has; where its carriers are somebody's, these as well.
WORDS = (
    *(name for name in _COLUMNS if name != "holder"), *STATES,
    "title", "lead", "window_hint", "no_window", "no_holder", "make", "submit", "link", "link_hint", "end",
)  # fmt: skip
HELD = ("holder", "holder_hint")


class Shelf(NamedTuple):
    """The carriers of `channel` in the console: at `path`, in the words of `words`. `held`: each is somebody's.

    `root`: where their page stands, by their window.
    """

    channel: str
    path: str
    words: str
    root: str
    held: bool


class Link(NamedTuple):
    """A link that sets a carrier of `window` up, shown this once."""

    window: str
    called: str
    address: str


class Pages:
    """The pages, by where carriers are made; `registry` is asked at each request, `now` is the city's time in ms."""

    def __init__(
        self,
        reader: AsyncEngine,
        desk: Desk[Any, Any],
        shelf: Shelf,
        screens: Screens,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._desk = desk
        self._shelf = shelf
        self._screens = screens
        self._registry = registry
        self._shown = calendar.shown
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        path = self._shelf.path
        pages.add_api_route(path, self.carriers)
        pages.add_api_route(path, self.make, methods=["POST"])
        pages.add_api_route(path + "/{name}/end", self.end, methods=["POST"])
        return pages

    async def carriers(self, request: Request) -> Response:
        """List every carrier by its window."""
        return await self._page(request)

    async def make(
        self, request: Request, window: Annotated[str, Form(max_length=60)], holder: Holder = ""
    ) -> Response:
        """Make a carrier of a window, and show the link that sets it up this once."""
        window, registry = window.strip(), self._registry()
        node, _, short = window.partition("/")
        named = COUNTER.fullmatch(node) and WINDOW.fullmatch(short)
        if not named or not registry.has_window(window, self._now()):
            return await self._page(request, said="no_window")
        whose = "".join(one for one in holder if one.isprintable()).strip()
        if self._shelf.held != bool(whose):
            return await self._page(request, said="no_holder")
        link = await self._desk.make(window, whose, asker_of(request).person.name)
        # Behind the hash: no server, no proxy and no log on the way is told it.
        address = str(request.url.replace(path=f"{self._shelf.root}/{window}", query="", fragment=link))
        return await self._page(request, made=Link(window, registry.called(window, language_of(request)), address))

    async def end(self, request: Request, name: str) -> Response:
        """Take nothing more of a carrier."""
        await self._desk.end(name, asker_of(request).person.name)
        return RedirectResponse(self._shelf.path, 303)

    async def _page(self, request: Request, *, said: str = "", made: Link | None = None) -> Response:
        async with self._reader.connect() as connection:
            every = await store.listed(connection, self._shelf.channel)
        words = self._shelf.words
        columns = [Column(f"{words}.{name}") for name in _COLUMNS if name != "holder" or self._shelf.held]
        return self._screens.listed(
            request,
            "carriers.html",
            Listing(words, columns, [self._row(request, one) for one in every]),
            of=words,
            at=self._shelf.path,
            held=self._shelf.held,
            status=400 if said else 200,
            said=said,
            made=made,
            picture=None if made is None else qr(made.address),
            using=[one for one in every if one.ended_at is None],
            may=asker_of(request).person.role in OPERATORS,
        )

    def _row(self, request: Request, one: Carrier) -> list[Cell]:
        state = self._state(one)
        tone: Tone = "" if state == "used" else "quiet"
        return [
            Cell(one.window),
            *([Cell(one.holder)] if self._shelf.held else []),
            Cell(one.name),
            Cell(self._screens.word(request, f"{self._shelf.words}.{state}"), tone=tone),
            Cell("" if one.heard is None else self._shown(one.heard)),
            Cell(self._shown(one.made_at)),
            Cell(one.made_by),
        ]

    def _state(self, one: Carrier) -> str:
        if one.ended_at is not None:
            return "ended"
        if one.set_up_at is not None:
            return "used"
        return "waiting" if self._now() < one.link_until else "over"
