"""A plan's differences as people read them. Pure but for the words that it is given."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from cloud.hours.rules import Stretches
from cloud.imports.differences import Cells, Difference

# Of each of the registry's tables, the word of each column behind the key's.
_COLUMNS: Mapping[str, Sequence[str]] = {
    "window": ("sheet.to",),
    "node": ("sheet.kind", "sheet.place", "sheet.key", "sheet.to"),
    "office": ("sheet.zh", "sheet.en"),
    "person": ("sheet.zh", "sheet.en"),
    "office_window": ("sheet.to", "sheet.code"),
    "duty": ("sheet.to", "sheet.person"),
    "office_closure": ("sheet.to", "sheet.reason"),
    "office_hours": ("sheet.to", "sheet.open"),
    "special_day": ("sheet.kind", "sheet.reason"),
}
# What holds to a moment, in ms; of the others `to` is a day.
_MOMENTS = frozenset({"window", "node", "office_window", "duty"})
_body = msgspec.json.Decoder(tuple[Stretches, Stretches, Stretches, Stretches])


class Reader:
    """`word` gives the words for a key, `shown` writes a moment (ms)."""

    def __init__(self, word: Callable[[str], str], shown: Callable[[int], str]) -> None:
        self._word = word
        self._shown = shown

    def subject(self, one: Difference) -> str:
        """What `one` is about: a window from when on, an office, a day."""
        name, *begin = one.key
        if not begin:
            return str(name)
        since = self._moment(begin[0], "imports.ever") if one.table in _MOMENTS else str(begin[0])
        return f"{name} · {since}"

    def change(self, one: Difference) -> str:
        """What is, or becomes different: of what is added everything, of what is changed the old and the new."""
        before, after = self._cells(one.table, one.before), self._cells(one.table, one.after)
        if one.before is None or one.verdict == "same":
            return self._joined(one.table, after)
        parts = [
            f"{self._word(column)}: {old} → {new}"
            for column, old, new in zip(_COLUMNS[one.table], before, after or [""] * len(before), strict=True)
            if old != new
        ]
        return "; ".join(parts)

    def _joined(self, table: str, cells: Sequence[str]) -> str:
        return "; ".join(f"{self._word(column)}: {cell}" for column, cell in zip(_COLUMNS[table], cells, strict=True))

    def _cells(self, table: str, cells: Cells | None) -> list[str]:
        if cells is None:
            return []
        return [self._cell(table, column, cell) for column, cell in zip(_COLUMNS[table], cells, strict=True)]

    def _cell(self, table: str, column: str, cell: str | int | None) -> str:
        if column == "sheet.to":
            if table in _MOMENTS:
                return self._moment(cell, "imports.open_end")
            # A row that ends on no day was taken back.
            return str(cell or self._word("imports.open_end" if cell is None else "imports.withdrawn"))
        if column == "sheet.open":
            return self._hours(str(cell))
        if table == "special_day" and column == "sheet.kind":
            return self._word(f"daykind.{cell}")
        return str(cell)

    def _moment(self, at: str | int | None, without: str) -> str:
        return self._shown(int(at)) if at else self._word(without)

    def _hours(self, body: str) -> str:
        names = ("sheet.working", "sheet.saturday", "sheet.sunday", "sheet.holiday")
        return ", ".join(
            f"{self._word(name)} {' '.join(_stretch(*one) for one in stretches) or '—'}"
            for name, stretches in zip(names, _body.decode(body), strict=True)
        )


def _stretch(begin: int, end: int) -> str:
    return f"{begin // 60:02d}:{begin % 60:02d}-{end // 60:02d}:{end % 60:02d}"
