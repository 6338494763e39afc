"""A time taken apart: each minute once, and no whole day by its minutes."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.span import Bounds
from proof.tenure import Parts, parts

# A week in Berlin with a day of 25 hours.
ZONES = st.sampled_from([ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")])
START = datetime(2026, 10, 22, tzinfo=ZoneInfo("UTC"))
WEEK = 7 * 1440


def day_of(minute: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(minute * 60, zone).date()


@given(st.integers(0, WEEK), st.integers(1, WEEK), ZONES)
def test_each_minute_is_in_one_part_and_a_day_that_is_whole_in_no_stretch(
    since: int, long: int, zone: ZoneInfo
) -> None:
    begin = int(START.timestamp()) // 60 + since
    asked = range(begin, begin + long)

    found = parts(begin * 60_000, asked.stop * 60_000, Bounds(0, 1 << 50, zone))

    around = range(asked.start - 1500, asked.stop + 1500)
    of_days = [minute for minute in around if day_of(minute, zone) in found.days]
    assert sorted([*of_days, *(minute for stretch in found.minutes for minute in range(*stretch))]) == list(asked)
    for first, behind in found.minutes:
        beyond = day_of(first - 1, zone) == day_of(first, zone), day_of(behind, zone) == day_of(behind - 1, zone)
        assert day_of(first, zone) == day_of(behind - 1, zone)
        assert any(beyond)


@pytest.mark.parametrize(("hours", "days", "minutes"), [(24, 1, 0), (36, 1, 720), (12, 0, 720), (48, 2, 0)])
def test_from_midnight_on(hours: int, days: int, minutes: int) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    first = datetime(2026, 11, 2, tzinfo=zone)
    begin = int(first.timestamp()) * 1000

    found = parts(begin, begin + hours * 3_600_000, Bounds(begin, 1 << 50, zone))

    end = begin // 60_000 + hours * 60
    assert found == Parts(
        [first.date() + timedelta(days=day) for day in range(days)], [(end - minutes, end)] if minutes else []
    )
