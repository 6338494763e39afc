"""The public holidays of China and the days made up for them, as the State Council published them.

They come from the library `chinesecalendar`, which raises beyond the years that it knows: the State Council announces a
year's holidays in the autumn before. Whoever cannot wait for its next version registers the days (`days` of
`manyi cloud register`), and a year that nobody knows is said long before it begins.
"""

from collections.abc import Collection
from datetime import date, timedelta
from functools import cache
from importlib import metadata

import chinese_calendar

from cloud.hours.rules import PublicDay

# So long before the end of what is known it is said: the announcement, and a new version, take until December.
WARN_DAYS = 90
# On the screens of whoever can do something about it so long before, since the city may have to register the days.
SAY_DAYS = 120


def public_day(day: str) -> PublicDay | None:
    """Return what is published of `day`; None where its year is not."""
    when = date.fromisoformat(day)
    first, last = known_years()
    if not first <= when.year <= last:
        return None
    off, name = chinese_calendar.get_holiday_detail(when)
    if name is None:
        return PublicDay("rest" if off else "working", "")
    return PublicDay("holiday" if off else "working", str(name))


@cache
def known_years() -> tuple[int, int]:
    """Return the first and the last year that the library knows."""
    years = [day.year for day in chinese_calendar.holidays]
    return min(years), max(years)


@cache
def edition() -> str:
    """Name what the library knows."""
    return f"chinesecalendar {metadata.version('chinesecalendar')}"


def missing(today: str, registered: Collection[str]) -> str | None:
    """Say so when within `WARN_DAYS` of `today` a year comes whose holidays are not known and not `registered`."""
    year = unknown_year(today, registered, WARN_DAYS)
    if year is None:
        return None
    return (
        f"the public holidays of {year} are not known: update chinesecalendar, or register them as `days`; "
        "until then silence and pressing on days off are not judged in that year"
    )


def unknown_year(today: str, registered: Collection[str], within: int) -> int | None:
    """Return the first year of now or of `within` days whose holidays are not known and not `registered`."""
    for ahead in (0, within):
        year = (date.fromisoformat(today) + timedelta(days=ahead)).year
        if year > known_years()[1] and str(year) not in registered:
            return year
    return None
