"""When a window was last pressed, as somebody may see it. Pure."""

from typing import NamedTuple

from cloud.calendar import MINUTE_MS, Calendar
from cloud.cases.veil import Viewer

# Presses of the last two days are looked for by the minute, earlier ones by the day.
MINUTES = 2 * 24 * 60
DAYS = 31


class Press(NamedTuple):
    """The newest rating of a window: its minute (ms), or only its day where it is older than `MINUTES`."""

    at: int | None
    day: str


def said(press: Press | None, viewer: Viewer, calendar: Calendar) -> str:
    """How `viewer` is told: the city to the minute, everybody else by the hour, and everybody by the day later on."""
    if press is None:
        return ""
    if press.at is None:
        return press.day
    return calendar.shown(press.at if viewer.at_once else calendar.hour(press.at))


def pressed(minutes: dict[str, int], days: dict[str, str], calendar: Calendar) -> dict[str, Press]:
    """The newest rating of each window, of the newest minute numbers and days of each."""
    found = {window: Press(None, day) for window, day in days.items()}
    for window, minute in minutes.items():
        found[window] = Press(minute * MINUTE_MS, calendar.day(minute * MINUTE_MS))
    return found
