"""The tablets' part of a city's process."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.carriers import store
from cloud.carriers.kept_pages import Kept
from cloud.carriers.role import Served
from cloud.carriers.routes import At
from cloud.carriers.rules import Press
from cloud.carriers.setup_pages import Shelf
from cloud.carriers.store import Carrier, Standing
from cloud.spoken.role import Channel
from cloud.tablet.rules import Ratings
from contract.batch import StreamKey
from contract.identity import TABLET

TABLETS = Channel(TABLET, "tablets", store.kept(TABLET))


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


SERVED = Served(
    TABLETS,
    Tablets(),
    Kept("/window", "cloud.tablet", "window.html", "/static/tablet"),
    At("tablets", "/api/tablet/setup", "/api/tablet/ratings", Ratings),
    Shelf(TABLET, "/tablets", "tablets", "/window", held=False),
)
