"""Mergers, moves and new names: each rating counts where it was given, and the report says when there was whom."""

import csv
import json
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cloud.database import open_database
from proof.__main__ import main

KEPT, MERGED, FOUNDED = "371721001", "371721002", "371721003"
# The merged township's last day is the 14th of November.
DAY = {"2026-10-01": (4, 0, 1), "2026-11-14": (3, 1, 0), "2026-11-15": (5, 0, 0), "2027-01-02": (2, 0, 2)}


def ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * 1000


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    """A county of which one township is merged into another, which is renamed on that day; a third one is founded."""
    file = tmp_path / "manyi.db"
    async with await open_database(str(file)):
        pass
    merger = ms("2026-11-15")
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("INSERT INTO county VALUES ('371721', '曹县', 'Cao County', 'x', 'x', 0, NULL)")
        townships = [
            (KEPT, "旧名", "Old", 0, merger),
            (KEPT, "新名", "New", merger, None),
            (MERGED, "并入", "Merged", 0, merger),
            (FOUNDED, "新设", "Founded", merger, None),
        ]
        database.executemany("INSERT INTO township VALUES (?, '371721', ?, ?, 'x', 'x', ?, ?)", townships)
        windows = [
            (f"{KEPT}-a1/01", 0, None),
            (f"{MERGED}-a1/01", 0, merger),
            # It moved, so it has a new name where it is now.
            (f"{KEPT}-b7/01", merger, None),
            # Closed while the hall was rebuilt.
            (f"{KEPT}-a1/02", 0, ms("2026-10-10")),
            (f"{KEPT}-a1/02", ms("2026-12-01"), None),
        ]
        database.executemany("INSERT INTO window VALUES (?, ?, ?)", windows)
        database.executemany(
            "INSERT INTO tally_day VALUES (?, ?, 'button', ?, ?, ?)",
            [
                *((day, f"{KEPT}-a1/01", *n) for day, n in DAY.items()),
                ("2026-10-01", f"{MERGED}-a1/01", 0, 2, 9),
                ("2026-11-14", f"{MERGED}-a1/01", 1, 0, 6),
                ("2026-11-15", f"{KEPT}-b7/01", 7, 0, 0),
            ],
        )
    return file


def units(ledger: Path, capsys: pytest.CaptureFixture[str], period: str) -> dict[str, dict[str, Any]]:
    assert main(["score", "--database", str(ledger), "--period", period, "--json"]) == 0
    return {unit["code"]: unit for unit in json.loads(capsys.readouterr().out)["units"]}


def table(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))


async def test_a_merger_within_a_period(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = units(ledger, capsys, "2026Q4")
    assert found[KEPT]["counts"] == [4 + 3 + 5 + 7, 1, 1]
    assert found[MERGED]["counts"] == [1, 2, 15]
    assert found["371721"]["counts"] == [20, 3, 16]
    assert {code: unit["existed"] for code, unit in found.items() if unit["existed"]} == {
        MERGED: [[None, "2026-11-14"]],
        FOUNDED: [["2026-11-15", None]],
        f"{MERGED}-a1/01": [[None, "2026-11-14"]],
        f"{KEPT}-b7/01": [["2026-11-15", None]],
        f"{KEPT}-a1/02": [[None, "2026-10-09"], ["2026-12-01", None]],
    }


async def test_before_and_after_it(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = units(ledger, capsys, "2026-10"), units(ledger, capsys, "2027Q1")
    assert set(before) == {"city", "371721", KEPT, MERGED, f"{KEPT}-a1/01", f"{KEPT}-a1/02", f"{MERGED}-a1/01"}
    assert set(after) == {"city", "371721", KEPT, FOUNDED, f"{KEPT}-a1/01", f"{KEPT}-a1/02", f"{KEPT}-b7/01"}
    assert not any(unit["existed"] for unit in after.values())
    # The day of the merger is the first without the one and the last with the other.
    assert MERGED in units(ledger, capsys, "2026-11-14")
    assert MERGED not in units(ledger, capsys, "2026-11-15")


async def test_who_is_rated_after_the_end_keeps_its_ratings_and_its_name(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A node that nobody renamed after the merger."""
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("INSERT INTO tally_day VALUES ('2027-01-05', ?, 'button', 1, 0, 4)", (f"{MERGED}-a1/01",))
    late = units(ledger, capsys, "2027Q1")[MERGED]
    assert (late["counts"], late["existed"]) == ([1, 0, 4], [[None, "2026-11-14"]])
    out = ledger.with_name("r.csv")
    assert main(["score", "--database", str(ledger), "--period", "2027Q1", "--out", str(out)]) == 0
    row = next(row for row in table(out) if row["代码"] == MERGED)
    assert (row["名称"], row["存续期间"]) == ("并入", "至 2026-11-14")


@pytest.mark.parametrize(
    ("language", "code", "existed", "said"),
    [
        ("zh", "代码", "存续期间", ["", "至 2026-11-14", "2026-11-15 起", "至 2026-10-09，2026-12-01 起"]),
        ("en", "Code", "Existed", ["", "until 2026-11-14", "from 2026-11-15", "until 2026-10-09, from 2026-12-01"]),
    ],
)
async def test_the_days_stand_in_the_report_where_there_are_any(
    ledger: Path, language: str, code: str, existed: str, said: list[str]
) -> None:
    out = ledger.with_name("r.csv")

    def report(period: str) -> list[dict[str, str]]:
        words = ["--database", str(ledger), "--period", period, "--out", str(out), "--language", language]
        assert main(["score", *words]) == 0
        return table(out)

    rows = {row[code]: row for row in report("2026Q4")}
    assert [rows[one][existed] for one in (KEPT, MERGED, FOUNDED, f"{KEPT}-a1/02")] == said
    assert rows[KEPT]["名称" if language == "zh" else "Name"] == ("新名" if language == "zh" else "New")
    assert existed not in report("2027Q1")[0]


async def test_a_window_open_for_some_days_in_the_middle(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(ledger)) as database, database:
        days = (ms("2026-10-20"), ms("2026-10-23"))
        database.execute("INSERT INTO window VALUES (?, ?, ?)", (f"{KEPT}-c1/01", *days))
    assert units(ledger, capsys, "2026Q4")[f"{KEPT}-c1/01"]["existed"] == [["2026-10-20", "2026-10-22"]]
