"""The tablets' part of a city's process."""

from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import Calendar
from cloud.carriers import kept_pages, routes, store
from cloud.carriers.desk import Desk
from cloud.carriers.rules import Press
from cloud.carriers.setup_pages import Pages, Shelf
from cloud.carriers.store import Carrier, Standing
from cloud.console.screens import Screens
from cloud.database import Database
from cloud.registry.snapshot import Registry
from cloud.spoken.role import Channel, Spoken
from cloud.tablet.rules import Ratings
from contract.batch import StreamKey
from contract.identity import TABLET
from contract.signing import Signer

TABLETS = Channel(TABLET, "tablets", store.kept(TABLET))
_PAGE = kept_pages.Kept("/window", "cloud.tablet", "window.html", "/static/tablet")
_HEARD = routes.At("tablets", "/api/tablet/setup", "/api/tablet/ratings", Ratings)
_SHELF = Shelf(TABLET, "/tablets", "tablets", "/window", held=False)


class Tablets:
    """Every number is a rating's, which the batches hold as it was given."""

    name = TABLET
    noted = "make-tablet", "end-tablet"

    def given(self, delivery: Ratings) -> Sequence[Press]:
        """Return the ratings."""
        return delivery.rows

    def press(self, one: Press) -> Press:
        """Return the rating."""
        return one

    def key(self, one: Press) -> Press:
        """Return all of it."""
        return one

    async def known(
        self, connection: AsyncConnection, stream: StreamKey, first: int, last: int
    ) -> list[tuple[int, Press]]:
        """Return what the batches hold."""
        return await store.given(connection, stream, first, last)

    async def keep(
        self, connection: AsyncConnection, carrier: Carrier, stream: StreamKey, fresh: Sequence[Press], to: Standing
    ) -> None:
        """The batches hold it all."""


def serve(
    tablets: Spoken,
    database: Database,
    city: Signer,
    *,
    screens: Screens,
    registry: Callable[[], Registry],
    calendar: Calendar,
    now: Callable[[], int],
    monotonic: Callable[[], float],
    random_bits: Callable[[int], int],
) -> None:
    """Give `tablets` their pages; `now` is the city's time in ms, `random_bits(n)` gives n random bits."""
    desk = Desk(
        database,
        Tablets(),
        TABLETS.signer(city),
        registry=registry,
        now=now,
        monotonic=monotonic,
        random_bits=random_bits,
        taken=tablets.wake,
    )
    console = Pages(database.reader, desk, _SHELF, screens, registry=registry, calendar=calendar, now=now)
    tablets.routers = (
        kept_pages.router(_PAGE),
        routes.router(desk, _HEARD, registry=registry, monotonic=monotonic),
        console.router(),
    )
