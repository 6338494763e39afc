"""The opener behind the real pipeline: each dissatisfied rating that counts is in one case, whatever fails."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.cases import store, worker
from cloud.cases.case import Case, Step
from cloud.cases.worker import Opener
from cloud.database import Database, fetch
from cloud.hours.holder import offices_of
from cloud.hours.rules import NOTHING
from contract.errors import Unavailable
from tests.cloud.conftest import NODE, NOW, Desk, entry, registry_of
from tests.cloud.docket import CALENDAR, HOUR_MS, MINUTE_MS, POLICY, desk_of, leave_contact, person, request, whole

CASES = 'SELECT number, "window", first_at, newest_at, state FROM "case" ORDER BY number'
RATINGS = 'SELECT "case", seq, at, position, received_at, seen_from, others FROM case_rating ORDER BY seq'
WINDOW, SECOND = f"{NODE}/01", f"{NODE}/02"
FIVE = 5 * MINUTE_MS
# When what is received at NOW, a full five minutes, is seen by time.
SEEN = NOW + FIVE


def opener_of(desk: Desk, *, may_open: Callable[[], bool] = lambda: True, database: Database | None = None) -> Opener:
    """An opener beside `desk`, by its clock."""
    return Opener(
        database or desk.database,
        policy=POLICY,
        calendar=CALENDAR,
        offices=lambda: offices_of(NOTHING, CALENDAR),
        now=lambda: desk.now,
        may_open=may_open,
        pace_s=0.01,
    )


async def begun(desk: Desk, **options: Any) -> Opener:  # noqa: ANN401
    """An opener that has begun."""
    opener = opener_of(desk, **options)
    await opener.catch_up()
    return opener


async def test_a_dissatisfied_rating_opens_a_case_and_no_other_does(desk: Desk) -> None:
    opener = await begun(desk)
    heard: list[tuple[Case, Step]] = []
    opener.listeners.append(lambda case, step: heard.append((case, step)))
    await desk.exchange(entry(1, ("01", 3), ("01", 2), ("02", 1), ("02", 2)))
    await opener.catch_up()

    pressed = NOW - 1000 + 2
    assert desk.query(CASES) == [(1, SECOND, pressed, pressed, "new")]
    assert desk.query(RATINGS) == [(1, 3, pressed, 1, NOW, SEEN, 1)]
    found = await whole(desk.database)
    assert heard == [(found.case, found.steps[0])]
    assert (found.case.township, found.case.opened_at, found.case.contact) == ("371721121", NOW, False)
    assert CALENDAR.day((found.case.due_at or 0) - 1) == "2026-11-30"
    assert opener.behind == 0


async def test_ratings_near_each_other_are_one_case_and_others_are_their_own(desk: Desk) -> None:
    opener = await begun(desk)
    near = POLICY.join_minutes * MINUTE_MS
    moments = [NOW - 2 * near, NOW - near, NOW - 3 * near, NOW - near + 1, NOW]
    for number, moment in enumerate(moments, 1):
        await desk.exchange(entry(number, ("01", 1), t0=moment))
        await opener.catch_up()
    await desk.exchange(entry(6, ("02", 1), t0=NOW))
    await opener.catch_up()
    # Either way within the minutes joins the first rating, and what is beyond does not, however near it is to others.
    assert [row[0] for row in desk.query(RATINGS)] == [1, 1, 1, 2, 2, 3]
    assert [row[1:4] for row in desk.query(CASES)] == [
        (WINDOW, moments[0], moments[1]),
        (WINDOW, moments[3], moments[4]),
        (SECOND, NOW, NOW),
    ]


async def test_a_case_that_somebody_has_looked_into_is_not_joined(desk: Desk) -> None:
    opener = await begun(desk)
    acting = desk_of(desk.database, lambda: desk.now)
    await desk.exchange(entry(1, ("01", 1)))
    await opener.catch_up()
    await leave_contact(acting, 1)
    await acting.act(1, request("contact"), person())
    await desk.exchange(entry(2, ("01", 1)))
    await opener.catch_up()
    assert [row[0] for row in desk.query(RATINGS)] == [1, 1]
    await acting.act(1, request("verify"), person())
    await desk.exchange(entry(3, ("01", 1)))
    await opener.catch_up()
    assert [row[0] for row in desk.query(RATINGS)] == [1, 1, 2]


async def test_a_batch_that_comes_again_opens_nothing(desk: Desk) -> None:
    opener = await begun(desk)
    for lane in ("live", "backlog", "live"):
        await desk.exchange(entry(1, ("01", 1)), lane=lane)
        await opener.catch_up()
    # With numbers that are known in part, one is fresh.
    await desk.exchange(entry(1, ("01", 1), ("02", 1)))
    await opener.catch_up()
    assert [row[:2] for row in desk.query(RATINGS)] == [(1, 1), (2, 2)]


@pytest.mark.parametrize("step", ["move", "lift", "last", "joinable", "put", "join", "put_ratings"])
async def test_a_transaction_that_is_cut_off_is_made_again_and_nothing_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    opener = await begun(desk)
    await desk.exchange(entry(1, ("01", 1)))
    await opener.catch_up()
    await desk.exchange(entry(2, ("01", 1), ("02", 1), ("02", 3)))
    before = desk.query(CASES), desk.query(RATINGS)
    heard: list[Case] = []
    opener.listeners.append(lambda case, _step: heard.append(case))
    real = getattr(store, step)

    async def cut_off(*values: object) -> object:
        await real(*values)
        raise OSError("the cable is out")

    with monkeypatch.context() as patched:
        patched.setattr(store, step, cut_off)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await opener.catch_up()
        assert (desk.query(CASES), desk.query(RATINGS)) == before
        assert heard == []
    await opener.catch_up()
    await opener.catch_up()
    assert [row[:2] for row in desk.query(RATINGS)] == [(1, 1), (1, 2), (2, 3)]
    assert [row[6] for row in desk.query(RATINGS)] == [1, 0, 1]
    assert [case.number for case in heard] == [2]


async def test_a_cursor_that_was_set_back_opens_nothing_twice(desk: Desk) -> None:
    opener = await begun(desk)
    await desk.exchange(entry(1, ("01", 1), ("02", 3)))
    await opener.catch_up()
    before = desk.query(CASES), [row[:6] for row in desk.query(RATINGS)]
    async with desk.database.writer.begin() as connection:
        assert await store.move(connection, 1, 0)
        assert not await store.move(connection, 1, 0)
    await opener.catch_up()
    assert (desk.query(CASES), [row[:6] for row in desk.query(RATINGS)]) == before


async def test_of_two_who_follow_at_once_each_rating_is_in_one_case(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "ENTRIES_A_PAGE", 2)
    async with await desk.where.open() as elsewhere:
        both = [await begun(desk), await begun(desk, database=elsewhere)]
        for first in range(1, 20, 2):
            await desk.exchange(entry(first, ("01", 1), ("02", 1)))
        await asyncio.gather(*(one.catch_up() for one in both))
    assert [row[0] for row in desk.query(CASES)] == [1, 2]
    assert [row[1] for row in desk.query(RATINGS)] == list(range(1, 21))
    assert {row[0] for row in desk.query(RATINGS)} == {1, 2}


async def test_a_page_that_somebody_else_took_meanwhile_is_left_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener, other = await begun(desk), await begun(desk)
    heard: list[Case] = []
    opener.listeners.append(lambda case, _step: heard.append(case))
    await desk.exchange(entry(1, ("01", 1)))
    await other.catch_up()
    await desk.exchange(entry(2, ("01", 3), ("02", 1)))
    real = opener._read

    async def slow(connection: AsyncConnection) -> worker.Stretch | None:
        found = await real(connection)
        await other.catch_up()
        return found

    monkeypatch.setattr(opener, "_read", slow)
    await opener.catch_up()
    assert heard == []
    assert [(*row[:2], row[6]) for row in desk.query(RATINGS)] == [(1, 1, 1), (2, 3, 0)]
    # And it goes on behind it.
    await desk.exchange(entry(4, ("01", 2)))
    monkeypatch.setattr(opener, "_read", real)
    await opener.catch_up()
    assert [row[6] for row in desk.query(RATINGS)] == [2, 0]


async def test_a_row_that_does_not_count_opens_its_case_when_it_does(desk: Desk) -> None:
    opener = await begun(desk)
    await desk.exchange(entry(1, ("09", 1), ("01", 3), ("08", 1)))
    await opener.catch_up()
    assert desk.query(CASES) == []

    desk.registry = registry_of("01", "02", "09")
    desk.intake.admit()
    await desk.exchange(entry(4, ("01", 3)))
    await opener.catch_up()
    assert [row[1] for row in desk.query(CASES)] == [f"{NODE}/09"]
    assert [row[:2] for row in desk.query(RATINGS)] == [(1, 1)]


async def test_three_others_lift_the_veil_at_the_next_full_five_minutes(desk: Desk) -> None:
    opener = await begun(desk)
    desk.now += 1000
    await desk.exchange(entry(1, ("01", 3), ("01", 1), ("01", 3)))
    await opener.catch_up()
    desk.now += 1000
    # Others at other windows, and rows that do not count, hide nobody.
    await desk.exchange(entry(4, ("02", 3), ("09", 3), ("01", 2), ("02", 3)))
    await opener.catch_up()
    assert desk.query(RATINGS)[0][5:] == (SEEN + FIVE, 2)
    desk.now += 1000
    await desk.exchange(entry(8, ("01", 1)))
    await opener.catch_up()
    assert [row[5:] for row in desk.query(RATINGS)] == [(SEEN, 3), (SEEN + FIVE, 0)]
    # Whoever else comes before then puts nothing off, and when it is seen it stays so.
    for moment in (NOW + 9000, SEEN, SEEN + 1000):
        desk.now = moment
        number = 9 + (moment - NOW) // 1000
        await desk.exchange(entry(number, ("01", 3), t0=moment - 1000))
        await opener.catch_up()
    assert [row[5] for row in desk.query(RATINGS)] == [SEEN, SEEN + FIVE]


async def test_others_of_the_same_batch_lift_it_as_well(desk: Desk) -> None:
    opener = await begun(desk)
    desk.now += 1000
    await desk.exchange(entry(1, ("01", 1), ("01", 1), ("01", 2), ("01", 3)))
    await opener.catch_up()
    assert [row[5:] for row in desk.query(RATINGS)] == [(SEEN, 3), (SEEN + FIVE, 2)]


@pytest.mark.parametrize("at_a_time", [1, 2, 250])
async def test_pages_of_any_size_find_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch, at_a_time: int) -> None:
    monkeypatch.setattr(worker, "ENTRIES_A_PAGE", at_a_time)
    opener = await begun(desk)
    for first in range(1, 13, 2):
        level = 1 if first in {1, 9} else 3
        await desk.exchange(entry(first, ("01", level), ("02", 1 if first == 3 else 2), t0=NOW - 20_000 + first))
    await opener.catch_up()
    found = [(row[1], row[5], min(row[6], POLICY.veil.others)) for row in desk.query(RATINGS)]
    assert found == [(1, NOW, 3), (4, NOW, 3), (9, SEEN, 1)]
    assert [row[:2] for row in desk.query(CASES)] == [(1, WINDOW), (2, SECOND)]


async def test_without_others_a_rating_is_seen_at_a_full_five_minutes_and_a_late_one_at_once(desk: Desk) -> None:
    opener = await begun(desk)
    desk.now = NOW + 61_000
    await desk.exchange(entry(1, ("01", 1), t0=NOW - 30 * HOUR_MS), lane="backlog")
    desk.now = NOW + 30 * MINUTE_MS
    await opener.catch_up()
    assert [row[4:] for row in desk.query(RATINGS)] == [(NOW + 61_000, NOW + 2 * FIVE, 0)]
    # That is past: whoever comes now changes nothing.
    await desk.exchange(entry(2, ("01", 3), ("01", 3), ("01", 3)))
    await opener.catch_up()
    assert [row[5:] for row in desk.query(RATINGS)] == [(NOW + 2 * FIVE, 0)]


async def test_a_ledger_with_a_history_opens_cases_of_what_comes_from_now_on(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 1), ("02", 1)))
    opener = await begun(desk)
    assert desk.query(CASES) == []
    # Also of what was pressed before, when it comes late.
    await desk.exchange(entry(3, ("01", 1), t0=NOW - 40 * 24 * HOUR_MS), lane="backlog")
    await opener.catch_up()
    assert [row[2] for row in desk.query(CASES)] == [NOW - 40 * 24 * HOUR_MS]
    # Another start goes on where this one was.
    await desk.exchange(entry(4, ("02", 1)))
    await begun(desk)
    assert [row[0] for row in desk.query(CASES)] == [1, 2]


async def test_who_may_not_open_does_not_and_says_from_where_on_it_is_to_be(desk: Desk) -> None:
    duty = False
    opener = await begun(desk, may_open=lambda: duty)
    await desk.exchange(entry(1, ("01", 1)))
    opener.wake(desk.commits[-1])
    await opener.catch_up()
    assert (desk.query(CASES), opener.behind) == ([], 0)
    duty = True
    assert opener.behind == 1
    await opener.catch_up()
    assert [row[0] for row in desk.query(CASES)] == [1]


async def test_it_follows_a_running_city_and_says_when_the_database_is_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, away = store.cursor, True

    async def cursor(connection: Any) -> int:  # noqa: ANN401
        if away:
            raise OSError("the cable is out")
        return await real(connection)

    monkeypatch.setattr(store, "cursor", cursor)
    monkeypatch.setattr(worker, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(worker, "LAST_RETRY_S", 0.01)
    # Only what is told in this process wakes it.
    monkeypatch.setattr(worker, "LOOK_S", 1000.0)
    opener = opener_of(desk)
    desk.intake.listeners.append(opener.wake)
    opened = asyncio.Event()

    def troubled() -> bool:
        return "the cable is out" in (opener.trouble or "")

    opener.listeners.append(lambda _case, _step: opened.set())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(opener.run())
        while not troubled():
            await asyncio.sleep(0.005)
        away = False
        while troubled():
            await asyncio.sleep(0.005)
        await desk.exchange(entry(1, ("01", 1)))
        await opened.wait()
        running.cancel()
    assert [row[0] for row in desk.query(CASES)] == [1]


async def test_neither_ledger_nor_counts_are_touched(desk: Desk) -> None:
    opener = await begun(desk)
    await desk.exchange(entry(1, ("01", 1), ("09", 1), ("02", 3)))
    tables = ("ledger_head", "ledger_entry", "uncounted", "tally_minute", "tally_day", "tally_township", "tally_city")

    async def content() -> list[list[tuple[object, ...]]]:
        async with desk.database.reader.begin() as connection:
            return [sorted(await fetch(connection, f"SELECT * FROM {table}"), key=repr) for table in tables]  # noqa: S608

    before = await content()
    await opener.catch_up()
    acting = desk_of(desk.database, lambda: desk.now)
    await acting.act(1, request("call_unfounded"), person())
    await acting.act(1, request("uphold_unfounded"), person(name="wang"))
    assert await content() == before
    assert desk.tallied == (1, 0, 1)
