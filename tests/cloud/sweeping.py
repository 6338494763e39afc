"""A city with contacts and attachments, as one process has it, whose clock a test turns."""

import asyncio
import os
from pathlib import Path

from cloud.attachments import store as attachments
from cloud.attachments.folder import Folder as Attachments
from cloud.cases.case import Attachment
from cloud.cases.request import Request
from cloud.contacts import store
from cloud.contacts.desk import ContactDesk
from cloud.contacts.folder import Folder
from cloud.contacts.policy import shipped
from cloud.contacts.rules import Contact
from cloud.contacts.worker import Sweeper
from cloud.database import Database
from cloud.orphans import Orphans
from cloud.owner import Owner
from cloud.shelf import CITY, LOCK
from tests.cloud.docket import NOON, WINDOW, desk_of, person, put

OTHER = f"{WINDOW[:-2]}02"
LI = Contact("13812345678", "李女士")
ROWS = "SELECT file, deletes_at, deleted_at, deleted_by FROM contact ORDER BY recorded_at, file"


class Room:
    """A city's contacts and attachments in `folder`, whose clock a test turns; made anew, it is another process."""

    def __init__(self, database: Database, folder: Path, now: int = NOON) -> None:
        self.now = now
        self.database = database
        self.folder = Folder(
            folder / "contacts",
            Owner(database.reader, store.files),
            random_bits=lambda _bits: int.from_bytes(os.urandom(16), "big"),
        )
        self.attachments = Attachments(folder / "attachments", Owner(database.reader, attachments.files))
        self.cases = desk_of(database, lambda: self.now)
        self.desk = ContactDesk(database, self.cases, self.folder, policy=shipped(), now=lambda: self.now)
        orphans = Orphans(self.folder.shelf), Orphans(self.attachments.shelf)
        self.sweeper = Sweeper(database, self.desk, orphans, policy=shipped(), now=lambda: self.now)

    def files(self) -> list[str]:
        """The names of all contacts' files."""
        path = self.folder.shelf.path
        return sorted(file.name for file in path.iterdir() if file.name not in {LOCK, CITY}) if path.is_dir() else []

    def put_back(self, file: Path, *, ago: int) -> None:
        """Let `file` have been put so long (ms) ago by our clock."""
        moment = (self.now - ago) / 1000
        os.utime(file, (moment, moment))


async def opened(database: Database, folder: Path) -> Room:
    """Return a city with two cases that has its folders already."""
    await put(database, WINDOW, OTHER)
    room = Room(database, folder)
    for shelf in (room.folder.shelf, room.attachments.shelf):
        async with shelf.held():
            pass
    return room


async def put_lost(room: Room) -> str:
    """Put a contact that no row will name, as a process does that is killed behind the file."""
    async with room.folder.shelf.held():
        return await asyncio.to_thread(room.folder.put, LI)


async def attach(room: Room, raw: bytes, number: int = 1) -> Path:
    async with room.attachments.shelf.held():
        digest = room.attachments.put(raw)
        wish = Request("attach", attachment=Attachment("x.txt", digest, "text/plain", len(raw)))
        await room.cases.act(number, wish, person())
    return room.attachments.where(digest)
