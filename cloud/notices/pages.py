"""The page on notices: what is on its way, what arrived, and what did not."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.responses import RedirectResponse

from cloud.changes import store as changes
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens, language_of
from cloud.database import Database
from cloud.door.asker import asker_of
from cloud.hours.rules import CITY
from cloud.notices import store
from cloud.notices.rules import Notice
from cloud.notices.store import NEWEST

PAGE = 100
_COLUMNS = (
    Column("notices.number", number=True),
    Column("notices.at"),
    Column("notices.recipient"),
    Column("notices.channel"),
    Column("notices.title_of"),
    Column("notices.state"),
    Column("notices.attempts", number=True),
    Column("notices.next"),
    Column("notices.trouble"),
)


def router(database: Database, screens: Screens, *, shown: Callable[[int], str], now: Callable[[], int]) -> APIRouter:
    """Return the pages; `shown` writes a moment (ms), `now` is the city's time."""
    pages = APIRouter(include_in_schema=False)

    def row(request: Request, one: Notice) -> list[Cell]:
        state = "sent" if one.sent_at is not None else "waiting" if one.next_at is not None else "given_up"
        return [
            Cell(str(one.number)),
            Cell(shown(one.at)),
            Cell(one.recipient),
            Cell(one.channel),
            Cell(getattr(one.letter.title, language_of(request))),
            Cell(screens.word(request, f"notices.{state}"), tone="bad" if state == "given_up" else ""),
            Cell(str(one.attempts), tone="warn" if one.attempts > 1 else ""),
            Cell("" if one.next_at is None else shown(one.next_at)),
            Cell(one.trouble or "", tone="quiet"),
        ]

    @pages.get("/notices")
    async def notices(request: Request, before: Annotated[int, Query(ge=1, le=NEWEST)] = NEWEST) -> Response:
        async with database.reader.connect() as connection:
            found = await store.page(connection, before, PAGE)
        more = f"/notices?before={found[-1].number}" if len(found) == PAGE else None
        return screens.listed(
            request,
            "notices.html",
            Listing("notices", _COLUMNS, [row(request, one) for one in found], more),
            stuck=[one for one in found if one.sent_at is None],
            may=asker_of(request).person.role != "auditor",
        )

    @pages.post("/notices/{number}/again")
    async def again(request: Request, number: Annotated[int, Path(ge=1, lt=NEWEST)]) -> Response:
        async with database.writer.begin() as connection:
            recipient = await store.again(connection, number, now())
            if recipient is not None:
                who = asker_of(request).person.name
                await changes.note(connection, now(), who, "send-again", str(number), CITY, to=recipient)
        return RedirectResponse("/notices", 303)

    return pages
