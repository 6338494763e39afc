"""What a channel of carriers serves: its page, where it is set up, and where what it keeps is taken."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from fastapi import APIRouter

from cloud.calendar import Calendar
from cloud.carriers import kept_pages, routes, setup_pages
from cloud.carriers.desk import Channel as Kind
from cloud.carriers.desk import Desk
from cloud.console.screens import Screens
from cloud.database import Database
from cloud.registry.snapshot import Registry
from cloud.spoken.role import Channel, Spoken
from contract.signing import Signer


class Pages(Protocol):
    """Pages of a room."""

    def router(self) -> APIRouter:
        """Return the routes."""


class Served(NamedTuple):
    """The carriers of `channel`, whose deliveries are of `kind`: their page, where they are heard, their shelf.

    `more` makes pages that this channel alone has.
    """

    channel: Channel
    kind: Kind[Any, Any]
    page: kept_pages.Kept
    heard: routes.At
    shelf: setup_pages.Shelf
    more: Callable[..., Pages] | None = None


def serve(
    spoken: Spoken,
    database: Database,
    city: Signer,
    *,
    served: Served,
    screens: Screens,
    registry: Callable[[], Registry],
    calendar: Calendar,
    now: Callable[[], int],
    monotonic: Callable[[], float],
    random_bits: Callable[[int], int],
) -> None:
    """Give `spoken` the routes of `served`.

    `now` is the city's time in ms, `monotonic` counts seconds, `random_bits(n)` gives n random bits.
    """
    desk = Desk(
        database,
        served.kind,
        served.channel.signer(city),
        registry=registry,
        now=now,
        monotonic=monotonic,
        random_bits=random_bits,
        taken=spoken.wake,
    )
    reader = database.reader
    console = setup_pages.Pages(reader, desk, served.shelf, screens, registry=registry, calendar=calendar, now=now)
    spoken.routers = [
        kept_pages.router(served.page),
        routes.router(desk, served.heard, registry=registry, monotonic=monotonic),
        console.router(),
    ]
    if served.more is not None:
        spoken.routers.append(served.more(reader, screens, registry=registry, calendar=calendar, now=now).router())
