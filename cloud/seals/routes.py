"""The seals over HTTP: what was closed when, and each as a text for whoever keeps one."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.openapi import answer, described, problem, problems
from cloud.seals import store
from cloud.seals.closing import leaves_of
from contract.seal import Seal
from proof.seals import Sealed, written

_NEWEST = 1 << 53
_TEXT = "text/plain; charset=utf-8"


class Seals(msgspec.Struct, frozen=True):
    """One page, newest first; `before` asks for the next one, None on the last."""

    seals: list[Seal]
    before: int | None


ANSWERS = (Seals,)


def router(reader: AsyncEngine) -> APIRouter:
    """Return the routes on `reader`."""
    seals = APIRouter(tags=["seals"])

    @seals.get("/api/seals", responses=described(Seals, "Seals, newest first"), response_class=Response)
    async def all_of_them(
        limit: Annotated[int, Query(ge=1, le=500, description="How many at most")] = 50,
        before: Annotated[int, Query(ge=0, le=_NEWEST, description="Only those with a lower number")] = (_NEWEST),
    ) -> Response:
        """Return what was closed when, and under which root."""
        async with reader.connect() as connection:
            found = [one.seal for one in await store.newest(connection, limit, before)]
        return answer(Seals(found, found[-1].number if len(found) == limit else None))

    @seals.get(
        "/api/seals/{number}",
        responses={
            200: {"description": "The seal as signed", "content": {"text/plain": {}}},
            **problems(_404="There is no such seal"),
        },
        response_class=Response,
    )
    async def one_of_them(
        number: Annotated[int, Path(ge=1, le=_NEWEST, description="Which seal")],
        *,
        leaves: Annotated[bool, Query(description="With the hash of each of its entries, a line each")] = False,
    ) -> Response:
        """Return one seal as a text to keep: `manyi verify` and `manyi audit --seal` read it."""
        async with reader.connect() as connection:
            found = await store.numbered(connection, number)
        if found is None:
            return problem(404, f"there is no seal {number}")
        text = _text(reader, found) if leaves else iter([written(found)])
        name = f"manyi-seal-{number}-{found.seal.day}.txt"
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}"'}
        return StreamingResponse(text, media_type=_TEXT, headers=headers)

    return seals


async def _text(reader: AsyncEngine, found: Sealed) -> AsyncIterator[str]:
    yield written(found)
    async with reader.connect() as connection:
        async for page in leaves_of(connection, found.seal.first, found.seal.last):
            yield "".join(f"{leaf.hex()}\n" for leaf in page)
