"""The hall's screen over HTTP: one page, and what it asks for again and again."""

import msgspec
from fastapi import APIRouter, Request, Response

from gateway.hall.desk import HallDesk
from gateway.web.assets import serve, served

# The moment is all that counts; and no copy of a code stays anywhere.
_HEADERS = {"Cache-Control": "no-store"}


class Routes:
    """`desk` puts together what is shown."""

    def __init__(self, desk: HallDesk) -> None:
        self._desk = desk

    def add_to(self, routes: APIRouter) -> None:
        """Add them to `routes`."""
        self._assets = serve(routes, "gateway.hall", "/static/hall")
        routes.add_api_route("/hall", self.page, methods=["GET", "HEAD"])
        routes.add_api_route("/hall/picture", self.picture)
        routes.add_api_route("/hall/codes", self.codes)

    async def page(self, request: Request) -> Response:
        """Return the page."""
        return served(self._assets["hall.html"], request)

    async def picture(self) -> Response:
        """What the screen shows now."""
        return answer(await self._desk.picture())

    async def codes(self) -> Response:
        """The codes of this minute."""
        return answer(self._desk.codes())


def answer(told: msgspec.Struct | None) -> Response:
    """Return `told` as JSON; 503 where there is nothing to tell yet."""
    if told is None:
        return Response(b"null", 503, _HEADERS, "application/json")
    return Response(msgspec.json.encode(told), 200, _HEADERS, "application/json")
