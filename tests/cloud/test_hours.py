"""Is it open? By hours with the day they begin to hold, closures, and China's public holidays."""

import json
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.calendar import Calendar
from cloud.database import Database
from cloud.hours import public, store
from cloud.hours.holder import OfficesHolder, offices_of
from cloud.hours.public import SAY_DAYS, WARN_DAYS, known_years, missing, public_day, unknown_year
from cloud.hours.rules import NOTHING, USUAL, Closure, Hours, Offices, PublicDay, Registered, SpecialDay
from cloud.registry import store as registry_store
from cloud.registry.load import register
from contract.errors import SettingsError

SHANGHAI = Calendar("Asia/Shanghai")
TOWNSHIP, COUNTY = "371721121", "371721"
# Working days, the days of the week, and places that the rows below may be about.
DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31)).map(date.isoformat)
PLACES = st.sampled_from(["city", COUNTY, TOWNSHIP, "371722", "371721122"])
NOON, LATE = ((720, 780),), ((1320, 1440),)
MORNING = ((480, 720),)


def at(day: str, clock: str, zone: str = "Asia/Shanghai") -> int:
    """The moment (ms) by another way than the calendar's."""
    return int(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def offices(registered: Registered = NOTHING) -> Offices:
    return offices_of(registered, SHANGHAI)


def test_where_nothing_is_registered_the_usual_hours_hold_on_working_days() -> None:
    known = offices()
    monday, sunday = "2026-11-16", "2026-11-22"
    moments = [at(monday, clock) for clock in ("08:29:59", "08:30:00", "17:29:59", "17:30:00")]
    assert [known.is_open(TOWNSHIP, moment) for moment in moments] == [False, True, True, False]
    assert not known.is_open(TOWNSHIP, at(sunday, "10:00:00"))
    assert known.day(TOWNSHIP, monday).open_ms == 9 * 3_600_000


@pytest.mark.parametrize(
    ("day", "kind", "why"),
    [
        ("2026-02-17", "holiday", "Spring Festival"),  # a Tuesday
        ("2026-02-14", "working", "Spring Festival"),  # a Saturday, made up for it
        ("2026-10-01", "holiday", "National Day"),
        ("2026-11-21", "rest", ""),
        ("2026-11-18", "working", ""),
    ],
)
def test_public_holidays_and_the_days_made_up_for_them(day: str, kind: str, why: str) -> None:
    found = offices().day(TOWNSHIP, day)
    assert (found.kind, found.why, found.known, bool(found.open)) == (kind, why, True, kind == "working")


def test_a_made_up_saturday_is_worked_as_a_working_day_and_an_ordinary_one_by_its_own_hours() -> None:
    known = offices(Registered(hours=(Hours("city", "2026-01-01", None, MORNING, saturday=NOON),)))
    assert known.day(TOWNSHIP, "2026-02-14").open == ((at("2026-02-14", "08:00:00"), at("2026-02-14", "12:00:00")),)
    assert known.day(TOWNSHIP, "2026-11-21").open == ((at("2026-11-21", "12:00:00"), at("2026-11-21", "13:00:00")),)
    assert known.day(TOWNSHIP, "2026-11-22").open == ()


def test_summer_hours_hold_for_a_while_and_the_nearest_place_has_the_last_word() -> None:
    known = offices(
        Registered(
            hours=(
                Hours("city", "2026-01-01", None, MORNING),
                Hours(COUNTY, "2026-06-01", "2026-08-31", NOON),
                Hours(TOWNSHIP, "2026-07-01", "2026-07-01", LATE),
            )
        )
    )
    opens = {
        day: (known.day(TOWNSHIP, day).open[0][0] - SHANGHAI.start(day)) // 60_000
        for day in (
            "2025-12-31",
            "2026-01-05",
            "2026-05-29",
            "2026-06-01",
            "2026-07-01",
            "2026-07-02",
            "2026-08-31",
            "2026-09-01",
        )
    }
    assert list(opens.values()) == [USUAL.working[0][0], 480, 480, 720, 1320, 720, 720, 480]
    assert known.day("371722001", "2026-07-01").open[0][0] == at("2026-07-01", "08:00:00")


def test_hours_may_reach_midnight_and_not_beyond() -> None:
    known = offices(Registered(hours=(Hours("city", "2026-01-01", None, LATE),)))
    assert known.is_open(TOWNSHIP, at("2026-11-17", "23:59:59"))
    assert not known.is_open(TOWNSHIP, at("2026-11-18", "00:00:00"))


def test_a_closure_closes_all_that_is_in_its_place() -> None:
    known = offices(Registered(closures=(Closure(COUNTY, "2026-11-17", "2026-11-18", "停电"),)))
    days = SHANGHAI.between("2026-11-16", "2026-11-19")
    assert [bool(known.day(TOWNSHIP, day).open) for day in days] == [True, False, False, True]
    assert known.day(TOWNSHIP, "2026-11-17").why == "停电"
    assert known.day("371722001", "2026-11-17").open


def test_what_the_city_says_of_a_day_goes_before_what_is_published() -> None:
    special = (SpecialDay("2026-11-18", "holiday", "牡丹节"), SpecialDay("2026-10-01", "working", "值班"))
    known = offices(Registered(days=special))
    assert (known.day(TOWNSHIP, "2026-11-18").open, known.day(TOWNSHIP, "2026-11-18").why) == ((), "牡丹节")
    assert known.day(TOWNSHIP, "2026-10-01").open
    taken_back = offices(Registered(days=(SpecialDay("2026-11-18", "published", "误"),)))
    assert taken_back.day(TOWNSHIP, "2026-11-18") == offices().day(TOWNSHIP, "2026-11-18")


def test_beyond_what_is_published_nothing_raises_and_days_are_not_known() -> None:
    far = f"{known_years()[1] + 1}-03-0"
    found = [offices().day(TOWNSHIP, f"{far}{number}") for number in range(1, 8)]
    assert sum(bool(day.open) for day in found) == 5
    assert not any(day.known for day in found)
    registered = Registered(days=(SpecialDay(f"{far[:4]}-01-01", "holiday", "元旦"),))
    assert offices(registered).day(TOWNSHIP, f"{far}1").known


def test_a_year_that_nobody_knows_is_said_long_before() -> None:
    last = known_years()[1]
    assert missing(f"{last}-06-30", ()) is None
    long_before = SHANGHAI.later(f"{last + 1}-01-01", -WARN_DAYS)
    assert missing(SHANGHAI.later(long_before, -1), ()) is None
    for day in (long_before, f"{last}-12-31", f"{last + 1}-05-05"):
        assert f"holidays of {last + 1} are not known" in str(missing(day, ()))
    assert missing(long_before, {str(last + 1)}) is None
    assert public_day(f"{last + 1}-01-01") is None


def test_the_holder_makes_them_anew_only_when_something_else_is_registered() -> None:
    registered = NOTHING
    holder = OfficesHolder(lambda: registered, SHANGHAI, now=lambda: SHANGHAI.start(f"{known_years()[1]}-12-01"))
    first = holder.current()
    assert holder.current() is first
    assert holder.trouble is not None
    registered = Registered(days=(SpecialDay(f"{known_years()[1] + 1}-01-01", "holiday", "元旦"),))
    assert holder.current() is not first
    assert holder.trouble is None


STRETCHES = st.sampled_from([(), MORNING, NOON, (*MORNING, *LATE)])
HOURS = st.builds(Hours, PLACES, DAYS, st.none() | DAYS, STRETCHES, STRETCHES, STRETCHES, STRETCHES)
CLOSURES = st.builds(Closure, PLACES, DAYS, DAYS, st.just("why"))
SPECIAL = st.builds(SpecialDay, DAYS, st.sampled_from(["working", "rest", "holiday", "published"]), st.just("so"))


@given(st.lists(HOURS), st.lists(CLOSURES, max_size=3), st.lists(SPECIAL, max_size=3), DAYS, st.integers(0, 1439))
def test_it_is_open_as_a_naive_reading_of_the_rows_says(
    hours: list[Hours], closures: list[Closure], days: list[SpecialDay], day: str, minute: int
) -> None:
    hours = list({(one.place, one.first): one for one in hours}.values())
    days = list({one.day: one for one in days}.values())
    around = [TOWNSHIP, COUNTY, "city"]
    kind: str = (public_day(day) or PublicDay("rest", "")).kind
    for one in days:
        if one.day == day and one.kind != "published":
            kind = one.kind
    holding = [one for one in hours if one.place in around and one.first <= day and (one.last or "9") >= day]
    holding.sort(key=lambda one: (around.index(one.place), [-ord(letter) for letter in one.first]))
    held = holding[0] if holding else USUAL
    names = {5: "saturday", 6: "sunday"}
    name = kind if kind != "rest" else names.get(SHANGHAI.weekday(day))
    stretches = () if name is None else getattr(held, name)
    closed = any(one.place in around and one.first <= day <= one.last for one in closures)
    moment = at(day, f"{minute // 60:02d}:{minute % 60:02d}:30")

    known = offices(Registered(tuple(hours), tuple(closures), tuple(days)))

    assert known.is_open(TOWNSHIP, moment) == (not closed and any(b <= minute < e for b, e in stretches))


@given(DAYS, st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York"]), st.integers(0, 1440))
def test_a_minute_of_the_day_is_what_the_clocks_show(day: str, zone: str, minute: int) -> None:
    """Also on the days on which clocks are put forward or back."""
    calendar = Calendar(zone)
    moment = calendar.moment(day, minute)
    if minute in (0, 1440):
        assert moment == (calendar.start(day) if minute == 0 else calendar.end(day))
    else:
        assert moment == at(day, f"{minute // 60:02d}:{minute % 60:02d}:00", zone)


@given(st.lists(HOURS, max_size=4), HOURS)
def test_only_what_holds_for_a_township_is_its_basis(hours: list[Hours], more: Hours) -> None:
    rows = tuple(
        {(one.place, one.first): one for one in hours if (one.place, one.first) != (more.place, more.first)}.values()
    )
    before = offices(Registered(rows)).basis(TOWNSHIP)
    after = offices(Registered((*rows, more))).basis(TOWNSHIP)
    assert (before == after) == (more.place not in ("city", COUNTY, TOWNSHIP))
    assert offices(Registered(tuple(reversed(rows)))).basis(TOWNSHIP) == before


CLOSED = {"place": TOWNSHIP, "from": "2026-07-06", "to": "2026-07-08", "reason": "停电检修"}
DOCUMENT = {
    "hours": [
        {"place": "city", "from": "2026-01-01", "working": ["14:00-18:00", "08:30-12:00"], "saturday": ["09:00-12:00"]},
        {"place": COUNTY, "from": "2026-06-01", "to": "2026-08-31", "working": ["08:00-12:00", "15:00-24:00"]},
    ],
    "closures": [CLOSED],
    "days": [{"day": "2027-01-01", "kind": "holiday", "reason": "元旦"}],
}


async def registered_in(database: Database) -> Registered:
    async with database.reader.begin() as connection:
        loaded = (await registry_store.load(connection, 0)).offices
        assert loaded == await store.load(connection)
        return loaded


async def test_a_document_registers_the_time_of_offices(database: Database) -> None:
    summary = await register(database.writer, json.dumps(DOCUMENT), 5)
    assert (summary.offices, summary.version) == (4, 5)
    assert await registered_in(database) == Registered(
        (
            Hours(COUNTY, "2026-06-01", "2026-08-31", ((480, 720), (900, 1440))),
            Hours("city", "2026-01-01", None, ((510, 720), (840, 1080)), ((540, 720),)),
        ),
        (Closure(TOWNSHIP, "2026-07-06", "2026-07-08", "停电检修"),),
        (SpecialDay("2027-01-01", "holiday", "元旦"),),
    )


async def test_what_was_registered_is_replaced_or_taken_back_and_stays_to_be_read(database: Database) -> None:
    await register(database.writer, json.dumps(DOCUMENT), 5)
    changed = {
        "hours": [{"place": "city", "from": "2026-01-01", "working": ["09:00-17:00"]}],
        "closures": [{**CLOSED, "withdrawn": True}],
        "days": [{"day": "2027-01-01", "kind": "published", "reason": "误"}],
    }
    assert (await register(database.writer, json.dumps(changed), 6)).version == 6
    found = await registered_in(database)
    assert len(found.closures) == 1
    known = offices(found)
    assert known.day(TOWNSHIP, "2026-07-07").open[0][0] == at("2026-07-07", "08:00:00")
    assert known.day("371722001", "2026-07-07").open == ((at("2026-07-07", "09:00:00"), at("2026-07-07", "17:00:00")),)
    assert not known.day(TOWNSHIP, "2027-01-01").known


WRONG = {
    "a stretch ends before it begins": {"hours": [{"place": "city", "from": "2026-01-01", "working": ["18:00-08:00"]}]},
    "two stretches overlap": {
        "hours": [{"place": "city", "from": "2026-01-01", "working": ["08:00-12:00", "11:00-13:00"]}]
    },
    "they end before they begin": {"hours": [{"place": "city", "from": "2026-01-02", "to": "2026-01-01"}]},
    "it ends before it begins": {
        "closures": [{"place": "city", "from": "2026-01-02", "to": "2026-01-01", "reason": "x"}]
    },
    "is named twice": {"days": [{"day": "2026-01-02", "kind": "rest", "reason": "x"}] * 2},
    "there is no place 371799": {
        "closures": [{"place": "371799", "from": "2026-01-02", "to": "2026-01-03", "reason": "x"}]
    },
    "$.hours[0].working[0]": {"hours": [{"place": "city", "from": "2026-01-01", "working": ["8:00-12:00"]}]},
    "$.hours[0].from": {"hours": [{"place": "city", "from": "2026-02-30"}]},
    "$.days[0].kind": {"days": [{"day": "2026-01-02", "kind": "feast", "reason": "x"}]},
    "unknown field `until`": {
        "closures": [{"place": "city", "from": "2026-01-02", "until": "2026-01-03", "reason": "x"}]
    },
}


@pytest.mark.parametrize(("told", "document"), WRONG.items(), ids=WRONG.keys())
async def test_a_wrong_document_changes_nothing_and_says_where_it_is_wrong(
    database: Database, told: str, document: dict[str, object]
) -> None:
    await register(database.writer, json.dumps(DOCUMENT), 5)
    before = await registered_in(database)
    with pytest.raises(SettingsError) as wrong:
        await register(database.writer, json.dumps(document), 6)
    assert told in str(wrong.value)
    assert "\n" not in str(wrong.value)
    assert await registered_in(database) == before


def test_the_edition_names_the_library_and_its_version() -> None:
    assert public.edition().startswith("chinesecalendar 1.")


@pytest.mark.parametrize(("ahead", "said"), [(121, False), (120, True), (0, True)])
def test_a_year_that_nobody_knows_is_said_a_hundred_and_twenty_days_before_it_begins(ahead: int, said: bool) -> None:  # noqa: FBT001  (of a table)
    year = known_years()[1] + 1
    today = (date(year, 1, 1) - timedelta(days=ahead)).isoformat()
    assert unknown_year(today, (), SAY_DAYS) == (year if said else None)
    assert unknown_year(today, [str(year)], SAY_DAYS) is None
