"""Ratings on a real disk: a number is given by its commit, a batch is cut once, nothing leaves undated."""

import asyncio
import os
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.batch import MAX_ROWS, Batch, StreamKey
from contract.bundle import Signed
from contract.codec import decode_batch
from contract.errors import StoreDamaged, StoreFull
from contract.ranges import Ranges
from contract.rating import MAX_PRESSES, Quality
from contract.signing import Signer, public_key, verify
from transport.dating import Dated
from transport.lanes import Item
from transport.outbox import Outbox, Settled

NOON = 1_790_000_000_000
NODE = "371721121-a1"
SIGNER = Signer(bytes(32))
SYNCHRONISED = Quality.SYNCHRONISED


def epoch(number: int) -> StreamKey:
    return StreamKey(NODE, f"{number:010}")


OPENED: list[Outbox] = []


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    """Close what a failing test left open: its thread would keep the process from ending."""
    yield
    while OPENED:
        await OPENED.pop().close()


async def begun(folder: Path, number: int = 1, boot: str = "boot", reserve: int = 0) -> Outbox:
    """The outbox of the `number`th run of the process."""
    outbox = await Outbox.open(folder / "outbox.db", reserve=reserve)
    OPENED.append(outbox)
    await outbox.begin(epoch(number), SIGNER, boot)
    return outbox


def choice(boottime: int = 5, *, dated: bool = True, window: str = "01", level: int = 3) -> Settled:
    return Settled(window, level, 1, boottime, Dated(NOON + boottime, SYNCHRONISED, 3) if dated else None)


def at_noon(_boot: str, boottime: int) -> Dated:
    return Dated(NOON + boottime, Quality.CORRECTED, 3)


async def batches(outbox: Outbox, items: Iterable[Item]) -> list[Batch]:
    items = list(items)
    raws = await outbox.raws([item.id for item in items])
    for item in items:
        assert item.size == len(raws[item.id])
        entry = Signed.of(raws[item.id])
        assert verify(entry.body, entry.signature, public_key(SIGNER.public))
    return [decode_batch(Signed.of(raws[item.id]).body) for item in items]


def numbers(outbox: Outbox) -> dict[str, Ranges]:
    """By epoch, the numbers that a second connection finds, cut or not; each may stand once only."""
    found: dict[str, list[int]] = {}
    with sqlite3.connect(outbox.disk.path) as other:
        for name, first, last in other.execute(
            "SELECT epoch, first, b.last FROM batch b JOIN stream s ON s.id = b.stream"
        ):
            found.setdefault(name, []).extend(range(first, last + 1))
        for name, seq in other.execute("SELECT epoch, seq FROM rating r JOIN stream s ON s.id = r.stream"):
            found.setdefault(name, []).append(seq)
    other.close()
    for given_ in found.values():
        assert sorted(given_) == list(range(1, len(given_) + 1))
    return {name: Ranges((n, n) for n in given_) for name, given_ in found.items()}


async def test_a_choice_is_committed_when_append_returns(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    for number, cut in enumerate((True, False, True, False), 1):
        await outbox.append(choice(), cut=cut)
        assert numbers(outbox) == {epoch(1).epoch: Ranges([(1, number)])}
    assert (outbox.last, outbox.uncut, outbox.undated) == (4, 3, 0)
    await outbox.close()


async def test_when_the_line_is_idle_a_choice_is_its_own_batch_at_once(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)

    [item] = await outbox.append(choice(7, window="02", level=1), cut=True)

    [batch] = await batches(outbox, [item])
    assert batch == Batch(1, NODE, epoch(1).epoch, 1, NOON + 7, SYNCHRONISED, batch.rows)
    assert [(row.ms, row.window, row.level, row.presses) for row in batch.rows] == [(0, "02", 1, 1)]
    assert outbox.kept[epoch(1)] == Ranges([(1, 1)])
    assert await outbox.cut() == []
    await outbox.close()


TOKEN = "TOKEN_____"  # noqa: S105  (it stands for a visit)


async def test_the_token_is_on_disk_with_its_rating_whichever_way_that_is_cut(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    [item] = await outbox.append(choice(1)._replace(token=TOKEN), cut=True)
    for number, token in enumerate((None, "TOKEN____2", "TOKEN____3"), 2):
        assert await outbox.append(choice(number, dated=number != 3)._replace(token=token), cut=False) == []
    await outbox.close()

    # The power was cut; the next run has what the last one left.
    outbox = await begun(tmp_path, 2)
    await outbox.date(at_noon)
    made = await batches(outbox, [item, *await outbox.cut()])
    assert [row.token for batch in made for row in batch.rows] == [TOKEN, None, "TOKEN____2", "TOKEN____3"]
    assert await outbox.disk.read("SELECT * FROM answered") == []
    await outbox.close()


async def test_a_damaged_token_is_damage(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    for number in (1, 2):
        await outbox.append(choice(number)._replace(token=f"TOKEN____{number}"), cut=False)
    await outbox.disk.write("UPDATE answered SET token = 'TOKEN____3' WHERE seq = 2")
    await outbox.close()

    with pytest.raises(StoreDamaged, match="1 rows of 'answered' are not what was written"):
        await begun(tmp_path, 2)
    # What is sound is kept: the rating, without the token that nobody can believe.
    outbox = await Outbox.open_sound(tmp_path / "outbox.db", reserve=0)
    OPENED.append(outbox)
    await outbox.begin(epoch(2), SIGNER, "boot")
    [batch] = await batches(outbox, await outbox.cut())
    assert [row.token for row in batch.rows] == ["TOKEN____1", None]
    assert outbox.void == {}


async def test_what_gathered_is_cut_together_and_nothing_overtakes(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    for boottime in (9, 4, 6):
        assert await outbox.append(choice(boottime), cut=False) == []
    assert await outbox.append(choice(8), cut=True) == []
    assert await outbox.oldest_uncut() == 4

    [batch] = await batches(outbox, await outbox.cut())

    assert (batch.first, batch.last, batch.t0) == (1, 4, NOON + 4)
    assert [row.ms for row in batch.rows] == [5, 0, 2, 4]
    assert (outbox.uncut, await outbox.oldest_uncut()) == (0, None)
    assert [item.first for item in await outbox.append(choice(), cut=True)] == [5]
    await outbox.close()


async def test_a_batch_has_a_bound_and_a_call_too(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    for _ in range(2 * MAX_ROWS + 1):
        await outbox.append(choice(), cut=False)

    first = await batches(outbox, await outbox.cut(most=2))
    rest = await batches(outbox, await outbox.cut(most=2))

    assert [(batch.first, batch.last) for batch in first] == [(1, MAX_ROWS), (MAX_ROWS + 1, 2 * MAX_ROWS)]
    assert [(batch.first, batch.last) for batch in rest] == [(2 * MAX_ROWS + 1, 2 * MAX_ROWS + 1)]
    await outbox.close()


async def test_a_call_cuts_64_batches_unless_told_otherwise(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    # Of two time qualities in turn, so that each is a batch of its own.
    for place in range(65):
        dated = Dated(NOON + place, (SYNCHRONISED, Quality.CORRECTED)[place % 2], 3)
        await outbox.append(choice(place)._replace(dated=dated), cut=False)
    assert [len(await outbox.cut()) for _ in range(3)] == [64, 1, 0]
    assert outbox.uncut == 0
    await outbox.close()


async def test_a_batch_is_cut_once_and_its_bytes_never_change(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    await outbox.append(choice(), cut=False)
    items = await outbox.cut()
    before = await outbox.raws([items[0].id])
    await outbox.append(choice(), cut=False)
    await outbox.cut()
    await outbox.close()

    again = await begun(tmp_path, 2)
    await again.append(choice(), cut=True)

    assert (await again.unsettled())[0] == items[0]
    assert await again.raws([items[0].id]) == before
    await again.close()


async def test_an_undated_choice_holds_back_those_behind_it_until_it_is_dated(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    await outbox.append(choice(1), cut=True)
    await outbox.append(choice(2, dated=False), cut=True)
    await outbox.append(choice(3), cut=True)
    assert (outbox.uncut, outbox.undated) == (2, 1)
    assert await outbox.cut() == []

    assert await outbox.date(lambda _boot, _boottime: None) == 0
    assert await outbox.cut() == []
    assert await outbox.date(at_noon) == 1
    assert await outbox.date(at_noon) == 0

    corrected, synchronised = await batches(outbox, await outbox.cut())
    assert (corrected.first, corrected.q, corrected.t0) == (2, Quality.CORRECTED, NOON + 2)
    assert (synchronised.first, synchronised.q, synchronised.t0) == (3, SYNCHRONISED, NOON + 3)
    await outbox.close()


async def test_what_cannot_be_dated_does_not_hide_what_can(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    for boottime in range(1, 8):
        await outbox.append(choice(boottime, dated=False), cut=True)

    def only_seven(boot: str, boottime: int) -> Dated | None:
        return at_noon(boot, boottime) if boottime == 7 else None

    assert await outbox.date(only_seven, most=2) == 1
    assert await outbox.date(at_noon, most=4) == 4
    assert await outbox.date(at_noon, most=4) == 2
    assert outbox.undated == 0
    await outbox.close()


async def test_with_nothing_to_date_and_nothing_to_cut_the_disk_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = await begun(tmp_path)

    def asked(*_: object) -> None:
        raise AssertionError("the disk was asked")

    with monkeypatch.context() as patch:
        for way in ("read", "write", "transaction"):
            patch.setattr(outbox.disk, way, asked)
        assert await outbox.date(at_noon) == 0
        assert await outbox.cut() == []
    await outbox.append(choice(dated=False), cut=True)
    with monkeypatch.context() as patch:
        patch.setattr(outbox.disk, "transaction", asked)
        assert await outbox.cut() == []
    await outbox.close()


async def test_an_estimate_carries_its_bounds(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    for boottime in (10, 30):
        await outbox.append(choice(boottime, dated=False), cut=True)

    def guess(_boot: str, boottime: int) -> Dated:
        at = NOON + boottime
        return Dated(at, Quality.ESTIMATED, 500, (at - 400 - boottime, at + 500))

    await outbox.date(guess)
    [batch] = await batches(outbox, await outbox.cut())

    assert (batch.q, batch.t0) == (Quality.ESTIMATED, NOON + 10)
    assert batch.bounds == (NOON + 10 - 430, NOON + 10 + 500)
    await outbox.close()


async def test_bounds_before_1970_are_1970(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    await outbox.append(choice(1, dated=False), cut=True)
    await outbox.date(lambda _boot, _boottime: Dated(100, Quality.ESTIMATED, 500, (-400, 600)))

    [batch] = await batches(outbox, await outbox.cut())

    assert batch.bounds == (0, 600)
    await outbox.close()


async def test_estimates_of_two_boots_do_not_share_a_batch(tmp_path: Path) -> None:
    outbox = await begun(tmp_path, boot="first")
    await outbox.append(choice(5, dated=False), cut=True)
    await outbox.disk.write("INSERT INTO boot (name, last_boottime) VALUES ('second', 0)")
    await outbox.append(choice(6, dated=False), cut=True)
    await outbox.disk.write("UPDATE rating SET boot = 2 WHERE seq = 2")

    def guess(boot: str, boottime: int) -> Dated:
        at = NOON + (0 if boot == "first" else 1000) + boottime
        return Dated(at, Quality.ESTIMATED, 9, (at - 9, at + 9))

    await outbox.date(guess)
    assert [batch.first for batch in await batches(outbox, await outbox.cut())] == [1, 2]
    await outbox.close()


async def test_the_next_run_cuts_what_the_one_before_left_under_its_own_name(tmp_path: Path) -> None:
    first = await begun(tmp_path, 1, "boot one")
    for boottime in (1, 2):
        await first.append(choice(boottime), cut=False)
    await first.append(choice(3, dated=False), cut=False)
    await first.close()

    second = await begun(tmp_path, 2, "boot two")
    assert (second.last, second.uncut, second.undated) == (0, 3, 1)
    await second.append(choice(50), cut=True)
    told = {(boot, boottime) for boot, boottime in [("boot one", 3)]}

    def later(boot: str, boottime: int) -> Dated | None:
        assert (boot, boottime) in told
        return at_noon(boot, boottime)

    await second.date(later)
    old, corrected, new = await batches(second, await second.cut())

    assert (old.stream, old.first, old.last) == (epoch(1), 1, 2)
    assert (corrected.stream, corrected.first, corrected.q) == (epoch(1), 3, Quality.CORRECTED)
    assert (new.stream, new.first, new.last) == (epoch(2), 1, 1)
    assert old.prev is None
    assert corrected.prev is None
    assert new.prev == (epoch(1).epoch, 3)
    assert numbers(second) == {epoch(1).epoch: Ranges([(1, 3)]), epoch(2).epoch: Ranges([(1, 1)])}
    await second.close()


async def test_each_epochs_first_batch_names_the_one_before_that_gave_numbers(tmp_path: Path) -> None:
    told = []
    for run in range(1, 6):
        outbox = await begun(tmp_path, run)
        if run == 4:
            # All that the third run gave was settled and pruned long ago.
            await outbox.settle([(epoch(3), Ranges([(1, 2)]), 1)])
            await outbox.prune(2)
        if run in {1, 3, 4, 5}:
            for cut in (run != 4, True):
                await outbox.append(choice(), cut=cut)
            await outbox.cut()
            told += [batch.prev for batch in await batches(outbox, await outbox.within({epoch(run): Ranges([(1, 1)])}))]
            told += [batch.prev for batch in await batches(outbox, await outbox.within({epoch(run): Ranges([(2, 2)])}))]
        await outbox.close()

    one, three, four = epoch(1).epoch, epoch(3).epoch, epoch(4).epoch
    # The fourth run's two stand in one batch.
    assert told == [None, None, (one, 2), None, (three, 2), (three, 2), (four, 2), None]


async def test_another_nodes_epochs_are_no_part_of_the_chain(tmp_path: Path) -> None:
    outbox = await begun(tmp_path, 1)
    await outbox.append(choice(), cut=True)
    await outbox.close()
    moved = await Outbox.open(tmp_path / "outbox.db", reserve=0)
    await moved.begin(StreamKey("371721122-b7", epoch(2).epoch), SIGNER, "boot")

    [batch] = await batches(moved, await moved.append(choice(), cut=True))

    assert (batch.node, batch.prev) == ("371721122-b7", None)
    await moved.close()


async def test_boots_in_the_order_they_were_lived(tmp_path: Path) -> None:
    first = await begun(tmp_path, 1, "one")
    await first.append(choice(700, dated=False), cut=False)
    await first.lived("one", 500)
    await first.close()
    second = await begun(tmp_path, 2, "two")
    await second.lived("two", 900)
    await second.lived("two", 800)
    await second.close()
    third = await begun(tmp_path, 3, "one more")

    assert await third.boots() == [("one", 700), ("two", 900), ("one more", 0)]
    await third.close()


async def test_concurrent_appends_and_cuts_give_each_number_once(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)

    async def work(place: int) -> None:
        for step in range(10):
            await outbox.append(choice(place, dated=step % 3 > 0), cut=step % 2 == 0)
            if step % 4 == 3:
                await outbox.date(at_noon)
                await outbox.cut()

    await asyncio.gather(*(work(place) for place in range(8)))
    await outbox.date(at_noon)
    while await outbox.cut():
        pass

    assert numbers(outbox) == {epoch(1).epoch: Ranges([(1, 80)])}
    assert outbox.kept[epoch(1)] == Ranges([(1, 80)])
    assert (outbox.last, outbox.uncut, outbox.undated) == (80, 0, 0)
    await outbox.close()


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_append_gives_no_number_twice(tmp_path: Path, turns: int, *, cut: bool) -> None:
    outbox = await begun(tmp_path)
    async with asyncio.TaskGroup() as tasks:
        append = tasks.create_task(outbox.append(choice(), cut=cut), name="append")
        for _ in range(turns):
            await asyncio.sleep(0)
        append.cancel()

    await outbox.append(choice(), cut=cut)
    await outbox.append(choice(), cut=cut)

    assert numbers(outbox) == {epoch(1).epoch: Ranges([(1, outbox.last)])}
    assert outbox.last in {2, 3}
    await outbox.close()


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_a_cancelled_cut_is_whole_or_none(tmp_path: Path, turns: int) -> None:
    outbox = await begun(tmp_path)
    for _ in range(3):
        await outbox.append(choice(), cut=False)
    async with asyncio.TaskGroup() as tasks:
        cut = tasks.create_task(outbox.cut(), name="cut")
        for _ in range(turns):
            await asyncio.sleep(0)
        cut.cancel()
    await outbox.append(choice(), cut=True)
    await outbox.cut()

    assert numbers(outbox) == {epoch(1).epoch: Ranges([(1, 4)])}
    assert outbox.kept[epoch(1)] == Ranges([(1, 4)])
    assert outbox.uncut == 0
    await outbox.close()


@pytest.mark.parametrize("cut", [True, False])
async def test_full_gives_no_number_and_what_is_there_still_leaves(tmp_path: Path, *, cut: bool) -> None:
    outbox = await begun(tmp_path)
    await outbox.append(choice(), cut=False)
    await outbox.close()
    room = os.statvfs(tmp_path)
    full = await begun(tmp_path, 2, reserve=room.f_blocks * room.f_frsize)

    with pytest.raises(StoreFull):
        await full.append(choice(), cut=cut)
    assert full.last == 0
    assert [item.stream for item in await full.cut()] == [epoch(1)]
    await full.close()


async def many(outbox: Outbox, *, cut: bool) -> None:
    for _ in range(100):
        await outbox.append(choice(), cut=cut)


@pytest.mark.parametrize("cut", [True, False])
async def test_a_disk_that_is_full_to_the_last_byte(tmp_path: Path, *, cut: bool) -> None:
    outbox = await begun(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (outbox.disk.path.with_name("outbox.db-wal").stat().st_size + 9000, hard))
    try:
        with pytest.raises(StoreFull, match="cannot be used"):
            await many(outbox, cut=cut)
        given_ = outbox.last
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert numbers(outbox).get(epoch(1).epoch, Ranges()) == (Ranges([(1, given_)]) if given_ else Ranges())
    await outbox.append(choice(), cut=cut)

    assert numbers(outbox) == {epoch(1).epoch: Ranges([(1, given_ + 1)])}
    await outbox.close()


async def test_more_presses_than_the_wire_takes(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    worn_out = choice()._replace(presses=MAX_PRESSES + 1)
    [item] = await outbox.append(worn_out, cut=True)
    await outbox.append(worn_out, cut=False)

    [one, two] = await batches(outbox, [item, *await outbox.cut()])
    assert one.rows[0].presses == two.rows[0].presses == MAX_PRESSES
    await outbox.close()


@pytest.mark.bulk
async def test_400_bytes_a_rating_at_one_a_batch(tmp_path: Path) -> None:
    outbox = await begun(tmp_path)
    for place in range(1000):
        await outbox.append(choice(place * 60_000), cut=True)
    await outbox.disk.read("PRAGMA wal_checkpoint(TRUNCATE)")
    [[pages]] = await outbox.disk.read("PRAGMA page_count")
    [[size]] = await outbox.disk.read("PRAGMA page_size")

    # The empty file has one page a table and index.
    assert (pages - 16) * size / 1000 <= 400
    await outbox.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.booleans(), st.booleans()),
        st.tuples(st.just("date"), st.booleans(), st.just(value=False)),
        st.tuples(st.just("cut"), st.just(value=False), st.just(value=False)),
        st.tuples(st.just("restart"), st.just(value=False), st.just(value=False)),
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
async def test_whatever_the_order_every_choice_is_cut_once_with_its_time(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bool, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("outbox")
    run, pressed = 1, 0
    outbox = await begun(folder, run)
    given_: dict[tuple[str, int], int] = {}
    raws: dict[int, bytes] = {}
    for what, yes, dated in [*steps, ("date", True, False), ("cut", False, False)]:
        if what == "append":
            pressed += 1
            await outbox.append(choice(pressed, dated=dated), cut=yes)
            given_[epoch(run).epoch, outbox.last] = pressed
        elif what == "date":
            await outbox.date(at_noon if yes else (lambda _boot, _boottime: None))
        elif what == "cut":
            await outbox.cut()
        else:
            await outbox.close()
            run += 1
            outbox = await begun(folder, run)
        now = await outbox.raws([item.id for item in await outbox.unsettled()])
        assert raws.items() <= now.items()
        raws = now
    found: dict[tuple[str, int], int] = {}
    chain: dict[str, tuple[str, int] | None] = {}
    for batch in await batches(outbox, await outbox.unsettled()):
        for place, row in enumerate(batch.rows):
            assert (batch.epoch, batch.first + place) not in found
            found[batch.epoch, batch.first + place] = batch.t0 + row.ms - NOON
        if batch.first == 1:
            chain[batch.epoch] = batch.prev
    assert found == given_
    before: tuple[str, int] | None = None
    for name in sorted(chain):
        assert chain[name] == before
        before = (name, max(seq for epoch_name, seq in found if epoch_name == name))
    await outbox.close()
