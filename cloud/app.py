"""The city's HTTP: the routes a process has, and what stands before them all. Built from its parts; starts nothing."""

import logging
from collections.abc import Callable, Sequence

from fastapi import APIRouter, FastAPI, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

from cloud.alerts import routes as alerts
from cloud.appeals import routes as appeals
from cloud.board.picture import Diff, Picture, Tick
from cloud.carriers import routes as carriers
from cloud.cases import routes as cases
from cloud.contacts import routes as contacts
from cloud.door.described import refusals
from cloud.estimates import routes as estimates
from cloud.filtered.rules import SideBySide
from cloud.guard import Guard
from cloud.health import routes as health
from cloud.homes.rules import Visits
from cloud.hours.routes import OfficeHours
from cloud.misuse import routes as misuse
from cloud.openapi import problem, publish
from cloud.pki import routes as pki
from cloud.quarantine import routes as quarantine
from cloud.registry import routes as registry_routes
from cloud.reports import routes as reports
from cloud.seals import routes as seals
from cloud.series.rules import Ranking, Trend
from cloud.tablet.rules import Ratings
from contract.errors import Unavailable
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
    Ranking,
    registry_routes.Places,
    registry_routes.Windows,
    health.Devices,
    health.Health,
    *quarantine.ANSWERS,
    *estimates.ANSWERS,
    OfficeHours,
    SideBySide,
    *misuse.ANSWERS,
    *seals.ANSWERS,
    *reports.ANSWERS,
    *pki.ANSWERS,
    *cases.ANSWERS,
    *contacts.ANSWERS,
    *alerts.ANSWERS,
    *appeals.ANSWERS,
    *carriers.ANSWERS,
    Ratings,
    Visits,
)


def create_app(
    routers: Sequence[APIRouter], *, door: Callable[[ASGIApp], ASGIApp], names: Sequence[str] = ()
) -> FastAPI:
    """Return the application with `routers` behind a `door` (`cloud.door`).

    It answers to `names` besides those of this machine alone.
    """
    # FastAPI's own documentation pages load scripts from elsewhere.
    app = FastAPI(
        title="Manyi", version=__version__, description=ABOUT, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    for router in routers:
        # FastAPI's own way makes each route a second time when the first request comes, which waits for it.
        app.router.routes += router.routes
    publish(app, STRUCTS, refusals)
    for away in (SQLAlchemyError, Unavailable):
        app.add_exception_handler(away, _unavailable)
    app.add_middleware(door)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*HOSTS, *names], www_redirect=False)
    app.add_middleware(Guard)
    return app


async def _unavailable(_request: Request, trouble: Exception) -> Response:
    """A store that cannot be read now is not this program's mistake: ask again later."""
    logger.warning("a question could not be answered: %s", trouble)
    return problem(503, "the store of this answer does not answer now; please ask again in a moment")
