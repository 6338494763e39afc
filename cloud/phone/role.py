"""The telephones' part of a city's process."""

from collections.abc import Callable
from hashlib import sha256

from cloud.console.screens import Screens
from cloud.contacts.waiting import Waiting
from cloud.database import Database
from cloud.phone.codes import Pages as CodePages
from cloud.phone.desk import PhoneDesk
from cloud.phone.pages import Pages
from cloud.phone.store import KEPT
from cloud.reasons.desk import ReasonDesk
from cloud.reasons.pages import Pages as ReasonPages
from cloud.registry.snapshot import Registry
from cloud.spoken.role import Channel, Spoken
from contract.identity import PHONE
from contract.signing import Signer

TELEPHONES = Channel(PHONE, "telephones", KEPT)
# What the city's key signs nowhere else: nobody else can make of it the secret of the codes.
_CODES = b"manyi codes of the minute"


def codes_secret(city: Signer) -> bytes:
    """Return the secret of the city whose key is `city`, of which the townships' keys of codes are made."""
    return sha256(city.sign(_CODES)).digest()


def serve(
    telephones: Spoken,
    database: Database,
    city: Signer,
    *,
    waiting: Waiting,
    screens: Screens,
    registry: Callable[[], Registry],
    now: Callable[[], int],
    monotonic: Callable[[], float],
    random_bits: Callable[[int], int],
) -> None:
    """Give `telephones` their pages; `waiting` is where contacts wait for their cases.

    `now` is the city's time in ms, `monotonic` counts seconds, `random_bits(n)` gives n random bits.
    """
    desk = PhoneDesk(
        database,
        TELEPHONES.signer(city),
        codes_secret(city),
        registry=registry,
        now=now,
        monotonic=monotonic,
        random_bits=random_bits,
        taken=telephones.wake,
    )
    reasons = ReasonPages(ReasonDesk(database, waiting, now=now), screens, registry=registry, now=now)
    pages = Pages(desk, screens, reasons.thanks, registry=registry, now=now, random_bits=random_bits)
    codes = CodePages(desk, screens, registry=registry, now=now)
    telephones.routers = [pages.router(), reasons.router(), codes.router()]
