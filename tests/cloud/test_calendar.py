"""Days and hours of a zone against the standard library's own arithmetic."""

from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread, current_thread
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.calendar import HOUR_MS, Calendar

DAY_MS = 24 * HOUR_MS

ZONES = st.sampled_from(["Asia/Shanghai", "UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Apia"])
MOMENTS = st.integers(0, 4_102_444_800_000)


def local(at: int, zone: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(ZoneInfo(zone))


@given(ZONES, st.lists(MOMENTS, min_size=1))
def test_a_moment_belongs_to_the_day_the_clock_on_the_wall_says(zone: str, moments: list[int]) -> None:
    calendar = Calendar(zone)
    for at in moments:
        day = calendar.day(at)
        assert day == local(at, zone).date().isoformat()
        assert calendar.start(day) <= at


@pytest.mark.parametrize("asked_first", [True, False], ids=["that one kept", "another kept"])
@pytest.mark.parametrize("stop", [1, 2])
def test_a_thread_in_the_middle_of_a_question_changes_nobody_elses_answer(
    stop: int, *, asked_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calendar = Calendar("Asia/Shanghai")
    monday, tuesday, friday = (1_795_320_000_000 + day * DAY_MS for day in (0, 1, 4))
    said = {at: local(at, calendar.zone).date().isoformat() for at in (monday, tuesday, friday)}
    midnight, answers, stopped, go_on = calendar._midnight, [], Event(), Event()
    asked = 0

    def slow(day: date) -> int:
        nonlocal asked
        if current_thread() is thread:
            asked += 1
            if asked == stop:
                stopped.set()
                go_on.wait()
        return midnight(day)

    thread = Thread(target=lambda: answers.append(calendar.day(friday)))
    assert calendar.day(monday) == said[monday]
    monkeypatch.setattr(calendar, "_midnight", slow)
    thread.start()
    stopped.wait()
    try:
        for at in (monday, tuesday) if asked_first else (tuesday, monday):
            assert calendar.day(at) == said[at]
    finally:
        go_on.set()
        thread.join()
    assert answers == [said[friday]]
    for at in (friday, tuesday, monday):
        assert calendar.day(at) == said[at]


@given(ZONES, MOMENTS)
def test_an_hour_begins_at_minute_zero(zone: str, at: int) -> None:
    start = Calendar(zone).hour(at)
    assert 0 <= at - start < HOUR_MS
    assert (
        local(at, zone).hour == local(at - (at - start), zone).hour
        or local(at, zone).utcoffset() != local(start, zone).utcoffset()
    )


def test_midnight_is_the_citys() -> None:
    calendar = Calendar("Asia/Shanghai")
    midnight = 1_763_740_800_000  # 2025-11-21T16:00:00Z
    assert calendar.day(midnight - 1) == "2025-11-21"
    assert calendar.day(midnight) == "2025-11-22"
    assert calendar.start("2025-11-22") == midnight


def test_last_days_cross_months() -> None:
    assert Calendar("UTC").last_days("2026-03-01", 3) == ["2026-02-27", "2026-02-28", "2026-03-01"]


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        Calendar("Asia/Heze")
