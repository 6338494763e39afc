"""Held rows: nothing lets them count by itself, a person may where the city's clock was behind, and says why."""

import asyncio
import json
from zoneinfo import ZoneInfo

import pytest

from cloud.calendar import Calendar
from cloud.held import store
from cloud.held.rules import Row, objection
from cloud.trace.store import look
from contract.errors import Reason
from proof import ledger, tallies
from tests.cloud.conftest import NODE, NOW, Desk, entry, registry_of

CALENDAR = Calendar("Asia/Shanghai")
HOUR = 3_600_000


def known(window: str, _at: int) -> bool:
    return window == "w/1"


@pytest.mark.parametrize(
    ("reason", "at", "window", "told"),
    [
        (Reason.FUTURE, NOW + 60_000, "w/1", None),
        (Reason.FUTURE, NOW + 60_001, "w/1", "its moment has not come yet"),
        (Reason.FUTURE, NOW - HOUR, "w/2", "its window is not registered at that moment"),
        (Reason.UNKNOWN_WINDOW, NOW - HOUR, "w/1", "register its window"),
        (Reason.CONFLICT, NOW - HOUR, "w/1", "given to something else already"),
    ],
)
def test_what_may_be_let_in(reason: Reason, at: int, window: str, told: str | None) -> None:
    row = Row(3, 1, reason, window, at)
    found = objection("admit", row, known, now=NOW, future_ms=60_000)
    assert (found is None) if told is None else (found is not None and told in found)
    assert objection("refuse", row, known, now=NOW, future_ms=60_000) is None


async def held(desk: Desk) -> list[Row]:
    async with desk.database.reader.connect() as connection:
        return await store.rows(connection, 0, 1 << 53)


async def test_the_passing_of_its_moment_lets_no_row_count(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3), ("01", 1), t0=NOW + HOUR))
    desk.now += 2 * HOUR
    desk.intake.admit()
    await desk.exchange(entry(3, ("01", 2), t0=desk.now))

    assert desk.tallied == (0, 1, 0)
    assert [(row.position, row.row, row.reason, row.at - NOW) for row in await held(desk)] == [
        (1, 0, Reason.FUTURE, HOUR),
        (1, 1, Reason.FUTURE, HOUR + 1),
    ]


async def test_somebody_lets_them_count_at_the_moment_they_say_while_the_city_runs(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3), ("77", 3), ("02", 1), t0=NOW + HOUR))
    rows = [row for row in await held(desk) if row.window != f"{NODE}/77"]
    desk.now += 2 * HOUR

    async def admit() -> tuple[int, int]:
        return await store.rule(desk.database, "admit", rows, by="Wang", why="clock", at=desk.now, calendar=CALENDAR)

    assert await admit() == (2, 2)
    # Once is enough, and the city goes on whether or not it had noticed.
    assert await admit() == (0, 0)
    await desk.exchange(entry(4, ("01", 2), t0=desk.now))

    assert desk.tallied == (1, 1, 1)
    ((raw,),) = desk.query("SELECT raw FROM ledger_entry WHERE kind = 'admit'")
    assert json.loads(bytes(raw)) == {"admit": [[1, 0], [1, 2]], "by": "Wang", "why": "clock"}
    assert tallies.differences(desk.path, ZoneInfo(CALENDAR.zone)) == []
    assert ledger.gapless(desk.path)
    assert [row.window for row in await held(desk)] == [f"{NODE}/77"]


async def test_what_is_refused_for_good_waits_no_more_and_never_counts(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3), t0=NOW + HOUR), entry(2, ("77", 3)))
    assert await store.rule(
        desk.database, "refuse", await held(desk), by="Li", why="ahead", at=NOW, calendar=CALENDAR
    ) == (3, 2)
    assert await held(desk) == []
    desk.registry = registry_of("01", "77")
    desk.intake.admit()
    await desk.exchange(entry(3, ("01", 2)))
    await asyncio.sleep(0)

    assert desk.tallied == (0, 1, 0)
    assert tallies.differences(desk.path, ZoneInfo(CALENDAR.zone)) == []
    async with desk.database.reader.connect() as connection:
        (rating,) = (await look(connection, NODE, 1)).ratings
    assert (rating.state, rating.reason, rating.admitted) == ("refused", "future", None)
