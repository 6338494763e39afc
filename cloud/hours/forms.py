"""What a registration may say of an office's time: hours, closures, and what a day is. Pure.

```
"hours": [{"place": "371721", "from": "2026-06-01", "to": "2026-08-31", "working": ["08:00-12:00", "15:00-18:00"],
           "saturday": ["09:00-12:00"]}],
"closures": [{"place": "371721121", "from": "2026-07-06", "to": "2026-07-08", "reason": "停电检修"}],
"days": [{"day": "2027-01-01", "kind": "holiday", "reason": "元旦"}]
```

What begins on the same day at the same place replaces what was said before; `"withdrawn": true` takes it back.
"""

import re
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated

import msgspec

from cloud.hours.rules import Closure, Hours, Kind, Published, SpecialDay, Stretches
from contract.errors import SettingsError
from contract.identity import whole

_Place = Annotated[str, msgspec.Meta(pattern=r"^(city|[0-9]{6}|[0-9]{9})$(?!\n)")]
STRETCH = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)")
_Stretch = Annotated[str, msgspec.Meta(pattern=whole(STRETCH))]
_Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
# No day is at or before it, so a row that ends on it holds on none.
WITHDRAWN = ""


class HoursForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hours of a place on working days, and where it opens then on Saturdays, Sundays and public holidays."""

    place: _Place
    from_: date = msgspec.field(name="from")
    to: date | None = None
    working: list[_Stretch] = []
    saturday: list[_Stretch] = []
    sunday: list[_Stretch] = []
    holiday: list[_Stretch] = []
    withdrawn: bool = False


class ClosureForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place that is closed, from one day to another, both included."""

    place: _Place
    from_: date = msgspec.field(name="from")
    to: date
    reason: _Reason
    withdrawn: bool = False


class DayForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a day is in this city; `published`: what the published calendar says after all."""

    day: date
    kind: Kind | Published
    reason: _Reason


def hours_of(forms: Sequence[HoursForm]) -> list[Hours]:
    """The rows of `forms`; raises `SettingsError` for one that contradicts itself."""
    _once("hours", [(form.place, form.from_) for form in forms])
    rows = []
    for form in forms:
        where = f"registration: hours of {form.place} from {form.from_}"
        if form.to is not None and form.to < form.from_:
            raise SettingsError(f"{where}: they end before they begin")
        last = WITHDRAWN if form.withdrawn else None if form.to is None else form.to.isoformat()
        kinds = [stretches_of(texts, where) for texts in (form.working, form.saturday, form.sunday, form.holiday)]
        rows.append(Hours(form.place, form.from_.isoformat(), last, *kinds))
    return rows


def closures_of(forms: Sequence[ClosureForm]) -> list[Closure]:
    """The rows of `forms`; raises `SettingsError` for one that contradicts itself."""
    _once("closures", [(form.place, form.from_) for form in forms])
    for form in forms:
        if form.to < form.from_:
            raise SettingsError(f"registration: closure of {form.place} from {form.from_}: it ends before it begins")
    return [
        Closure(form.place, form.from_.isoformat(), WITHDRAWN if form.withdrawn else form.to.isoformat(), form.reason)
        for form in forms
    ]


def days_of(forms: Sequence[DayForm]) -> list[SpecialDay]:
    """The rows of `forms`; raises `SettingsError` for a day that is named twice."""
    _once("days", [("", form.day) for form in forms])
    return [SpecialDay(form.day.isoformat(), form.kind, form.reason) for form in forms]


def _once(what: str, keys: Sequence[tuple[str, date]]) -> None:
    seen: set[tuple[str, date]] = set()
    for place, day in keys:
        if (place, day) in seen:
            raise SettingsError(f"registration: {what}: {place or 'the day'} {day} is named twice")
        seen.add((place, day))


def stretches_of(texts: Sequence[str], where: str) -> Stretches:
    """Return the stretches of minutes that `texts` give; raises `SettingsError` for what contradicts itself."""
    found = tuple(sorted((_minutes(text[:5]), _minutes(text[6:])) for text in texts))
    for begin, end in found:
        if end <= begin:
            raise SettingsError(f"{where}: a stretch ends before it begins; what goes beyond midnight is two stretches")
    for before, after in pairwise(found):
        if after[0] < before[1]:
            raise SettingsError(f"{where}: two stretches overlap")
    return found


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
