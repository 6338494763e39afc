"""What a store says of one number, beside the house that has it open."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from contract.batch import MAX_ROWS, StreamKey
from contract.errors import StoreDamaged, StoreFull
from contract.ranges import Ranges
from contract.rating import Quality
from contract.signing import Signer
from transport.dating import Dated
from transport.outbox import Outbox, Settled
from transport.shelf import Shelf
from transport.whereabouts import Whereabouts, find

A1 = "371721121-a1"
KEY = Signer(b"1" * 32)
NOW = 1_763_800_000_000


async def rated(outbox: Outbox, count: int, *, dated: bool = True) -> None:
    for number in range(count):
        when = Dated(NOW + number, Quality.SYNCHRONISED, 5) if dated else None
        await outbox.append(Settled("01", 3, 1, number, when), cut=False)


async def test_a_number_is_uncut_then_cut_then_settled_then_deleted(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = await Outbox.open(path, reserve=0)
    stream = StreamKey(A1, "AAAAAAAAAA")
    await outbox.begin(stream, KEY, "boot")
    try:
        await rated(outbox, 3)
        await rated(outbox, 1, dated=False)
        assert find(path, A1, 2, numbers=True) == [Whereabouts("AAAAAAAAAA", "uncut", 2, 2)]
        assert find(path, A1, 4, numbers=True) == [Whereabouts("AAAAAAAAAA", "undated", 4, 4)]
        assert find(path, A1, 5, numbers=True) == [Whereabouts("AAAAAAAAAA", "beyond", 1, 4)]
        assert find(path, "371721121-a2", 1, numbers=True) == []
        await outbox.cut()
        assert find(path, A1, 2, numbers=True) == [Whereabouts("AAAAAAAAAA", "cut", 1, 3)]
        await outbox.settle([(stream, Ranges([(1, 3)]), NOW)])
        assert find(path, A1, 3, numbers=True) == [Whereabouts("AAAAAAAAAA", "cut", 1, 3, NOW)]
        await outbox.prune(NOW + 1)
        assert find(path, A1, 3, numbers=True) == [Whereabouts("AAAAAAAAAA", "deleted", 3, 3)]
    finally:
        await outbox.close()


async def test_what_a_disk_destroyed_is_told_as_that_also_when_later_numbers_were_deleted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "outbox.db"
    outbox = await Outbox.open(path, reserve=0)
    stream = StreamKey(A1, "AAAAAAAAAA")
    await outbox.begin(stream, KEY, "boot")
    for _ in range(5):
        await rated(outbox, 1)
        await outbox.cut()
    await outbox.close()
    with closing(sqlite3.connect(path)) as hand:
        hand.execute("UPDATE batch SET first = first + 100 WHERE first BETWEEN 2 AND 3")
        hand.commit()
    outbox = await Outbox.open_sound(path, reserve=0)
    for deleted in (False, True):
        for number in (2, 3):
            assert find(path, A1, number, numbers=True) == [Whereabouts("AAAAAAAAAA", "destroyed", 2, 3)]
        assert [found.state for found in find(path, A1, 5, numbers=True)] == ["deleted" if deleted else "cut"]
        await outbox.settle([(stream, Ranges([(4, 5)]), NOW)])
        await outbox.prune(NOW + 1)
    await outbox.close()


async def test_a_store_that_no_house_of_this_version_has_opened_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = await Outbox.open(path, reserve=0)
    await outbox.begin(StreamKey(A1, "AAAAAAAAAA"), KEY, "boot")
    await rated(outbox, 1)
    await outbox.close()
    with closing(sqlite3.connect(path)) as hand:
        hand.execute("DROP TABLE void")
    assert [found.state for found in find(path, A1, 1, numbers=True)] == ["uncut"]


async def test_every_epoch_that_has_the_number(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    for epoch, count in (("AAAAAAAAAA", 2), ("BBBBBBBBBB", 1), ("CCCCCCCCCC", 2)):
        outbox = await Outbox.open(path, reserve=0)
        await outbox.begin(StreamKey(A1, epoch), KEY, epoch)
        await rated(outbox, count)
        await outbox.cut()
        await outbox.close()
    assert {found.epoch for found in find(path, A1, 2, numbers=True)} == {"AAAAAAAAAA", "CCCCCCCCCC"}
    assert find(path, A1, 3, numbers=True) == [Whereabouts("CCCCCCCCCC", "beyond", 1, 2)]


async def test_one_number_deleted_cut_and_uncut_in_three_epochs(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    for epoch in ("AAAAAAAAAA", "BBBBBBBBBB", "CCCCCCCCCC"):
        outbox = await Outbox.open(path, reserve=0)
        await outbox.begin(StreamKey(A1, epoch), KEY, epoch)
        await rated(outbox, 2)
        if epoch != "CCCCCCCCCC":
            await outbox.cut()
        if epoch == "AAAAAAAAAA":
            await outbox.settle([(StreamKey(A1, epoch), Ranges([(1, 2)]), NOW)])
            await outbox.prune(NOW + 1)
        await outbox.close()
    cut, deleted = Whereabouts("BBBBBBBBBB", "cut", 1, 2), Whereabouts("AAAAAAAAAA", "deleted", 2, 2)
    assert find(path, A1, 2, numbers=True) == [cut, deleted, Whereabouts("CCCCCCCCCC", "uncut", 2, 2)]
    # Who does not ask for numbers is told of batches.
    assert find(path, A1, 2, numbers=False) == [cut, deleted]


async def test_the_longest_batch_is_found_by_its_last_number(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = await Outbox.open(path, reserve=0)
    await outbox.begin(StreamKey(A1, "AAAAAAAAAA"), KEY, "boot")
    await rated(outbox, MAX_ROWS)
    await outbox.cut()
    await outbox.close()
    assert find(path, A1, MAX_ROWS, numbers=True) == [Whereabouts("AAAAAAAAAA", "cut", 1, MAX_ROWS)]


async def test_a_journal_knows_no_numbers_but_its_batches(tmp_path: Path) -> None:
    await (await Shelf.open(tmp_path / "journal.db", reserve=0)).close()
    assert find(tmp_path / "journal.db", A1, 1, numbers=False) == []


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreFull, match=r"none\.db"):
        find(tmp_path / "none.db", A1, 1, numbers=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "odd.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreDamaged, match=r"odd\.db"):
        find(tmp_path / "odd.db", A1, 1, numbers=False)
