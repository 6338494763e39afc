"""The city's HTTP: which rooms have routes, and what stands before them all. Built from its parts; starts nothing."""

import logging
from collections.abc import Callable, Sequence

from fastapi import APIRouter, FastAPI, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.middleware.trustedhost import TrustedHostMiddleware

from cloud.board import routes as board
from cloud.board.picture import Diff, Picture, Tick
from cloud.board.stream import Stream
from cloud.calendar import Calendar
from cloud.guard import Guard
from cloud.health import routes as health
from cloud.health.metrics import Metrics
from cloud.health.rules import Device
from cloud.openapi import problem, publish
from cloud.quarantine import routes as quarantine
from cloud.registry import routes as registry_routes
from cloud.registry.snapshot import Registry
from cloud.series import routes as series_routes
from cloud.series.port import Series
from cloud.series.rules import Trend
from cloud.wall import pages
from contract.version import __version__

logger = logging.getLogger(__name__)

# A page elsewhere that makes its own name point here must not be able to read the city.
HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ABOUT = """What citizens said at the service windows, as the city counts it. Moments are milliseconds since 1970 UTC,
counts are [satisfied, basically satisfied, dissatisfied], scores are percent with one decimal."""
STRUCTS = (
    Picture,
    Diff,
    Tick,
    Trend,
    registry_routes.Places,
    registry_routes.Windows,
    health.Devices,
    health.Health,
    *quarantine.ANSWERS,
)


def create_app(
    *,
    stream: Stream,
    series: Series,
    registry: Callable[[], Registry],
    reader: AsyncEngine,
    calendar: Calendar,
    clock: Callable[[], int],
    city: registry_routes.Name,
    devices: Callable[[], list[Device]],
    checks: Sequence[tuple[str, health.Check]],
    metrics: Metrics,
) -> FastAPI:
    """Return the application over the parts of a running city; `clock` gives its time in ms."""
    # FastAPI's own documentation pages load scripts from elsewhere.
    app = FastAPI(title="Manyi", version=__version__, description=ABOUT, docs_url=None, redoc_url=None)
    routers: list[APIRouter] = [
        board.router(stream),
        series_routes.router(series, registry=registry, calendar=calendar, clock=clock),
        registry_routes.router(registry, city=city, clock=clock),
        health.router(version=__version__, checks=checks, devices=devices, metrics=metrics),
        quarantine.router(reader),
        pages.router(),
    ]
    for router in routers:
        app.include_router(router)
    publish(app, STRUCTS)
    app.add_exception_handler(SQLAlchemyError, _unavailable)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    app.add_middleware(Guard)
    return app


async def _unavailable(_request: Request, trouble: Exception) -> Response:
    """A database that cannot be read now is not this program's mistake: ask again later."""
    logger.warning("a question could not be answered: %s", trouble)
    return problem(503, "the database does not answer now")
