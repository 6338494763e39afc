"""The log of changes on a page."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.changes import store
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens

PAGE = 100
_NEWEST = 1 << 53
_COLUMNS = (
    Column("changes.number", number=True),
    Column("changes.at"),
    Column("changes.who"),
    Column("changes.what"),
    Column("changes.subject"),
    Column("changes.place"),
    Column("changes.body"),
)


def router(reader: AsyncEngine, screens: Screens, *, shown: Callable[[int], str]) -> APIRouter:
    """Return the page; `shown` writes a moment (ms)."""
    pages = APIRouter(include_in_schema=False)

    @pages.get("/changes")
    async def changes(request: Request, before: Annotated[int, Query(ge=0, le=_NEWEST)] = _NEWEST) -> Response:
        async with reader.connect() as connection:
            found = await store.page(connection, before, PAGE)
        rows = [
            (
                Cell(str(one.number)),
                Cell(shown(one.at)),
                Cell(one.who),
                Cell(screens.word(request, f"change.{one.what}")),
                Cell(one.subject),
                Cell(one.place),
                Cell("; ".join(f"{name}: {said}" for name, said in one.body.items()), tone="quiet"),
            )
            for one in found
        ]
        more = f"/changes?before={found[-1].number}" if len(found) == PAGE else None
        return screens.listed(request, "list.html", Listing("changes", _COLUMNS, rows, more), title="changes.title")

    return pages
