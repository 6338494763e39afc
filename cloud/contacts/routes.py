"""Contacts over HTTP for programs: the same three deeds as on a case's page."""

import msgspec
from fastapi import APIRouter, Request, Response

from cloud.body import Unread, read_as
from cloud.cases.case import CaseRefused
from cloud.cases.routes import STATUS as CASE_STATUS
from cloud.cases.routes import Number
from cloud.contacts.desk import ContactDesk
from cloud.contacts.rules import STATUS, Contact, NotTaken, contact_of, masked_name, masked_telephone, reason_of
from cloud.door.asker import asker_of
from cloud.openapi import answer, described, problem, problems, taken

MOST_BYTES = 4_096


class Leaving(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contact that a citizen leaves, who has given `consent`; `version` is the case's that was looked at."""

    telephone: str
    consent: bool
    version: int
    name: str = ""


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a contact is read, in a few words, without the telephone."""

    reason: str


class Deleting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a contact is deleted, likewise; `version` is the case's that was looked at."""

    reason: str
    version: int


class Masked(msgspec.Struct, frozen=True):
    """A contact as everybody may see it who acts in its case."""

    telephone: str
    name: str


class Deleted(msgspec.Struct, frozen=True):
    """Nobody reads it any more; `gone`: its file is off the disk too, otherwise that is tried again each minute."""

    gone: bool


ANSWERS = (Leaving, Reading, Deleting, Masked, Contact, Deleted)
_leaving = msgspec.json.Decoder(Leaving)
_reading = msgspec.json.Decoder(Reading)
_deleting = msgspec.json.Decoder(Deleting)
_REASONS = problems(
    _400="Something in it is missing or wrong",
    _404="There is no such case for you, or it has no contact",
    _409="Not as the case is now, or somebody else has changed it meanwhile",
    _413="Too long",
)


def router(desk: ContactDesk) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["contacts"])

    @routes.post(
        "/api/cases/{number}/contact",
        openapi_extra=taken(Leaving),
        responses={**described(Masked, "It is kept"), **_REASONS},
        response_class=Response,
    )
    async def leave(request: Request, number: Number) -> Response:
        """Keep the contact of a case, in place of one that it has."""
        try:
            asked = await read_as(request, _leaving, MOST_BYTES)
            contact = contact_of(asked.telephone, asked.name, consent=asked.consent)
            await desk.leave(number, contact, asker_of(request).person, seen=asked.version)
        except (Unread, NotTaken, CaseRefused) as bad:
            return _refused(bad)
        return answer(Masked(masked_telephone(contact.telephone), masked_name(contact.name)))

    @routes.delete(
        "/api/cases/{number}/contact",
        openapi_extra=taken(Deleting),
        responses={**described(Deleted, "It is deleted"), **_REASONS},
        response_class=Response,
    )
    async def delete(request: Request, number: Number) -> Response:
        """Delete the contact of a case."""
        try:
            asked = await read_as(request, _deleting, MOST_BYTES)
            gone = await desk.delete(number, reason_of(asked.reason), asker_of(request).person, seen=asked.version)
        except (Unread, NotTaken, CaseRefused) as bad:
            return _refused(bad)
        return answer(Deleted(gone))

    @routes.post(
        "/api/cases/{number}/contact/read",
        openapi_extra=taken(Reading),
        responses={
            **described(Contact, "The contact"),
            **_REASONS,
            **problems(_429="Too many at once, or within an hour", _500="Its file cannot be read"),
        },
        response_class=Response,
    )
    async def read(request: Request, number: Number) -> Response:
        """Return the contact of a case in full; that, and why, is in the log of changes from then on."""
        try:
            asked = await read_as(request, _reading, MOST_BYTES)
            return answer(await desk.read(number, reason_of(asked.reason), asker_of(request).person))
        except (Unread, NotTaken, CaseRefused) as bad:
            return _refused(bad)

    return routes


def _refused(bad: Unread | NotTaken | CaseRefused) -> Response:
    match bad:
        case Unread():
            return problem(bad.status, str(bad))
        case NotTaken():
            return problem(STATUS[bad.why], str(bad))
        case CaseRefused():
            return problem(CASE_STATUS[bad.kind], bad.detail)
