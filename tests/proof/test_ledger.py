"""An outsider reads a ledger file: each number once, held rows marked, gaps seen."""

import sqlite3
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from contract.batch import Batch, StreamKey
from contract.codec import encode
from contract.errors import StoreDamaged
from contract.hello import Hello, Stream
from contract.ranges import Ranges
from contract.rating import Quality, Row
from proof import ledger, tallies

NODE = "371721121-a1"
EPOCH = "AAAAAAAAAA"
# 23:59:30 on 21 November 2026 in Heze.
NOW = 1_795_276_770_000
ZONE = ZoneInfo("Asia/Shanghai")

SCHEMA = """
CREATE TABLE ledger_entry (position INTEGER PRIMARY KEY, kind TEXT, raw BLOB);
CREATE TABLE uncounted (position INTEGER, row INTEGER, admitted INTEGER);
CREATE TABLE tally_minute (minute INTEGER, "window" TEXT, channel TEXT, satisfied, basic, dissatisfied);
CREATE TABLE tally_estimated (minute INTEGER, "window" TEXT, channel TEXT, ratings INTEGER);
CREATE TABLE tally_upheld (minute INTEGER, "window" TEXT, channel TEXT, satisfied, basic, dissatisfied);
CREATE TABLE tally_city (minute INTEGER, channel TEXT, satisfied, basic, dissatisfied);
CREATE TABLE tally_township (hour INTEGER, township TEXT, channel TEXT, satisfied, basic, dissatisfied);
CREATE TABLE tally_day (day TEXT, "window" TEXT, channel TEXT, satisfied, basic, dissatisfied);
"""


def raw(first: int, *rows: tuple[int, str, int]) -> bytes:
    content = [Row(ms, window, level, 1) for ms, window, level in rows]
    return encode(Batch(1, NODE, EPOCH, first, NOW, Quality.CORRECTED, content)) + b"\nsignature"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Numbers 1 to 4; 2 is given twice, 3 is held, 4 was held and admitted; midnight passes between 1 and the rest."""
    file = tmp_path / "city.db"
    with closing(sqlite3.connect(file)) as city:
        city.executescript(SCHEMA)
        city.executemany(
            "INSERT INTO ledger_entry VALUES (?, ?, ?)",
            [
                (1, "batch", raw(1, (0, "01", 3), (30_000, "01", 1))),
                (2, "batch", raw(2, (30_000, "01", 3), (40_000, "09", 2), (50_000, "02", 2))),
                (3, "admit", b'{"admit":[[2,2]]}'),
            ],
        )
        city.executemany("INSERT INTO uncounted VALUES (?, ?, ?)", [(2, 0, None), (2, 1, None), (2, 2, 3)])
        for table, times in (("tally_minute", (29_921_279, 29_921_280)), ("tally_day", ("2026-11-21", "2026-11-22"))):
            city.executemany(
                f"INSERT INTO {table} VALUES (?, ?, 'button', ?, ?, ?)",  # noqa: S608  (names from this file)
                [
                    (times[0], f"{NODE}/01", 1, 0, 0),
                    (times[1], f"{NODE}/01", 0, 0, 1),
                    (times[1], f"{NODE}/02", 0, 1, 0),
                ],
            )
        city.execute(
            "INSERT INTO tally_city SELECT minute, channel, sum(satisfied), sum(basic), sum(dissatisfied) "
            "FROM tally_minute GROUP BY minute"
        )
        city.execute(
            "INSERT INTO tally_township SELECT minute - minute % 60, '371721121', channel, sum(satisfied), sum(basic), "
            "sum(dissatisfied) FROM tally_minute GROUP BY minute / 60"
        )
        city.commit()
    return file


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as city:
        city.execute(sql)
        city.commit()


def test_each_number_is_read_once_as_the_first_entry_says(path: Path) -> None:
    assert [(r.seq, r.window, r.level, r.at - NOW, r.position, r.counted) for r in ledger.read(path)] == [
        (1, f"{NODE}/01", 3, 0, 1, True),
        (2, f"{NODE}/01", 1, 30_000, 1, True),
        (3, f"{NODE}/09", 2, 40_000, 2, False),
        (4, f"{NODE}/02", 2, 50_000, 2, True),
    ]
    assert {(r.node, r.epoch, r.q) for r in ledger.read(path)} == {(NODE, EPOCH, 1)}


def test_a_missing_position_is_seen(path: Path) -> None:
    assert ledger.gapless(path)
    change(path, "DELETE FROM ledger_entry WHERE position = 2")
    assert not ledger.gapless(path)


def test_reading_changes_nothing_and_makes_no_file(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    list(ledger.read(path))
    assert path.read_bytes() == before
    with pytest.raises(sqlite3.OperationalError):
        list(ledger.read(tmp_path / "nothing.db"))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("CAST('x' || raw AS BLOB)", "batch: JSON is malformed"),
        ("CAST(raw AS TEXT)", "str in place of bytes"),
        ("x''", ""),
    ],
)
def test_an_entry_that_cannot_be_read_is_named(path: Path, damage: str, told: str) -> None:
    change(path, f"UPDATE ledger_entry SET raw = {damage} WHERE position = 2")  # noqa: S608  (texts from this file)

    for reading in (lambda: list(ledger.read(path)), lambda: tallies.differences(path, ZONE)):
        with pytest.raises(StoreDamaged, match=f"ledger position 2 cannot be read: .*{told}"):
            reading()


def test_tallies_that_follow_from_the_ledger_have_no_differences(path: Path) -> None:
    assert tallies.differences(path, ZONE) == []


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "UPDATE tally_minute SET satisfied = 2 WHERE satisfied = 1",
            "01 button: kept are 2, 0, 0, and the ledger gives 1, 0, 0",
        ),
        (
            "UPDATE tally_city SET basic = 4 WHERE basic = 1",
            "tally_city 29921280 button: kept are 0, 4, 1, and the ledger gives 0, 1, 1",
        ),
        (
            "UPDATE tally_day SET day = '2026-11-20' WHERE day = '2026-11-21'",
            "tally_day 2026-11-21 371721121-a1/01 button: kept are none, and",
        ),
        (
            "UPDATE tally_township SET hour = hour - 60 WHERE basic = 1",
            "tally_township 29921280 371721121 button: kept are none, and the ledger gives 0, 1",
        ),
        ("DELETE FROM tally_day WHERE basic = 1", "kept are none, and the ledger gives 0, 1, 0"),
        (
            "INSERT INTO tally_minute VALUES (1, 'x/1', 'button', 1, 0, 0)",
            "tally_minute 1 x/1 button: kept are 1, 0, 0, and the ledger gives none",
        ),
        (
            "INSERT INTO tally_estimated VALUES (1, 'x/1', 'button', 1)",
            "tally_estimated 1 x/1 button: kept are 1, 0, 0, and the ledger gives none",
        ),
        (
            "DELETE FROM uncounted WHERE row = 1",
            "2026-11-22 371721121-a1/09 button: kept are none, and the ledger gives 0, 1, 0",
        ),
    ],
)
def test_a_tally_that_does_not_follow_from_the_ledger_is_named(path: Path, sql: str, told: str) -> None:
    change(path, sql)

    assert any(told in line for line in tallies.differences(path, ZONE))


def test_an_estimate_carries_its_bounds_and_is_counted_apart(path: Path) -> None:
    rows = [Row(0, "01", 3, 1), Row(5_000, "01", 3, 1)]
    batch = Batch(1, NODE, "BBBBBBBBBB", 1, NOW, Quality.ESTIMATED, rows, bounds=(NOW - 100, NOW + 300))
    with closing(sqlite3.connect(path)) as city:
        city.execute("INSERT INTO ledger_entry VALUES (4, 'batch', ?)", (encode(batch) + b"\nsignature",))
        city.execute("UPDATE tally_minute SET satisfied = 3 WHERE satisfied = 1")
        city.execute("UPDATE tally_day SET satisfied = 3 WHERE satisfied = 1")
        city.execute("UPDATE tally_city SET satisfied = 3 WHERE satisfied = 1")
        city.execute("UPDATE tally_township SET satisfied = 3 WHERE satisfied = 1")
        city.execute("INSERT INTO tally_estimated VALUES (29921279, ?, 'button', 2)", (f"{NODE}/01",))
        city.commit()

    found = [(one.seq, one.at - NOW, one.bounds) for one in ledger.read(path) if one.bounds is not None]
    assert found == [(1, 0, (NOW - 100, NOW + 300)), (2, 5_000, (NOW + 4_900, NOW + 5_300))]
    assert tallies.differences(path, ZONE) == []
    change(path, "UPDATE tally_estimated SET ratings = 1")
    assert tallies.differences(path, ZONE) == [
        f"tally_estimated 29921279 {NODE}/01 button: kept are 1, 0, 0, and the ledger gives 2, 0, 0"
    ]


def test_a_declared_loss_is_what_its_node_signed_for_and_nobody_has(path: Path) -> None:
    other = "371721121-b2"

    def hello(node: str, *streams: Stream) -> bytes:
        return encode(Hello(1, node, EPOCH, 9, "n", 0, "boot", 5, 5, list(streams))) + b"\nsignature"

    with closing(sqlite3.connect(path)) as city:
        city.execute("CREATE TABLE hello (node TEXT, epoch TEXT, raw BLOB)")
        for column in ("node TEXT", "epoch TEXT", "first INTEGER", "last INTEGER"):
            city.execute(f"ALTER TABLE ledger_entry ADD COLUMN {column}")
        city.execute("UPDATE ledger_entry SET node = ?, epoch = ?, first = 3, last = 4", (NODE, EPOCH))
        city.executemany(
            "INSERT INTO hello VALUES (?, ?, ?)",
            [
                (NODE, EPOCH, hello(NODE, Stream(NODE, EPOCH, [(1, 1)], [(4, 6)]))),
                # Another process of the same node found more damage; nobody signs for somebody else.
                (NODE, "BBBBBBBBBB", hello(NODE, Stream(NODE, EPOCH, [], [(8, 8)]), Stream(NODE, "CCCCCCCCCC", []))),
                (other, EPOCH, hello(other, Stream(NODE, EPOCH, [], [(9, 9)]))),
            ],
        )
        city.commit()
    assert ledger.void(path) == {StreamKey(NODE, EPOCH): Ranges([(5, 6), (8, 8)])}
