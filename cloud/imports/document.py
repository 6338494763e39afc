"""The registration that a table stands for: the same document that is registered from JSON."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from cloud.hours.forms import ClosureForm, DayForm, HoursForm
from cloud.imports.checks import Known, begin_of
from cloud.imports.columns import Kind
from cloud.imports.rules import Row
from cloud.registry.load import NodeForm, Registration, WindowForm
from cloud.staffing.forms import DutyForm, MembershipForm, OfficeForm
from contract.identity import window_id


class Touched(NamedTuple):
    """A row of the registry's `table`, by its `key`, that a `row` of a file is about."""

    row: int
    table: str
    key: tuple[str | int, ...]


def document_of(kind: Kind, rows: Sequence[Row], known: Known) -> Registration:
    """Return what `rows`, with which nothing is wrong, register."""
    every: list[Any] = [row.values for row in rows]
    names: tuple[str, ...]
    match kind:
        case "windows":
            windows: dict[str, list[str | WindowForm]] = {}
            for one in every:
                windows.setdefault(one["node"], []).append(WindowForm(one["window"], one["from"], one["to"]))
            return Registration(nodes=[NodeForm(node, known.keys[node], windows=has) for node, has in windows.items()])
        case "offices":
            offices: dict[str, OfficeForm] = {}
            for one in every:
                office = offices.setdefault(one["code"], OfficeForm(one["code"], one["zh"], one["en"], []))
                if one["window"] is not None:
                    office.windows.append(MembershipForm(one["window"], one["from"], one["to"]))
            return Registration(offices=list(offices.values()))
        case "duties":
            names = ("person", "zh", "en", "window", "from", "to")
            return Registration(duties=[DutyForm(*(one[name] for name in names)) for one in every])
        case "closures":
            names = ("place", "from", "to", "reason", "withdrawn")
            return Registration(closures=[ClosureForm(*(one[name] for name in names)) for one in every])
        case "days":
            return Registration(days=[DayForm(one["day"], one["kind"], one["reason"]) for one in every])
        case "hours":
            names = ("place", "from", "to", "working", "saturday", "sunday", "holiday", "withdrawn")
            return Registration(hours=[HoursForm(*(one[name] for name in names)) for one in every])


def touched(kind: Kind, rows: Sequence[Row]) -> list[Touched]:
    """Which rows of the registry `rows` are about, each once, in their order."""
    seen: dict[tuple[str, tuple[str | int, ...]], Touched] = {}
    for row in rows:
        for table, key in _keys(kind, row):
            seen.setdefault((table, key), Touched(row.number, table, key))
    return list(seen.values())


def _keys(kind: Kind, row: Row) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    values = row.values
    match kind:
        case "windows":
            yield "window", (window_id(str(values["node"]), str(values["window"])), begin_of(row))
        case "offices" | "duties":
            named, held, code = (
                ("office", "office_window", "code") if kind == "offices" else ("person", "duty", "person")
            )
            yield named, (str(values[code]),)
            if values["window"] is not None:
                yield held, (str(values["window"]), begin_of(row))
        case "closures" | "hours":
            yield (
                "office_closure" if kind == "closures" else "office_hours",
                (str(values["place"]), _day(values["from"])),
            )
        case "days":
            yield "special_day", (_day(values["day"]),)


def _day(value: object) -> str:
    # A moment is a day as well, and stands in no such column.
    assert isinstance(value, date) and not isinstance(value, datetime)  # noqa: S101, PT018  (the cells are read so)
    return value.isoformat()
