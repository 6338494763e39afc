"""The estimates over HTTP: which numbers have no better time, and between which bounds it lies."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.estimates import store
from cloud.openapi import answer, described

_NEWEST = 1 << 53


class Estimate(msgspec.Struct, frozen=True):
    """Numbers `first` to `last` of an epoch, in the ledger entry at `position`.

    `at`: the first moment among their times (ms), which lies between `earliest` and `latest`. The bounds of every one
    of them stand as far from its own time.
    """

    position: int
    node: str
    epoch: str
    first: int
    last: int
    at: int
    earliest: int
    latest: int


class Estimates(msgspec.Struct, frozen=True):
    """One page, newest first; `before` asks for the next one, None on the last."""

    estimates: list[Estimate]
    before: int | None


ANSWERS = (Estimates,)


def router(reader: AsyncEngine) -> APIRouter:
    """Return the routes on `reader`."""
    estimates = APIRouter(tags=["estimates"])

    @estimates.get(
        "/api/estimates",
        responses=described(Estimates, "Ratings whose time is an estimate, newest entry first"),
        response_class=Response,
    )
    async def bounds(
        node: Annotated[
            str, Query(pattern=r"^[0-9]{0,9}(-[a-z0-9]{0,16})?$", description="Only of nodes whose name begins so")
        ] = "",
        limit: Annotated[int, Query(ge=1, le=500, description="How many at most")] = 50,
        before: Annotated[int, Query(ge=0, le=_NEWEST, description="Only those below this position")] = _NEWEST,
    ) -> Response:
        """Return which ratings have no better time than an estimate, and its bounds."""
        async with reader.connect() as connection:
            found = await store.ranges(connection, node, before, limit)
        page = [Estimate(*row) for row in found]
        return answer(Estimates(page, page[-1].position if len(page) == limit else None))

    return estimates
