"""All that is served in a township's hall to whoever stands in it."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from gateway.hall.desk import HallDesk
from gateway.hall.routes import Routes as HallRoutes
from gateway.hall.view import View
from gateway.kiosk.routes import Routes as KioskRoutes
from gateway.web.assets import serve


def pages(look: Callable[[], View | None]) -> APIRouter:
    """Return the routes of the screen and the kiosk; `look` gives the gateway as it is, None before it is ready."""
    routes = APIRouter(include_in_schema=False)
    serve(routes, "gateway.web", "/static/web")
    HallRoutes(HallDesk(look)).add_to(routes)
    KioskRoutes(look).add_to(routes)

    async def home(_request: Request) -> Response:
        return RedirectResponse("/hall", 303)

    routes.add_api_route("/", home)
    return routes
