"""The quarantine over HTTP: what was refused and why, never the bytes themselves."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.openapi import answer, described
from cloud.quarantine import store

_NEWEST = 1 << 53


class Refusal(msgspec.Struct, frozen=True):
    """`count` like inputs of one hour, the first at `at` and the latest at `last_at` (ms). `size` in bytes.

    An empty `digest` stands for inputs beyond those that are kept one by one.
    """

    id: int
    at: int
    last_at: int
    township: str
    node: str
    reason: str
    detail: str
    digest: str
    size: int
    count: int


class Refusals(msgspec.Struct, frozen=True):
    """One page, newest first; `before` asks for the next one, None on the last."""

    quarantine: list[Refusal]
    before: int | None


ANSWERS = (Refusals,)


def router(reader: AsyncEngine) -> APIRouter:
    """Return the routes on `reader`."""
    quarantine = APIRouter(tags=["quarantine"])

    @quarantine.get(
        "/api/quarantine",
        responses=described(Refusals, "Refused input, newest first"),
        response_class=Response,
    )
    async def refused(
        limit: Annotated[int, Query(ge=1, le=500, description="How many at most")] = 50,
        before: Annotated[int, Query(ge=0, le=_NEWEST, description="Only those older than this id")] = _NEWEST,
    ) -> Response:
        """Return what was refused, with its reason."""
        async with reader.connect() as connection:
            found = await store.page(connection, limit, before)
        page = [Refusal(*row) for row in found]
        return answer(Refusals(page, page[-1].id if len(page) == limit else None))

    return quarantine
