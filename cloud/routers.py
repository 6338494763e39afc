"""The routes of a serving process on what the ledger and the registry hold."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.calendar import Calendar
from cloud.estimates import routes as estimates
from cloud.estimates.store import Minutes
from cloud.filtered import routes as filtered
from cloud.hours import routes as hours
from cloud.hours.rules import Offices
from cloud.misuse import policy
from cloud.misuse import routes as misuse
from cloud.registry import routes as places
from cloud.registry.snapshot import Registry
from cloud.reports import routes as reports
from cloud.seals import routes as seals
from cloud.series import routes as trends
from cloud.series.port import Series

HEZE = places.Name("菏泽市", "Heze")


def of_the_ledger(
    reader: AsyncEngine,
    series: Series,
    offices: Callable[[], Offices],
    *,
    registry: Callable[[], Registry],
    calendar: Calendar,
    now: Callable[[], int],
) -> Sequence[APIRouter]:
    """Return the routes on `reader` and `series`, with `registry` and `offices` as they are at each request.

    `now` is the city's time in ms.
    """
    estimated = Minutes(reader)
    return (
        trends.router(series, estimated, registry=registry, calendar=calendar, clock=now),
        estimates.router(reader),
        filtered.router(
            reader, estimated, version=policy.shipped().version, registry=registry, calendar=calendar, clock=now
        ),
        misuse.router(reader, registry=registry, calendar=calendar, clock=now),
        places.router(registry, city=HEZE, clock=now),
        seals.router(reader),
        reports.router(reader),
        hours.router(offices, registry=registry, calendar=calendar, clock=now),
    )
