"""Signed batches in a real file: recorded once, settled by receipts alone, deleted only then."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.batch import Batch, StreamKey
from contract.codec import encode
from contract.errors import StoreDamaged, StoreFull
from contract.ranges import Ranges
from contract.rating import Quality, Row
from contract.signing import Signer
from transport.dating import Anchor, Dated, Tie
from transport.disk import Disk, Values
from transport.lanes import Item
from transport.shelf import _A_QUESTION, _LESSONS, KEEP_MS, Shelf

NOON = 1_790_000_000_000
ONE = StreamKey("371721121-a1", "AAAAAAAAAA")
TWO = StreamKey("371721121-a1", "BBBBBBBBBB")
SIGNER = Signer(bytes(32))


def signed(stream: StreamKey, first: int, last: int, level: int = 3) -> tuple[Batch, bytes]:
    rows = [Row(0, "01", level, 1) for _ in range(first, last + 1)]
    batch = Batch(1, *stream, first, NOON, Quality.SYNCHRONISED, rows)
    return batch, SIGNER.entry(encode(batch))


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf = await Shelf.open(tmp_path / "shelf.db", reserve=0)
    yield shelf
    await shelf.close()


async def reopened(shelf: Shelf) -> Shelf:
    """As after a restart."""
    await shelf.close()
    return await Shelf.open(shelf.disk.path, reserve=0)


def numbers(items: Sequence[Item]) -> list[tuple[int, int]]:
    return [(item.first, item.last) for item in items]


async def test_what_was_put_is_committed_kept_and_read_back_byte_for_byte(shelf: Shelf) -> None:
    batches = [signed(ONE, 1, 3), signed(TWO, 1, 1), signed(ONE, 4, 4)]

    items = await shelf.put(batches)

    with sqlite3.connect(shelf.disk.path) as other:
        assert [row[0] for row in other.execute("SELECT raw FROM batch ORDER BY id")] == [raw for _, raw in batches]
    other.close()
    assert items == [
        Item(1, ONE, 1, 3, len(batches[0][1])),
        Item(2, TWO, 1, 1, len(batches[1][1])),
        Item(3, ONE, 4, 4, len(batches[2][1])),
    ]
    assert dict(shelf.kept) == {ONE: Ranges([(1, 4)]), TWO: Ranges([(1, 1)])}
    assert await shelf.raws([1, 3, 99]) == {1: batches[0][1], 3: batches[2][1]}
    assert await shelf.unsettled() == items


async def test_a_restart_forgets_nothing(shelf: Shelf) -> None:
    items = await shelf.put([signed(ONE, 1, 3), signed(TWO, 7, 9)])
    again = await reopened(shelf)

    assert dict(again.kept) == {ONE: Ranges([(1, 3)]), TWO: Ranges([(7, 9)])}
    assert again.void == {}
    assert await again.unsettled() == items
    assert (await again.put([signed(ONE, 4, 4)]))[0].id == 3
    await again.close()


async def test_what_was_declared_lost_is_known_by_stream_after_a_restart(shelf: Shelf) -> None:
    for stream, first, last in ((ONE, 4, 5), (TWO, 1, 1), (ONE, 9, 9)):
        await shelf.disk.write("INSERT INTO void VALUES (?, ?, ?, ?)", (*stream, first, last))
    again = await reopened(shelf)
    assert again.void == {ONE: Ranges([(4, 5), (9, 9)]), TWO: Ranges([(1, 1)])}
    await again.close()


async def test_exactly_these_bytes(shelf: Shelf) -> None:
    batch, raw = signed(ONE, 1, 3)
    await shelf.put([(batch, raw)])

    assert await shelf.holds(batch, raw)
    assert not await shelf.holds(*signed(ONE, 1, 3, level=1))
    assert not await shelf.holds(*signed(ONE, 1, 2))
    assert not await shelf.holds(*signed(ONE, 3, 4))
    assert not await shelf.holds(*signed(TWO, 1, 3))


async def test_within_finds_every_batch_that_holds_any_of_the_numbers(shelf: Shelf) -> None:
    await shelf.put([signed(ONE, 1, 3), signed(ONE, 4, 6), signed(ONE, 7, 9), signed(TWO, 1, 9)])

    assert numbers(await shelf.within({ONE: Ranges([(3, 4), (6, 6)])})) == [(1, 3), (4, 6)]
    assert numbers(await shelf.within({ONE: Ranges([(9, 20)])})) == [(7, 9)]
    assert await shelf.within({ONE: Ranges([(10, 20)])}) == []
    assert await shelf.within({StreamKey("371721121-a9", "AAAAAAAAAA"): Ranges([(1, 9)])}) == []


@pytest.mark.parametrize(("ranges", "questions"), [(_A_QUESTION, 1), (_A_QUESTION + 1, 2)])
async def test_many_ranges_are_few_questions(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, ranges: int, questions: int
) -> None:
    await shelf.put([signed(ONE, n, n) for n in range(1, 2 * ranges + 2)])
    asked: list[str] = []
    read = shelf.disk.read

    async def counted(statement: str, values: Values = ()) -> list[sqlite3.Row]:
        asked.append(statement)
        return await read(statement, values)

    monkeypatch.setattr(shelf.disk, "read", counted)
    wanted = [(2 * n, 2 * n) for n in range(1, ranges + 1)]
    assert numbers(await shelf.within({ONE: Ranges(wanted)})) == wanted
    assert len(asked) == questions


async def test_two_puts_at_once_get_different_rows(shelf: Shelf) -> None:
    found = await asyncio.gather(*(shelf.put([signed(ONE, n, n), signed(TWO, n, n)]) for n in range(1, 21)))

    assert sorted(item.id for items in found for item in items) == list(range(1, 41))
    assert len(await shelf.raws(list(range(1, 41)))) == 40


@pytest.mark.parametrize("turns", range(15))
async def test_a_put_that_is_cancelled_happened_or_not_and_memory_knows(shelf: Shelf, turns: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        put = tasks.create_task(shelf.put([signed(ONE, 1, 1)]), name="put")
        for _ in range(turns):
            await asyncio.sleep(0)
        put.cancel()
    await shelf.put([signed(ONE, 2, 2)])

    on_disk = Ranges((item.first, item.last) for item in await shelf.unsettled())
    assert shelf.kept[ONE] == on_disk


async def test_nothing_is_put_when_full(tmp_path: Path) -> None:
    shelf = await Shelf.open(tmp_path / "shelf.db", reserve=1 << 60)

    with pytest.raises(StoreFull):
        await shelf.put([signed(ONE, 1, 1)])
    assert dict(shelf.kept) == {}
    await shelf.keep({"config": b"papers and acks still commit"})
    await shelf.close()


async def test_a_receipt_settles_whole_batches_and_the_first_one_counts(shelf: Shelf) -> None:
    await shelf.put([signed(ONE, 1, 3), signed(ONE, 4, 6), signed(ONE, 7, 9), signed(TWO, 1, 3)])

    await shelf.settle([(ONE, Ranges([(1, 3), (5, 9)]), NOON)])
    await shelf.settle([(ONE, Ranges([(1, 3)]), NOON + 5)])
    await shelf.settle([(StreamKey("371721121-a9", "AAAAAAAAAA"), Ranges([(1, 3)]), NOON)])

    assert [(item.stream, item.first) for item in await shelf.unsettled()] == [(ONE, 4), (TWO, 1)]
    found = await shelf.disk.read("SELECT settled_at FROM batch ORDER BY id")
    assert [row[0] for row in found] == [NOON, None, NOON, None]
    assert shelf.kept[ONE] == Ranges([(1, 9)])


async def test_what_the_city_lost_is_not_settled_any_more(shelf: Shelf) -> None:
    await shelf.put([signed(ONE, 1, 3), signed(ONE, 4, 6), signed(ONE, 7, 9)])
    await shelf.settle([(ONE, Ranges([(1, 9)]), NOON)])

    await shelf.unsettle({ONE: Ranges([(6, 7)])})
    await shelf.unsettle({TWO: Ranges([(6, 7)])})

    assert numbers(await shelf.unsettled()) == [(4, 6), (7, 9)]
    assert await shelf.prune(NOON + KEEP_MS) == 1


async def test_pruning_takes_the_oldest_settled_and_nothing_else(shelf: Shelf) -> None:
    await shelf.put([signed(ONE, n, n) for n in range(1, 8)])
    for number, at in ((1, 30), (2, 10), (3, 20), (4, 40)):
        await shelf.settle([(ONE, Ranges([(number, number)]), at)])

    assert await shelf.prune(40, most=2) == 2
    assert shelf.kept[ONE] == Ranges([(1, 1), (4, 7)])
    assert await shelf.prune(40, most=2) == 1
    assert await shelf.prune(40) == 0
    assert shelf.kept[ONE] == Ranges([(4, 7)])
    assert await shelf.prune(1 << 62) == 1
    assert numbers(await shelf.unsettled()) == [(5, 5), (6, 6), (7, 7)]


async def test_thirty_days_and_not_a_moment_less(shelf: Shelf) -> None:
    await shelf.put([signed(ONE, n, n) for n in range(1, 4)])
    await shelf.settle([(ONE, Ranges([(1, 1)]), NOON)])
    await shelf.settle([(ONE, Ranges([(2, 2)]), NOON + 1)])

    await shelf.make_room(NOON + KEEP_MS)
    assert shelf.kept[ONE] == Ranges([(1, 3)])
    await shelf.make_room(None)
    assert shelf.kept[ONE] == Ranges([(1, 3)])
    await shelf.make_room(NOON + KEEP_MS + 1)
    assert shelf.kept[ONE] == Ranges([(2, 3)])


@pytest.mark.parametrize("now", [None, NOON])
async def test_short_of_space_the_oldest_settled_go_until_there_is_room(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, now: int | None
) -> None:
    await shelf.put([signed(ONE, n, n) for n in range(1, 5001)])
    await shelf.settle([(ONE, Ranges([(1, 4000)]), NOON + 5)])
    await shelf.disk.reclaim()
    full = shelf.disk.path.stat().st_size

    # A disk on which this file may be no larger than it is now less 200 KiB.
    monkeypatch.setattr(Disk, "free", lambda disk: max(0, full - 200 * 1024 - disk.path.stat().st_size))
    await shelf.make_room(now)

    assert shelf.disk.free() > 0
    assert shelf.kept[ONE] == Ranges([(1001, 5000)])


async def test_all_settled_may_go_but_unsettled_never(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    await shelf.put([signed(ONE, n, n) for n in range(1, 11)])
    await shelf.settle([(ONE, Ranges([(1, 5)]), NOON)])
    monkeypatch.setattr(Disk, "free", lambda _: 0)

    await shelf.make_room(NOON)

    assert shelf.kept[ONE] == Ranges([(6, 10)])


async def test_what_is_being_deleted_is_not_said_to_be_here(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    await shelf.put([signed(ONE, 1, 3), signed(ONE, 4, 6), signed(TWO, 1, 2)])
    await shelf.settle([(ONE, Ranges([(1, 3)]), NOON)])
    said: list[Ranges] = []
    transaction = shelf.disk.transaction

    @asynccontextmanager
    async def watched() -> AsyncIterator[object]:
        async with transaction() as db:
            yield db
            if not said:
                said.append(shelf.kept[ONE])
                raise StoreFull("it cannot be written")
        said.append(shelf.kept[ONE])

    monkeypatch.setattr(shelf.disk, "transaction", watched)

    with pytest.raises(StoreFull):
        await shelf.prune(NOON + 1)
    assert dict(shelf.kept) == {ONE: Ranges([(1, 6)]), TWO: Ranges([(1, 2)])}
    assert await shelf.prune(NOON + 1) == 1
    assert dict(shelf.kept) == {ONE: Ranges([(4, 6)]), TWO: Ranges([(1, 2)])}
    assert said == [Ranges([(4, 6)]), Ranges([(4, 6)])]


async def test_the_highest_number_ever_is_remembered_after_pruning(shelf: Shelf) -> None:
    await shelf.put([signed(ONE, 1, 9)])
    await shelf.settle([(ONE, Ranges([(1, 9)]), NOON)])
    await shelf.prune(1 << 62)

    assert [row[0] for row in await shelf.disk.read("SELECT last FROM stream")] == [9]
    assert await shelf.prune(1 << 62) == 0


async def test_dropping_what_the_next_end_refused(shelf: Shelf) -> None:
    items = await shelf.put([signed(ONE, 1, 3), signed(ONE, 4, 6)])

    await shelf.drop(items[:1])
    await shelf.drop([])

    assert shelf.kept[ONE] == Ranges([(4, 6)])
    assert await shelf.unsettled() == items[1:]


async def test_two_batches_of_the_same_numbers_of_which_one_is_dropped(shelf: Shelf) -> None:
    first, second, overlap = await shelf.put([signed(ONE, 1, 3), signed(ONE, 1, 3, level=1), signed(ONE, 3, 5)])

    await shelf.drop([second])
    assert shelf.kept[ONE] == Ranges([(1, 5)])
    await shelf.drop([first])
    assert shelf.kept[ONE] == Ranges([(3, 5)])
    await shelf.drop([overlap])
    assert shelf.kept[ONE] == Ranges()


async def test_papers_the_newest_of_each_name(shelf: Shelf) -> None:
    await shelf.keep({"roster": b"1"})
    await shelf.keep({"config a1": b"2"})
    await shelf.keep({"roster": b"3"})
    await shelf.keep({"receipt": b"4"})
    await shelf.discard(["receipt", "never there"])
    again = await reopened(shelf)

    assert await again.papers() == {"config a1": b"2", "roster": b"3"}
    await again.close()


async def test_what_was_learnt_about_time_survives(shelf: Shelf) -> None:
    await shelf.remember(Tie("node", 5, "gateway", 50, 1))
    await shelf.remember(Anchor("gateway", 60, NOON, 2))
    again = await reopened(shelf)

    assert (await again.dating()).now("node", 5) == Dated(NOON - 10, Quality.SYNCHRONISED, 4)
    await again.close()


async def test_what_is_long_past_is_forgotten(shelf: Shelf) -> None:
    async with shelf.disk.transaction() as db:
        await db.executemany("INSERT INTO anchor VALUES ('b', ?, 5, 5, NULL)", [(n,) for n in range(_LESSONS + 50)])
    await shelf.remember(Anchor("b", -1, NOON, 2))
    await shelf.remember(Tie("b", 5, "g", 50, 1))

    assert (await shelf.disk.read("SELECT count(*), min(boottime) FROM anchor WHERE boottime >= 0"))[0][:2] == (
        2047,
        51,
    )
    assert (await shelf.disk.read("SELECT count(*) FROM tie"))[0][0] == 1


async def test_a_damaged_store_is_kept_aside_and_a_new_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "shelf.db"
    path.write_bytes(b"rubbish" * 2000)
    with pytest.raises(StoreDamaged):
        await Shelf.open(path)

    shelf = await Shelf.open_sound(path, reserve=0)
    await shelf.put([signed(ONE, 1, 1)])
    await shelf.close()
    again = await Shelf.open_sound(path, reserve=0)

    assert dict(again.kept) == {ONE: Ranges([(1, 1)])}
    assert (tmp_path / "shelf.db.damaged-1").read_bytes() == b"rubbish" * 2000
    [said] = [record.getMessage() for record in caplog.records if record.name == "transport.store"]
    assert said.startswith(f"{path}: ")
    assert said.endswith(f"; it is kept as {path}.damaged-1, a new store is begun")
    await again.close()


@pytest.mark.parametrize("damaged", [False, True])
async def test_a_store_keeps_the_reserve_it_was_opened_with(tmp_path: Path, *, damaged: bool) -> None:
    path = tmp_path / "shelf.db"
    if damaged:
        path.write_bytes(b"rubbish" * 2000)
    shelf = await Shelf.open_sound(path, reserve=1 << 60)
    full, known = shelf.disk.free() == 0, dict(shelf.kept)
    await shelf.close()
    assert (full, known) == (True, {})


async def test_a_receipt_of_several_ranges_settles_the_batches_of_each(shelf: Shelf) -> None:
    await shelf.put([signed(ONE, 1, 3), signed(ONE, 4, 5), signed(ONE, 6, 9)])
    assert numbers(await shelf.settle([(ONE, Ranges([(1, 3), (6, 9)]), NOON)])) == [(1, 3), (6, 9)]
    assert numbers(await shelf.unsettled()) == [(4, 5)]


async def test_the_highest_number_that_was_deleted_stays_known(shelf: Shelf) -> None:
    first, second, other = await shelf.put([signed(TWO, 1, 3), signed(TWO, 4, 9), signed(ONE, 1, 1)])
    for gone, last in ((second, 9), (first, 9)):
        await shelf.drop([gone])
        kept = await shelf.disk.read("SELECT node, epoch, last FROM stream ORDER BY last DESC")
        assert [tuple(row) for row in kept] == [(*TWO, last), (*ONE, 0)]
    assert await shelf.unsettled() == [other]


async def test_a_store_that_cannot_be_loaded_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: Shelf) -> None:
        raise KeyError

    monkeypatch.setattr(Shelf, "_load", broken)
    with pytest.raises(KeyError):
        await Shelf.open(tmp_path / "shelf.db")


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "settle", "prune", "drop", "unsettle"]), st.integers(1, 12), st.integers(0, 3)),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
async def test_memory_and_disk_agree_with_a_plain_set(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    shelf = await Shelf.open(tmp_path_factory.mktemp("shelf") / "shelf.db", reserve=0)
    there: dict[int, bool] = {}  # the first number of each batch here, and whether it is settled
    for what, place, more in steps:
        first = place * 10
        span = Ranges([(first, first + 10 * more + 9)])
        if what == "put" and first not in there:
            await shelf.put([signed(ONE, first, first + more)])
            there[first] = False
        elif what == "settle":
            await shelf.settle([(ONE, span, NOON)])
            there |= {known: True for known in there if known in span}
        elif what == "unsettle":
            await shelf.unsettle({ONE: span})
            there |= {known: False for known in there if known in span}
        elif what == "prune":
            await shelf.prune(NOON + 1)
            there = {known: settled for known, settled in there.items() if not settled}
        elif what == "drop":
            await shelf.drop(await shelf.within({ONE: span}))
            there = {known: settled for known, settled in there.items() if known not in span}
        assert {item.first for item in await shelf.unsettled()} == {n for n, settled in there.items() if not settled}
        assert {item.first for item in await shelf.within({ONE: Ranges([(1, 999)])})} == set(there)
        assert all(n in shelf.kept[ONE] for n in there)
    kept = dict(shelf.kept)
    again = await reopened(shelf)
    assert again.kept.get(ONE, Ranges()) == kept.get(ONE, Ranges())
    await again.close()
