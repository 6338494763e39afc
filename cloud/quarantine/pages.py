"""The page on the quarantine: what was refused and why, never the bytes themselves."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens
from cloud.quarantine import store
from cloud.quarantine.routes import Refusal

PAGE = 100
_NEWEST = 1 << 53
_COLUMNS = (
    Column("quarantine.at"),
    Column("quarantine.township"),
    Column("quarantine.node"),
    Column("quarantine.reason"),
    Column("quarantine.count", number=True),
    Column("quarantine.detail"),
)


def router(reader: AsyncEngine, screens: Screens, *, shown: Callable[[int], str]) -> APIRouter:
    """Return the page; `shown` writes a moment (ms)."""
    pages = APIRouter(include_in_schema=False)

    @pages.get("/quarantine")
    async def page(request: Request, before: Annotated[int, Query(ge=0, le=_NEWEST)] = _NEWEST) -> Response:
        async with reader.connect() as connection:
            found = [Refusal(*row) for row in await store.page(connection, PAGE, before)]
        rows = [
            [
                Cell(shown(one.last_at)),
                Cell(one.township),
                Cell(one.node),
                Cell(screens.word(request, f"reason.{one.reason}"), tone="warn"),
                Cell(f"{one.count:,}"),
                Cell(one.detail, tone="quiet"),
            ]
            for one in found
        ]
        more = f"?before={found[-1].id}" if len(found) == PAGE else None
        listing = Listing("quarantine", _COLUMNS, rows, more)
        return screens.listed(request, "list.html", listing, title="quarantine.title")

    return pages
