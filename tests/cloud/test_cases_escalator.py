"""What is overdue goes up by the injected clock, once, and whoever acts in the same moment is not run over."""

import asyncio

import pytest

from cloud.cases import escalator, store
from cloud.cases.case import Case, Step
from cloud.cases.escalator import Escalator
from cloud.cases.reading import Asked
from cloud.database import Database
from cloud.hours.holder import offices_of
from cloud.hours.rules import NOTHING, Registered, SpecialDay
from cloud.registry.snapshot import names_of
from tests.cloud.docket import CALENDAR, NOON, POLICY, WINDOW, desk_of, listed, person, put, request, whole

# Opened on Wednesday, 18 November: to be verified by the 25th, before the city from the 30th on.
DUE = CALENDAR.end("2026-11-25")
CITY_FROM = CALENDAR.end("2026-11-30")


class Clocked:
    """An escalator with a clock and hours that a test sets."""

    def __init__(self, database: Database, *, duty: bool = True) -> None:
        self.now = NOON
        self.registered: Registered = NOTHING
        self.heard: list[tuple[Case, Step]] = []
        self.work = Escalator(
            database,
            policy=POLICY,
            calendar=CALENDAR,
            offices=lambda: offices_of(self.registered, CALENDAR),
            now=lambda: self.now,
            may_raise=lambda: duty,
        )
        self.work.listeners.append(lambda case, step: self.heard.append((case, step)))

    async def at(self, moment: int) -> None:
        self.now = moment
        await self.work.look()


async def levels(database: Database) -> list[str]:
    return [one.case.level for one in await listed(database, Asked(names_of("city"), "any"))]


async def test_an_overdue_case_goes_to_the_county_and_then_to_the_city(database: Database) -> None:
    await put(database, WINDOW, WINDOW)
    await desk_of(database, lambda: NOON).act(1, request("verify"), person())
    clocked = Clocked(database)
    seen = []
    for moment in (DUE - 1, DUE, DUE + 1, CITY_FROM - 1, CITY_FROM, CITY_FROM + 1):
        await clocked.at(moment)
        seen.append(await levels(database))
    assert seen == [[level, "township"] for level in ("township", "county", "county", "county", "city", "city")]
    found = await whole(database, 2)
    assert found.steps[1:] == [step for _, step in clocked.heard]
    assert [(step.who, step.action, step.body.level, step.at) for step in found.steps[1:]] == [
        ("system", "raise", "county", DUE),
        ("system", "raise", "city", CITY_FROM),
    ]
    assert clocked.heard[-1][0] == found.case


async def test_a_city_that_was_away_raises_all_the_way_with_a_step_each(database: Database) -> None:
    await put(database, WINDOW)
    clocked = Clocked(database)
    await clocked.at(CITY_FROM + 5)
    assert [step.body.level for _, step in clocked.heard] == ["county", "city"]
    assert (await whole(database)).case.steps == 3


async def test_pages_of_overdue_cases_are_all_raised(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escalator, "CASES_A_PAGE", 2)
    await put(database, *[WINDOW] * 5)
    clocked = Clocked(database)
    await clocked.at(DUE)
    assert await levels(database) == ["county"] * 5
    assert len(clocked.heard) == 5


async def test_what_settles_it_gives_it_back_and_a_new_deadline_counts(database: Database) -> None:
    await put(database, WINDOW)
    clocked = Clocked(database)
    await clocked.at(DUE)
    await desk_of(database, lambda: DUE + 5).act(1, request("verify"), person("township"))
    assert await levels(database) == ["township"]
    await clocked.at(CITY_FROM)
    assert await levels(database) == ["township"]
    await clocked.at(CALENDAR.end("2026-12-09"))
    assert await levels(database) == ["county"]
    for action in ("rectify", "reply", "close"):
        await desk_of(database, lambda: clocked.now).act(1, request(action), person())
    await clocked.at(CALENDAR.end("2027-12-09"))
    assert [step.action for step in (await whole(database)).steps] == [
        *("open", "raise", "verify", "raise", "rectify", "reply", "close"),
    ]


async def test_who_acts_before_the_rise_is_written_has_it_in_the_history(database: Database) -> None:
    await put(database, WINDOW)
    await desk_of(database, lambda: DUE + 5).act(1, request("verify"), person("township"))
    assert [step.action for step in (await whole(database)).steps] == ["open", "raise", "verify"]


async def test_a_holiday_that_is_registered_later_gives_its_day(database: Database) -> None:
    await put(database, WINDOW)
    clocked = Clocked(database)
    clocked.registered = Registered(days=(SpecialDay("2026-11-20", "holiday", "停工"),))
    await clocked.at(DUE)
    assert (await levels(database), clocked.heard) == (["township"], [])
    assert (await whole(database)).case.due_at == CALENDAR.end("2026-11-26")
    await clocked.at(CALENDAR.end("2026-11-26"))
    assert await levels(database) == ["county"]


async def test_who_may_not_raise_does_not(database: Database) -> None:
    await put(database, WINDOW)
    await Clocked(database, duty=False).at(CITY_FROM)
    assert await levels(database) == ["township"]


async def test_a_case_that_is_acted_in_meanwhile_is_left_to_the_next_look(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(database, WINDOW)
    clocked = Clocked(database)
    real = store.load

    async def stale(connection: object, number: int) -> Case | None:
        found = await real(connection, number)  # type: ignore[arg-type]
        return None if found is None else found._replace(steps=found.steps - 1)

    with monkeypatch.context() as patched:
        patched.setattr(store, "load", stale)
        patched.setattr(escalator, "CASES_A_PAGE", 1)
        await clocked.at(DUE)
    assert (await levels(database), clocked.heard) == (["township"], [])
    await clocked.at(DUE)
    assert await levels(database) == ["county"]


async def test_it_looks_again_and_again_and_says_when_the_database_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(database, WINDOW)
    clocked = Clocked(database)
    clocked.now = DUE
    real, away = store.rising, True

    async def rising(*values: object) -> list[int]:
        if away:
            raise OSError("the cable is out")
        return await real(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "rising", rising)
    monkeypatch.setattr(escalator, "LOOK_S", 0.005)

    def troubled() -> bool:
        return "the cable is out" in (clocked.work.trouble or "")

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(clocked.work.run())
        while not troubled():
            await asyncio.sleep(0.005)
        away = False
        while troubled() or not clocked.heard:
            await asyncio.sleep(0.005)
        running.cancel()
    assert await levels(database) == ["county"]
