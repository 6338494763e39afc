"""The wall's sight of open cases, on both databases: the worst first, and nothing that is still behind the veil."""

from typing import Any

import pytest

from cloud.board.picture import Cases, OpenCase
from cloud.cases import panel as panels
from cloud.cases import store
from cloud.cases.panel import WORST, Panel, panel
from cloud.cases.veil import Viewer
from cloud.database import Database
from tests.cloud.conftest import NODE
from tests.cloud.docket import (
    CALENDAR,
    MINUTE_MS,
    NOON,
    WINDOW,
    at,
    desk_of,
    person,
    put,
    request,
)

SECOND, FAR, NAMED = f"{NODE}/02", "371722101-a1/11", "371722101-a1/x"


async def seen(database: Database, now: int, *, at_once: bool = False) -> Cases:
    async with database.reader.connect() as connection:
        return await panel(connection, Viewer(at_once, now), CALENDAR)


async def test_before_any_case_there_is_nothing(database: Database) -> None:
    assert await seen(database, NOON) == Cases(0, 0, [], [])


async def test_the_worst_come_first_with_hours_and_states(database: Database) -> None:
    await put(database, WINDOW, FAR, since=at("09:34", "2026-11-16"))
    await put(database, SECOND, NAMED, since=at("11:59"))
    desk = desk_of(database, lambda: NOON)
    await desk.act(1, request("verify"), person())
    await desk.act(3, request("verify"), person())
    morning, before_noon = at("09:00", "2026-11-16"), at("11:00")
    # What was to be verified by Monday's end is overdue; what was verified has its own time.
    assert await seen(database, CALENDAR.end("2026-11-23")) == Cases(
        4,
        1,
        [("new", 2), ("verified", 2)],
        [
            OpenCase(2, FAR, "371722101", 11, "new", "township", morning, overdue=True),
            OpenCase(4, NAMED, "371722101", "x", "new", "township", before_noon, overdue=False),
            OpenCase(1, WINDOW, "371721121", 1, "verified", "township", morning, overdue=False),
            OpenCase(3, SECOND, "371721121", 2, "verified", "township", before_noon, overdue=False),
        ],
    )
    later = await seen(database, CALENDAR.end("2026-12-31"))
    assert (later.overdue, [one.case for one in later.worst]) == (4, [2, 4, 1, 3])
    for action in ("rectify", "reply", "close"):
        await desk.act(1, request(action), person())
    assert [one.case for one in (await seen(database, NOON)).worst] == [2, 4, 3]


async def test_of_many_the_oldest_are_listed_and_all_are_counted(database: Database) -> None:
    await put(database, *[f"{NODE}/{number:02}" for number in range(1, 20)])
    found = await seen(database, NOON)
    assert (found.open, found.states) == (19, [("new", 19)])
    assert [one.case for one in found.worst] == [*range(1, WORST + 1)]


async def test_what_is_behind_the_veil_is_not_on_the_wall(database: Database) -> None:
    pressed, seen_from = at("12:34"), at("12:40")
    await put(database, WINDOW, pressed=pressed, seen_from=seen_from, since=pressed)
    assert await seen(database, seen_from - 1) == Cases()
    assert (await seen(database, seen_from - 1, at_once=True)).worst[0].opened_at == pressed
    found = await seen(database, seen_from)
    assert (found.open, found.worst[0].opened_at) == (1, NOON)


async def test_it_is_read_anew_when_a_case_changes_and_with_every_minute(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0

    async def counted(*asked: Any) -> Cases:  # noqa: ANN401
        nonlocal reads
        reads += 1
        return await panel(*asked)

    monkeypatch.setattr(panels, "panel", counted)
    now = NOON
    tested = Panel(CALENDAR, lambda: now)

    async def look() -> tuple[int, int]:
        async with database.reader.connect() as connection:
            found = await tested.read(connection)
        return reads, found.open

    assert [await look(), await look()] == [(1, 0), (1, 0)]
    await put(database, WINDOW, seen_from=NOON + MINUTE_MS)
    async with database.writer.begin() as connection:
        await store.tell(connection)
    assert [await look(), await look()] == [(2, 0), (2, 0)]
    # Nobody tells of the passing of time.
    now += MINUTE_MS
    assert [await look(), await look()] == [(3, 1), (3, 1)]
    await desk_of(database, lambda: now).act(1, request("call_unfounded"), person())
    await desk_of(database, lambda: now).act(1, request("uphold_unfounded"), person(name="wang"))
    assert await look() == (4, 0)
