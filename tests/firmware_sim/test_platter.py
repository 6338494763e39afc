"""What may come back after a power cut, and what must."""

from random import Random

from firmware_sim.faults.platter import Found, Op, Platter, Removed, Resized, Synced, Syncing, Wrote, replayed

FILE = "/a/file"


def images(platter: Platter, count: int = 300) -> list[dict[str, bytes]]:
    return [platter.image(Random(seed)) for seed in range(count)]


def synced(path: str, *, folder: bool = False, token: int = 1) -> list[Op]:
    return [Syncing(path, token), Synced(path, token, folder)]


def test_what_was_synced_comes_back_as_it_was() -> None:
    ops: list[Op] = [Found(FILE, b"old"), Wrote(FILE, 1, b"new!"), *synced(FILE)]
    assert all(image == {FILE: b"onew!"} for image in images(replayed(ops)))


def test_what_was_not_synced_comes_back_whole_torn_flipped_or_not_at_all() -> None:
    platter = replayed([Found(FILE, bytes(8)), Wrote(FILE, 0, b"\xff" * 8)])
    assert platter.unsynced() == 1
    found = {image[FILE] for image in images(platter)}
    assert {bytes(8), b"\xff" * 8} < found
    assert any(
        content.startswith(b"\xff") and content.endswith(b"\0\0") and set(content) == {0, 255} for content in found
    )
    assert any(content.startswith(b"\0") and content.endswith(b"\xff") for content in found)
    assert any(set(content) - {0, 255} for content in found)


def test_later_writes_may_outlive_earlier_ones() -> None:
    platter = replayed([Found(FILE, bytes(2)), Wrote(FILE, 0, b"\1"), Wrote(FILE, 1, b"\1")])
    assert b"\0\1" in {image[FILE] for image in images(platter)}


def test_what_was_written_during_a_sync_is_not_in_it() -> None:
    ops: list[Op] = [Found(FILE, b""), Wrote(FILE, 0, b"1"), Syncing(FILE, 1), Wrote(FILE, 1, b"2")]
    platter = replayed([*ops, Synced(FILE, 1, folder=False)])
    assert platter.unsynced() == 1
    found = {image[FILE] for image in images(platter)}
    assert {b"1", b"12"} < found
    assert all(content.startswith(b"1") for content in found)


def test_two_syncs_at_a_time_cover_what_each_began_with() -> None:
    ops: list[Op] = [Found(FILE, b""), Wrote(FILE, 0, b"1"), Syncing(FILE, 1), Wrote(FILE, 1, b"2"), Syncing(FILE, 2)]
    later = replayed([*ops, Wrote(FILE, 2, b"3"), Synced(FILE, 1, folder=False), Synced(FILE, 2, folder=False)])
    assert later.unsynced() == 1
    sooner = replayed([*ops, Wrote(FILE, 2, b"3"), Synced(FILE, 2, folder=False), Synced(FILE, 1, folder=False)])
    assert sooner.unsynced() == 1


def test_a_new_file_may_be_missing_until_its_folder_was_synced() -> None:
    ops: list[Op] = [Found(FILE, None), Wrote(FILE, 0, b"1"), *synced(FILE)]
    found = images(replayed(ops))
    assert {} in found
    assert {FILE: b"1"} in found
    beside: list[Op] = [Found("/a/beside", None), *synced("/a/beside", folder=True)]
    assert all(image[FILE] == b"1" for image in images(replayed([*ops, *beside])))


def test_a_removed_file_may_be_back_until_its_folder_was_synced() -> None:
    ops: list[Op] = [Found(FILE, b"1"), Removed(FILE, folder=False)]
    found = images(replayed(ops))
    assert {} in found
    assert {FILE: b"1"} in found
    assert all(image == {} for image in images(replayed([Found(FILE, b"1"), Removed(FILE, folder=True)])))


def test_a_file_is_cut_and_lengthened() -> None:
    cut = replayed([Found(FILE, b"123"), Resized(FILE, 1), Wrote(FILE, 3, b"4"), *synced(FILE)])
    assert cut.image(Random(0)) == {FILE: b"1\0\x004"}


def test_the_same_seed_gives_the_same_image() -> None:
    platter = replayed([Found(FILE, bytes(64)), *(Wrote(FILE, at, b"x" * 8) for at in range(0, 64, 8))])
    assert platter.image(Random(7)) == platter.image(Random(7))
    assert len({image[FILE] for image in images(platter)}) > 100
