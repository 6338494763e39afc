"""Leaving, reading and deleting a contact on a case's page; only a reading answers with it, once."""

import logging
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from cloud.cases.case import CaseRefused, Deed
from cloud.cases.pages import Pages as CasePages
from cloud.cases.routes import STATUS as CASE_STATUS
from cloud.console.screens import Screens
from cloud.contacts.desk import ContactDesk
from cloud.contacts.rules import STATUS, NotTaken, contact_of, reason_of
from cloud.door.asker import asker_of
from contract.errors import OutOfRoom, Unavailable

logger = logging.getLogger(__name__)

_Seen = Annotated[int, Form(ge=0)]
_Text = Annotated[str, Form()]


class Pages:
    """Acts on `desk`; `cases` shows a case."""

    def __init__(self, desk: ContactDesk, cases: CasePages, screens: Screens) -> None:
        self._desk = desk
        self._cases = cases
        self._screens = screens

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/cases/{number}/contact", self.leave, methods=["POST"])
        pages.add_api_route("/cases/{number}/contact/read", self.read, methods=["POST"])
        pages.add_api_route("/cases/{number}/contact/delete", self.delete, methods=["POST"])
        return pages

    async def leave(
        self, request: Request, number: int, seen: _Seen, telephone: _Text = "", name: _Text = "", consent: _Text = ""
    ) -> Response:
        """Keep a contact; what is not kept stands in the form again for who typed it."""
        try:
            contact = contact_of(telephone, name, consent=bool(consent))
            await self._desk.leave(number, contact, asker_of(request).person, seen=seen)
        except (NotTaken, CaseRefused, Unavailable) as bad:
            word, status = _why(bad)
            return await self._cases.shown(
                request, number, refused=word, status=status, tried="leave_contact", telephone=telephone, name=name
            )
        return RedirectResponse(f"/cases/{number}", 303)

    async def read(self, request: Request, number: int, reason: _Text = "") -> Response:
        """Show the contact, which is written down before."""
        try:
            why = reason_of(reason)
            contact = await self._desk.read(number, why, asker_of(request).person)
        except (NotTaken, CaseRefused, Unavailable) as bad:
            return await self._refused(request, number, bad, "read_contact", reason)
        here = f"/cases/{number}"
        return self._screens.page(request, "reading.html", here=here, number=number, contact=contact, reason=why)

    async def delete(self, request: Request, number: int, seen: _Seen, reason: _Text = "") -> Response:
        """Delete the contact."""
        try:
            gone = await self._desk.delete(number, reason_of(reason), asker_of(request).person, seen=seen)
        except (NotTaken, CaseRefused, Unavailable) as bad:
            return await self._refused(request, number, bad, "delete_contact", reason)
        if not gone:
            return await self._cases.shown(request, number, status=202, left=True)
        return RedirectResponse(f"/cases/{number}", 303)

    async def _refused(
        self, request: Request, number: int, bad: NotTaken | CaseRefused | Unavailable, tried: Deed, reason: str
    ) -> Response:
        word, status = _why(bad)
        return await self._cases.shown(request, number, refused=word, status=status, tried=tried, text=reason)


def _why(bad: NotTaken | CaseRefused | Unavailable) -> tuple[str, int]:
    """The key of the words that say why, and the status."""
    if isinstance(bad, NotTaken):
        return f"contacts.refused_{bad.why}", STATUS[bad.why]
    if isinstance(bad, CaseRefused):
        return f"cases.refused_{bad.kind}", CASE_STATUS[bad.kind]
    logger.warning("%s", bad)
    return ("contacts.full", 507) if isinstance(bad, OutOfRoom) else ("contacts.not_written", 503)
