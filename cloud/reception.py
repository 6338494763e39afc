"""Where people come in: who they are, the door in front of every route, and the pages for coming and going."""

from collections.abc import Callable

from starlette.types import ASGIApp

from cloud.database import Database
from cloud.door.door import Door
from cloud.people.entry import Entry
from cloud.people.passwords import Passwords
from cloud.people.visitors import Visitors


class Reception:
    """One for each process.

    `now` is the city's time in ms, `monotonic` counts seconds, `random_bits(n)` gives n random bits.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], int],
        monotonic: Callable[[], float],
        random_bits: Callable[[int], int],
    ) -> None:
        self._monotonic = monotonic
        self._visitors = Visitors(database.reader, now=now, monotonic=monotonic)
        self.entry = Entry(database, self._visitors, Passwords(), now=now, random_bits=random_bits)

    def door(self, app: ASGIApp) -> Door:
        """Return the door in front of `app`."""
        return Door(app, visitors=self._visitors, monotonic=self._monotonic)
