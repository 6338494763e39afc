"""Synced bytes of a store are damaged while nobody runs: it is seen on opening, and exactly what was lost is said."""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random

import aiosqlite
import pytest

from contract.batch import StreamKey
from contract.bundle import Signed
from contract.codec import decode_batch
from contract.errors import StoreDamaged
from contract.ranges import Ranges
from contract.rating import Quality
from contract.signing import Signer
from transport import wal
from transport.dating import Anchor, Dated
from transport.disk import Disk
from transport.outbox import Outbox, Settled
from transport.shelf import Shelf

NODE = "371721121-a1"
NOON = 1_790_000_000_000
SIGNER = Signer(bytes(32))
FIRST, SECOND = StreamKey(NODE, "0000000001"), StreamKey(NODE, "0000000002")


def choice(number: int) -> Settled:
    return Settled("01", 1 + number % 3, 1, number, Dated(NOON + number, Quality.SYNCHRONISED, 3))


async def lived(path: Path, *, checkpoint: bool = True) -> None:
    """A node has cut numbers 1 to 10, one a batch, and has 11 to 20 uncut."""
    outbox = await Outbox.open(path, reserve=0)
    await outbox.begin(FIRST, SIGNER, "boot 1")
    await outbox.remember(Anchor("boot 1", 4, NOON, 3))
    for number in range(1, 21):
        await outbox.append(choice(number), cut=number <= 10)
    if checkpoint:
        await outbox.close()
        return
    # As `kill -9` leaves it: closing would write the log back.
    for tail in ("", "-wal"):
        shutil.copyfile(f"{path}{tail}", f"{path}.copy{tail}")
    await outbox.close()
    for tail in ("", "-wal"):
        shutil.move(f"{path}.copy{tail}", f"{path}{tail}")


def flip(path: Path, needle: bytes, random: Random) -> None:
    """Flip a bit of the last place where `needle` stands."""
    content = bytearray(path.read_bytes())
    at = content.rindex(needle) + random.randrange(len(needle))
    content[at] ^= 1 << random.randrange(8)
    path.write_bytes(content)


async def numbers(outbox: Outbox) -> Ranges:
    cut = await outbox.disk.read("SELECT first, last FROM batch")
    uncut = await outbox.disk.read("SELECT seq, seq FROM rating")
    return Ranges([(row[0], row[1]) for row in (*cut, *uncut)])


def raw_of(path: Path, number: int) -> bytes:
    with closing(sqlite3.connect(path)) as looking:
        return bytes(looking.execute("SELECT raw FROM batch WHERE first = ?", (number,)).fetchone()[0])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("number", [1, 7, 10])
async def test_a_flipped_bit_of_a_batch_costs_that_batch_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, number: int, seed: int
) -> None:
    path = tmp_path / "outbox.db"
    await lived(path)
    flip(path, raw_of(path, number), Random(seed))
    with pytest.raises(StoreDamaged, match="1 rows of 'batch' are not what was written"):
        await Outbox.open(path, reserve=0)
    outbox = await Outbox.open_sound(path, reserve=0)
    assert outbox.void == {FIRST: Ranges([(number, number)])}
    assert await numbers(outbox) == Ranges([(1, 20)]) - Ranges([(number, number)])
    await outbox.begin(SECOND, SIGNER, "boot 2")
    assert len(await outbox.cut()) == 1
    await outbox.close()
    again = await Outbox.open(path, reserve=0)
    assert again.void == {FIRST: Ranges([(number, number)])}
    await again.close()
    said = [line.getMessage() for line in caplog.records if line.name == "transport.outbox"]
    assert said == [f"{path}: {NODE}/{FIRST.epoch}: numbers {number}..{number} are destroyed"]


@pytest.mark.parametrize("seed", range(16))
async def test_a_flipped_bit_of_an_uncut_rating_costs_that_rating_and_says_so(tmp_path: Path, seed: int) -> None:
    path, random = tmp_path / "outbox.db", Random(seed)
    await lived(path)
    number = random.randint(11, 20)
    with closing(sqlite3.connect(path)) as looking:
        at = looking.execute("SELECT at FROM rating WHERE seq = ?", (number,)).fetchone()[0]
    flip(path, int(at).to_bytes(6, "big"), random)
    outbox = await Outbox.open_sound(path, reserve=0)
    assert outbox.void == {FIRST: Ranges([(number, number)])}
    assert await numbers(outbox) == Ranges([(1, 20)]) - Ranges([(number, number)])
    await outbox.close()


async def test_a_level_that_flips_does_not_pass_for_another(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    await lived(path)
    with closing(sqlite3.connect(path)) as hand:
        # What one flipped bit can do, in any place of the file.
        hand.execute("UPDATE rating SET level = level % 3 + 1 WHERE seq = 15")
        hand.commit()
    outbox = await Outbox.open_sound(path, reserve=0)
    assert outbox.void == {FIRST: Ranges([(15, 15)])}
    await outbox.close()


async def test_a_batch_ends_before_a_number_that_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    await lived(path)
    with closing(sqlite3.connect(path)) as hand:
        hand.execute("UPDATE rating SET level = level % 3 + 1 WHERE seq IN (13, 14, 18)")
        hand.commit()
    outbox = await Outbox.open_sound(path, reserve=0)
    await outbox.begin(SECOND, SIGNER, "boot 2")
    items = await outbox.cut()
    assert [(item.first, item.last) for item in items] == [(11, 12), (15, 17), (19, 20)]
    for raw in (await outbox.raws([item.id for item in items])).values():
        batch = decode_batch(Signed.of(raw).body)
        for number, row in enumerate(batch.rows, batch.first):
            assert (batch.t0 + row.ms, row.level) == (NOON + number, choice(number).level)
    await outbox.close()


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


class Died(BaseException):
    """`kill -9`, or the power."""


@pytest.mark.parametrize("left", range(4))
async def test_whatever_ends_a_recovery_the_next_start_finishes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    path = tmp_path / "outbox.db"
    await lived(path)
    with closing(sqlite3.connect(path)) as hand:
        hand.execute("UPDATE rating SET level = level % 3 + 1 WHERE seq = 15")
        hand.commit()
    steps = iter(range(left))

    def step() -> None:
        if next(steps, None) is None:
            raise Died

    rename, transaction = Path.rename, Disk.transaction

    def renamed(self: Path, target: Path) -> Path:
        step()
        return rename(self, target)

    @asynccontextmanager
    async def committed(self: Disk) -> AsyncIterator[aiosqlite.Connection]:
        async with transaction(self) as db:
            yield db
            step()

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", renamed)
        patch.setattr(Disk, "transaction", committed)
        with pytest.raises(Died):
            await Outbox.open_sound(path, reserve=0)
    outbox = await Outbox.open_sound(path, reserve=0)
    assert outbox.void == {FIRST: Ranges([(15, 15)])}
    assert await numbers(outbox) == Ranges([(1, 20)]) - Ranges([(15, 15)])
    await outbox.close()
    kept = names(tmp_path)
    assert {"outbox.db", "outbox.db-lock", "outbox.db.damaged-1"} <= kept
    assert not {name for name in kept if "begun" in name or "ready" in name or "mended" in name}


async def test_an_anchor_that_flips_dates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    await lived(path)
    with closing(sqlite3.connect(path)) as hand:
        hand.execute("UPDATE anchor SET at = at + (1 << 33)")
        hand.commit()
    outbox = await Outbox.open_sound(path, reserve=0)
    assert not outbox.void
    assert await numbers(outbox) == Ranges([(1, 20)])
    assert (await outbox.dating()).now("boot 1", 5) is None
    await outbox.close()


def broken_at(log: Path, frame: int, random: Random) -> None:
    content = bytearray(log.read_bytes())
    content[32 + frame * 4120 + 24 + random.randrange(4096)] ^= 1 << random.randrange(8)
    log.write_bytes(content)


def frames_in(path: Path) -> range:
    """Each frame of the log of the store `path` behind which two commits stand, whether these took one or two."""
    return range(len([*wal.frames(path.with_name(f"{path.name}-wal").read_bytes())]) - 4)


async def test_damage_in_any_frame_of_the_log_is_no_silent_end_of_it(tmp_path: Path) -> None:
    await lived(tmp_path / "outbox.db", checkpoint=False)
    random = Random(1)
    for frame in frames_in(tmp_path / "outbox.db"):
        path = tmp_path / str(frame) / "outbox.db"
        path.parent.mkdir()
        for tail in ("", "-wal"):
            shutil.copyfile(tmp_path / f"outbox.db{tail}", f"{path}{tail}")
        broken_at(path.with_name("outbox.db-wal"), frame, random)
        outbox = await Outbox.open_sound(path, reserve=0)
        kept = await numbers(outbox)
        # The frames behind hold the same pages with all that was written since, or the damaged one is read as it is:
        # all but a number or two is there, and of those it is said.
        assert kept | outbox.void.get(FIRST, Ranges()) == Ranges([(1, 20)]), frame
        assert len(kept) >= 18, frame
        await outbox.close()


async def test_an_older_page_cuts_no_number_again(tmp_path: Path) -> None:
    """The frame that took ratings out of their table is damaged; the batch that they are in is sound."""
    path = tmp_path / "outbox.db"
    outbox = await Outbox.open(path, reserve=0)
    await outbox.begin(FIRST, SIGNER, "boot 1")
    for number in range(1, 6):
        await outbox.append(choice(number), cut=False)
    await outbox.cut()
    for number in range(6, 11):
        await outbox.append(choice(number), cut=True)
    for tail in ("", "-wal"):
        shutil.copyfile(f"{path}{tail}", f"{path}.kill{tail}")
    await outbox.close()
    for frame in frames_in(tmp_path / "outbox.db.kill"):
        one = tmp_path / str(frame) / "outbox.db"
        one.parent.mkdir()
        for tail in ("", "-wal"):
            shutil.copyfile(f"{path}.kill{tail}", f"{one}{tail}")
        broken_at(one.with_name("outbox.db-wal"), frame, Random(frame))
        outbox = await Outbox.open_sound(one, reserve=0)
        await outbox.begin(SECOND, SIGNER, "boot 2")
        await outbox.cut()
        firsts = [row[0] for row in await outbox.disk.read("SELECT first FROM batch ORDER BY first")]
        assert firsts == sorted(set(firsts)), frame
        await outbox.close()


async def test_a_torn_last_commit_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    await lived(path, checkpoint=False)
    log = path.with_name("outbox.db-wal")
    log.write_bytes(log.read_bytes()[:-9])
    outbox = await Outbox.open(path, reserve=0)
    assert await numbers(outbox) == Ranges([(1, 19)])
    await outbox.close()


async def test_a_page_that_cannot_be_read_costs_what_stood_on_it(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = await Outbox.open(path, reserve=0)
    await outbox.begin(FIRST, SIGNER, "boot 1")
    for number in range(1, 201):
        await outbox.append(choice(number), cut=True)
    await outbox.close()
    content = bytearray(path.read_bytes())
    # The page on which number 100 stands is overwritten.
    at = content.rindex(raw_of(path, 100)) // 4096 * 4096
    content[at : at + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    outbox = await Outbox.open_sound(path, reserve=0)
    lost = outbox.void[FIRST]
    assert 100 in lost
    assert len(lost.pairs) == 1
    assert len(lost) < 40
    assert await numbers(outbox) == Ranges([(1, 200)]) - lost
    await outbox.close()


async def test_a_gateway_begins_anew_and_declares_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    outbox = await Outbox.open(tmp_path / "outbox.db", reserve=0)
    await outbox.begin(FIRST, SIGNER, "boot 1")
    shelf = await Shelf.open(path, reserve=0)
    items = [item for number in range(1, 6) for item in await outbox.append(choice(number), cut=True)]
    raws = await outbox.raws([item.id for item in items])
    await shelf.put([(decode_batch(Signed.of(raw).body), raw) for raw in raws.values()])
    await shelf.close()
    await outbox.close()
    flip(path, raw_of(path, 3), Random(1))
    shelf = await Shelf.open_sound(path, reserve=0)
    assert not shelf.kept
    assert not shelf.void
    await shelf.close()


async def test_a_store_without_sums_gets_them(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    await lived(path)
    with closing(sqlite3.connect(path)) as old:
        for table in ("batch", "rating", "anchor", "tie"):
            old.execute(f"ALTER TABLE {table} DROP COLUMN sum")
        old.execute("DROP TABLE void")
        old.commit()
    for _ in range(2):
        outbox = await Outbox.open(path, reserve=0)
        assert await numbers(outbox) == Ranges([(1, 20)])
        await outbox.close()
    flip(path, raw_of(path, 3), Random(1))
    outbox = await Outbox.open_sound(path, reserve=0)
    assert outbox.void == {FIRST: Ranges([(3, 3)])}
    await outbox.close()


async def test_frames_of_an_earlier_generation_are_none_of_the_logs(tmp_path: Path) -> None:
    await lived(tmp_path / "outbox.db", checkpoint=False)
    log = bytearray((tmp_path / "outbox.db-wal").read_bytes())
    whole = [*wal.frames(bytes(log))]
    assert all(frame.sound for frame in whole)
    log[32 + 8] ^= 1  # a salt of the first frame
    assert len([*wal.frames(bytes(log))]) == len(whole) - 1
    assert not [*wal.frames(b"")]
