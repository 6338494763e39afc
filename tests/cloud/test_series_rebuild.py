"""A series that is dropped and fed again: nothing is missing, wherever that is cut off and whoever feeds meanwhile."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import NamedTuple

import pytest

from cloud.calendar import MINUTE_MS
from cloud.database import Database, write
from cloud.ledger import pages
from cloud.series import influx as influx_module
from cloud.series import store
from cloud.series.feeder import Feeder
from cloud.series.influx import Influx, Reject, Rows
from cloud.series.lines import FOREVER, MEASUREMENTS, NS_A_MS, RAW
from cloud.series.rebuild import rebuild
from contract.errors import SettingsError, Unavailable
from firmware_sim.servers.influx import Influx as Server
from proof.scores import Counts
from tests.cloud.fed import feeder_of, influx_at, reconciled, refused
from tests.cloud.filled import CALENDAR, NOON, fill

pytestmark = pytest.mark.timeout(120)
MINUTE = NOON // MINUTE_MS
WINDOWS = ["371721121-a1/01", "371722001-a1/01"]
CELLS: dict[tuple[str, int], Counts] = {
    (window, MINUTE - day * 1440 - turn): (2, 1, turn) for window in WINDOWS for day in range(2) for turn in range(4)
}
Do = Callable[[], Awaitable[object]]


class City(NamedTuple):
    """A database, the client of a rebuild, and the client of the feeder of a city that runs beside it."""

    database: Database
    influx: Influx
    beside: Influx

    async def rebuild(self, steps: dict[str, tuple[int, int]] | None = None) -> Feeder:
        def tell(step: str, done: int, total: int) -> None:
            if steps is not None:
                steps[step] = (done, total)

        return await rebuild(self.database, self.influx, calendar=CALENDAR, now=lambda: NOON, tell=tell)

    async def everything(self) -> list[str]:
        """All points there are."""
        asked = [f"SELECT * FROM {policy}.{name} GROUP BY *" for name, policy in MEASUREMENTS.items()]  # noqa: S608
        found = [rows for statement in asked for rows in await self.beside.ask(statement)]
        return sorted(str((rows.columns, rows.tags, row)) for rows in found for row in rows.values)


@pytest.fixture
async def city(
    database: Database, influx: Server, influx_database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[City]:
    # Several pages.
    monkeypatch.setattr(pages, "ROWS_A_PAGE", 20)
    for turn in range(4):
        cells = {(window, minute): n for (window, minute), n in CELLS.items() if minute % 4 == turn}
        await fill(database, cells, CALENDAR, epoch=f"epoch-000{turn}")
    async with influx_at(influx, influx_database) as one, influx_at(influx, influx_database) as other:
        await feeder_of(database, one).feed()
        yield City(database, one, other)


class Steps:
    """What a rebuild asks of InfluxDB, step by step; at step number `at` something else happens, before or after it."""

    def __init__(self, influx: Influx, monkeypatch: pytest.MonkeyPatch, at: int, do: Do, *, after: bool) -> None:
        self.met = False
        self._taken = 0
        for name in ("ask", "drop", "write"):
            monkeypatch.setattr(influx, name, self._watched(getattr(influx, name), at, do, after=after))

    def _watched(
        self, step: Callable[..., Awaitable[object]], at: int, do: Do, *, after: bool
    ) -> Callable[..., Awaitable[object]]:
        async def watched(*values: object, **named: object) -> object:
            self._taken += 1
            meets = self._taken == at
            self.met = self.met or meets
            if meets and not after:
                await do()
            answer = await step(*values, **named)
            if meets and after:
                await do()
            return answer

        return watched


async def test_a_rebuild_brings_everything_back_and_nothing_foreign(city: City) -> None:
    before = await city.everything()
    await city.influx.write(RAW, [f"rating,window=x n=1i {NOON * NS_A_MS}"])
    steps: dict[str, tuple[int, int]] = {}
    feeder = await city.rebuild(steps)
    assert (feeder.behind, feeder.rejected, feeder.skipped) == (0, 0, 0)
    assert steps["feed"][0] == steps["feed"][1] == feeder.fed > 0
    assert await city.everything() == before
    assert (await reconciled(city.database, city.influx)).equal


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_cut_off_at_any_step_it_is_carried_on_by_the_citys_feeder(city: City, *, after: bool) -> None:
    async def cut() -> None:
        raise Unavailable("cut off")

    before = await city.everything()
    for at in count(1):
        with pytest.MonkeyPatch.context() as patched:
            steps = Steps(city.influx, patched, at, cut, after=after)
            try:
                await city.rebuild()
            except Unavailable:
                assert steps.met
        await feeder_of(city.database, city.beside).feed()
        assert await city.everything() == before, at
        if not steps.met:
            break
    assert at > 8


async def test_a_drop_that_goes_on_after_its_rebuild_was_killed_takes_nothing_along(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await city.everything()
    drop, ask, over = city.influx.drop, city.beside.ask, False

    async def killed(_: object) -> None:
        raise Unavailable("cut off")

    async def finished() -> None:
        nonlocal over
        over = True
        await drop(MEASUREMENTS)

    async def still_at_work(statement: str, **values: object) -> list[Rows]:
        if statement == "SHOW QUERIES" and not over:
            await finished()
            shown = [9, "DROP MEASUREMENT rating", city.influx._database, "1s", "running"]
            return [Rows(["qid", "query", "database", "duration", "status"], [shown])]
        return await ask(statement, **values)

    monkeypatch.setattr(influx_module, "DROPPING_LOOK_S", 0.01)
    monkeypatch.setattr(city.influx, "drop", killed)
    monkeypatch.setattr(city.beside, "ask", still_at_work)
    with pytest.raises(Unavailable):
        await city.rebuild()
    await feeder_of(city.database, city.beside).feed()
    if not over:
        await finished()
    assert await city.everything() == before


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_the_citys_feeder_may_feed_at_any_step_of_it(city: City, *, after: bool) -> None:
    before = await city.everything()
    beside = feeder_of(city.database, city.beside)
    for at in count(1):
        with pytest.MonkeyPatch.context() as patched:
            steps = Steps(city.influx, patched, at, beside.feed, after=after)
            feeder = await city.rebuild()
        assert (feeder.behind, feeder.rejected) == (0, 0)
        assert await city.everything() == before, at
        if not steps.met:
            break
    assert at > 8


async def test_a_sum_that_the_citys_feeder_wrote_meanwhile_is_not_written_over_by_an_older_one(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, write_lines, met = feeder_of(city.database, city.beside), city.influx.write, False

    async def late(policy: str, lines: list[str]) -> list[Reject]:
        nonlocal met
        if policy == FOREVER and not met:
            met = True
            await fill(city.database, {(WINDOWS[0], MINUTE - 1440): (7, 0, 0)}, CALENDAR, epoch="another-00")
            await beside.feed()
        return await write_lines(policy, lines)

    monkeypatch.setattr(city.influx, "write", late)
    await city.rebuild()
    assert met
    assert (await reconciled(city.database, city.beside)).equal


async def test_what_was_refused_is_forgotten_as_it_starts_over(city: City) -> None:
    async with city.database.writer.begin() as connection:
        await store.reject(connection, [Reject("rating n=1", "why")], NOON)
    await city.rebuild()
    assert await refused(city.database) == []


async def test_sums_that_are_refused_are_kept(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lines = city.influx.write

    async def refuses(policy: str, lines: list[str]) -> list[Reject]:
        if policy == RAW:
            return await write_lines(policy, lines)
        bad = [line for line in lines if line.startswith("rating_1d")]
        return [Reject(line, "no") for line in bad] + await write_lines(policy, sorted(set(lines) - set(bad)))

    monkeypatch.setattr(city.influx, "write", refuses)
    feeder = await city.rebuild()
    assert feeder.rejected == len(await refused(city.database)) == 4
    monkeypatch.undo()
    account = await reconciled(city.database, city.influx)
    assert (account.sums.missing, account.refused) == (4, 0)
    assert await refused(city.database) == []


async def test_a_lone_rating_of_1970_is_no_walk_through_all_days_since(city: City) -> None:
    await fill(city.database, {(WINDOWS[0], 0): (1, 0, 0)}, CALENDAR, epoch="another-00")
    steps: dict[str, tuple[int, int]] = {}
    feeder = await city.rebuild(steps)
    assert (feeder.skipped, feeder.rejected) == (1, 0)
    assert steps["sums"] == (3, 3)
    assert (await reconciled(city.database, city.influx, steps)).equal
    assert steps["sums"][0] <= 8


async def test_without_a_ledger_nothing_is_dropped(city: City) -> None:
    before = await city.everything()
    async with city.database.writer.begin() as connection:
        await write(connection, "UPDATE ledger_head SET position = 0")
    with pytest.raises(SettingsError, match="the ledger is empty"):
        await city.rebuild()
    with pytest.raises(SettingsError, match="the ledger is empty"):
        await reconciled(city.database, city.influx)
    assert await city.everything() == before


async def test_a_cut_off_rebuild_is_not_taken_for_a_series_that_is_equal(city: City) -> None:
    async with city.database.writer.begin() as connection:
        await store.place(connection, -1)
    with pytest.raises(SettingsError, match="a rebuild was cut off"):
        await reconciled(city.database, city.influx)
    await feeder_of(city.database, city.beside).feed()
    assert (await reconciled(city.database, city.influx)).equal
