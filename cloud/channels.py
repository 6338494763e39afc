"""The channels that this city has besides the buttons, each a role of its own."""

from collections.abc import Callable, Mapping
from functools import partial

from cloud.calendar import Calendar
from cloud.carriers import role as carriers
from cloud.console.screens import Screens
from cloud.contacts.waiting import Waiting
from cloud.database import Database
from cloud.homes import role as homes
from cloud.ingest.charge import Charge
from cloud.ingest.worker import Ingest
from cloud.phone import role as phone
from cloud.registry.snapshot import Registry
from cloud.settings import Settings
from cloud.spoken.role import Spoken
from cloud.tablet import role as tablet
from contract.identity import HOME, PHONE, TABLET
from contract.signing import Signer


def without(settings: Settings) -> list[str]:
    """Return the entries of the console's menu that a city with these settings has not."""
    entries = {
        "/codes": settings.phones,
        "/tablets": settings.tablets,
        "/homes": settings.homes,
        "/assistants": settings.homes,
    }
    return [path for path, there in entries.items() if not there]


def open_channels(
    settings: Settings,
    database: Database,
    city: Signer,
    *,
    ingest: Ingest | None,
    charge: Charge,
    waiting: Waiting | None,
    registry: Callable[[], Registry],
    calendar: Calendar,
    now: Callable[[], int],
    monotonic: Callable[[], float],
    random_bits: Callable[[int], int],
) -> list[Spoken]:
    """Return those of the `settings`; `ingest` is this process's, if it ingests.

    `city` is the city's key, `now` its time in ms, `monotonic` counts seconds, `random_bits(n)` gives n random bits.
    `waiting`: where contacts wait for their cases, if it serves.
    """
    serving: Mapping[str, Callable[..., None]] = {}
    if waiting is not None:
        serving = {
            PHONE: partial(phone.serve, waiting=waiting),
            TABLET: partial(carriers.serve, served=tablet.SERVED, calendar=calendar),
            HOME: partial(carriers.serve, served=homes.SERVED, calendar=calendar),
        }
    screens = Screens(calendar, without=without(settings))
    opened = []
    for there, channel in (
        (settings.phones, phone.TELEPHONES),
        (settings.tablets, tablet.TABLETS),
        (settings.homes, homes.HOMES),
    ):
        if not there:
            continue
        one = Spoken(
            channel,
            database,
            city,
            ingest=ingest,
            charge=charge,
            pki=settings.pki,
            registry=registry,
            now=now,
            monotonic=monotonic,
        )
        if serve := serving.get(channel.name):
            serve(
                one,
                database,
                city,
                screens=screens,
                registry=registry,
                now=now,
                monotonic=monotonic,
                random_bits=random_bits,
            )
        opened.append(one)
    return opened
