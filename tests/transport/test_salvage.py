"""Which rows of a damaged store are sound, and what the others were about."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from contract.batch import MAX_ROWS, StreamKey
from contract.ranges import Ranges
from transport import sums
from transport.outbox import Outbox
from transport.salvage import TABLES, Row, _sound, batch_is_sound, missing, rating_is_sound, salvage

KEY = StreamKey("371721121-a1", "AAAAAAAAAA")
NAMES: dict[object, StreamKey] = {1: KEY, 2: StreamKey("371721121-a2", "AAAAAAAAAA")}
BOOTS: dict[object, object] = {1: "boot", 3: "other"}


def batch(id_: int, stream: int, first: int, last: int, key: StreamKey = KEY) -> Row:
    return (id_, stream, first, last, None, b"raw", sums.of_row(*key, first, last, b"raw"))


def rating(stream: int, seq: int, window: str = "01") -> Row:
    values = (1000, window, 3, 1, None, None, None, None)
    return (stream, seq, 1, *values, sums.of_row(*KEY, seq, "boot", *values))


def test_rows_of_a_stream_whose_name_is_gone_are_neither_kept_nor_known_to_be_lost() -> None:
    found: dict[str, list[Row]] = {table: [] for table in TABLES}
    found["stream"] = [(1, *KEY, 0)]
    found["boot"] = [(1, "boot", 5)]
    found["batch"] = [batch(1, 1, 1, 3), batch(2, 9, 4, 6)]
    found["rating"] = [rating(1, 4), rating(9, 7)]

    salvaged = _sound(found)

    assert salvaged.rows["batch"] == [batch(1, 1, 1, 3)]
    assert salvaged.rows["rating"] == [rating(1, 4)]
    assert salvaged.void == {}


def test_rows_that_are_not_as_they_were_written_say_what_is_lost() -> None:
    found: dict[str, list[Row]] = {table: [] for table in TABLES}
    found["stream"] = [(1, *KEY, 0)]
    found["boot"] = [(1, "boot", 5)]
    found["batch"] = [batch(1, 1, 1, 3), (*batch(2, 1, 4, 6)[:5], b"war", batch(2, 1, 4, 6)[6])]
    found["rating"] = [(*rating(1, 7)[:5], 1, *rating(1, 7)[6:]), rating(1, 8)]

    salvaged = _sound(found)

    assert salvaged.rows["batch"] == [batch(1, 1, 1, 3)]
    assert salvaged.rows["rating"] == [rating(1, 8)]
    assert salvaged.void == {KEY: Ranges([(4, 7)])}


def test_what_is_missing_is_what_was_given_and_neither_kept_nor_pruned() -> None:
    assert missing(Ranges([(1, 3), (5, 9)]), [], 0) == Ranges([(4, 4)])
    # Below what was pruned a gap proves nothing, but for what a damaged row says itself.
    assert missing(Ranges([(5, 9)]), [], 4) == Ranges()
    assert missing(Ranges([(5, 9)]), [(2, 3)], 4) == Ranges([(2, 3)])
    assert missing(Ranges([(1, 9)]), [(10, 11)], 0) == Ranges([(10, 11)])
    assert missing(Ranges(), [(1, 2)], 0) == Ranges([(1, 2)])
    # What damage made of a number is no claim.
    assert missing(Ranges([(1, 9)]), [(1 << 40, 1 << 40), (5, 1 << 40), ("x", None), (-3, 2)], 0) == Ranges()


def test_a_claim_next_to_what_is_there_is_believed_and_one_further_off_is_not() -> None:
    near, beyond = 9 + MAX_ROWS, 10 + MAX_ROWS
    assert missing(Ranges([(1, 9)]), [(near, near)], 0) == Ranges([(10, near)])
    assert missing(Ranges([(1, 9)]), [(beyond, beyond)], 0) == Ranges()
    # Where nothing is there, what was pruned is what it lies next to.
    assert missing(Ranges(), [(MAX_ROWS + 4, MAX_ROWS + 4)], 4) == Ranges([(5, MAX_ROWS + 4)])
    assert missing(Ranges([(2, 3)]), [(1, MAX_ROWS)], 0) == Ranges([(1, 1), (4, MAX_ROWS)])
    assert missing(Ranges([(2, 3)]), [(1, MAX_ROWS + 1)], 0) == Ranges([(1, 1)])
    assert missing(Ranges([(4, 4)]), [(0, 2)], 3) == Ranges()


def test_rows_of_a_stream_that_cannot_be_read_are_left_and_nothing_is_claimed_for_them() -> None:
    found: dict[str, list[tuple[object, ...]]] = {table: [] for table in TABLES}
    found["batch"] = [(1, 9, 1, 1, None, b"raw", 0)]
    found["rating"] = [(9, 1, 1, 5, "01", 3, 1, 1_790_000_000_000, 0, None, None, 0)]
    assert _sound(found).void == {}
    assert not _sound(found).rows["batch"]


@pytest.mark.parametrize("place", range(7))
def test_a_batch_is_sound_only_with_every_value_that_its_sum_was_taken_of(place: int) -> None:
    row = batch(1, 1, 2, 3)
    assert batch_is_sound(NAMES, row)
    others = (2, 2, 1, 4, 5, b"war", 0)
    # The id is the store's own, and when it was settled a receipt tells again.
    assert batch_is_sound(NAMES, (*row[:place], others[place], *row[place + 1 :])) is (place in {0, 4})
    assert not batch_is_sound({}, row)


@pytest.mark.parametrize(("place", "typed"), [(2, "2"), (3, "3"), (5, "raw")])
def test_a_value_of_another_type_is_not_sound_whatever_its_sum(place: int, typed: str) -> None:
    row = list(batch(1, 1, 2, 3))
    row[place] = typed
    assert not batch_is_sound({1: KEY}, tuple(row))


@pytest.mark.parametrize("place", range(12))
def test_a_rating_is_sound_only_with_every_value_that_its_sum_was_taken_of(place: int) -> None:
    row = rating(1, 4)
    assert rating_is_sound(NAMES, BOOTS, row)
    others = (2, 5, 3, 1001, "02", 2, 2, 5, 1, 4, 6, 0)
    assert not rating_is_sound(NAMES, BOOTS, (*row[:place], others[place], *row[place + 1 :]))
    assert not rating_is_sound({}, BOOTS, row)
    assert not rating_is_sound(NAMES, {}, row)


def test_what_dates_is_taken_over_where_it_is_sound_and_everything_else_as_it_is() -> None:
    anchor, tie = ("boot", 4, 1_790_000_000_000, 3), ("boot", 5, "gateway", 50, 1)
    found: dict[str, list[Row]] = {table: [] for table in TABLES}
    found["stream"], found["boot"] = [(1, *KEY, 0)], [(1, "boot", 5)]
    found["anchor"] = [(*anchor, sums.of_row(*anchor)), (*anchor, 0)]
    found["tie"] = [(*tie, sums.of_row(*tie)), (*tie, None)]
    found["paper"], found["void"] = [("config", b"raw")], [(*KEY, 4, 5)]

    rows = _sound(found).rows

    assert rows == {**found, "anchor": found["anchor"][:1], "tie": found["tie"][:1]}


def test_below_what_was_pruned_no_gap_is_a_loss() -> None:
    found: dict[str, list[Row]] = {table: [] for table in TABLES}
    other = StreamKey("371721121-a1", "BBBBBBBBBB")
    found["stream"] = [(1, *KEY, 5), (2, *other, "damaged")]
    found["batch"] = [batch(1, 1, 8, 9), batch(2, 2, 3, 4, other)]

    assert _sound(found).void == {KEY: Ranges([(6, 7)]), other: Ranges([(1, 2)])}


RATINGS = [rating(1, seq, f"w{seq}") for seq in range(201, 601)]


def stored(path: Path) -> None:
    """A node's store of 200 batches of one number each, and of 400 ratings."""
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;" + Outbox.schema)
        store.execute("INSERT INTO stream VALUES (1, ?, ?, 0)", KEY)
        store.execute("INSERT INTO paper VALUES (CAST(x'ff41' AS TEXT), x'01')")
        store.execute("INSERT INTO boot VALUES (1, 'boot', 5)")
        store.executemany("INSERT INTO rating VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", RATINGS)
        store.execute("BEGIN")
        rows = [
            (number, 1, number, number, None, raw, sums.of_row(*KEY, number, number, raw))
            for number in range(1, 201)
            for raw in [b"%05d" % number * 60]
        ]
        store.executemany("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        store.execute("COMMIT")


def test_a_file_is_read_as_it_is_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    stored(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as holding:
        holding.execute("UPDATE batch SET settled_at = 5 WHERE id = 7")
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if not file.name.endswith("-shm")}
        found = salvage(path)
    # The UPDATE stood in the log only.
    assert set(before) == {"outbox.db", "outbox.db-wal"}
    assert [row[:5] for row in found.rows["batch"]] == [
        (number, 1, number, number, 5 if number == 7 else None) for number in range(1, 201)
    ]
    assert found.rows["rating"] == RATINGS
    assert found.rows["paper"] == [("\ufffdA", b"\1")]
    assert found.void == {}
    assert not [file.name for file in tmp_path.iterdir() if "mended" in file.name]


@pytest.mark.parametrize(("table", "needle", "number"), [("batch", b"00100" * 60, 100), ("rating", b"w400", 400)])
def test_what_stands_before_and_behind_a_destroyed_page_is_read(
    tmp_path: Path, table: str, needle: bytes, number: int
) -> None:
    path = tmp_path / "outbox.db"
    stored(path)
    content = bytearray(path.read_bytes())
    at = content.rindex(needle) // 4096 * 4096
    content[at : at + 4096] = b"\xa5" * 4096
    path.write_bytes(content)

    found = salvage(path)

    there = [(row[2], row[3]) for row in found.rows["batch"]] + [(row[1], row[1]) for row in found.rows["rating"]]
    [(first, last)] = found.void[KEY]
    assert first <= number <= last < first + 140
    assert Ranges(there) == Ranges([(1, first - 1), (last + 1, 600)])  # type: ignore[arg-type]
    assert len(found.rows[table]) == {"batch": 200, "rating": 400}[table] - (last - first + 1)


def test_a_file_that_cannot_be_read_at_all_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"rubbish" * 2000)
    assert not any(salvage(path).rows.values())
    assert [file.name for file in tmp_path.iterdir()] == ["outbox.db"]
