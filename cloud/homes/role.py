"""The part of home visits in a city's process."""

from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import Calendar
from cloud.carriers import kept_pages, routes
from cloud.carriers.desk import Desk
from cloud.carriers.rules import Press
from cloud.carriers.setup_pages import Pages as SetUpPages
from cloud.carriers.setup_pages import Shelf
from cloud.carriers.store import Carrier, Standing
from cloud.console.screens import Screens
from cloud.database import Database
from cloud.homes import store
from cloud.homes.pages import Pages
from cloud.homes.rules import Key, Visit, Visits
from cloud.registry.snapshot import Registry
from cloud.spoken.role import Channel, Spoken
from contract.batch import StreamKey
from contract.identity import HOME
from contract.signing import Signer

HOMES = Channel(HOME, "homes", store.KEPT)
_PAGE = kept_pages.Kept("/visit", "cloud.homes", "visit.html", "/static/homes")
_HEARD = routes.At("homes", "/api/home/setup", "/api/home/visits", Visits)
_SHELF = Shelf(HOME, "/assistants", "assistants", "/visit", held=True)


class Homes:
    """Every number is a visit's; its rating has the next number of the ratings."""

    name = HOME
    noted = "make-telephone", "end-telephone"

    def given(self, delivery: Visits) -> Sequence[Visit]:
        """Return the visits."""
        return delivery.visits

    def press(self, one: Visit) -> Press | None:
        """Return the citizen's rating, None without one."""
        return one.press

    def key(self, one: Visit) -> Key:
        """Return when it was kept, and its rating."""
        return one.key

    async def known(
        self, connection: AsyncConnection, stream: StreamKey, first: int, last: int
    ) -> list[tuple[int, Key]]:
        """Return what is held of these."""
        return await store.known(connection, stream, first, last)

    async def keep(
        self, connection: AsyncConnection, carrier: Carrier, stream: StreamKey, fresh: Sequence[Visit], to: Standing
    ) -> None:
        """Keep visits with the numbers of their ratings, in the transaction that keeps those."""
        rating = to.rated - sum(one.press is not None for one in fresh)
        numbered: list[tuple[int, int | None, Visit]] = []
        for number, one in enumerate(fresh, start=to.last - len(fresh) + 1):
            rating += one.press is not None
            numbered.append((number, None if one.press is None else rating, one))
        if to.anchor is None:
            raise ValueError(f"{stream}: a delivery is an anchor")
        await store.keep(connection, carrier, stream, numbered, to.anchor.at)


def serve(
    homes: Spoken,
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
    """Give `homes` their pages; `now` is the city's time in ms, `random_bits(n)` gives n random bits."""
    desk = Desk(
        database,
        Homes(),
        HOMES.signer(city),
        registry=registry,
        now=now,
        monotonic=monotonic,
        random_bits=random_bits,
        taken=homes.wake,
    )
    setting_up = SetUpPages(database.reader, desk, _SHELF, screens, registry=registry, calendar=calendar, now=now)
    homes.routers = (
        kept_pages.router(_PAGE),
        routes.router(desk, _HEARD, registry=registry, monotonic=monotonic),
        setting_up.router(),
        Pages(database.reader, screens, registry=registry, calendar=calendar, now=now).router(),
    )
