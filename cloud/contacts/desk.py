"""Where people leave, read and delete contacts: with the case's step and the log of changes, or not at all."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.cases import rules as cases
from cloud.cases.case import SYSTEM, Case, CaseRefused, Step
from cloud.cases.deadlines import Terms
from cloud.cases.desk import CaseDesk
from cloud.changes import store as changes
from cloud.contacts import store
from cloud.contacts.folder import Folder
from cloud.contacts.policy import Policy
from cloud.contacts.rules import Contact, NotTaken, hour_before
from cloud.database import Database, unavailable
from cloud.people.rules import Person
from contract.errors import Unavailable

logger = logging.getLogger(__name__)

REPLACED = "replaced"


class ContactDesk:
    """Keeps contacts in `folder` and says so in `database`, as steps on `desk`; `now`: the city's time, ms."""

    def __init__(
        self, database: Database, desk: CaseDesk, folder: Folder, *, policy: Policy, now: Callable[[], int]
    ) -> None:
        self._database = database
        self._cases = desk
        self._folder = folder
        self._policy = policy
        self._now = now

    async def leave(self, number: int, contact: Contact, person: Person, *, seen: int | None = None) -> None:
        """Keep the `contact` of case `number`, in place of one that it has; what goes is deleted.

        Raises `CaseRefused`, and `Unavailable`, as `CaseDesk.act`.
        """
        ended: list[str] = []

        def turn(case: Case, at: int, terms: Terms) -> tuple[Case, list[Step]]:
            return cases.contact_left(case, person.name, at, terms)

        async def beside(connection: AsyncConnection, case: Case, at: int) -> None:
            # First, as in `read`: of two who leave one at once the second waits, and then the case was changed.
            await _note(connection, at, person.name, "add-contact", case, consent=True)
            before = await store.end(connection, number, at, person.name)
            if before is not None:
                ended.append(before)
                await _note(connection, at, person.name, "end-contact", case, reason=REPLACED)
            await store.put(connection, file, number, contact, at, person.name)

        async with self._folder.shelf.held():
            file = await asyncio.to_thread(self._folder.put, contact)
            try:
                await self._cases.take(number, turn, person, seen=seen, beside=beside)
            except CaseRefused:
                # Of a commit that nobody answered for the row may be there; what is none is swept away later.
                with suppress(Unavailable):
                    await self._folder.remove(file)
                raise
        for one in ended:
            await self.remove(one)

    async def adopt(self, number: int, file: str) -> None:
        """Give case `number` the contact in `file`, which waited for it; it takes no other's place.

        Raises `NotTaken` where it waits no longer, or cannot be read; and as `leave`.
        """
        contact = await asyncio.to_thread(self._folder.get, file)

        def turn(case: Case, at: int, terms: Terms) -> tuple[Case, list[Step]]:
            if case.contact:
                raise CaseRefused("state", f"leave_contact: case {number} has a contact")
            return cases.contact_left(case, SYSTEM, at, terms)

        async def beside(connection: AsyncConnection, case: Case, at: int) -> None:
            # First, as in `leave`.
            await _note(connection, at, SYSTEM, "add-contact", case, consent=True)
            if not await store.taken(connection, file):
                raise NotTaken("none")
            await store.put(connection, file, number, contact, at, SYSTEM)

        await self._cases.take(number, turn, None, beside=beside)

    async def read(self, number: int, reason: str, person: Person) -> Contact:
        """Return the contact of case `number` once it is written down that `person` reads it, and why.

        Raises `NotTaken` where there is none, or it was too often; and as `leave`.
        """
        left = await self._left(number)
        contact = await asyncio.to_thread(self._folder.get, left.file)

        def turn(case: Case, at: int, _terms: Terms) -> tuple[Case, list[Step]]:
            return cases.contact_read(case, person.name, reason, at)

        async def beside(connection: AsyncConnection, case: Case, at: int) -> None:
            # First, since whoever notes holds the log: of two who read at once the second counts the first.
            await _note(connection, at, person.name, "read-contact", case, reason=reason)
            now = await store.of_case(connection, number)
            if now is None or now.file != left.file:
                raise NotTaken("none")
            if await store.readings(connection, person.name, hour_before(at)) >= self._policy.readings_an_hour:
                raise NotTaken("too_many")

        await self._cases.take(number, turn, person, beside=beside)
        return contact

    async def delete(self, number: int, reason: str, person: Person | None, *, seen: int | None = None) -> bool:
        """Delete the contact of case `number` for `person`, None: the city itself; nobody reads it from then on.

        Whether its file is gone: if not, that is tried again (`cloud.contacts.worker`). Raises as `read`.
        """
        await self._left(number)
        who = SYSTEM if person is None else person.name
        ended: list[str] = []

        def turn(case: Case, at: int, terms: Terms) -> tuple[Case, list[Step]]:
            return cases.contact_deleted(case, who, "" if person is None else reason, at, terms)

        async def beside(connection: AsyncConnection, case: Case, at: int) -> None:
            # First, as in `leave`: who took the contact before the log would wait for each other without end.
            await _note(connection, at, who, "end-contact", case, reason=reason)
            file = await store.end(connection, number, at, who)
            if file is None:
                raise NotTaken("none")
            ended.append(file)

        await self._cases.take(number, turn, person, seen=seen, beside=beside)
        return all([await self.remove(file) for file in ended])

    async def remove(self, file: str) -> bool:
        """Delete a `file` that nobody is to read any more, and then say that it is gone; whether that was done."""
        try:
            await self._folder.remove(file)
            with unavailable():
                async with self._database.writer.begin() as connection:
                    await store.gone(connection, file, self._now())
        except Unavailable as bad:
            logger.warning("a contact that was deleted is on the disk still, which is tried again: %s", bad)
            return False
        return True

    async def _left(self, number: int) -> store.Left:
        with unavailable():
            async with self._database.reader.connect() as connection:
                left = await store.of_case(connection, number)
        if left is None:
            raise NotTaken("none")
        return left


async def _note(connection: AsyncConnection, at: int, who: str, what: str, case: Case, **body: object) -> None:
    await changes.note(connection, at, who, what, f"case {case.number}", case.window, **body)
