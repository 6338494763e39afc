"""Contacts that citizens left by their telephones, until the case of their rating is there and seen; then they are its.

The file is in the folder from the first, and the database has only its name and the rating's number. Nobody reads a
contact that waits. Every process that has the folder looks; of two who find the same the second finds it gone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.cases.case import CaseRefused
from cloud.contacts import store
from cloud.contacts.desk import ContactDesk
from cloud.contacts.folder import Folder
from cloud.contacts.policy import Policy
from cloud.contacts.rules import Contact, NotTaken, ended_before
from cloud.database import Database, unavailable
from cloud.rounds import Rounds
from contract.errors import Unavailable

LOOK_S = 2.0

# Writes what belongs to a contact in the same transaction; False: it is not to be kept.
Beside = Callable[[AsyncConnection], Awaitable[bool]]


class Waiting(Rounds):
    """Keeps contacts in `folder` and hands them to cases on `desk`; `now` is the city's time in ms."""

    def __init__(
        self, database: Database, desk: ContactDesk, folder: Folder, *, policy: Policy, now: Callable[[], int]
    ) -> None:
        super().__init__(LOOK_S, stopped="contacts left by telephone wait")
        self._database = database
        self._desk = desk
        self._folder = folder
        self._policy = policy
        self._now = now

    async def keep(self, contact: Contact, rating: store.Number, beside: Beside) -> None:
        """Keep the `contact` that was left with a rating, if what is written `beside` it says so.

        Raises `Unavailable`; then it is not known whether it is kept, and a file without a row is swept away later.
        """
        kept = False
        async with self._folder.shelf.held():
            file = await asyncio.to_thread(self._folder.put, contact)
            with unavailable():
                async with self._database.writer.begin() as connection:
                    kept = await beside(connection)
                    if kept:
                        await store.wait(connection, file, rating, self._now())
        if not kept:
            with suppress(Unavailable):
                await self._folder.remove(file)

    async def look(self) -> None:
        """Hand over what can be, and delete what never can be. Raises `Unavailable` where something is left."""
        now = self._now()
        with unavailable():
            async with self._database.reader.connect() as connection:
                ready = await store.ready(connection, now)
                vain = await store.vain(connection, ended_before(now, self._policy.contact_days))
        for file, number in ready:
            # Somebody else was faster, or the case has one by now, or has ended: we look again.
            with suppress(CaseRefused):
                try:
                    await self._desk.adopt(number, file)
                except NotTaken as bad:
                    if bad.why == "gone":
                        vain.append(file)
        for file in vain:
            # In this order: a file that no row names would be there still.
            await self._folder.remove(file)
            with unavailable():
                async with self._database.writer.begin() as connection:
                    await store.taken(connection, file)
