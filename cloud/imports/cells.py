"""What stands in one cell of a table for the registry: read by what its column holds. Pure."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from cloud.hours.forms import STRETCH, stretches_of
from cloud.hours.rules import CITY, Kind, Published
from contract.errors import SettingsError
from contract.identity import NODE, OFFICE, PERSON, WINDOW

Holds = Literal[
    "node", "window", "own_window", "office", "person", "name", "place", "day", "moment", "daykind", "reason",
    "stretches", "yes",
]  # fmt: skip
Value = str | bool | date | datetime | list[str] | None

# Of each kind of cell, the key of the words that say what is allowed in it.
ALLOWED: Mapping[Holds, str] = {
    "node": "imports.node",
    "window": "imports.window",
    "own_window": "imports.own_window",
    "office": "imports.office",
    "person": "imports.person",
    "name": "imports.name",
    "place": "imports.place",
    "day": "imports.day",
    "moment": "imports.moment",
    "daykind": "imports.daykind",
    "reason": "imports.reason",
    "stretches": "imports.stretches",
    "yes": "imports.yes",
}
_FORMS: Mapping[Holds, re.Pattern[str]] = {
    "node": NODE,
    "window": re.compile(f"{NODE.pattern}/{WINDOW.pattern}"),
    "own_window": WINDOW,
    "office": OFFICE,
    "person": PERSON,
    "name": re.compile(r"[^\x00-\x1f\x7f]{1,100}"),
    "place": re.compile(rf"{CITY}|[0-9]{{6}}|[0-9]{{9}}"),
    "reason": re.compile(r"[^\x00-\x1f\x7f]{1,200}"),
}
_DAYKINDS: Mapping[str, Kind | Published] = {
    "working": "working", "工作日": "working", "上班": "working",
    "rest": "rest", "休息日": "rest", "休息": "rest",
    "holiday": "holiday", "节假日": "holiday", "放假": "holiday",
    "published": "published", "按公布": "published",
}  # fmt: skip
_YES: Mapping[str, bool] = {"": False, "no": False, "否": False, "yes": True, "是": True}
# Also as a spreadsheet in China writes it, 2026/12/1 8:30.
_DAY = r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
_LOCAL = re.compile(rf"{_DAY}(?:[ T]+(\d{{1,2}}):(\d{{2}})(?::(\d{{2}})(?:\.0+)?)?)?", re.ASCII)
_STRETCH = re.compile(r"(\d{1,2}):(\d{2})[-–—~～至](\d{1,2}):(\d{2})", re.ASCII)
_BETWEEN = re.compile(r"[\s,，;；、]+")


def read(holds: Holds, text: str, zone: ZoneInfo) -> Value:
    """Return what `text` stands for in a cell that holds that; None for an empty one. `ValueError` for what is none.

    A moment without a zone is one of the clocks of `zone`.
    """
    if not text and holds not in {"yes", "stretches"}:
        return None
    match holds:
        case "yes":
            found: Value = _of(_YES, text.lower())
        case "stretches":
            found = _stretches(text)
        case "day":
            found = _day(_moment(text, zone))
        case "moment":
            found = _minute(_moment(text, zone))
        case "daykind":
            found = _of(_DAYKINDS, text.lower())
        case _:
            found = _formed(_FORMS[holds], text)
    return found


def _formed(form: re.Pattern[str], text: str) -> str:
    if not form.fullmatch(text):
        raise ValueError(text)
    return text


def _day(moment: datetime) -> date:
    if moment.time() != time():
        raise ValueError(moment)
    return moment.date()


def _minute(moment: datetime) -> datetime:
    if moment.second or moment.microsecond:
        raise ValueError(moment)
    return moment


def _moment(text: str, zone: ZoneInfo) -> datetime:
    local = _LOCAL.fullmatch(text)
    if local is not None:
        year, month, day, hour, minute, second = (int(part or 0) for part in local.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _stretches(text: str) -> list[str]:
    """As a registration has them: "08:30-12:00"."""
    # Dashes with spaces around them are one stretch yet.
    joined = re.sub(r"\s*([-–—~～至])\s*", r"\1", text.replace("：", ":").strip())
    found = []
    for part in filter(None, _BETWEEN.split(joined)):
        stretch = _STRETCH.fullmatch(part)
        written = "{:0>2}:{}-{:0>2}:{}".format(*stretch.groups()) if stretch else ""
        if not STRETCH.fullmatch(written):
            raise ValueError(text)
        found.append(written)
    try:
        stretches_of(found, "")
    except SettingsError as bad:
        raise ValueError(text) from bad
    return found


def _of(words: Mapping[str, Value], text: str) -> Value:
    if text not in words:
        raise ValueError(text)
    return words[text]
