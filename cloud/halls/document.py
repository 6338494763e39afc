"""What the city writes for its halls, in one TOML file: plates, notices, the services of the kiosk, its answers. Pure.

```toml
[[notice]]
place = "371721121"                 # or a county, or "city"
zh = "明日系统升级，下午停止办理。"
en = "No service tomorrow afternoon."
from = 2026-12-01T08:00:00+08:00    # both may be left out
to = 2026-12-02T18:00:00+08:00

[[plate]]
window = "371721121-a1/01"
zh = "社会保险"
en = "Social insurance"
services = ["pension"]

[[service]]
code = "pension"
name = { zh = "城乡居民养老保险", en = "Residents' pension" }
lead = { zh = "参保登记。", en = "Register for it." }
needs = [{ zh = "居民身份证", en = "Identity card" }]

[[service.step]]
picture = "ticket"
zh = "取号。"
en = "Take a number."

[[question]]
asked = { zh = "几点开门？", en = "When do you open?" }
answer = { zh = "九点。", en = "At nine." }
service = "pension"                 # may be left out
```

All of it is put at once, in place of what was there.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from cloud.calendar import milliseconds
from cloud.hours.rules import CITY
from cloud.people.rules import within
from contract.codec import encode
from contract.errors import SettingsError
from contract.hall import (
    MAX_CATALOGUE,
    MAX_NOTICES,
    MAX_QUESTIONS,
    MAX_SERVICES,
    MAX_STEPS,
    Catalogue,
    Name,
    Notice,
    Picture,
    Plate,
    Question,
    Said,
    Service,
    ServiceCode,
    Stage,
    Text,
    WindowId,
)
from contract.settings import parse

# A signature and its newline.
SIGNED = 88
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Place = Annotated[str, msgspec.Meta(pattern=r"^(city|[0-9]{6}|[0-9]{9})$(?!\n)")]


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file, in which no key is misspelt."""


class SaidForm(_Form, frozen=True):
    """A text in both languages."""

    zh: Text
    en: Text

    @property
    def said(self) -> Said:
        """As it travels."""
        return Said(self.zh, self.en)


class NoticeForm(_Form, frozen=True):
    """A notice for the halls of `place`."""

    place: _Place
    zh: Text
    en: Text
    from_: _Moment | None = msgspec.field(default=None, name="from")
    to: _Moment | None = None


class PlateForm(_Form, frozen=True):
    """What is done at a window."""

    window: WindowId
    zh: Name
    en: Name
    services: list[ServiceCode] = []


class StageForm(SaidForm, frozen=True, kw_only=True):
    """A step of a service."""

    picture: Picture


class ServiceForm(_Form, frozen=True):
    """A service of the catalogue."""

    code: ServiceCode
    name: SaidForm
    lead: SaidForm
    step: Annotated[list[StageForm], msgspec.Meta(min_length=1, max_length=MAX_STEPS)]
    needs: Annotated[list[SaidForm], msgspec.Meta(max_length=MAX_STEPS)] = []


class QuestionForm(_Form, frozen=True):
    """A question with its answer."""

    asked: SaidForm
    answer: SaidForm
    service: ServiceCode | Literal[""] = ""


class File(_Form, frozen=True):
    """The whole file."""

    notice: list[NoticeForm] = []
    plate: list[PlateForm] = []
    service: Annotated[list[ServiceForm], msgspec.Meta(max_length=MAX_SERVICES)] = []
    question: Annotated[list[QuestionForm], msgspec.Meta(max_length=MAX_QUESTIONS)] = []


class Placed(msgspec.Struct, frozen=True):
    """A notice for the halls of `place`: "city", a county (6 digits) or a township (9)."""

    place: str
    notice: Notice


class Document(msgspec.Struct, frozen=True):
    """What the file says, as it is kept."""

    notices: list[Placed] = []
    plates: list[Plate] = []
    services: list[Service] = []
    questions: list[Question] = []

    def catalogue(self, version: int = 0) -> Catalogue:
        """What kiosks answer."""
        return Catalogue(version, self.services, self.questions)


def read(text: str, *, file: str) -> Document:
    """Read the TOML `text` of `file`; raises `SettingsError` with one line that says where it is wrong."""
    form = parse(text, File, file=file)
    document = Document(
        [Placed(one.place, _notice(one, file)) for one in form.notice],
        [Plate(one.window, one.zh, one.en, one.services) for one in form.plate],
        [_service(one) for one in form.service],
        [Question(one.asked.said, one.answer.said, one.service) for one in form.question],
    )
    _once((plate.window for plate in document.plates), f"{file}: plate")
    codes = _once((service.code for service in document.services), f"{file}: service")
    for where, wanted in [
        *((f"plate: {plate.window}", code) for plate in document.plates for code in plate.services),
        *(("question", one.service) for one in document.questions if one.service),
    ]:
        if wanted not in codes:
            raise SettingsError(f"{file}: {where}: there is no service {wanted!r} in this file")
    for place in {placed.place for placed in document.notices}:
        if (count := len(notices_at(document, place))) > MAX_NOTICES:
            raise SettingsError(f"{file}: notice: {place} has {count} with those around it, {MAX_NOTICES} fit")
    if (size := len(encode(document.catalogue(1 << 53))) + SIGNED) > MAX_CATALOGUE:
        raise SettingsError(
            f"{file}: services and questions take {size} bytes together, {MAX_CATALOGUE} fit: shorten or leave out some"
        )
    return document


def notices_at(document: Document, place: str) -> list[Notice]:
    """The notices for the halls of `place`: its own, and those of the places that it lies in."""
    return [one.notice for one in document.notices if one.place == CITY or within(place, one.place)]


def _notice(form: NoticeForm, file: str) -> Notice:
    since = 0 if form.from_ is None else milliseconds(form.from_)
    until = None if form.to is None else milliseconds(form.to)
    if until is not None and until <= since:
        raise SettingsError(f"{file}: notice: {form.zh[:20]}: it ends before it begins")
    return Notice(form.zh, form.en, since, until)


def _service(form: ServiceForm) -> Service:
    steps = [Stage(one.picture, one.zh, one.en) for one in form.step]
    return Service(form.code, form.name.said, form.lead.said, steps, [one.said for one in form.needs])


def _once(names: Iterable[str], where: str) -> set[str]:
    counted = Counter(names)
    for name, count in counted.items():
        if count > 1:
            raise SettingsError(f"{where}: {name} is there {count} times; give it once")
    return set(counted)
