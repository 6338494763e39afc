"""The page on devices: every node and gateway as it is now, what needs somebody first."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from cloud.console.listing import Cell, Column, Listing
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
)
_MEGABYTE = 1_000_000


def router(
    devices: Callable[[], list[Device]],
    screens: Screens,
    *,
    registry: Callable[[], Registry],
    shown: Callable[[int], str],
) -> APIRouter:
    """Return the page; `registry` names places, `shown` writes a moment (ms)."""
    pages = APIRouter(include_in_schema=False)

    def row(request: Request, one: Device) -> list[Cell]:
        word = screens.word
        return [
            Cell(one.node),
            Cell(registry().called(one.township, language_of(request))),
            Cell(word(request, f"kind.{one.kind}")),
            Cell(word(request, f"device.{one.state}"), tone="good" if one.state == "online" else "bad"),
            Cell(shown(one.since)),
            Cell(str(one.windows)),
            Cell(f"{one.queue:,}", tone="warn" if one.queue else ""),
            Cell("" if one.clock_error_ms is None else f"{one.clock_error_ms:,} ms"),
            Cell("" if one.heard is None else f"{one.disk_free // _MEGABYTE:,} MB"),
            Cell(one.version),
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
