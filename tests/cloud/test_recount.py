"""Tallies counted again from the ledger: what is equal, what differs, and how it is set right while the city runs."""

import asyncio
from zoneinfo import ZoneInfo

import pytest

from cloud.calendar import Calendar
from cloud.database import write
from cloud.ledger.cells import ONE, number_of
from cloud.recount import ledger, spill
from cloud.recount import recount as recounting
from cloud.recount.recount import Account, mend, recount
from cloud.recount.spill import Spill
from contract.errors import Unavailable
from proof import tallies
from tests.cloud.conftest import NODE, NOW, Desk, entry, ranges, registry_of
from tests.cloud.test_estimates import guess

# A PostgreSQL of one's own begins with making it, on a busy machine.
pytestmark = pytest.mark.timeout(60)

ZONE = "Asia/Shanghai"
DAY_MS = 86_400_000


def untold(_done: int, _total: int) -> None: ...


async def account(desk: Desk) -> Account:
    return await recount(desk.database, Calendar(ZONE), untold)


async def change(desk: Desk, *statements: str) -> None:
    async with desk.database.writer.begin() as connection:
        for sql in statements:
            await write(connection, sql)


async def history(desk: Desk) -> int:
    """Everything that can happen to a number; how many count."""
    await desk.exchange(entry(1, ("01", 3), ("02", 2), ("01", 1)))
    await desk.exchange(entry(2, ("02", 2), ("01", 1), ("01", 3)))  # two known numbers, a new one
    await desk.exchange(entry(3, ("01", 3), ("01", 3), ("02", 1)))  # a conflict, a known one, a new one
    await desk.exchange(entry(6, ("09", 3), ("01", 3)))  # a window that nobody registered
    await desk.exchange(entry(20, ("01", 2), t0=NOW - 3 * DAY_MS), entry(10, ("02", 1), t0=NOW - DAY_MS))
    await desk.exchange(entry(1, ("07", 1), ("01", 1), epoch="BBBBBBBBBB"))
    await desk.exchange(entry(1, ("01", 3), node="371721122-b2"), township="371721122")  # held: it has no window here
    desk.registry = registry_of("01", "02", "07")
    before = len(desk.commits)
    desk.intake.admit()
    while len(desk.commits) == before:
        await asyncio.sleep(0.001)
    return 5 + 1 + 2 + 2


async def test_what_was_committed_is_what_the_ledger_gives(desk: Desk) -> None:
    counted = await history(desk)

    found = await account(desk)

    assert (found.counted, found.gapless, found.equal, list(found.lines)) == (counted, True, True, [])
    assert tallies.differences(desk.path, ZoneInfo(ZONE)) == []


async def test_an_empty_city_is_equal(desk: Desk) -> None:
    found = await account(desk)

    assert (found.counted, found.equal) == (0, True)


async def spoil(desk: Desk, position: int) -> None:
    """Do to an entry what the database itself would refuse."""
    off = "DROP TRIGGER IF EXISTS ledger_entry_keeps_UPDATE"
    if desk.database.shared:
        off = "ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_keeps"
    noise = "decode('00ff', 'hex')" if desk.database.shared else "x'00ff'"
    await change(desk, off, f"UPDATE ledger_entry SET raw = {noise} WHERE position = {position}")  # noqa: S608


@pytest.mark.parametrize("page", [1, 2, 3, 5])
async def test_entries_that_cannot_be_read_are_named_and_the_rest_is_counted(
    desk: Desk, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = await history(desk)
    monkeypatch.setattr(ledger, "PAGE", page)
    before = desk.tallied
    await spoil(desk, 5)  # one rating of three days ago
    await spoil(desk, 6)

    found = await account(desk)

    assert (found.counted, found.unreadable, found.equal) == (counted - 2, 2, False)
    assert [line.partition(" cannot")[0] for line in found.lines[:2]] == ["ledger position 5", "ledger position 6"]
    assert found.differing["tally_day"] == 2
    # What the ledger lost, only the tallies still tell.
    assert await mend(desk.database, Calendar(ZONE), untold) == (found, found)
    assert desk.tallied == before


@pytest.mark.parametrize("page", [1, 2, 3, 5])
async def test_a_stream_is_whole_wherever_a_page_ends(desk: Desk, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = await history(desk)
    monkeypatch.setattr(ledger, "PAGE", page)
    monkeypatch.setattr(ledger, "HELD_PAGE", page)
    told: list[tuple[int, int]] = []

    found = await recount(desk.database, Calendar(ZONE), lambda done, total: told.append((done, total)))

    assert (found.counted, found.equal) == (counted, True)
    assert told[-1] == (8, 8)


DAMAGE = [
    ("UPDATE tally_minute SET satisfied = satisfied + 2 WHERE basic = 1", "tally_minute"),
    ("UPDATE tally_minute SET dissatisfied = 0, basic = 0, satisfied = 0", "tally_minute"),
    ("DELETE FROM tally_minute", "tally_minute"),
    ("INSERT INTO tally_minute VALUES (1, 'x/1', 'button', 1, 0, 0)", "tally_minute"),
    ("INSERT INTO tally_minute VALUES (99000000, 'x/1', 'paper', 1, 0, 0)", "tally_minute"),
    ("INSERT INTO tally_minute VALUES (99000000, 'x/1', 'paper', 0, 0, 0)", "tally_minute"),
    ("UPDATE tally_city SET basic = basic + 4", "tally_city"),
    ("DELETE FROM tally_city", "tally_city"),
    ("INSERT INTO tally_city VALUES (5, 'button', 0, 0, 1)", "tally_city"),
    ("UPDATE tally_township SET hour = hour - 60", "tally_township"),
    ("INSERT INTO tally_township VALUES (60, '371721121', 'button', 9, 9, 9)", "tally_township"),
    ("UPDATE tally_day SET day = '2026-11-01' WHERE day = (SELECT max(day) FROM tally_day)", "tally_day"),
    ("INSERT INTO tally_day VALUES ('1999-12-31', 'x/1', 'button', 1, 0, 0)", "tally_day"),
    ("INSERT INTO tally_day VALUES ('2999-12-31', 'x/1', 'button', 1, 0, 0)", "tally_day"),
    ("DELETE FROM tally_day", "tally_day"),
]


@pytest.mark.parametrize(("sql", "table"), DAMAGE)
async def test_what_does_not_follow_is_named_and_repaired_once(desk: Desk, sql: str, table: str) -> None:
    await history(desk)
    await change(desk, sql)

    found = await account(desk)
    assert not found.equal
    assert [name for name, number in found.differing.items() if number] == [table]
    assert all(line.startswith(f"{table}: ") for line in found.lines)

    before, after = await mend(desk.database, Calendar(ZONE), untold)
    assert (before.differing, after.equal) == (found.differing, True)
    assert tallies.differences(desk.path, ZoneInfo(ZONE)) == []
    again, _ = await mend(desk.database, Calendar(ZONE), untold)
    assert again.equal


async def test_the_first_differences_are_told_and_all_are_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounting, "SHOWN", 3)
    await change(desk, *(f"INSERT INTO tally_city VALUES ({minute}, 'button', 1, 0, 0)" for minute in range(200)))  # noqa: S608

    found = await account(desk)

    assert found.differing["tally_city"] == 200
    assert found.lines == [f"tally_city: city at {minute}: tally 1/0/0, ledger 0/0/0" for minute in range(3)]


async def test_what_is_committed_while_a_repair_is_under_way_is_neither_lost_nor_doubled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.exchange(entry(1, ("01", 3), ("02", 2)))
    await change(desk, "UPDATE tally_minute SET satisfied = satisfied + 7", "DELETE FROM tally_day")
    count = ledger.count

    async def interrupted(*words: object) -> int:
        counted = await count(*words)  # type: ignore[arg-type]
        monkeypatch.setattr(ledger, "count", count)
        await desk.exchange(entry(3, ("01", 3), ("02", 1)))  # in the same minute, behind the snapshot
        return counted

    monkeypatch.setattr(ledger, "count", interrupted)
    before, after = await mend(desk.database, Calendar(ZONE), untold)

    assert (before.counted, after.counted, after.equal) == (2, 4, True)
    assert tallies.differences(desk.path, ZoneInfo(ZONE)) == []
    # The city goes on, and its board sees that a commit is missing: it will load the repaired tallies.
    assert ranges(await desk.exchange(entry(5, ("01", 3)))) == ([(5, 5)], [], [])
    assert [commit.number for commit in desk.commits] == [1, 2, 4]


async def test_a_position_left_out_is_told(desk: Desk) -> None:
    await history(desk)
    await change(desk, "UPDATE ledger_head SET position = position + 1")

    found = await account(desk)

    assert not found.gapless
    assert not found.equal


async def test_no_room_for_the_temporary_file_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await change(desk, *(f"INSERT INTO tally_city VALUES ({minute}, 'button', 1, 0, 0)" for minute in range(300)))  # noqa: S608
    monkeypatch.setattr(spill, "SCHEMA", f"{spill.SCHEMA}; PRAGMA max_page_count = 1;")

    with pytest.raises(Unavailable, match="temporary file of a recount: database or disk is full; SQLITE_TMPDIR"):
        await account(desk)


def test_the_spill_sorts_what_comes_in_any_order() -> None:
    with Spill() as kept:
        kept.add({("b/1", 9): ONE[3], ("a/1", 9): ONE[2]})
        kept.add({("a/1", 3): ONE[1]})
        kept.add({("b/1", 9): number_of((1, 0, 2))})
        kept.sort()

        assert kept.next_minute(4) == 9
        assert kept.next_minute(10) is None
        assert kept.cells(3, 9) == {("a/1", 3): ONE[1]}
        assert kept.cells(0, 60) == {("a/1", 3): ONE[1], ("a/1", 9): ONE[2], ("b/1", 9): number_of((2, 0, 2))}


async def test_how_many_stand_by_an_estimate_is_counted_again_and_repaired_too(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3)), guess(1, (0, "01", 3), (5, "02", 1), t0=NOW - DAY_MS, early=9, late=9))
    assert (await account(desk)).equal
    minute = (NOW - DAY_MS) // 60_000
    await change(
        desk,
        "DELETE FROM tally_estimated WHERE \"window\" LIKE '%/01'",
        "INSERT INTO tally_estimated VALUES (7, 'x/1', 'button', 4)",
    )

    before, after = await mend(desk.database, Calendar(ZONE), untold)

    assert before.differing == {**dict.fromkeys(after.differing, 0), "tally_estimated": 2}
    assert after.equal
    assert desk.query('SELECT minute, "window", ratings FROM tally_estimated ORDER BY "window"') == [
        (minute, f"{NODE}/01", 1),
        (minute, f"{NODE}/02", 1),
    ]
