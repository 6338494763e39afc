"""Where people come in: who they are, the door in front of every route, and the pages for coming and going."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fastapi import APIRouter
from starlette.types import ASGIApp

from cloud.calendar import Calendar
from cloud.changes import pages as changes
from cloud.console.screens import Screens
from cloud.database import Database
from cloud.door.door import Door, Find
from cloud.oidc import pages as sign_on
from cloud.oidc.coming import Coming
from cloud.oidc.provider import Provider
from cloud.oidc.rules import Client
from cloud.oidc.trips import Trips
from cloud.people import account_pages, key_pages, own_pages, pages
from cloud.people.entry import Entry
from cloud.people.office import Office
from cloud.people.passwords import Passwords
from cloud.people.visitors import Visitors
from cloud.secretfile import secret_in
from cloud.settings import OidcSettings


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
        oidc: OidcSettings | None = None,
    ) -> None:
        """Prepare it, with the identity provider that `oidc` names; nobody is asked for anything yet.

        Raises `SettingsError` for a secret that cannot be used.
        """
        # By which the door finds where something is; each room adds its own.
        self.rooms: dict[str, Find] = {}
        self._database = database
        self._now = now
        self._monotonic = monotonic
        self._random_bits = random_bits
        self._visitors = Visitors(database.reader, now=now, monotonic=monotonic)
        self.entry = Entry(database, self._visitors, Passwords(), now=now, random_bits=random_bits)
        self._label = None if oidc is None else oidc.label
        self._coming = Coming(database, self._visitors, now=now, random_bits=random_bits)
        self._trips = None
        if oidc is not None:
            secret = secret_in(Path(oidc.client_secret_file), "oidc: client_secret_file")
            client = Client(oidc.issuer, oidc.client_id, secret, f"{oidc.site}{sign_on.BACK}")
            provider = Provider(client, monotonic=monotonic)
            self._trips = Trips(database, provider, now=now, random_bits=random_bits)

    def routers(self, screens: Screens, calendar: Calendar) -> Sequence[APIRouter]:
        """Return the pages for coming and going, and those on who may."""
        office = Office(
            self._database,
            self._visitors,
            screens,
            calendar.shown,
            now=self._now,
            random_bits=self._random_bits,
            label=self._label,
        )
        return (
            pages.Pages(self.entry, screens, monotonic=self._monotonic, label=self._label).router(),
            sign_on.Pages(self._trips, self._coming, self.entry, screens, monotonic=self._monotonic).router(),
            own_pages.router(office),
            account_pages.Pages(office).router(),
            key_pages.Pages(office).router(),
            changes.router(self._database.reader, screens, shown=calendar.shown),
        )

    def door(self, app: ASGIApp) -> Door:
        """Return the door in front of `app`."""
        return Door(app, visitors=self._visitors, stay=self.entry.stay, monotonic=self._monotonic, rooms=self.rooms)
