"""What the city's database says of one number, on both kinds of database."""

import asyncio
from pathlib import Path

import pytest

from cloud.database import reading
from cloud.series.store import place
from cloud.trace.facts import Destroyed, Facts, Greeting
from cloud.trace.store import look
from contract.errors import SettingsError
from contract.hello import Stream
from contract.ranges import Ranges
from tests.cloud.conftest import EPOCH, GATEWAY, NODE, NOW, Desk, entry, hello, registry_of


async def found(desk: Desk, number: int, node: str = NODE) -> Facts:
    async with desk.database.reader.connect() as connection:
        return await look(connection, node, number)


async def test_a_rating_that_counts(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3), ("02", 1), ("02", 1)))
    (rating,) = (await found(desk, 2)).ratings
    assert (rating.position, rating.epoch, rating.first, rating.last) == (1, EPOCH, 1, 3)
    assert (rating.window, rating.level, rating.presses, rating.at) == (f"{NODE}/02", 1, 1, NOW - 999)
    assert (rating.state, rating.tallied, rating.received_at, rating.lane) == ("counted", 2, NOW, "live")
    assert rating.in_series is None
    assert await found(desk, 4) == Facts([], [], [])


async def test_a_row_that_waits_for_its_window_and_is_admitted(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3), ("77", 1)))
    (held,) = (await found(desk, 2)).ratings
    assert (held.state, held.reason, held.admitted, held.tallied) == ("held", "unknown_window", None, 0)
    desk.registry = registry_of("01", "77")
    desk.intake.admit()
    while len(desk.commits) < 2:
        await asyncio.sleep(0.001)
    (admitted,) = (await found(desk, 2)).ratings
    assert (admitted.state, admitted.admitted, admitted.tallied) == ("admitted", 2, 1)


async def fed_up_to(desk: Desk, position: int) -> None:
    async with desk.database.writer.begin() as connection:
        await place(connection, position)


async def test_the_series_has_what_counts_from_the_entry_that_let_it_count(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3), ("77", 1)))
    await fed_up_to(desk, 0)
    assert [rating.in_series for rating in (await found(desk, 1)).ratings] == [False]
    await fed_up_to(desk, 1)
    assert [rating.in_series for rating in (await found(desk, 1)).ratings] == [True]
    assert [rating.in_series for rating in (await found(desk, 2)).ratings] == [None]
    desk.registry = registry_of("01", "77")
    desk.intake.admit()
    while len(desk.commits) < 2:
        await asyncio.sleep(0.001)
    assert [(rating.admitted, rating.in_series) for rating in (await found(desk, 2)).ratings] == [(2, False)]
    await fed_up_to(desk, 2)
    assert [rating.in_series for rating in (await found(desk, 2)).ratings] == [True]


async def test_a_conflict_is_never_in_the_series(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3)))
    await desk.exchange(entry(1, ("01", 1), ("01", 1)))
    await fed_up_to(desk, 2)
    assert [rating.in_series for rating in (await found(desk, 1)).ratings] == [True, None]


async def test_a_conflict_stands_beside_what_counts(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3)))
    await desk.exchange(entry(1, ("01", 1), ("01", 1)))
    ratings = (await found(desk, 1)).ratings
    assert [(rating.position, rating.level, rating.state) for rating in ratings] == [
        (1, 3, "counted"),
        (2, 1, "conflict"),
    ]


async def test_a_batch_in_quarantine(desk: Desk) -> None:
    good = entry(5, ("01", 3), ("01", 3))
    await desk.exchange(good[:-5] + (b"AAAA=" if good.endswith(b"=") else b"AAAAA"))
    (refused,) = (await found(desk, 6)).refused
    assert (refused.epoch, refused.first, refused.last, refused.at) == (EPOCH, 5, 6, NOW)
    assert (await found(desk, 7)).refused == []


async def test_what_hellos_tell_of_a_number_that_is_not_there(desk: Desk) -> None:
    older = Stream(NODE, "AAAAAAAAAA", [(1, 9)])
    await desk.exchange(hello(NODE, older, Stream(NODE, EPOCH, [(3, 4)]), last=5))
    await desk.exchange(hello(GATEWAY, Stream(NODE, EPOCH, [(3, 3)]), Stream("371721121-x9", EPOCH, [(1, 9)])))
    assert set((await found(desk, 3)).greetings) == {
        Greeting(NODE, EPOCH, 5, NOW, has=True),
        Greeting(NODE, "AAAAAAAAAA", 0, NOW, has=True),
        Greeting(GATEWAY, EPOCH, 0, NOW, has=True),
    }
    assert set((await found(desk, 6)).greetings) == {
        Greeting(NODE, EPOCH, 5, NOW, has=False),
        Greeting(NODE, "AAAAAAAAAA", 0, NOW, has=True),
    }


async def test_a_number_that_its_node_declares_destroyed(desk: Desk) -> None:
    lost = Stream(NODE, "AAAAAAAAAA", [(1, 2)], void=[(3, 4), (6, 6)])
    of_another = Stream("371721121-x9", "AAAAAAAAAA", [], void=[(1, 9)])
    await desk.exchange(hello(NODE, lost, of_another))
    await desk.exchange(hello(GATEWAY, Stream(NODE, "AAAAAAAAAA", [(4, 4)], void=[(1, 9)])))
    gone = Destroyed(NODE, "AAAAAAAAAA", Ranges([(3, 4), (6, 6)]), NOW)
    for number, told in ((2, []), (3, [gone]), (4, [gone]), (5, []), (6, [gone])):
        assert [*(await found(desk, number)).destroyed] == told
    assert (await found(desk, 3, "371721121-x9")).destroyed == ()


async def test_the_trace_reads_beside_a_running_city(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3)))
    async with reading(desk.where.database) as connection:
        assert [rating.position for rating in (await look(connection, NODE, 1)).ratings] == [1]
    await desk.exchange(entry(2, ("01", 3)))
    assert len((await found(desk, 2)).ratings) == 1


async def test_reading_makes_nothing_and_changes_nothing(tmp_path: Path, upgraded_file: Path) -> None:
    none = tmp_path / "none.db"
    with pytest.raises(SettingsError, match="cannot be opened"):
        async with reading(str(none)):
            pass
    assert not none.exists()
    async with reading(str(upgraded_file)) as connection:
        assert await look(connection, NODE, 1) == Facts([], [], [])
        with pytest.raises(Exception, match="readonly database"):
            await connection.exec_driver_sql("UPDATE ledger_head SET position = 7")
