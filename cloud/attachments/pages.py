"""Giving a file to a case, and getting it again."""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response, UploadFile
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse

from cloud.attachments.folder import Altered, Folder
from cloud.attachments.rules import MOST_BYTES, NotKept, name_of, type_of
from cloud.calendar import Calendar
from cloud.cases import reading
from cloud.cases.case import Attachment, CaseRefused
from cloud.cases.desk import CaseDesk
from cloud.cases.pages import Pages as CasePages
from cloud.cases.pages import Text
from cloud.cases.request import Request as Deed
from cloud.cases.routes import STATUS
from cloud.cases.veil import viewer_of
from cloud.changes import store as changes
from cloud.database import Database, unavailable
from cloud.door.asker import asker_of
from cloud.openapi import problem
from cloud.people.rules import Person
from contract.errors import OutOfRoom, Unavailable

logger = logging.getLogger(__name__)

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Pages:
    """The files of cases in `folder`; `cases` shows a case, `now` is the city's time in ms."""

    def __init__(
        self,
        database: Database,
        desk: CaseDesk,
        cases: CasePages,
        folder: Folder,
        *,
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._desk = desk
        self._cases = cases
        self._folder = folder
        self._calendar = calendar
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/cases/{number}/attach", self.attach, methods=["POST"])
        pages.add_api_route("/cases/{number}/files/{sha256}", self.file)
        return pages

    async def attach(
        self, request: Request, number: int, seen: Annotated[int, Form(ge=0)], file: UploadFile, text: Text = ""
    ) -> Response:
        """Keep a file, then write the step that names it: a step never names what is not there."""
        name = name_of(file.filename or "")
        raw = await file.read(MOST_BYTES + 1)
        try:
            media_type = await asyncio.to_thread(type_of, name, raw)
            async with self._folder.shelf.held():
                digest = await asyncio.to_thread(self._folder.put, raw)
                attachment = Attachment(name, digest, media_type, len(raw))
                await self._desk.act(
                    number, Deed("attach", text, attachment=attachment), asker_of(request).person, seen=seen
                )
        except NotKept as bad:
            word, status = bad.word, 413 if bad.word == "files.too_long" else 400
        except CaseRefused as refused:
            word, status = f"cases.refused_{refused.kind}", STATUS[refused.kind]
        except Unavailable as bad:
            logger.warning("%s", bad)
            word, status = ("files.full", 507) if isinstance(bad, OutOfRoom) else ("files.not_written", 503)
        else:
            return RedirectResponse(f"/cases/{number}", 303)
        return await self._cases.shown(request, number, refused=word, status=status, tried="attach", text=text)

    async def file(self, request: Request, number: int, sha256: str) -> Response:
        """Give a file of case `number`, for keeping and never for showing; that it was read is written down."""
        person = asker_of(request).person
        with unavailable():
            async with self._database.reader.connect() as connection:
                found = await self._named(connection, number, sha256, person)
        if found is None:
            return problem(404, f"there is no such file in case {number}")
        window, attachment = found
        try:
            raw = await asyncio.to_thread(self._folder.get, sha256, attachment.size)
        except Altered as bad:
            logger.warning("%s", bad)
            return await self._cases.shown(request, number, refused="files.altered", status=500)
        with unavailable():
            async with self._database.writer.begin() as connection:
                await changes.note(
                    connection,
                    self._now(),
                    person.name,
                    "read-file",
                    f"case {number}",
                    window,
                    file=attachment.name,
                    sha256=sha256,
                )
        headers = {
            "Cache-Control": "no-store",
            "Content-Type": attachment.media_type,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(attachment.name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(raw, 200, headers)

    async def _named(
        self, connection: AsyncConnection, number: int, digest: str, person: Person
    ) -> tuple[str, Attachment] | None:
        """Return the case's window, and what its history says of the file; None where `person` sees neither."""
        if not _DIGEST.fullmatch(digest):
            return None
        case = await reading.one(connection, number, viewer_of(person, self._now()), self._calendar)
        for step in () if case is None else case.steps:
            attachment = step.body.attachment
            if case is not None and attachment is not None and attachment.sha256 == digest:
                return case.case.window, attachment
        return None
