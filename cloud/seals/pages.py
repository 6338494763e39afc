"""The page on seals: what was closed when, each to be kept as a text by whoever likes."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens
from cloud.seals import store

PAGE = 50
_NEWEST = 1 << 53
_COLUMNS = (
    Column("seals.number", number=True),
    Column("seals.day"),
    Column("seals.entries", number=True),
    Column("seals.at"),
    Column("seals.root"),
)


def router(reader: AsyncEngine, screens: Screens, *, shown: Callable[[int], str]) -> APIRouter:
    """Return the page; `shown` writes a moment (ms)."""
    pages = APIRouter(include_in_schema=False)

    @pages.get("/seals")
    async def page(request: Request, before: Annotated[int, Query(ge=1, le=_NEWEST)] = _NEWEST) -> Response:
        async with reader.connect() as connection:
            found = [one.seal for one in await store.newest(connection, PAGE, before)]
        rows = [
            [
                Cell(str(one.number), f"/api/seals/{one.number}"),
                Cell(one.day),
                Cell(f"{one.first:,}–{one.last:,}"),
                Cell(shown(one.at)),
                Cell(one.root),
            ]
            for one in found
        ]
        more = f"?before={found[-1].number}" if len(found) == PAGE else None
        return screens.listed(request, "list.html", Listing("seals", _COLUMNS, rows, more), title="seals.title")

    return pages
