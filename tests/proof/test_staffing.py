"""Offices and people on duty: each rating is whose its window was in that minute, counted again rating by rating."""

import csv
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from cloud.calendar import Calendar
from cloud.database import open_database
from cloud.ledger import store
from cloud.ledger.cells import ONE
from cloud.ledger.store import Entry
from cloud.registry.load import register
from cloud.tallies import store as tallies
from contract.batch import Batch
from contract.codec import encode
from contract.rating import Quality, Row
from contract.signing import Signer
from proof import staffing
from proof.__main__ import main
from proof.ledger import read
from proof.period import period
from proof.span import bounds_of
from proof.tallies import by_window, differences
from tests.proof import hands

ZONE = ZoneInfo("Asia/Shanghai")
HERE, MERGED = "371721121", "371721122"
A1, B2, C3, MOVED = f"{HERE}-a1", f"{HERE}-b2", f"{MERGED}-c3", f"{HERE}-c3"
W1, W2, W3 = f"{A1}/01", f"{A1}/02", f"{B2}/01"
HALL, BUREAU, OLD_HALL = f"{HERE}:zw", f"{HERE}:gs", f"{MERGED}:zw"
LI, WANG, ZHAO = (f"{HERE}:1024", "李敏"), (f"{HERE}:2048", "王强"), (f"{HERE}:4096", "赵英")
FIRST, DAYS = date(2026, 11, 2), 14
MERGER = "2026-11-09"
SIGNER = Signer(b"1" * 32)
DAY_MS = 86_400_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * 1000


def at(text: str) -> str:
    return f"{text}:00+08:00"


def pressed(node: str, day: date, draw: Random) -> Batch:
    """A day at two windows, around the clock, and on both sides of noon and of midnight."""
    times = {*range(0, DAY_MS, 2_220_000), DAY_MS // 2 - 1, DAY_MS // 2, DAY_MS // 2 + 59_999, DAY_MS - 1}
    rows = [Row(ms_, f"0{draw.randint(1, 2)}", draw.choices((3, 2, 1), (7, 1, 2))[0], 1) for ms_ in sorted(times)]
    number = (day - FIRST).days * len(rows) + 1
    return Batch(1, node, "AAAAAAAAAA", number, ms(day.isoformat()), Quality.SYNCHRONISED, rows)


def duty(person: str, zh: str, window: str, begin: str, end: str | None = None) -> dict[str, str]:
    until = {} if end is None else {"to": at(end)}
    return {"person": person, "zh": zh, "en": zh, "window": window, "from": at(begin), **until}


REGISTRATION = {
    "nodes": [{"node": node, "key": SIGNER.public, "windows": ["01", "02"]} for node in (A1, B2, C3, MOVED)],
    "offices": [
        {
            "code": HALL,
            "zh": "政务大厅",
            "en": "Service hall",
            "windows": [
                {"id": W1},
                {"id": W2, "to": at("2026-11-05T10:30")},
                {"id": f"{MOVED}/01", "from": at(f"{MERGER}T00:00")},
            ],
        },
        # A window moves to it in the middle of a day.
        {"code": BUREAU, "zh": "工商窗口", "en": "Trade", "windows": [{"id": W2, "from": at("2026-11-05T10:30")}]},
        {"code": OLD_HALL, "zh": "旧厅", "en": "Old", "windows": [{"id": f"{C3}/01", "to": at(f"{MERGER}T00:00")}]},
    ],
    "duties": [
        # Two share a day at noon, and nobody is on duty in the evening.
        *(
            duty(*who, W1, f"{day}T{begin}", f"{day}T{end}")
            for day in ("2026-11-03", "2026-11-04")
            for who, begin, end in ((LI, "09:00", "12:00"), (WANG, "12:00", "17:30"))
        ),
        duty(*LI, W3, "2026-11-05T00:00"),
        duty(*ZHAO, W2, "2026-11-05T08:00", "2026-11-08T12:00"),
        # Taken back.
        duty(*WANG, W1, "2026-11-06T09:00", "2026-11-06T09:00"),
    ],
}


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    """Four nodes of two windows for two weeks; the one in the merged township is used beyond the merger."""
    file = tmp_path / "manyi.db"
    draw = Random(7)
    made = [pressed(node, FIRST + timedelta(days=day), draw) for node in (A1, B2, C3, MOVED) for day in range(DAYS)]
    async with await open_database(str(file)) as database:
        await register(database.writer, json.dumps(REGISTRATION), 1)
        cells: dict[tuple[str, int], int] = {}
        for one in made:
            for row in one.rows:
                cell = (f"{one.node}/{row.window}", (one.t0 + row.ms) // 60_000)
                cells[cell] = cells.get(cell, 0) + ONE[row.level]
        async with database.writer.begin() as connection:
            entries = [
                Entry("batch", one.node, one.epoch, one.first, one.last, one.t0, "live", SIGNER.entry(encode(one)))
                for one in made
            ]
            await store.append(connection, entries)
            await tallies.add(connection, cells, Calendar(ZONE.key))
            # Another channel is another estimate.
            by_phone = {(f"{A1}.phone/{W1.partition('/')[2]}", ms("2026-11-03T10:00") // 60_000): 5 * ONE[1]}
            await tallies.add(connection, by_phone, Calendar(ZONE.key))
    return file


def rated(file: Path) -> sqlite3.Connection:
    """The ledger's registry, and beside it each single rating."""
    found = sqlite3.connect(file)
    found.execute("CREATE TEMP TABLE rating (own, at, level)")
    found.executemany("INSERT INTO rating VALUES (?, ?, ?)", [(one.window, one.at, one.level) for one in read(file)])
    return found


def by_sql(ledger: sqlite3.Connection, begin: int, behind: int) -> dict[str, list[int]]:
    """By code, what offices and people were given from `begin` to before `behind`."""
    return {
        code: counts
        for table, whose in (("office_window", "office"), ("duty", "person"))
        for code, *counts in ledger.execute(
            f"SELECT {whose}, sum(level = 3), sum(level = 2), sum(level = 1) FROM rating JOIN {table} "  # noqa: S608
            'ON "window" = own AND at >= valid_from AND at < coalesce(valid_to, at + 1) '
            f"WHERE at >= ? AND at < ? GROUP BY {whose}",
            (begin, behind),
        )
    }


def told(file: Path, capsys: pytest.CaptureFixture[str], name: str, *more: object) -> list[dict[str, Any]]:
    assert main(["score", "--database", str(file), "--period", name, "--json", *map(str, more)]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["units"]
    return found


async def test_the_ledger_of_these_tests_is_sound(ledger: Path) -> None:
    assert [line for line in differences(ledger, ZONE) if "phone" not in line and "tally_estimated" not in line] == []


@pytest.mark.parametrize("name", ["2026Q4", "2026-11", "2026W45", "2026-11-03", "2026-11-05", "2026-11-08"])
async def test_each_rating_is_whose_its_window_was_in_that_minute(
    ledger: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    lines = {unit["code"]: unit for unit in told(ledger, capsys, name) if unit["kind"] in {"office", "person"}}
    span = period(name)
    behind = span.last + timedelta(days=1)
    with closing(rated(ledger)) as own:
        sums = by_sql(own, ms(span.first.isoformat()), ms(behind.isoformat()))

    assert {code: unit["counts"] for code, unit in lines.items() if sum(unit["counts"])} == sums
    for code, unit in lines.items():
        assert abs(Decimal(unit["k"]) - hands.k(*sums.get(code, (0, 0, 0)))) <= Decimal("0.0001")
    # Whoever had no window in the period is not there, and neither is who was put down by mistake.
    if name == "2026-11-08":
        assert list(lines) == [BUREAU, HALL, OLD_HALL, LI[0], ZHAO[0]]
    if name == "2026-11-03":
        assert list(lines) == [HALL, OLD_HALL, LI[0], WANG[0]]
        assert sum(lines[LI[0]]["counts"]) + sum(lines[WANG[0]]["counts"]) < sum(lines[HALL]["counts"])


@pytest.mark.parametrize("gap", [0, 40])
async def test_any_times_at_all(ledger: Path, monkeypatch: pytest.MonkeyPatch, gap: int) -> None:
    """Two hundred windows' histories drawn at random, most of them with minutes at both ends, counted by both ways."""
    monkeypatch.setattr(staffing, "_GAP", gap)
    draw = Random(1)
    begin, minutes = ms("2026-10-30"), 20 * 1440
    with closing(rated(ledger)) as own:
        for _ in range(200):
            own.execute("DELETE FROM duty")
            for window in (W1, W2, W3, f"{C3}/01"):
                moments = sorted(draw.sample(range(minutes), draw.choice((2, 4, 6))))
                # Every other is at midnight, where days begin and end.
                ends = sorted({one - one % 1440 if draw.random() < 0.5 else one for one in moments})
                for since, until in zip(ends[::2], [*ends[1::2], None], strict=False):
                    who = draw.choice((LI, WANG, ZHAO))[0]
                    row = (window, begin + since * 60_000, None if until is None else begin + until * 60_000, who)
                    own.execute("INSERT INTO duty VALUES (?, ?, ?, ?)", row)
            span = period(draw.choice(("2026Q4", "2026W45", "2026-11-04", "2026W46")))
            bounds = bounds_of(span, ZONE)
            windows = by_window(own, span.first, span.last)
            found = {unit.code: list(n) for unit, n, _ in staffing.staffed(own, bounds, windows)}
            assert {code: n for code, n in found.items() if any(n)} == by_sql(own, bounds.begin, bounds.behind)


def existed(lines: Sequence[dict[str, Any]], code: str) -> Any:  # noqa: ANN401  (JSON)
    return next(unit["existed"] for unit in lines if unit["code"] == code)


async def test_an_office_of_a_merged_township_ends_with_it(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(ledger, capsys, "2026-11")
    assert existed(lines, OLD_HALL) == [[None, "2026-11-08"]]
    assert existed(lines, HALL) == []
    assert existed(lines, BUREAU) == [["2026-11-05", None]]
    assert existed(lines, WANG[0]) == [["2026-11-03", "2026-11-04"]]
    after = told(ledger, capsys, "2026W46")
    assert OLD_HALL not in {unit["code"] for unit in after}
    # The node that nobody renamed is rated all the same: for its old township, and for nobody's hall.
    with closing(rated(ledger)) as own:
        (still,) = own.execute(
            "SELECT count(*) FROM rating WHERE own = ? AND at >= ?", (f"{C3}/01", ms(MERGER))
        ).fetchone()
    assert still > 0
    assert sum(next(unit["counts"] for unit in after if unit["code"] == f"{C3}/01")) == still


async def test_offices_and_people_have_a_sheet_each_and_an_assessment(ledger: Path) -> None:
    given, out = ledger.with_name("a.csv"), ledger.with_name("r.xlsx")
    given.write_text(f"{HALL},90\n{LI[0]},80.5\n{HERE},88\n", encoding="utf-8")
    words = ["score", "--database", str(ledger), "--period", "2026-11", "--assessment", str(given), "--policy", "plain"]
    assert main([*words, "--out", str(out)]) == 0

    book = load_workbook(out)
    assert book.sheetnames == ["县区与乡镇", "窗口", "办事机构", "工作人员"]
    with closing(rated(ledger)) as own:
        sums = by_sql(own, ms("2026-11-01"), ms("2026-12-01"))
    for sheet, kind, code, name, score in (
        ("办事机构", "办事机构", HALL, "政务大厅", "90"),
        ("工作人员", "工作人员", *LI, "80.5"),
    ):
        rows = [[*row] for row in book[sheet].iter_rows(min_row=4, values_only=True)]
        row = dict(zip(rows[0], next(one for one in rows if one[1] == code), strict=True))
        k = hands.mean(sums[code])
        rounded = (Decimal(k.numerator) / k.denominator).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        assert [row["级别"], row["名称"], row["评价数"]] == [kind, name, sum(sums[code])]
        corrected = (Decimal(score) * rounded).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert Decimal(str(row["修正后得分"])) == corrected
        assert str(row["说明"]).endswith(f"K = {rounded}。")
    codes = {row[1] for name in ("县区与乡镇", "窗口") for row in book[name].iter_rows(min_row=5, values_only=True)}
    assert not any(":" in str(code) for code in codes)


async def test_people_are_drawn_toward_people_and_offices_toward_offices(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [unit for unit in told(ledger, capsys, "2026-11") if unit["code"][:9] == HERE]
    for kind in ("office", "person", "window"):
        siblings = [unit["counts"] for unit in lines if unit["kind"] == kind]
        assert len(siblings) > 1
        for unit in lines:
            if unit["kind"] == kind:
                assert unit["shrunk"] == pytest.approx(hands.shrunk(unit["counts"], siblings))


async def test_a_table_in_english_and_a_summary(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ledger.with_name("r.csv")
    assert main(["score", "--database", str(ledger), "--period", "2026-11", "--language", "en", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "offices: 3, 3 with ratings" in said
    assert "people: 3, 3 with ratings" in said
    rows = {row["Code"]: row for row in csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines())}
    assert [rows[code]["Level"] for code in (HALL, LI[0])] == ["office", "person"]
    assert rows[OLD_HALL]["Existed"] == "until 2026-11-08"


def test_windows_near_one_another_are_read_together() -> None:
    order = [f"{HERE}-a{number:03d}/01" for number in range(200)]
    asked = [order[at] for at in (150, 0, 5, 44, 84, 199)]
    assert staffing._runs(asked, order) == [
        (order[0], order[44]),
        (order[84], order[84]),
        (order[150], order[150]),
        (order[199], order[199]),
    ]
    # One that nobody rated in the period has a place all the same.
    assert staffing._runs([f"{HERE}-a003/02"], order) == [(f"{HERE}-a003/02",) * 2]
