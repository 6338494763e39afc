"""Which tables there are, and their columns. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from cloud.imports.cells import Holds

Kind = Literal["windows", "offices", "duties", "closures", "days", "hours"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Column(NamedTuple):
    """`word`: the key of its heading among the words. One that is not `needed` may be empty, or not there at all."""

    name: str
    word: str
    holds: Holds
    needed: bool = True


_ZH = Column("zh", "sheet.zh", "name")
_EN = Column("en", "sheet.en", "name")
_PLACE = Column("place", "sheet.place", "place")
_WINDOW = Column("window", "sheet.window", "window")
_REASON = Column("reason", "sheet.reason", "reason")
_WITHDRAWN = Column("withdrawn", "sheet.withdrawn", "yes", needed=False)
_SINCE = Column("from", "sheet.from", "moment", needed=False)
_UNTIL = Column("to", "sheet.to", "moment", needed=False)
_FIRST = Column("from", "sheet.from", "day")

COLUMNS: Mapping[Kind, Sequence[Column]] = {
    "windows": (Column("node", "sheet.node", "node"), Column("window", "sheet.window", "own_window"), _SINCE, _UNTIL),
    "offices": (
        Column("code", "sheet.code", "office"), _ZH, _EN, _WINDOW._replace(needed=False), _SINCE, _UNTIL,
    ),
    "duties": (
        Column("person", "sheet.person", "person"), _ZH, _EN, _WINDOW, _SINCE._replace(needed=True), _UNTIL,
    ),
    "closures": (_PLACE, _FIRST, Column("to", "sheet.to", "day"), _REASON, _WITHDRAWN),
    "days": (Column("day", "sheet.day", "day"), Column("kind", "sheet.kind", "daykind"), _REASON),
    "hours": (
        _PLACE,
        _FIRST,
        Column("to", "sheet.to", "day", needed=False),
        *(
            Column(name, word, "stretches", needed=False)
            for name, word in (
                ("working", "sheet.working"),
                ("saturday", "sheet.saturday"),
                ("sunday", "sheet.sunday"),
                ("holiday", "sheet.holiday"),
            )
        ),
        _WITHDRAWN,
    ),
}  # fmt: skip
# A row of each, for its template.
EXAMPLES: Mapping[Kind, Sequence[str]] = {
    "windows": ("371721121-a1", "01", "2026-12-01 08:30", ""),
    "offices": ("371721121:zw", "政务大厅", "Service hall", "371721121-a1/01", "2026-12-01 00:00", ""),
    "duties": ("371721121:1024", "李敏", "Li Min", "371721121-a1/01", "2026-12-01 08:30", "2026-12-01 12:00"),
    "closures": ("371721121", "2026-12-07", "2026-12-08", "停电检修", ""),
    "days": ("2027-01-01", "节假日", "元旦"),
    "hours": ("371721", "2027-06-01", "2027-08-31", "08:00-12:00 15:00-18:00", "09:00-12:00", "", "", ""),
}
