"""When the registry had something, against every single hour of a period."""

from datetime import date, datetime, timedelta
from operator import itemgetter
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from proof.span import Bounds, Span, spans

ZONE = ZoneInfo("Asia/Shanghai")
HOUR = 3_600_000
FIRST = date(2026, 11, 1)
DAYS = 10


def at(hour: int) -> int:
    """`hour` hours after the period begins, ms."""
    return int(datetime(2026, 11, 1, tzinfo=ZONE).timestamp()) * 1000 + hour * HOUR


BOUNDS = Bounds(at(0), at(24 * DAYS), ZONE)
HOURS = st.integers(-60, 24 * DAYS + 60)
ROWS = st.lists(
    st.tuples(HOURS, st.none() | HOURS).filter(lambda row: row[1] is None or row[0] < row[1]), min_size=1, max_size=4
)


@given(ROWS)
def test_it_is_each_day_on_which_the_registry_had_it_at_some_hour(hours: list[tuple[int, int | None]]) -> None:
    rows = [(at(begin), None if end is None else at(end)) for begin, end in sorted(hours, key=itemgetter(0))]
    there = [any(b <= hour and (e is None or hour < e) for b, e in hours) for hour in range(24 * DAYS)]

    found = spans(rows, BOUNDS)

    if all(there):
        assert found == ()
        return
    # From one hour without it to the next.
    stretches: list[list[int]] = []
    for hour in range(24 * DAYS):
        if there[hour]:
            if hour == 0 or not there[hour - 1]:
                stretches.append([])
            stretches[-1].append(hour)
    assert list(found) == [
        Span(
            None if hours[0] == 0 else FIRST + timedelta(days=hours[0] // 24),
            None if hours[-1] == 24 * DAYS - 1 else FIRST + timedelta(days=hours[-1] // 24),
        )
        for hours in stretches
    ]


def test_what_ends_at_midnight_has_its_last_day_before() -> None:
    assert spans([(0, at(48))], BOUNDS) == (Span(None, date(2026, 11, 2)),)
    assert spans([(at(48), None)], BOUNDS) == (Span(date(2026, 11, 3), None),)
    assert spans([(0, at(48) + 1)], BOUNDS) == (Span(None, date(2026, 11, 3)),)


def test_a_new_name_is_no_new_span() -> None:
    assert spans([(0, at(50)), (at(50), None)], BOUNDS) == ()


def test_an_end_behind_any_calendar_is_behind_the_period() -> None:
    assert spans([(at(24), 9_007_199_254_740_992)], BOUNDS) == (Span(date(2026, 11, 2), None),)
