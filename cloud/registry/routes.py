"""Names of places, and windows, over HTTP."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query, Response

from cloud.openapi import answer, described, problem
from cloud.registry.snapshot import County, Place, Registry
from contract.identity import county_of, node_of, township_of
from contract.version import __version__

PAGE = 1_000
# Not \d, which takes the digits of every script.
_PLACE = r"^(city|[0-9]{6}|[0-9]{9}|[0-9]{9}-[a-z0-9]{1,16}/[a-z0-9]{1,8})$"
_NAMED = "`city`, a county (6 digits), a township (9 digits), or a window's name"

OWN_PLACE = rf"^$|{_PLACE}"
PlaceName = Annotated[str, Query(pattern=_PLACE, description=_NAMED)]


class Name(msgspec.Struct, frozen=True):
    """A name in Chinese and English."""

    zh: str
    en: str


class TownshipNames(msgspec.Struct, frozen=True):
    """A township (9-digit national code) and its names, long and short."""

    code: str
    zh: str
    en: str
    short_zh: str
    short_en: str


class CountyNames(TownshipNames, frozen=True):
    """A county (6-digit code), its names and its townships."""

    townships: list[TownshipNames]


class Places(msgspec.Struct, frozen=True):
    """All places of the city that are valid now.

    `version` is the program's: a page that was made by another one loads itself anew.
    """

    city: Name
    counties: list[CountyNames]
    version: str = __version__


class Window(msgspec.Struct, frozen=True):
    """A registered window: `id` is its city-wide name, `name` the one its node gives it; `registered`: valid now."""

    id: str
    name: str
    node: str
    township: str
    county: str
    registered: bool


class Windows(msgspec.Struct, frozen=True):
    """A page of windows by name; `after` asks for the next one, null on the last."""

    windows: list[Window]
    after: str | None


def places_of(registry: Registry, city: Name) -> Places:
    """Return the names that `registry` holds."""
    return Places(city, [_county(county) for county in registry.counties])


def unregistered(place: str, registry: Registry) -> Response | None:
    """Return that nobody registered `place`; None where somebody did."""
    if place == "city" or place in (registry.windows if "/" in place else registry.places):
        return None
    return problem(404, f"place: {place} is not registered")


def router(registry: Callable[[], Registry], *, city: Name, clock: Callable[[], int]) -> APIRouter:
    """Return the routes on the registry as it is at each request; `clock` gives the city's time in ms."""
    routes = APIRouter(tags=["registry"])

    @routes.get("/api/places", responses=described(Places, "Counties and townships"), response_class=Response)
    async def places(if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """Return the names of all places."""
        body = msgspec.json.encode(places_of(registry(), city))
        tag = f'"{sha256(body).hexdigest()[:16]}"'
        headers = {"Cache-Control": "no-cache", "ETag": tag}
        if tag == if_none_match:
            return Response(status_code=304, headers=headers)
        return answer(body, headers=headers)

    @routes.get("/api/windows", responses=described(Windows, "A page of windows"), response_class=Response)
    async def windows(
        place: Annotated[str, Query(pattern=r"^\d{0,9}$", description="Only those whose name begins so")] = "",
        after: Annotated[str, Query(max_length=40, description="Only those behind this name")] = "",
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    ) -> Response:
        """Return the windows of a place, or all of them, page by page."""
        known = registry()
        ids = sorted(id_ for id_ in known.windows if id_.startswith(place) and id_ > after)
        found = list(_windows(ids[:limit], known, clock()))
        return answer(Windows(found, found[-1].id if len(ids) > limit else None))

    return routes


def _windows(ids: list[str], registry: Registry, now: int) -> Iterator[Window]:
    for id_ in ids:
        name = id_.partition("/")[2]
        yield Window(id_, name, node_of(id_), township_of(id_), county_of(id_), registry.has_window(id_, now))


def _county(county: County) -> CountyNames:
    return CountyNames(*county.place, townships=[_township(place) for place in county.townships])


def _township(place: Place) -> TownshipNames:
    return TownshipNames(*place)
