"""What a report covers, by the name that people write: a day, week, month, quarter, half or year. Pure."""

import re
from datetime import date, timedelta
from typing import NamedTuple

from contract.errors import SettingsError

_FORMS = "expected a year (2026), half (2026H2), quarter (2026Q4), month (2026-11), week (2026W47) or day (2026-11-27)"
_MONTHS = {"H": 6, "Q": 3, "-": 1}
# Numbers have so many digits, so that each period has one name, and one chain of editions.
_DIGITS = {"H": 1, "Q": 1, "W": 2, "-": 2}
_NAME = re.compile(r"([0-9]{4})(?:([HQW-])([0-9]{1,2}))?")


class Period(NamedTuple):
    """`first` and `last` are its days, both included."""

    name: str
    first: date
    last: date


def period(name: str) -> Period:
    """Return the period called `name`; raises `ValueError`, which says what is expected.

    Weeks are those of ISO 8601: they begin on Monday, and the first has the year's first Thursday.
    """
    try:
        first, last = _days(name)
        # There must be a day behind it, where it ends.
        last + timedelta(days=1)
    except (ValueError, OverflowError) as bad:
        raise ValueError(f"period {name!r}: {_FORMS}") from bad
    if (right := _rightly(name)) != name:
        raise ValueError(f"period {name!r}: it is written {right}")
    return Period(name, first, last)


def asked(name: str) -> Period:
    """Return the period called `name`; raises `SettingsError` where there is none."""
    try:
        return period(name)
    except ValueError as bad:
        raise SettingsError(f"--period: {bad}") from bad


def _rightly(name: str) -> str:
    """How the period that is called `name` is written."""
    found = _NAME.fullmatch(name)
    if found is None or found[2] is None:
        return name
    return f"{found[1]}{found[2]}{int(found[3]):0{_DIGITS[found[2]]}}"


def _days(name: str) -> tuple[date, date]:
    found = _NAME.fullmatch(name)
    if found is None:
        day = date.fromisoformat(name) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", name) else None
        if day is None:
            raise ValueError(name)
        return day, day
    year, form, number = int(found[1]), found[2], int(found[3] or 1)
    if form is None:
        return date(year, 1, 1), date(year, 12, 31)
    if form == "W":
        return date.fromisocalendar(year, number, 1), date.fromisocalendar(year, number, 7)
    months = _MONTHS[form]
    first = date(year, months * (number - 1) + 1, 1)
    # The first of the month behind it, of December's too.
    behind = (date(year, months * number, 28) + timedelta(days=4)).replace(day=1)
    return first, behind - timedelta(days=1)
