"""What a registration may say of offices and of who is on duty. Pure.

```
"offices": [{"code": "371721121:zw", "zh": "政务大厅", "en": "Service hall",
             "windows": [{"id": "371721121-a1/01", "from": "2026-10-01T00:00:00+08:00"}]}],
"duties": [{"person": "371721121:1024", "zh": "李敏", "en": "Li Min", "window": "371721121-a1/01",
            "from": "2026-11-02T09:00:00+08:00", "to": "2026-11-02T12:00:00+08:00"}]
```

What begins in the same minute at the same window replaces what was said before; what ends when it begins is taken back.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from cloud.calendar import milliseconds
from cloud.staffing.rules import Named, Staff, Tenure
from contract.errors import SettingsError
from contract.identity import COUNTER, OFFICE, PERSON, WINDOW, township_of, whole

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Office = Annotated[str, msgspec.Meta(pattern=whole(OFFICE))]
_Person = Annotated[str, msgspec.Meta(pattern=whole(PERSON))]
_Window = Annotated[str, msgspec.Meta(pattern=rf"^{COUNTER.pattern}/{WINDOW.pattern}$(?!\n)")]


class MembershipForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A window of an office, by its city-wide name, from when to when; without `from` since ever."""

    id: _Window
    from_: _Moment | None = msgspec.field(default=None, name="from")
    to: _Moment | None = None


class OfficeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An office of a township, such as its service hall or a bureau's counters in it."""

    code: _Office
    zh: _Name
    en: _Name
    windows: list[MembershipForm] = []


class DutyForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who sits at a window, from when to when."""

    person: _Person
    zh: _Name
    en: _Name
    window: _Window
    from_: _Moment = msgspec.field(name="from")
    to: _Moment | None = None


def staff_of(offices: Sequence[OfficeForm], duties: Sequence[DutyForm]) -> Staff:
    """The rows of `offices` and `duties`; raises `SettingsError` for what contradicts itself."""
    members = [_tenure(form.code, one.id, one.from_, one.to) for form in offices for one in form.windows]
    served = [_tenure(form.person, form.window, form.from_, form.to) for form in duties]
    for tenures in (members, served):
        _once(tenures)
    return Staff(
        _named((form.code, form.zh, form.en) for form in offices),
        members,
        _named((form.person, form.zh, form.en) for form in duties),
        served,
    )


def _tenure(code: str, window: str, begin: datetime | None, end: datetime | None) -> Tenure:
    where = f"registration: {code}: window {window}"
    if township_of(window) != township_of(code):
        raise SettingsError(f"{where} is in township {township_of(window)}: give a code that begins with that")
    for moment in (begin, end):
        # Ratings are tallied by the minute, so nobody could tell whose a part of one is.
        if moment is not None and (moment.second or moment.microsecond):
            raise SettingsError(f"{where}: {moment.isoformat()}: give a full minute")
    since, until = 0 if begin is None else milliseconds(begin), None if end is None else milliseconds(end)
    if until is not None and until < since:
        raise SettingsError(f"{where} ends before it begins")
    return Tenure(window, since, until, code)


def _once(tenures: Iterable[Tenure]) -> None:
    """`SettingsError` where a beginning is given twice: which of the two replaces what was said before is not known."""
    seen: set[tuple[str, int]] = set()
    for one in tenures:
        if (one.window, one.valid_from) in seen:
            raise SettingsError(f"registration: {one.code}: window {one.window} is given twice from the same minute on")
        seen.add((one.window, one.valid_from))


def _named(rows: Iterable[tuple[str, str, str]]) -> list[Named]:
    """Each code once; `SettingsError` where one has two names."""
    found: dict[str, Named] = {}
    for row in rows:
        one = Named(*row)
        if found.setdefault(one.code, one) != one:
            raise SettingsError(f"registration: {one.code} is called {found[one.code].zh} and {one.zh}: give one name")
    return list(found.values())
