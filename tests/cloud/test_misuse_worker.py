"""The filter on a real ledger: the same flags in whatever order ratings come, and again from the first entry."""

import asyncio
import threading
from random import Random

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import Database, fetch, fetch_value, write
from cloud.hours.rules import Closure, Registered
from cloud.ledger.admission import Admission, admit
from cloud.ledger.commit import Commit
from cloud.misuse import store, worker
from cloud.misuse.rebuild import rebuild
from cloud.misuse.sight import Seen
from cloud.registry.snapshot import RegisteredWindow, Registry
from contract.batch import Batch
from contract.errors import Unavailable
from contract.rating import Quality, Row
from tests.cloud.filled import batch_entry
from tests.cloud.watching import (
    CALENDAR,
    DAY,
    EPOCH,
    NODE,
    at,
    batches,
    commit,
    enter,
    filter_of,
    kept,
    one,
    registry_of,
    steady,
    weekdays,
)

KEPT = "SELECT day, part, body FROM misuse_day ORDER BY day, part"
NEXT = CALENDAR.later(DAY, 1)
TOMORROW = at("08:00", NEXT)


def misused() -> list[Seen]:
    """Four weeks at two windows; on the last day repeats, a burst, a metronome at night, and a silent window."""
    ratings = [rating for day in weekdays(DAY, 20) for rating in steady(day)]
    ratings += [rating for day in weekdays(DAY, 20)[:-1] for rating in steady(day, window="02")]
    ratings += [one(at("10:00:00") + 4_000 * index) for index in range(3)]
    ratings += [one(at("15:00:00") + 11_000 * index) for index in range(40)]
    ratings += [one(at("21:00:00") + 20_000 * index) for index in range(12)]
    return sorted({rating.at: rating for rating in ratings}.values())


def made(rows: int = 7, node: str = NODE) -> list[Batch]:
    ratings = misused()
    random = Random(1)
    return batches(ratings, [random.choice([1, 2, 3]) for _ in ratings], rows=rows, node=node)


async def test_a_month_is_followed_and_flagged(database: Database) -> None:
    await commit(database, made())
    await filter_of(database, TOMORROW).catch_up()

    found = await kept(database)
    on_the_day = {(rule, window) for _, day, rule, window, *_ in found["flags"] if day == DAY}
    assert on_the_day == {
        ("double", f"{NODE}/01"),
        ("burst", f"{NODE}/01"),
        ("mash", f"{NODE}/01"),
        ("closed", f"{NODE}/01"),
        ("silence", f"{NODE}/02"),
    }
    assert {day for _, day, *_ in found["flags"]} == {DAY}
    assert sum(int(str(number)) for row in found["counts"] for number in row[3:]) >= 2 + 40 + 12


OTHER = "371721121-b2"
BOTH = Registry(
    1, windows=[RegisteredWindow(f"{node}/{name}", 0, None) for node in (NODE, OTHER) for name in ("01", "02")]
)


def of(node: str, rows: list[tuple[object, ...]]) -> list[list[str]]:
    """The rows of a node, without its name."""
    return [[str(value).replace(node, "") for value in row] for row in rows if node in str(row)]


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_of_arrival_gives_the_same_flags(database: Database, seed: int) -> None:
    """In parts of any size, judged in between, the last day first or last: nothing remembers the way."""
    await commit(database, made())
    parts = made(rows=3, node=OTHER)
    random = Random(seed)
    random.shuffle(parts)
    judging = filter_of(database, TOMORROW, BOTH)
    while parts:
        some = random.randint(1, len(parts))
        await commit(database, parts[:some])
        parts = parts[some:]
        await judging.catch_up()

    found = await kept(database)
    assert of(OTHER, found["flags"])
    assert of(NODE, found["flags"]) == of(OTHER, found["flags"])
    assert of(NODE, found["counts"]) == of(OTHER, found["counts"])


async def test_a_rebuild_finds_the_same_flags_and_says_so(database: Database) -> None:
    await commit(database, made())
    judging = filter_of(database, TOMORROW)
    account = await rebuild(database, judging, lambda *_: None)
    assert account.equal
    assert account.before == account.after >= 5

    async with database.writer.begin() as connection:
        await write(connection, "DELETE FROM misuse_flag WHERE rule = 'burst'")
    forged = await rebuild(database, judging, lambda *_: None)
    assert (forged.equal, forged.digest_after) == (False, account.digest_after)


async def test_a_step_that_is_cut_off_is_made_again_and_nothing_twice(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "ENTRIES_A_PAGE", 40)
    await commit(database, made())
    judging = filter_of(database, TOMORROW)
    whole, calls = store.keep, 0

    async def breaking(*values: object) -> None:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise OSError("the cable is out")
        await whole(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "keep", breaking)
    while True:
        try:
            await judging.catch_up()
        except Unavailable:
            continue
        break
    assert calls > 4
    monkeypatch.setattr(store, "keep", whole)
    found = await kept(database)
    assert (await rebuild(database, filter_of(database, TOMORROW), lambda *_: None)).equal
    assert await kept(database) == found


async def test_of_two_who_follow_at_once_each_does_its_part(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "ENTRIES_A_PAGE", 40)
    await commit(database, made())
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(filter_of(database, TOMORROW).catch_up())
    found = await kept(database)
    assert (await rebuild(database, filter_of(database, TOMORROW), lambda *_: None)).equal
    assert await kept(database) == found


async def test_seeing_more_of_a_day_leaves_alone_what_was_seen_and_judging_puts_it_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a catch-up costs the square of what there is."""
    monkeypatch.setattr(worker, "MOST_PARTS", 3)
    parts = made(rows=1)[:40]
    judging = filter_of(database, TOMORROW)

    async def days() -> list[tuple[str, int, int]]:
        async with database.reader.begin() as connection:
            return [(day, part, len(body)) for day, part, body in await fetch(connection, KEPT)]

    async def nobody_is_judged() -> int:
        return 0

    with monkeypatch.context() as patched:
        patched.setattr(judging, "_judge", nobody_is_judged)
        before: list[tuple[str, int, int]] = []
        for begin in range(0, 40, 4):
            await commit(database, parts[begin : begin + 4])
            await judging.catch_up()
            assert (await days())[: len(before)] == before
            before = await days()
    assert len(before) == 10
    await judging.catch_up()
    gathered = await days()
    assert [part for _, part, _ in gathered] == [before[-1][1]]
    assert gathered[0][2] < sum(size for *_, size in before)


async def test_a_rating_that_comes_late_takes_a_silence_back(database: Database) -> None:
    """An outage is no silence: the flag stands until what was pressed meanwhile arrives, and then it is gone."""
    parts = made()
    await commit(database, parts)
    judging = filter_of(database, TOMORROW)
    await judging.catch_up()
    assert ("silence", f"{NODE}/02") in {(row[2], row[3]) for row in (await kept(database))["flags"]}

    late = steady(DAY, window="02", epoch="lateLate00")
    await commit(database, batches(late, [3] * len(late)))
    await judging.catch_up()

    assert {row[2] for row in (await kept(database))["flags"]} == {"double", "burst", "mash", "closed"}


async def test_while_a_day_runs_a_silence_is_none_and_repeats_are_seen_at_once(database: Database) -> None:
    parts = made()
    await commit(database, parts)
    await filter_of(database, at("22:00")).catch_up()
    assert {row[2] for row in (await kept(database))["flags"]} == {"double", "burst", "mash", "closed"}

    await filter_of(database, TOMORROW).catch_up()
    assert "silence" in {row[2] for row in (await kept(database))["flags"]}


async def test_hours_that_are_registered_later_judge_what_was_judged_anew(database: Database) -> None:
    await commit(database, made())
    await filter_of(database, TOMORROW).catch_up()
    closed = Registered(closures=(Closure("371721", DAY, DAY, "停电"),))

    await filter_of(database, TOMORROW, registry_of("01", "02", registered=closed)).catch_up()
    found = {row[2]: row for row in (await kept(database))["flags"]}
    assert "silence" not in found
    assert "停电" in str(found["closed"][9])

    await filter_of(database, TOMORROW).catch_up()
    assert "silence" in {row[2] for row in (await kept(database))["flags"]}


async def test_rows_that_are_held_are_not_judged_until_they_are_admitted(database: Database) -> None:
    content = [Row(2_000 * index, "01", 3, 1) for index in range(4)]
    batch = Batch(1, NODE, EPOCH, 1, at("10:00"), Quality.SYNCHRONISED, content)
    await enter(database, [batch_entry(batch)])
    held = [(1, row) for row in range(4)]
    async with database.writer.begin() as connection:
        for position, row in held:
            await write(
                connection,
                "INSERT INTO uncounted (position, row, reason, \"window\") VALUES (:p, :r, 'unknown_window', :w)",
                [(position, row, f"{NODE}/01")],
            )
    judging = filter_of(database, TOMORROW)
    await judging.catch_up()
    assert (await kept(database))["flags"] == []

    await enter(database, [Admission(held, {}, {}).entry(at("11:00"))])
    async with database.writer.begin() as connection:
        await admit(connection, held, 2)
    await judging.catch_up()
    assert [(row[2], row[7]) for row in (await kept(database))["flags"]] == [("double", 3)]


async def test_a_number_that_comes_again_is_judged_once(database: Database) -> None:
    content = [Row(20_000 * index, "01", 3, 1) for index in range(30)]
    batch = Batch(1, NODE, EPOCH, 1, at("10:00"), Quality.SYNCHRONISED, content)
    more = Batch(1, NODE, EPOCH, 11, at("10:00") + 200_000, Quality.SYNCHRONISED, [
        Row(20_000 * index, "01", 3, 1) for index in range(25)
    ])  # fmt: skip
    await enter(database, [batch_entry(batch), batch_entry(more)])
    await filter_of(database, TOMORROW).catch_up()

    flags = (await kept(database))["flags"]
    assert [(row[2], row[7], row[8]) for row in flags if row[2] == "mash"] == [("mash", 35, f'[["{EPOCH}",1,35]]')]
    counts = (await kept(database))["counts"]
    assert sum(row[3] for row in counts) == 35  # type: ignore[misc]


async def test_nothing_is_deleted_and_no_count_changes(database: Database) -> None:
    await commit(database, made())
    tables = ("ledger_entry", "uncounted", "tally_minute", "tally_day", "tally_township", "tally_city")

    async def content() -> list[list[tuple[object, ...]]]:
        async with database.reader.begin() as connection:
            return [sorted(await fetch(connection, f"SELECT * FROM {table}"), key=repr) for table in tables]  # noqa: S608

    before = await content()
    await filter_of(database, TOMORROW).catch_up()
    assert (await kept(database))["flags"]
    assert await content() == before


async def test_who_is_given_the_duty_later_judges_by_what_is_registered_by_then(database: Database) -> None:
    await commit(database, made())
    await filter_of(database, TOMORROW).catch_up()
    closed, duty = Registered(closures=(Closure("371721", DAY, DAY, "停电"),)), False
    judging = filter_of(database, TOMORROW, registry_of("01", "02", registered=closed), may_judge=lambda: duty)
    await judging.catch_up()
    assert "silence" in {row[2] for row in (await kept(database))["flags"]}
    duty = True
    await judging.catch_up()
    assert "silence" not in {row[2] for row in (await kept(database))["flags"]}


async def test_a_clock_that_was_ahead_leaves_nothing_behind(database: Database) -> None:
    """A clock that is wrong for a moment calls days over that are not; when it is right again, so are the flags."""
    await commit(database, made())
    noon = at("12:30")
    await filter_of(database, noon).catch_up()
    right = await kept(database)
    await filter_of(database, at("08:00", CALENDAR.later(DAY, 9))).catch_up()
    assert "silence" in {row[2] for row in (await kept(database))["flags"]}
    await filter_of(database, noon).catch_up()
    assert await kept(database) == right


async def test_the_city_goes_on_while_a_day_is_judged(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging a window that somebody stuffed takes seconds, in which presses, boards and cases are not to wait."""
    going_on = threading.Event()
    seen_to_go_on: list[bool] = []

    def long_day(*_: object, **__: object) -> list[object]:
        loop.call_soon_threadsafe(going_on.set)
        seen_to_go_on.append(going_on.wait(5.0))
        return []

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(worker, "judge", long_day)
    await commit(database, made()[:3])

    await filter_of(database, TOMORROW).catch_up()

    assert set(seen_to_go_on) == {True}


async def test_who_may_not_judge_does_not(database: Database) -> None:
    await commit(database, made())
    judging = filter_of(database, TOMORROW, may_judge=lambda: False)
    await judging.catch_up()
    async with database.reader.begin() as connection:
        assert await fetch_value(connection, "SELECT count(*) FROM misuse_day") == 0
    assert judging.behind == 0


async def test_it_follows_a_running_city_and_says_when_the_database_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, away = store.cursor, True

    async def cursor(connection: AsyncConnection) -> store.Cursor:
        if away:
            raise OSError("the cable is out")
        return await whole(connection)

    monkeypatch.setattr(store, "cursor", cursor)
    monkeypatch.setattr(worker, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(worker, "LAST_RETRY_S", 0.01)
    judging = filter_of(database, TOMORROW)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(judging.run())
        while judging.trouble is None:
            await asyncio.sleep(0.005)
        assert "the cable is out" in judging.trouble
        away = False
        await commit(database, made())
        judging.wake(Commit(1, 400, TOMORROW, {}, [], [], 0, 0))
        async with asyncio.timeout(15):
            while judging.trouble or not (await kept(database))["flags"]:
                await asyncio.sleep(0.02)
        running.cancel()
