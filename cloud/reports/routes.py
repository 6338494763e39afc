"""Published reports over HTTP: which editions there are, and each as it was signed."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.openapi import answer, described, problem, problems
from cloud.reports import store
from proof.edition import Published, written
from proof.report import Stage

_MOST = 1 << 53
PeriodName = Annotated[str, Path(pattern=r"^[0-9HQW-]{4,10}$", description="2026Q4, 2026-11, ...")]
Number = Annotated[int, Path(ge=1, le=_MOST, description="Which edition")]


class Outline(msgspec.Struct, frozen=True):
    """An edition without its lines: `number` of `period`, by `policy` in its `version`, of the ledger up to `position`.

    In the stage "appeal" it may be appealed against until `until` (ms); it was made at `at`.
    """

    period: str
    number: int
    stage: Stage
    until: int
    position: int
    at: int
    policy: str
    version: int
    units: int


class Reports(msgspec.Struct, frozen=True):
    """The editions, those of the latest period first."""

    reports: list[Outline]


ANSWERS = (Reports,)


def router(reader: AsyncEngine) -> APIRouter:
    """Return the routes on `reader`."""
    reports = APIRouter(tags=["reports"])

    @reports.get("/api/reports", responses=described(Reports, "Editions, latest period first"), response_class=Response)
    async def all_of_them(
        limit: Annotated[int, Query(ge=1, le=100, description="How many at most")] = 20,
    ) -> Response:
        """Return which reports were published."""
        async with reader.connect() as connection:
            found = await store.newest(connection, limit)
        return answer(Reports([_outline(one) for one in found]))

    @reports.get(
        "/api/reports/{period}/{number}",
        responses={
            200: {"description": "The edition as signed", "content": {"text/plain": {}}},
            **problems(_404="There is no such edition"),
        },
        response_class=Response,
    )
    async def one_of_them(period: PeriodName, number: Number) -> Response:
        """Return one edition as a text to keep: `manyi verify` reads it."""
        async with reader.connect() as connection:
            found = await store.numbered(connection, period, number)
        if found is None:
            return problem(404, f"there is no edition {number} of {period}")
        name = f"manyi-report-{period}-{number}.txt"
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}"'}
        return Response(written(found), media_type="text/plain; charset=utf-8", headers=headers)

    return reports


def _outline(one: Published) -> Outline:
    told = one.edition
    return Outline(
        *(told.period, told.number, told.stage, told.until, told.position, told.at),
        *(told.policy.name, told.policy.version, len(told.lines)),
    )
