"""The page with what was found: each kind for the roles that may see its page, and of the asker's place alone."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.cases import reading
from cloud.cases.veil import viewer_of
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens, language_of
from cloud.door.asker import asker_of
from cloud.door.rules import TABLE
from cloud.people.rules import Person, within
from cloud.registry.snapshot import Registry
from cloud.search import rules, store
from cloud.search.rules import MOST, Hit

_COLUMNS = (Column("search.name"), Column("search.called"))


class Pages:
    """`registry` is asked at each request; `now` is the city's time in ms."""

    def __init__(
        self, reader: AsyncEngine, screens: Screens, *, registry: Callable[[], Registry], now: Callable[[], int]
    ) -> None:
        self._reader = reader
        self._screens = screens
        self._registry = registry
        self._now = now

    def router(self) -> APIRouter:
        """Return the route."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/search", self.search)
        return pages

    async def search(self, request: Request, q: Annotated[str, Query(max_length=100)] = "") -> Response:
        """Show what has `q` in its name."""
        asked = q.strip()
        found = await self._found(asked, asker_of(request).person, language_of(request)) if asked else []
        parts = [
            (word, Listing(word, _COLUMNS, [self._row(hit) for hit in hits[:MOST]]), len(hits) > MOST)
            for word, hits in found
            if hits
        ]
        return self._screens.page(request, "search.html", asked=asked, parts=parts, most=MOST)

    async def _found(self, q: str, person: Person, language: str) -> list[tuple[str, list[Hit]]]:
        registry, scope = self._registry(), person.place
        found: list[tuple[str, list[Hit]]] = []
        async with self._reader.begin() as connection:
            found.append(("search.cases", await self._case(connection, q, person)))
            if _may(person, "/windows"):
                found.append(("search.places", rules.places(q, registry, scope, language)))
            if _may(person, "/windows/{node}/{window}"):
                offices = await store.offices(connection, self._now())
                found.append(("search.windows", rules.windows(q, registry, scope, offices, language)))
            if _may(person, "/devices/{node}"):
                found.append(("search.devices", rules.devices(q, registry, scope)))
            if _may(person, "/people/{name}"):
                found.append(("search.duty", await store.on_duty(connection, q, language)))
                found.append(("search.accounts", await store.accounts(connection, q)))
        return found

    async def _case(self, connection: AsyncConnection, q: str, person: Person) -> list[Hit]:
        """The case of this number, where the asker sees it."""
        number = rules.number_of(q)
        if number is None:
            return []
        window = await reading.window_of(connection, number, viewer_of(person, self._now()))
        if window is None or not within(window, person.place):
            return []
        return [Hit(str(number), window, f"/cases/{number}")]

    def _row(self, hit: Hit) -> list[Cell]:
        return [Cell(hit.name, hit.link), Cell(hit.called)]


def _may(person: Person, path: str) -> bool:
    return person.role in TABLE["GET", path].roles
