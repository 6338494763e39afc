"""One deed in many cases at once: each is done or refused by itself, and the answer says which."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Form, Request, Response

from cloud.cases.case import CaseRefused
from cloud.cases.desk import CaseDesk
from cloud.cases.pages import Pages, Text
from cloud.cases.request import Request as Deed
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens
from cloud.door.asker import asker_of
from cloud.door.rules import Verdict
from cloud.door.several import verdict_on
from cloud.people.rules import Person
from contract.errors import Unavailable

MOST = 200
# Which of a list's cases, and how many steps it had when it was looked at.
_CHOSEN = re.compile(r"([0-9]{1,15}):([0-9]{1,9})")
# The route of the same deed in one case.
_ONE = ("POST", "/cases/{number}/act")
_COLUMNS = (Column("cases.number", number=True), Column("bulk.outcome"), Column("bulk.why"))


class Outcome(NamedTuple):
    """What became of case `number`; `why` is the key of the words for why it was refused, empty where it was done."""

    number: int
    why: str = ""


class Bulk:
    """Does on `desk` what is asked for on the list that `cases` shows."""

    def __init__(self, desk: CaseDesk, cases: Pages, screens: Screens) -> None:
        self._desk = desk
        self._cases = cases
        self._screens = screens

    def router(self) -> APIRouter:
        """Return the route."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/cases/bulk", self.act, methods=["POST"])
        return pages

    async def act(
        self,
        request: Request,
        action: Annotated[Literal["assign", "note"], Form()],
        chosen: Annotated[Sequence[str], Form()] = (),
        text: Text = "",
        assignee: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        """Do one thing in every case that was chosen, and say of each what happened."""
        seen = seen_of(chosen)
        if seen is None or not 0 < len(seen) <= MOST:
            word = "bulk.too_many" if seen is not None and seen else "bulk.none_chosen"
            return self._screens.page(request, "bulk.html", status=400, here="/cases", listing=None, said=word, done=0)
        deed = Deed(action, text, assignee=(assignee.strip() or None) if action == "assign" else None)
        person = asker_of(request).person
        outcomes = [await self._one(number, deed, person, version) for number, version in seen.items()]
        done = sum(not one.why for one in outcomes)
        listing = Listing("bulk", _COLUMNS, [self._row(request, one) for one in outcomes])
        return self._screens.page(request, "bulk.html", here="/cases", listing=listing, said="", done=done)

    async def _one(self, number: int, deed: Deed, person: Person, version: int) -> Outcome:
        try:
            # Of several cases the door could not ask.
            if await verdict_on(_ONE, self._cases.where, str(number), person) is not Verdict.GRANTED:
                return Outcome(number, "cases.refused_unknown")
            await self._desk.act(number, deed, person, seen=version)
        except CaseRefused as refused:
            return Outcome(number, f"cases.refused_{refused.kind}")
        except Unavailable:
            # What was done before stays done, and is told.
            return Outcome(number, "bulk.unavailable")
        return Outcome(number)

    def _row(self, request: Request, one: Outcome) -> list[Cell]:
        word = self._screens.word
        return [
            Cell(str(one.number), f"/cases/{one.number}"),
            Cell(word(request, "bulk.refused" if one.why else "bulk.done"), tone="bad" if one.why else "good"),
            Cell(word(request, one.why) if one.why else ""),
        ]


def seen_of(chosen: Sequence[str]) -> Mapping[int, int] | None:
    """By each number that was `chosen` ("12:3"), the version that was looked at; None where one is written wrongly.

    Of two for the same number the older one holds: what was not looked at is not acted on.
    """
    seen: dict[int, int] = {}
    for one in chosen:
        written = _CHOSEN.fullmatch(one)
        if written is None:
            return None
        number, version = int(written[1]), int(written[2])
        seen[number] = min(version, seen.get(number, version))
    return seen
