"""The tablets' part of a city's process."""

from collections.abc import Callable

from cloud.calendar import Calendar
from cloud.console.screens import Screens
from cloud.database import Database
from cloud.registry.snapshot import Registry
from cloud.spoken.role import Channel, Spoken
from cloud.tablet import pages, routes
from cloud.tablet.desk import TabletDesk
from cloud.tablet.setup_pages import Pages
from cloud.tablet.store import KEPT
from contract.identity import TABLET
from contract.signing import Signer

TABLETS = Channel(TABLET, "tablets", KEPT)


def serve(
    tablets: Spoken,
    database: Database,
    city: Signer,
    *,
    registry: Callable[[], Registry],
    calendar: Calendar,
    now: Callable[[], int],
    monotonic: Callable[[], float],
    random_bits: Callable[[int], int],
) -> None:
    """Give `tablets` their pages; `now` is the city's time in ms, `random_bits(n)` gives n random bits."""
    desk = TabletDesk(
        database,
        TABLETS.signer(city),
        registry=registry,
        now=now,
        monotonic=monotonic,
        random_bits=random_bits,
        taken=tablets.wake,
    )
    console = Pages(database.reader, desk, Screens(calendar), registry=registry, calendar=calendar, now=now)
    tablets.routers = (
        pages.router(),
        routes.router(desk, registry=registry, monotonic=monotonic),
        console.router(),
    )
