"""Cells of a table for the registry: what each kind takes, what it makes of it, and what it refuses."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.imports.cells import ALLOWED, Holds, Value, read
from cloud.imports.columns import COLUMNS, EXAMPLES, KINDS, Kind
from cloud.imports.rules import read as read_table
from proof.sheet import Cell

ZONE = ZoneInfo("Asia/Shanghai")
HALF_PAST_EIGHT = datetime(2026, 12, 1, 0, 30, tzinfo=UTC)
TAKEN: list[tuple[Holds, str, Value]] = [
    ("moment", "2026-12-01 08:30", HALF_PAST_EIGHT),
    ("moment", "2026/12/1 8:30", HALF_PAST_EIGHT),
    ("moment", "2026-12-01 08:30:00", HALF_PAST_EIGHT),
    ("moment", "2026-12-01T08:30", HALF_PAST_EIGHT),
    ("moment", "2026-12-01T00:30Z", HALF_PAST_EIGHT),
    ("moment", "2026-12-01T09:30+09:00", HALF_PAST_EIGHT),
    ("moment", "2026-12-01", HALF_PAST_EIGHT - timedelta(hours=8, minutes=30)),
    ("day", "2026/2/1", date(2026, 2, 1)),
    ("day", "2026-02-01 00:00:00", date(2026, 2, 1)),
    ("daykind", "节假日", "holiday"),
    ("daykind", "Published", "published"),
    ("yes", "", False),
    ("yes", "是", True),
    ("stretches", "", []),
    ("stretches", "8:30-12:00、14：00 ～ 24:00", ["08:30-12:00", "14:00-24:00"]),
    ("person", "371721121:1024", "371721121:1024"),
    ("place", "city", "city"),
    ("window", "", None),
]
REFUSED: list[tuple[Holds, str]] = [
    ("moment", "2026-12-01 08:30:01"),
    ("moment", "2026-13-01 08:30"),
    ("moment", "12/1/2026"),
    ("moment", "46000"),
    ("day", "2026-02-30"),
    ("day", "2026-02-01 08:00"),
    ("daykind", "x"),
    ("yes", "x"),
    ("stretches", "08:30"),
    ("stretches", "12:00-08:30"),
    ("stretches", "08:00-12:00 11:00-13:00"),
    ("stretches", "08:00-24:30"),
    ("stretches", "25:00-26:00"),
    ("person", "371721121:zw"),
    ("office", "371721121:1"),
    ("node", "371721121-a1/01"),
    ("window", "01"),
    ("own_window", "371721121-a1/01"),
    ("place", "3717"),
    ("name", "x" * 101),
    ("reason", "a\x00b"),
]


@pytest.mark.parametrize(("holds", "text", "value"), TAKEN)
def test_what_is_taken(holds: Holds, text: str, value: Value) -> None:
    assert read(holds, text, ZONE) == value


@pytest.mark.parametrize(("holds", "text"), REFUSED)
def test_what_is_refused(holds: Holds, text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read(holds, text, ZONE)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.integers(-12, 14))  # noqa: DTZ001  (clocks)
def test_a_moment_is_the_same_however_it_is_written(when: datetime, ahead: int) -> None:
    local = when.replace(second=0, microsecond=0, tzinfo=ZONE)
    abroad = local.astimezone(timezone(timedelta(hours=ahead)))
    assert read("moment", f"{local:%Y-%m-%d %H:%M}", ZONE) == local
    if local.utcoffset() == timedelta(hours=8):
        assert read("moment", abroad.isoformat(), ZONE) == local


@given(st.sampled_from(sorted(ALLOWED)), st.text(max_size=30))
def test_whatever_stands_in_a_cell_is_read_or_refused(holds: Holds, text: str) -> None:
    try:
        read(holds, text, ZONE)
    except (ValueError, OverflowError):
        return


CELLS = st.text(max_size=8) | st.none() | st.integers() | st.floats()


@given(st.sampled_from(KINDS), st.lists(st.lists(CELLS, max_size=9), max_size=5))
def test_whatever_stands_in_a_table_its_rows_are_right_or_named(kind: Kind, rows: list[list[Cell]]) -> None:
    words = {column.name: column.word for column in COLUMNS[kind]}
    found = read_table(kind, [[*words], *rows, EXAMPLES[kind]], words, ZONE)
    assert found.rows[-1].number == len(rows) + 2
    assert all(2 <= fault.row <= len(rows) + 1 for fault in found.faults)
    assert not {row.number for row in found.rows} & {fault.row for fault in found.faults}
