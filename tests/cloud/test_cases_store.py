"""Cases on both databases: what is done is kept once, a late change is refused, and nobody sees more than they may."""

import asyncio
from typing import Any

import pytest

from cloud.cases import reading, store
from cloud.cases.case import Body, Case, CaseRefused, Step
from cloud.cases.reading import Asked, Count
from cloud.cases.request import Request
from cloud.cases.rules import act
from cloud.cases.veil import Viewer
from cloud.database import Database
from cloud.registry.snapshot import names_of
from tests.cloud.conftest import EPOCH, NODE
from tests.cloud.docket import (
    CALENDAR,
    CITY,
    DAY_MS,
    FILE,
    HOUR_MS,
    MINUTE_MS,
    NOON,
    TERMS,
    WINDOW,
    at,
    desk_of,
    leave_contact,
    listed,
    person,
    put,
    request,
    told,
    whole,
)
from tests.cloud.where import Where

STEPS = 'SELECT "case", number, who, action, state FROM case_step ORDER BY "case", number'
OTHER = "371721122-b2/01"
FAR = "371722101-c3/01"


async def test_a_case_is_read_as_it_was_put_and_every_step_is_kept(database: Database) -> None:
    (case,) = await put(database, WINDOW)
    assert (await whole(database)).case == case

    heard: list[tuple[Case, Step]] = []
    desk = desk_of(database, lambda: NOON + 5)
    desk.listeners.append(lambda case, step: heard.append((case, step)))
    await leave_contact(desk, 1)
    await desk.act(1, request("contact"), person("township"))
    await desk.act(1, Request("assign", assignee="王芳"), person("township"))
    await desk.act(1, Request("attach", attachment=FILE), person("township"))
    found = await whole(database)

    assert found.case == heard[-1][0]
    assert (found.case.state, found.case.contact, found.case.assignee) == ("contacted", True, "王芳")
    assert found.steps[1:] == [step for _, step in heard]
    assert [(step.number, step.who, step.action) for step in found.steps] == [
        (1, "system", "open"),
        (2, "li", "leave_contact"),
        (3, "li", "contact"),
        (4, "li", "assign"),
        (5, "li", "attach"),
    ]
    assert found.steps[4].body == Body(attachment=FILE)


async def test_an_end_is_an_end_in_the_database_as_well(database: Database) -> None:
    await put(database, WINDOW)
    desk = desk_of(database, lambda: NOON + 5)
    for action in ("verify", "rectify", "reply", "close"):
        await desk.act(1, request(action), person())
    case = (await whole(database)).case
    assert (case.state, case.closed_at, case.due_at, case.raise_at) == ("closed", NOON + 5, None, None)
    with pytest.raises(CaseRefused, match="the case is closed"):
        await desk.act(1, request("verify"), person())
    assert (await desk.act(1, request("note"), person())).closed_at == NOON + 5


async def test_what_is_refused_leaves_nothing_behind(database: Database, where: Where) -> None:
    await put(database, WINDOW)
    desk = desk_of(database, lambda: NOON)
    for asked, who, kind in (
        (request("close"), person(), "state"),
        (request("verify"), person("clerk"), "role"),
        (request("verify", ""), person(), "content"),
    ):
        with pytest.raises(CaseRefused) as refused:
            await desk.act(1, asked, who)
        assert refused.value.kind == kind
    for call in (desk.act(2, request("note"), person()), leave_contact(desk, 2)):
        with pytest.raises(CaseRefused, match="there is no case 2"):
            await call
    assert where.query(STEPS) == [(1, 1, "system", "open", "new")]


async def test_a_late_change_by_another_process_is_refused(database: Database, where: Where) -> None:
    (case,) = await put(database, WINDOW)
    async with await where.open() as elsewhere:
        await desk_of(elsewhere, lambda: NOON).act(1, request("note"), person(name="wang"), seen=1)
    with pytest.raises(CaseRefused, match="case 1 was changed meanwhile") as refused:
        await desk_of(database, lambda: NOON).act(1, request("verify"), person(), seen=1)
    assert refused.value.kind == "changed"
    # Also where it was read in the very moment before.
    async with database.writer.begin() as connection:
        after, steps = act(case, request("verify"), person(), NOON, TERMS)
        assert not await store.change(connection, case, after, steps)
    assert [row[3] for row in where.query(STEPS)] == ["open", "note"]
    await desk_of(database, lambda: NOON).act(1, request("verify"), person(), seen=2)


async def test_of_two_who_act_at_once_one_does(database: Database, where: Where) -> None:
    await put(database, WINDOW)

    async def verify(at_work: Database, name: str) -> str:
        try:
            await desk_of(at_work, lambda: NOON).act(1, request("verify"), person(name=name))
        except CaseRefused as refused:
            return refused.kind
        return "done"

    async with await where.open() as elsewhere:
        found = await asyncio.gather(*(verify(one, name) for one, name in ((database, "li"), (elsewhere, "wang"))))
    # Which of the two comes first, and whether the second has looked before, is as it comes.
    assert found.count("done") == 1
    assert set(found) <= {"done", "changed", "state"}
    assert [row[3] for row in where.query(STEPS)] == ["open", "verify"]


async def test_a_rating_that_joins_is_no_change_to_who_acts(database: Database) -> None:
    """Else its refusal would tell that somebody has just pressed."""
    (case,) = await put(database, WINDOW)
    async with database.writer.begin() as connection:
        (held,) = await store.joinable(connection, [WINDOW], NOON, NOON)
        await store.join(connection, [held._replace(newest_at=NOON + 9)])
    await desk_of(database, lambda: NOON).act(1, request("verify"), person(), seen=case.steps)
    assert (await whole(database)).case.newest_at == NOON + 9


async def test_a_case_is_not_there_before_its_rating_is_seen(database: Database) -> None:
    pressed, seen_from = at("12:34"), at("12:40")
    await put(database, WINDOW, pressed=pressed, seen_from=seen_from, since=pressed)
    for moment, there in ((seen_from - 1, False), (seen_from, True)):
        viewer = Viewer(at_once=False, now=moment)
        assert (await told(database, 1, viewer) is not None) == there
        assert [one.case.number for one in await listed(database, Asked(names_of("city")), viewer)] == [1] * there
        assert len(await counts(database, viewer)) == there
        desk = desk_of(database, lambda moment=moment: moment)  # type: ignore[misc]
        for role in ("clerk", "township", "supervisor"):
            if not there:
                with pytest.raises(CaseRefused, match="there is no case 1") as refused:
                    await desk.act(1, request("note"), person(role))
                assert refused.value.kind == "unknown"
    assert await told(database, 1) is not None
    await desk_of(database, lambda: pressed).act(1, request("note"), person("operator"))


async def counts(database: Database, viewer: Viewer, place: str = "city") -> list[Count]:
    async with database.reader.begin() as connection:
        return await reading.counts(connection, names_of(place), viewer, CALENDAR)


async def test_who_sees_a_case_sees_no_more_of_it_than_what_is_seen(database: Database) -> None:
    pressed = at("12:34")
    (case,) = await put(database, WINDOW, pressed=pressed, seen_from=at("12:40"), since=pressed + 9)
    rating = (await whole(database)).ratings[0]
    async with database.writer.begin() as connection:
        later = rating._replace(seq=2, at=at("14:05"), received_at=at("14:05"), seen_from=at("14:10"))
        await store.put_ratings(connection, [(later, 1)])
        await store.join(connection, [case._replace(newest_at=at("14:05"))])
    viewer = Viewer(at_once=False, now=at("14:09"))

    found = await told(database, 1, viewer)
    assert found is not None
    noon = at("12:00")
    assert [(one.at, one.seq, one.epoch, one.position) for one in found.ratings] == [(noon, 0, "", 0)]
    assert (found.case.first_at, found.case.newest_at, found.case.opened_at) == (noon, noon, noon)
    assert found.steps[0].at == noon
    ((shown, ratings),) = await listed(database, Asked(names_of(WINDOW)), viewer)
    assert (shown, ratings) == (found.case, 1)
    ((exact, both),) = await listed(database, Asked(names_of(WINDOW)))
    assert (exact.newest_at, exact.opened_at, both) == (at("14:05"), pressed + 9, 2)
    assert (await whole(database)).ratings == [rating, later]


async def test_lists_go_by_place_state_and_deadline_and_come_in_pages(database: Database) -> None:
    await put(database, WINDOW, OTHER, FAR, WINDOW, WINDOW)
    desk = desk_of(database, lambda: NOON)
    await desk.act(4, request("verify"), person())
    await desk.act(5, request("call_unfounded"), person())
    await desk.act(5, request("uphold_unfounded"), person(name="wang"))

    async def numbers(place: str = "city", *, viewer: Viewer = CITY, limit: int = 50, **asked: Any) -> list[int]:  # noqa: ANN401
        found = await listed(database, Asked(names_of(place), **asked), viewer, limit)
        return [one.case.number for one in found]

    assert await numbers() == [4, 3, 2, 1]
    assert await numbers(which="any") == [5, 4, 3, 2, 1]
    assert await numbers(which="unfounded") == [5]
    assert await numbers(which="new") == [3, 2, 1]
    assert await numbers("371721") == [4, 2, 1]
    assert await numbers("371721121") == await numbers(WINDOW) == [4, 1]
    assert await numbers("371722") == [3]
    assert await numbers(limit=2) == [4, 3]
    assert await numbers(limit=2, before=3) == [2, 1]
    later = Viewer(at_once=True, now=CALENDAR.end("2026-11-25"))
    assert await numbers(overdue=True) == []
    assert await numbers(viewer=later, overdue=True) == [3, 2, 1]
    assert await numbers("371722", viewer=later, overdue=True, which="new") == [3]


async def test_open_cases_are_counted_by_state_level_and_age(database: Database) -> None:
    await put(database, WINDOW, OTHER)
    await put(database, FAR, WINDOW, since=NOON - 2 * DAY_MS)
    desk = desk_of(database, lambda: NOON)
    await desk.act(4, request("verify"), person())
    now = NOON + 3 * MINUTE_MS
    assert await counts(database, Viewer(at_once=False, now=now)) == [
        Count("new", "township", 0, 2, 0),
        Count("new", "township", 2, 1, 0),
        Count("verified", "township", 2, 1, 0),
    ]
    overdue = await counts(database, Viewer(at_once=True, now=CALENDAR.end("2026-11-25")), "371721121")
    assert overdue == [Count("new", "township", 8, 1, 1), Count("verified", "township", 10, 1, 0)]
    for action in ("rectify", "reply", "close"):
        await desk.act(4, request(action), person())
    assert {count.state for count in await counts(database, CITY._replace(now=now))} == {"new"}


async def test_a_rating_is_in_one_case(database: Database) -> None:
    await put(database, WINDOW)
    async with database.reader.begin() as connection:
        numbers = [(NODE, EPOCH, seq) for seq in range(1, 2500)]
        assert await store.known(connection, numbers) == {(NODE, EPOCH, 1)}
        assert await store.known(connection, []) == set()


async def test_what_may_be_joined_is_held_until_the_end(database: Database, where: Where) -> None:
    """Who verifies a case in the same moment waits, and the rating is in it before."""
    await put(database, WINDOW, WINDOW, OTHER, pressed=NOON)
    await desk_of(database, lambda: NOON).act(2, request("call_unfounded"), person())
    await desk_of(database, lambda: NOON).act(2, request("uphold_unfounded"), person(name="wang"))
    async with await where.open() as elsewhere, asyncio.TaskGroup() as tasks, database.writer.begin() as connection:
        found = await store.joinable(connection, [WINDOW], NOON - HOUR_MS, NOON + HOUR_MS)
        assert [case.number for case in found] == [1]
        assert await store.joinable(connection, [WINDOW], NOON + 1, NOON + HOUR_MS) == []
        acting = tasks.create_task(desk_of(elsewhere, lambda: NOON).act(1, request("verify"), person()))
        done, _ = await asyncio.wait([acting], timeout=0.1)
        assert not done
        await store.join(connection, [found[0]._replace(newest_at=NOON + 9)])
    assert (acting.result().state, (await whole(database)).case.newest_at) == ("verified", NOON + 9)
