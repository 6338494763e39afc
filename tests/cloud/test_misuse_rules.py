"""Every rule on a day that is misuse and on one near it that is not."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cloud.hours.rules import Closure, Hours, Registered
from cloud.misuse.diary import Marks
from cloud.misuse.policy import read, shipped
from cloud.misuse.sight import Seen
from tests.cloud.watching import CALENDAR, DAY, NODE, POLICY, at, flags_of, one, steady, weekdays

DAYS = weekdays(DAY, 20)
NIGHT = "night00000"


def weeks(*, per_day: int = 60, but: str = "") -> list[Seen]:
    """Twenty ordinary working days up to DAY, without the day `but`."""
    return [rating for day in DAYS if day != but for rating in steady(day, per_day=per_day)]


def every(seconds: float, count: int, clock: str = "10:00", *, presses: int = 1) -> list[Seen]:
    return [one(at(clock) + int(1000 * seconds * index), presses=presses) for index in range(count)]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=20))
def test_marks_are_those_of_all_spans(spans: list[tuple[int, int]]) -> None:
    """Spans may overlap, leave gaps, or lie within one another; they begin in order."""
    marks = Marks(40)
    expected = [False] * 40
    for first, more in sorted(spans):
        marks.span(first, first + more)
        expected[first : first + more + 1] = [True] * (more + 1)
    assert marks.marked == expected


def test_ordinary_weeks_have_no_flag() -> None:
    ratings = weeks()
    assert [flags_of(ratings, day) for day in DAYS] == [{}] * len(DAYS)


def test_a_second_rating_right_after_the_first_is_a_repeat_and_one_a_little_later_is_not() -> None:
    repeated = flags_of(every(4, 3))["double"]
    assert [(flag.size, flag.begin, flag.end) for flag in repeated] == [(2, at("10:00"), at("10:00:08"))]
    assert repeated[0].figures == {"shortest_s": 4.0, "within_s": 8}
    assert "double" not in flags_of(every(8, 3))


def told(clock: str, token: str, became: int = 3, *, window: str = "01") -> Seen:
    """A visit as its gateway tells it."""
    return Seen(at(clock), window, "gateway000", at(clock), 1, sure=True, token=token, visit=became)


def rated(clock: str, token: str = "", *, window: str = "01") -> Seen:
    return one(at(clock), window=window)._replace(token=token)


def test_one_visit_has_one_rating_and_what_is_more_is_told_by_its_reason() -> None:
    ratings = [
        told("10:00", "a"), rated("10:00:05", "a"), rated("10:00:30"),
        told("10:10", "b", 2), rated("10:10:59"),
        told("10:20", "c"), rated("10:20:05", "c"), rated("10:40", "c"),
        rated("11:00", "nobody"),
    ]  # fmt: skip
    found = flags_of(ratings)["surplus"]

    assert [(flag.begin, flag.end, flag.size) for flag in found] == [
        (at("10:00:30"), at("10:10:59"), 2),
        (at("10:40"), at("11:00"), 2),
    ]
    assert found[0].figures == {"repeated": 0, "of_no_visit": 0, "not_asked": 2, "within_s": 60}
    assert found[1].figures == {"repeated": 1, "of_no_visit": 1, "not_asked": 0, "within_s": 60}
    # Where nobody tells of visits there is nothing to be more than.
    assert "surplus" not in flags_of([rating for rating in ratings if not (rating.visit or rating.token)])


def test_who_was_not_announced_rates_as_before_and_a_node_that_shows_nothing_has_no_surplus() -> None:
    fair = [
        told("10:00", "a"),
        rated("09:59:40"),
        rated("10:00:05", "a"),
        rated("10:01"),
        rated("10:00:30", window="02"),
    ]
    assert flags_of(fair) == {}
    unshown = [told(f"10:{minute:02}", f"t{minute}", 1) for minute in range(0, 50, 5)]
    assert flags_of([*unshown, *(rated(f"10:{minute:02}:20") for minute in range(0, 50, 5))]) == {}


def test_a_visit_may_still_be_told_while_the_day_runs() -> None:
    ratings = [told("10:00", "a"), rated("10:00:05", "a"), rated("10:05", "b")]
    assert "surplus" not in flags_of(ratings, over=False)
    assert [flag.size for flag in flags_of(ratings)["surplus"]] == [1]
    assert "surplus" not in flags_of([*ratings, told("10:04:58", "b")])


def test_two_windows_side_by_side_repeat_nothing() -> None:
    ratings = [one(at("10:00"), window="01"), one(at("10:00:04"), window="02")]
    assert flags_of(ratings) == {}


def test_many_presses_in_a_moment_are_play_and_a_busy_window_is_not() -> None:
    assert [flag.size for flag in flags_of(every(30, 4, presses=4))["children"]] == [4]
    assert "children" not in flags_of(every(30, 4, presses=3))
    assert [flag.size for flag in flags_of([one(at("10:00"), presses=8)])["children"]] == [1]
    assert flags_of([one(at("10:00"), presses=7)]) == {}


def uneven(count: int) -> list[Seen]:
    """People so many in ten minutes, at times that nobody beats to."""
    gaps = [14, 24, 9, 18, 13, 30, 11]
    moments = [0]
    while len(moments) < count:
        moments.append(moments[-1] + gaps[len(moments) % len(gaps)])
    return [one(at("15:02") + 1000 * moment) for moment in moments]


def test_more_ratings_than_people_can_be_served_are_a_burst_even_at_a_new_window() -> None:
    burst = flags_of(uneven(31))["burst"]
    assert (burst[0].size, burst[0].figures) == (31, {"most_in_a_span": 31, "span_s": 600})
    assert "burst" not in flags_of(uneven(30))


def test_far_more_than_a_window_ever_has_is_a_burst_and_a_busy_day_is_not() -> None:
    quiet = weeks(per_day=20)
    some = [one(at("15:02") + 29_000 * index + 7_000 * (index % 3)) for index in range(12)]
    flagged = flags_of([*quiet, *some])["burst"]
    assert flagged[0].size >= 12
    assert float(flagged[0].figures["usual_in_it"]) < 1
    # As many at a window which has twenty in ten minutes every day are nothing.
    busy = [rating for day in DAYS for rating in steady(day, per_day=400)]
    assert "burst" not in flags_of(busy)
    # Twice the usual day's crowd, as on the day of a pension or a fair.
    fair = [*weeks(but=DAY), *steady(DAY, per_day=120)]
    assert "burst" not in flags_of(fair)


def test_a_burst_beside_the_usual_is_told_when_the_day_is_over() -> None:
    some = [one(at("15:02") + 29_000 * index + 7_000 * (index % 3)) for index in range(12)]
    assert "burst" not in flags_of([*weeks(per_day=20), *some], over=False)


def test_a_metronome_is_no_crowd() -> None:
    beat = [one(at("10:00") + 30_000 * index + 700 * (index % 2)) for index in range(10)]
    mash = flags_of(beat)["mash"]
    assert [flag.size for flag in mash] == [10]
    assert float(mash[0].figures["spread"]) < POLICY.mash.spread
    assert "mash" not in flags_of(beat[:9])
    uneven_beat = [one(at("10:00") + 30_000 * index + 14_000 * (index % 2)) for index in range(10)]
    assert max(after.at - before.at for before, after in pairwise(uneven_beat)) < 120_000
    assert "mash" not in flags_of(uneven_beat)
    assert "mash" not in flags_of(every(121, 12))


def test_ratings_in_a_closed_office_are_flagged_and_the_last_in_the_queue_are_not() -> None:
    assert [flag.size for flag in flags_of([one(at("18:05"))])["closed"]] == [1]
    assert flags_of([one(at("17:59"))]) == {}
    assert flags_of([one(at("08:05"))]) == {}


def test_a_day_off_is_closed_and_a_day_made_up_for_it_is_not() -> None:
    sunday, made_up = "2026-11-22", "2026-02-14"
    assert flags_of([one(at("10:00", sunday))], sunday)["closed"][0].size == 1
    assert flags_of([one(at("10:00", made_up))], made_up) == {}
    festival = "2026-02-17"
    assert flags_of([one(at("10:00", festival))], festival)["closed"][0].figures["why"] == "Spring Festival"


def test_a_closure_says_why_and_registered_hours_hold() -> None:
    closed = Registered(closures=(Closure("371721121", DAY, DAY, "停电检修"),))
    flag = flags_of([one(at("10:00"))], registered=closed)["closed"][0]
    assert flag.figures["why"] == "停电检修"
    evenings = Registered(hours=(Hours("city", "2026-01-01", None, ((600, 1260),)),))
    assert flags_of([one(at("20:00"))], registered=evenings) == {}


def test_a_year_whose_holidays_nobody_knows_is_not_judged_by_them() -> None:
    day = "2037-11-22"
    assert CALENDAR.weekday(day) == 6
    assert flags_of([one(at("10:00", day))], day) == {}


def test_a_window_that_falls_silent_is_flagged_and_one_that_never_was_busy_is_not() -> None:
    until_ten = [rating for rating in weeks() if rating.at < at("10:00")]
    silence = flags_of(until_ten)["silence"][0]
    assert (silence.window, silence.size, silence.end) == ("01", 0, at("17:30"))
    assert silence.begin == until_ten[-1].at
    assert 48 < float(silence.figures["usual_in_it"]) < 54
    assert "silence" not in flags_of([rating for rating in weeks(per_day=5) if rating.at < at("10:00")])
    # Half an hour of quiet in a usual day.
    assert "silence" not in flags_of([rating for rating in weeks() if not at("15:00") <= rating.at < at("15:30")])


def test_a_noon_that_is_quiet_now_and_then_is_no_silence() -> None:
    """People wait at noon on most days, on some they do not: improbable for a Poisson stream, usual for a counter."""

    def without_noon(days: list[str]) -> list[Seen]:
        ratings = [rating for day in DAYS for rating in steady(day, per_day=160)]
        return [r for r in ratings if not any(at("12:00", day) <= r.at < at("13:40", day) for day in days)]

    first = flags_of(without_noon([DAY]))["silence"][0]
    assert float(first.figures["usual_in_it"]) > 20
    assert "silence" not in flags_of(without_noon([*DAYS[::5], DAY]))


def test_a_quiet_window_is_silent_after_some_days() -> None:
    few = [rating for day in DAYS[:-3] for rating in steady(day, per_day=6)]
    assert [bool(flags_of(few, day)) for day in DAYS[-3:]] == [False, False, True]


def test_no_silence_is_found_on_a_day_off_or_in_a_closed_office() -> None:
    before = weeks(but=DAY)
    assert "silence" in flags_of(before)
    closed = Registered(closures=(Closure("371721", DAY, DAY, "搬迁"),))
    assert flags_of(before, registered=closed) == {}
    saturday = "2026-11-21"
    assert flags_of(weeks(), saturday) == {}


def test_a_silence_that_lasts_does_not_become_usual() -> None:
    before = [rating for day in weekdays("2026-11-06", 20) for rating in steady(day)]
    later = weekdays("2026-11-20", 10)
    assert [set(flags_of(before, day)) for day in later] == [{"silence"}] * len(later)


def test_a_counter_that_is_not_staffed_every_day_is_never_silent() -> None:
    alternate = [rating for day in DAYS[:-1:2] for rating in steady(day)]
    assert "silence" not in flags_of(alternate)


def cut(day: str, clock: str, minutes: int, *, run: int) -> list[Seen]:
    """An ordinary day of a node that was without power for so long, and started anew."""
    begin = at(clock, day)
    return [
        rating._replace(epoch=f"{'before' if rating.at < begin else 'after'}{run:04d}")
        for rating in steady(day, per_day=200)
        if not begin <= rating.at < begin + 60_000 * minutes
    ]


def test_a_node_unplugged_at_three_every_day_is_found_by_the_test_and_says_how_sure_it_is() -> None:
    days = weekdays(DAY, 8)
    ratings = [rating for number, day in enumerate(days) for rating in cut(day, "15:00", 20, run=number)]
    flag = flags_of(ratings)["unplugged"][0]
    assert (flag.window, flag.size, flag.node) == ("", 0, NODE)
    assert flag.begin < at("15:05") < at("15:15") < flag.end
    assert flag.figures["dark_days"] == 8
    assert flag.figures["probability"] == 1 / (1 + POLICY.unplugged.shuffles)
    assert str(flag.figures["at"]).startswith("15:")
    # Whoever draws again draws the same.
    assert flags_of(ratings)["unplugged"] == [flag]
    # Not before it has become a habit.
    assert "unplugged" not in flags_of(ratings, days[3])


def test_a_node_that_loses_its_power_now_and_then_is_not() -> None:
    days = weekdays(DAY, 14)
    clocks = ["09:10", "11:40", "14:20", "10:30", "16:10", "13:05", "15:30"] * 2
    ratings = [r for n, (day, clock) in enumerate(zip(days, clocks, strict=True)) for r in cut(day, clock, 20, run=n)]
    assert all("unplugged" not in flags_of(ratings, day) for day in days)


def test_a_node_switched_off_for_the_night_or_restarted_in_a_moment_is_not() -> None:
    days = weekdays(DAY, 14)
    nightly = [rating._replace(epoch=f"day{number:07d}") for number, day in enumerate(days) for rating in steady(day)]
    assert all("unplugged" not in flags_of(nightly, day) for day in days)
    brief = [rating for number, day in enumerate(days) for rating in cut(day, "15:00", 3, run=number)]
    assert all("unplugged" not in flags_of(brief, day) for day in days)


def test_what_is_dated_by_a_guess_is_not_judged() -> None:
    guessed = [rating._replace(sure=False) for rating in every(4, 30, "21:00")]
    assert flags_of(guessed) == {}
    # Nor is a day silent of which something is still in the dark.
    assert "silence" not in flags_of([*weeks(but=DAY), one(at("12:00"))._replace(sure=False)])


def test_the_policy_is_a_file_with_a_version_and_no_figure_too_many() -> None:
    assert shipped().version
    assert all(flag.version == shipped().version for flags in flags_of(every(4, 3)).values() for flag in flags)
    with pytest.raises(ValueError, match="unknown field `vigour`"):
        read('version = "1"\nvigour = 3\n')


def test_any_change_of_a_figure_is_another_basis() -> None:
    other = replace(POLICY, double=replace(POLICY.double, within_s=9))
    assert other.version == POLICY.version
    assert other.basis != POLICY.basis
