"""What the city tells a township's hall: its screen, and its kiosk. Signed by the city; versions only rise.

Both papers are small enough to travel in one payload, and whole: with the line to the city cut for a week a hall still
has its plates, its notices, its codes and its answers.
"""

import re
from typing import Annotated, Literal

import msgspec

from contract.batch import Count, Millis
from contract.config import KeyText, TownshipCode
from contract.identity import COUNTER, WINDOW, whole
from contract.veil import Veil

# Bytes of each paper as signed; together they are less than a payload.
MAX_HALL = 80 * 1024
MAX_CATALOGUE = 160 * 1024
MAX_WINDOWS = 200
MAX_DUTIES = 400
MAX_NOTICES = 20
MAX_SERVICES = 200
MAX_QUESTIONS = 300
MAX_STEPS = 12
# Characters.
MAX_NAME = 100

SERVICE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
SITE = re.compile(r"https?://[^/@?#\s]{1,200}")

WindowId = Annotated[str, msgspec.Meta(pattern=rf"^{COUNTER.pattern}/{WINDOW.pattern}$(?!\n)")]
ServiceCode = Annotated[str, msgspec.Meta(pattern=whole(SERVICE))]
# A name on a plate, and a text of a few sentences.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=600)]
# What a step shows; each is drawn by the kiosk.
Picture = Literal[
    "ask", "ticket", "wait", "papers", "form", "photo", "check", "pay", "stamp", "collect", "post", "online"
]  # fmt: skip


class Plate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A window of the hall, by its city-wide name, what is done there, and which services of the catalogue."""

    window: WindowId
    zh: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""
    en: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""
    services: Annotated[list[ServiceCode], msgspec.Meta(max_length=MAX_SERVICES)] = []


class OnDuty(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sits at a window, from `since` until before `until` (ms; None: until further notice)."""

    window: WindowId
    zh: Name
    en: Name
    since: Millis
    until: Millis | None = None


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a hall is told, from `since` until before `until` (ms; None: until further notice)."""

    zh: Text
    en: Text
    since: Millis = 0
    until: Millis | None = None


class Hall(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="hall"):
    """What the screen of a township's hall shows. `zone` owns the days, `veil` says when a rating may be in a figure.

    Below `least` ratings a place is shown with its count and no score. `codes` is the key of the township's codes for
    telephones, 32 bytes in base64url, "" where there are none: it is a secret. `site` is the address at which
    telephones find the city, "" where that is not known.
    """

    township: TownshipCode
    version: Count
    zh: Name
    en: Name
    zone: Annotated[str, msgspec.Meta(max_length=64)]
    veil: Veil
    least: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    windows: Annotated[list[Plate], msgspec.Meta(max_length=MAX_WINDOWS)]
    duties: Annotated[list[OnDuty], msgspec.Meta(max_length=MAX_DUTIES)] = []
    notices: Annotated[list[Notice], msgspec.Meta(max_length=MAX_NOTICES)] = []
    site: Annotated[str, msgspec.Meta(pattern=rf"^({SITE.pattern})?$(?!\n)")] = ""
    codes: KeyText | Literal[""] = ""


class Said(msgspec.Struct, frozen=True):
    """One text in both languages."""

    zh: Text
    en: Text


class Stage(msgspec.Struct, frozen=True):
    """One step of a service, with what is drawn beside it."""

    picture: Picture
    zh: Text
    en: Text


class Service(msgspec.Struct, frozen=True, omit_defaults=True):
    """A service of the catalogue: what it is for, what to bring, and its steps in their order."""

    code: ServiceCode
    name: Said
    lead: Said
    steps: Annotated[list[Stage], msgspec.Meta(min_length=1, max_length=MAX_STEPS)]
    needs: Annotated[list[Said], msgspec.Meta(max_length=MAX_STEPS)] = []


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question that citizens ask, with its answer; `service`: which service it is about, "" for none."""

    asked: Said
    answer: Said
    service: ServiceCode | Literal[""] = ""


class Catalogue(msgspec.Struct, frozen=True, tag_field="kind", tag="catalogue"):
    """What the kiosks of a city answer."""

    version: Count
    services: Annotated[list[Service], msgspec.Meta(max_length=MAX_SERVICES)]
    questions: Annotated[list[Question], msgspec.Meta(max_length=MAX_QUESTIONS)]
