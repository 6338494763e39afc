"""What is wrong with rows that can be read: with one another, and with what the registry holds. Pure."""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, cast

from cloud.calendar import milliseconds
from cloud.hours.rules import CITY
from cloud.imports.columns import Kind
from cloud.imports.rules import Fault, Row
from cloud.staffing.rules import Tenure, overlaps
from contract.identity import township_of


class Known(NamedTuple):
    """What the registry holds of what a table names: open keys by node, windows, places, and who has each window."""

    keys: Mapping[str, str]
    windows: Container[str]
    places: Container[str]
    tenures: Mapping[str, Sequence[Tenure]]


def faults_of(kind: Kind, rows: Sequence[Row], known: Known) -> list[Fault]:
    """Everything that is wrong, in the order of the rows."""
    found = [*_twice(kind, rows), *_backwards(kind, rows)]
    if kind == "windows":
        found += _unknown(rows, "node", "sheet.node", "imports.no_node", known.keys)
    elif kind in {"closures", "hours"}:
        found += [
            Fault(row.number, "sheet.place", "imports.no_place", {"text": row.values["place"]})
            for row in rows
            if row.values["place"] != CITY and row.values["place"] not in known.places
        ]
    elif kind in {"offices", "duties"}:
        found += _unknown(rows, "window", "sheet.window", "imports.no_window", known.windows)
        found += _elsewhere(rows, code_of(kind))
        found += _two_names(rows, code_of(kind))
        if not found:
            # Who would have a window at once with somebody else can be said of rows that are right by themselves.
            found += _taken(rows, code_of(kind), known)
    return sorted(found, key=lambda fault: fault.row)


def code_of(kind: Kind) -> str:
    """The name of the column that says whose a window is."""
    return "code" if kind == "offices" else "person"


def tenure_of(row: Row, code: str) -> Tenure | None:
    """Whose the window of `row` is, from when to when; None where it names no window."""
    window = row.values["window"]
    if window is None:
        return None
    return Tenure(str(window), begin_of(row), end_of(row), str(row.values[code]))


def begin_of(row: Row) -> int:
    """From when (ms) something holds; 0 since ever."""
    begin = row.values["from"]
    return milliseconds(begin) if isinstance(begin, datetime) else 0


def end_of(row: Row) -> int | None:
    """Until before when (ms); None until further notice."""
    end = row.values["to"]
    return milliseconds(end) if isinstance(end, datetime) else None


def _twice(kind: Kind, rows: Sequence[Row]) -> Iterator[Fault]:
    seen: dict[tuple[object, ...], int] = {}
    for row in rows:
        values = row.values
        match kind:
            case "windows":
                key: tuple[object, ...] = values["node"], values["window"]
            case "offices" | "duties":
                key = (values["window"], begin_of(row)) if values["window"] is not None else (row.number,)
            case "days":
                key = (values["day"],)
            case _:
                key = values["place"], values["from"]
        if key in seen:
            yield Fault(row.number, "", "imports.twice", {"other": seen[key]})
        seen.setdefault(key, row.number)


def _backwards(kind: Kind, rows: Sequence[Row]) -> Iterator[Fault]:
    for row in rows:
        begin, end = row.values.get("from"), row.values.get("to")
        if isinstance(end, datetime):
            since, until = begin_of(row), milliseconds(end)
            # Of whoever has a window, what ends as it begins was taken back; a window itself cannot be.
            wrong = until < since or (kind == "windows" and until == since)
        else:
            wrong = isinstance(end, date) and end < cast("date", begin)
        if wrong:
            yield Fault(row.number, "sheet.to", "imports.ends_before")


def _unknown(rows: Sequence[Row], name: str, column: str, word: str, known: Container[str]) -> Iterator[Fault]:
    for row in rows:
        value = row.values[name]
        if value is not None and value not in known:
            yield Fault(row.number, column, word, {"text": value})


def _elsewhere(rows: Sequence[Row], code: str) -> Iterator[Fault]:
    for row in rows:
        window, whose = row.values["window"], str(row.values[code])
        if window is not None and township_of(str(window)) != township_of(whose):
            yield Fault(row.number, "sheet.window", "imports.elsewhere", {"text": township_of(whose)})


def _two_names(rows: Sequence[Row], code: str) -> Iterator[Fault]:
    named: dict[object, tuple[object, object, int]] = {}
    for row in rows:
        zh, en, other = named.setdefault(row.values[code], (row.values["zh"], row.values["en"], row.number))
        if (zh, en) != (row.values["zh"], row.values["en"]):
            yield Fault(row.number, "sheet.zh", "imports.two_names", {"other": other})


def _taken(rows: Sequence[Row], code: str, known: Known) -> Iterator[Fault]:
    more: defaultdict[str, dict[Tenure, int]] = defaultdict(dict)
    for row in rows:
        tenure = tenure_of(row, code)
        if tenure is not None:
            more[tenure.window][tenure] = row.number
    for window, ours in more.items():
        for before, after in overlaps(known.tenures.get(window, ()), ours):
            # The later of the two is named where both are the table's.
            mine, other = (after, before) if after in ours else (before, after)
            yield Fault(ours[mine], "sheet.window", "imports.taken", {"who": other.code, "begin": other.valid_from})


def windows_of(rows: Sequence[Row]) -> set[str]:
    """The windows that `rows` of offices or duties name."""
    return {str(row.values["window"]) for row in rows if row.values["window"] is not None}
