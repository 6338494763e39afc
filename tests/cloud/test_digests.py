"""Digests: which are due, what they say, and that each goes out once."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.database import Database, write
from cloud.digests import store
from cloud.digests.rules import AT_MINUTE, Period, Summary, due, letter_of
from cloud.digests.worker import Digests
from cloud.notices import store as notices
from cloud.notices.letter import Line
from cloud.notices.outbox import Outbox
from cloud.people import accounts
from cloud.people.accounts import Holder
from cloud.people.rules import Person
from cloud.registry.snapshot import Registry
from cloud.rota import store as rota
from cloud.rota.rules import Turn
from cloud.tallies.store import ADD_DAY
from proof.visits import Visits
from tests.cloud.docket import CALENDAR, NOON, WINDOW, at, desk_of, person, put, request

DAY_MS = 86_400_000
TOWNSHIP = WINDOW[:9]
HEZE = Line("菏泽市", "Heze")


@pytest.mark.parametrize(
    ("clock", "day", "expected"),
    [
        # A Wednesday; before eight the day before yesterday is the newest that people know of.
        ("07:59", "2026-11-18", [("2026-11-16", "2026-11-16"), ("2026-11-09", "2026-11-15")]),
        ("08:00", "2026-11-18", [("2026-11-17", "2026-11-17"), ("2026-11-09", "2026-11-15")]),
        # The Monday after it.
        ("07:59", "2026-11-23", [("2026-11-21", "2026-11-21"), ("2026-11-09", "2026-11-15")]),
        ("08:00", "2026-11-23", [("2026-11-22", "2026-11-22"), ("2026-11-16", "2026-11-22")]),
    ],
)
def test_what_is_due(clock: str, day: str, expected: list[tuple[str, str]]) -> None:
    assert [(one.first, one.last) for one in due(at(clock, day), CALENDAR)] == expected


@given(st.integers(NOON, NOON + 100 * DAY_MS), st.integers(0, 8 * DAY_MS))
def test_periods_are_over_and_never_go_back(now: int, later: int) -> None:
    for one, next_one in zip(due(now, CALENDAR), due(now + later, CALENDAR), strict=True):
        assert CALENDAR.end(one.last) <= now - AT_MINUTE * 60_000 + DAY_MS
        assert one.first <= next_one.first
        assert len(CALENDAR.between(one.first, one.last)) == (1 if one.kind == "day" else 7)


def test_a_letter_says_how_it_went() -> None:
    period = Period("day", "2026-11-17", "2026-11-17")
    letter = letter_of(period, HEZE, Summary((8, 1, 1), 2, 1, 5, 3, 4))
    assert letter.title == Line("满意日报 2026-11-17 菏泽市", "Manyi, 2026-11-17, Heze")
    assert [line.en for line in letter.lines] == [
        "10 ratings, score 86.0 % (between 44.7 and 99.6)",
        "8 satisfied, 1 basically satisfied, 1 dissatisfied",
        "2 cases opened, 1 closed",
        "5 cases open, 3 of them overdue; 4 alerts",
    ]
    assert letter_of(period, HEZE, Summary((0, 0, 0), 0, 0, 0, 0, 0)).lines[0].en == "No ratings."
    asked = letter_of(period, HEZE, Summary((8, 1, 1), 2, 1, 5, 3, 4, Visits(asked=20, rated=(7, 0, 1), silent=12)))
    said = "20 were to be asked, 40 % of them rated; the score of all of them lies between 35.0 and 95.0 %"
    assert said in [line.en for line in asked.lines]


class Clocked:
    def __init__(self, database: Database, *, duty: bool = True) -> None:
        self.now = NOON
        self.database = database
        self.work = Digests(
            database,
            Outbox(["webhook oa"]),
            calendar=CALENDAR,
            registry=Registry,
            now=lambda: self.now,
            may_send=lambda: duty,
        )

    async def at(self, moment: int) -> Sequence[tuple[str, str, str]]:
        self.now = moment
        await self.work.look()
        async with self.database.reader.begin() as connection:
            found = await notices.page(connection, 1 << 53, 50)
        return [(one.letter.kind, one.recipient, one.letter.lines[0].en) for one in found][::-1]


async def staffed(database: Database) -> None:
    async with database.writer.begin() as connection:
        for name in ("sun", "zhou", "wang"):
            await accounts.put(connection, Person(name, "operator", "city"), Holder(name), NOON)
        await rota.put(connection, Turn("city", 0, None, "sun", "zhou"))
        await rota.put(connection, Turn(TOWNSHIP, 0, None, "wang", None))
        await rota.put(connection, Turn("371722", 0, 5, "gone", None))
        rows = [("2026-11-17", WINDOW, "button", 9, 0, 1), ("2026-11-11", WINDOW, "button", 5, 0, 0)]
        await write(connection, ADD_DAY, [*rows, ("2026-11-17", "371722101-a1/01", "button", 10, 0, 0)])


async def test_each_digest_goes_once_to_whoever_is_on_call(database: Database) -> None:
    await staffed(database)
    clocked = Clocked(database)
    found = await clocked.at(NOON)
    assert [one[:2] for one in found] == [
        *[("day", "wang"), ("day", "sun"), ("day", "zhou")],
        *[("week", "wang"), ("week", "sun"), ("week", "zhou")],
    ]
    assert found[0][2].startswith("10 ratings, score 90.0 %")
    assert found[1][2].startswith("20 ratings, score 95.0 %")
    assert found[3][2].startswith("5 ratings, score 100.0 %")
    assert await clocked.at(NOON + 60_000) == found
    assert await Clocked(database).at(NOON + 60_000) == found
    assert len(await clocked.at(NOON + DAY_MS)) == len(found) + 3
    assert await clocked.at(NOON - DAY_MS) == await clocked.at(NOON + DAY_MS)


async def test_who_may_not_send_does_not(database: Database) -> None:
    await staffed(database)
    assert await Clocked(database, duty=False).at(NOON) == []


async def test_the_summary_counts_cases_of_the_place_and_time(database: Database) -> None:
    await put(database, WINDOW, WINDOW, WINDOW, "371722101-a1/01")
    # Behind the veil for another minute: the day it was pressed, nobody below the city knows of it.
    await put(database, WINDOW, seen_from=NOON + 60_000)
    desk = desk_of(database, lambda: NOON)
    for action in ("verify", "rectify", "reply", "close"):
        await desk.act(1, request(action), person())
    period = Period("day", "2026-11-18", "2026-11-18")
    async with database.reader.begin() as connection:
        found = await store.summary(connection, TOWNSHIP, period, CALENDAR, NOON)
        assert found == Summary((0, 0, 0), 3, 1, 2, 0, 0)
        after = Period("week", "2026-11-19", "2026-11-30")
        later = await store.summary(connection, "city", after, CALENDAR, NOON + 30 * DAY_MS)
        assert later == Summary((0, 0, 0), 0, 0, 4, 4, 0)


async def test_a_digest_of_days_to_come_silences_none(database: Database) -> None:
    await staffed(database)
    clocked = Clocked(database)
    ahead = len(await clocked.at(NOON + 5 * 365 * DAY_MS))
    assert len(await clocked.at(NOON)) == 2 * ahead
