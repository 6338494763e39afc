"""Where contacts are kept: one file each, named by random bits, readable for nobody but the city."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from cloud.contacts.rules import Contact, NotTaken
from cloud.owner import Owner
from cloud.shelf import FULL, Shelf
from contract.errors import OutOfRoom, Unavailable
from transport import deposit

logger = logging.getLogger(__name__)

_BITS = 128
# A file, or what a power cut leaves of writing one.
NAMES = re.compile(r"[0-9a-f]{32}|\.[0-9a-f]{32}\.[0-9a-f]{16}")
_contact = msgspec.json.Decoder(Contact)


class Folder:
    """The contacts of `owner` in the folder at `path`; `random_bits(n)` gives n random bits."""

    def __init__(self, path: Path, owner: Owner, *, random_bits: Callable[[int], int]) -> None:
        self.shelf = Shelf(path, NAMES, owner)
        self._path = path
        self._random_bits = random_bits

    def put(self, contact: Contact) -> str:
        """Keep `contact`, and return its file's name: it survives a power cut from then on. Blocks.

        Raises `OutOfRoom`, and `Unavailable` where it cannot be written for another reason; then nothing is there.
        """
        name = f"{self._random_bits(_BITS):032x}"
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            deposit.create(self._path / name, msgspec.json.encode(contact))
            # The folder may be new.
            deposit.sync(self._path.parent)
        except OSError as bad:
            what = f"contacts: {self._path}: {bad.strerror or bad}: make room, or let the city write there"
            raise (OutOfRoom if bad.errno in FULL else Unavailable)(what) from bad
        return name

    def get(self, name: str) -> Contact:
        """Return the contact in the file `name`; raises `NotTaken` where it is gone, or was altered. Blocks."""
        try:
            return _contact.decode((self._path / name).read_bytes())
        except (OSError, msgspec.DecodeError) as bad:
            logger.warning("contacts: %s cannot be read: %s", self._path / name, bad)
            raise NotTaken("gone") from bad

    async def remove(self, name: str) -> None:
        """Delete the file `name`, on the disk too when this returns; gone already is as good.

        Raises `Unavailable`, also where the folder is not there or another city's: then nothing is known to be gone.
        """
        await self.shelf.remove(self._path / name)
