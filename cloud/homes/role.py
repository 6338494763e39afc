"""The part of home visits in a city's process."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.carriers.kept_pages import Kept
from cloud.carriers.role import Served
from cloud.carriers.routes import At
from cloud.carriers.rules import Press
from cloud.carriers.setup_pages import Shelf
from cloud.carriers.store import Carrier, Standing
from cloud.homes import store
from cloud.homes.pages import Pages
from cloud.homes.rules import Key, Visit, Visits
from cloud.spoken.role import Channel
from contract.batch import StreamKey
from contract.identity import HOME

HOMES = Channel(HOME, "homes", store.KEPT)


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


SERVED = Served(
    HOMES,
    Homes(),
    Kept("/visit", "cloud.homes", "visit.html", "/static/homes"),
    At("homes", "/api/home/setup", "/api/home/visits", Visits),
    Shelf(HOME, "/assistants", "assistants", "/visit", held=True),
    Pages,
)
