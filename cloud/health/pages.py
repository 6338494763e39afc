"""The page on devices: every node and gateway as it is now, what needs somebody first."""

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from cloud.configs.rules import Standing, standing
from cloud.console.listing import Cell, Column, Listing, Tone
from cloud.console.screens import Screens, language_of
from cloud.door.asker import asker_of
from cloud.health.rules import Device
from cloud.people.rules import within
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry

_COLUMNS = (
    Column("devices.name"),
    Column("devices.township"),
    Column("devices.kind"),
    Column("devices.state"),
    Column("devices.since"),
    Column("devices.windows", number=True),
    Column("devices.queue", number=True),
    Column("devices.clock", number=True),
    Column("devices.disk", number=True),
    Column("devices.version"),
    Column("devices.config"),
)
_MEGABYTE = 1_000_000
_TONES: Mapping[Standing, Tone] = {"none": "quiet", "as_wanted": "", "waiting": "warn", "behind": "bad"}


def router(
    devices: Callable[[], list[Device]],
    screens: Screens,
    *,
    registry: Callable[[], Registry],
    shown: Callable[[int], str],
    now: Callable[[], int],
) -> APIRouter:
    """Return the page; `registry` names places, `shown` writes a moment (ms), `now` is the city's time in ms."""
    pages = APIRouter(include_in_schema=False)

    def row(request: Request, one: Device) -> list[Cell]:
        word, stands = screens.word, _standing(one, registry(), now())
        return [
            Cell(one.node, f"/devices/{one.node}"),
            Cell(registry().called(one.township, language_of(request))),
            Cell(word(request, f"kind.{one.kind}")),
            Cell(word(request, f"device.{one.state}"), tone="good" if one.state == "online" else "bad"),
            Cell(shown(one.since)),
            Cell(str(one.windows)),
            Cell(f"{one.queue:,}", tone="warn" if one.queue else ""),
            Cell("" if one.clock_error_ms is None else f"{one.clock_error_ms:,} ms"),
            Cell("" if one.heard is None else f"{one.disk_free // _MEGABYTE:,} MB"),
            Cell(one.version),
            Cell(word(request, f"standing.{stands}") if one.kind == "node" else "", tone=_TONES[stands]),
        ]

    @pages.get("/devices")
    async def page(request: Request, place: Annotated[str, Query(pattern=OWN_PLACE)] = "") -> Response:
        where = place or asker_of(request).person.place
        found = [one for one in devices() if within(one.node, where)]
        # What works needs nobody.
        found.sort(key=lambda one: (one.state == "online", one.node))
        listing = Listing("devices", _COLUMNS, [row(request, one) for one in found])
        return screens.listed(request, "list.html", listing, title="devices.title")

    return pages


def _standing(one: Device, registry: Registry, now: int) -> Standing:
    wanted = registry.configs.get(one.node)
    if wanted is None:
        return "none"
    return standing(wanted.version, wanted.given_at, one.config, now, there=one.state != "offline")
