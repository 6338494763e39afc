"""The kiosk over HTTP: one page, the catalogue that it shows, and what is found in it."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from contract.hall import Question, Service
from gateway.hall.picture import Both
from gateway.hall.routes import answer
from gateway.hall.view import View
from gateway.kiosk.search import search
from gateway.web.assets import serve, served


class Place(msgspec.Struct, frozen=True):
    """A window of this hall where a service is done."""

    number: str
    plate: Both


class Shown(msgspec.Struct, frozen=True):
    """All that a hall's kiosk answers, under the catalogue's version; `places`: where a service is done, by code."""

    version: int
    name: Both
    services: list[Service]
    questions: list[Question]
    places: dict[str, list[Place]]


class Hit(msgspec.Struct, frozen=True):
    """The place in the catalogue of a service or a question."""

    kind: str
    index: int


class Hits(msgspec.Struct, frozen=True):
    """What was found in the catalogue of that version, the best first."""

    version: int
    hits: list[Hit]


class Routes:
    """`look` gives the gateway as it is, None before it is ready."""

    def __init__(self, look: Callable[[], View | None]) -> None:
        self._look = look

    def add_to(self, routes: APIRouter) -> None:
        """Add them to `routes`."""
        self._assets = serve(routes, "gateway.kiosk", "/static/kiosk")
        routes.add_api_route("/kiosk", self.page, methods=["GET", "HEAD"])
        routes.add_api_route("/kiosk/catalogue", self.catalogue)
        routes.add_api_route("/kiosk/search", self.search)

    async def page(self, request: Request) -> Response:
        """Return the page."""
        return served(self._assets["kiosk.html"], request)

    async def catalogue(self) -> Response:
        """What the kiosk answers."""
        view = self._look()
        if view is None or view.papers.hall is None or view.papers.catalogue is None:
            return answer(None)
        hall, catalogue = view.papers.hall, view.papers.catalogue
        places: dict[str, list[Place]] = {}
        for plate in hall.windows:
            for code in plate.services:
                place = Place(plate.window.rpartition("/")[2], Both(plate.zh, plate.en))
                places.setdefault(code, []).append(place)
        name = Both(hall.zh, hall.en)
        return answer(Shown(catalogue.version, name, catalogue.services, catalogue.questions, places))

    async def search(self, q: Annotated[str, Query(max_length=100)] = "") -> Response:
        """What is found by `q`."""
        view = self._look()
        if view is None or view.papers.catalogue is None:
            return answer(None)
        catalogue = view.papers.catalogue
        return answer(Hits(catalogue.version, [Hit(*found) for found in search(catalogue, q)]))
