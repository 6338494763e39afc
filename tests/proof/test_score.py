"""`manyi score` on a real ledger: the sums are done again by SQL and by hand, and what cannot be used says so."""

import csv
import hashlib
import json
import sqlite3
from contextlib import closing
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from cloud.database import open_database
from proof import spreadsheet
from proof.__main__ import main
from proof.sheet import Column, Sheet
from tests.proof import hands

NORTH, SOUTH, QUIET = "371721001", "371721002", "371722001"
DAYS = ["2026-09-30", "2026-10-01", "2026-11-15", "2026-12-31", "2027-01-01"]
WINDOWS = {
    f"{NORTH}-a1/01": (40, 3, 9),
    f"{NORTH}-a1/02": (55, 2, 20),
    f"{SOUTH}-a1/01": (300, 5, 1),
    f"{SOUTH}-a2/01": (1, 0, 0),
}


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    """A city with three townships in two counties; each day of `DAYS` every window had the same ratings."""
    file = tmp_path / "manyi.db"
    async with await open_database(str(file)):
        pass
    with closing(sqlite3.connect(file)) as database, database:
        for code, zh, en in (("371721", "曹县", "Cao County"), ("371722", "单县", "Shan County")):
            database.execute("INSERT INTO county VALUES (?, ?, ?, ?, ?, 0, NULL)", (code, zh, en, zh, en))
        for code, zh in ((NORTH, "曹城"), (SOUTH, "磐石"), (QUIET, "北城")):
            database.execute(
                "INSERT INTO township VALUES (?, ?, ?, ?, ?, ?, 0, NULL)", (code, code[:6], *[zh, code] * 2)
            )
        # Merged away before the quarter began, and founded after it: neither is in its report.
        for code, begin, end in (("371722008", 0, 1_780_000_000_000), ("371722009", 1_800_000_000_000, None)):
            database.execute("INSERT INTO township VALUES (?, '371722', 'x', 'x', 'x', 'x', ?, ?)", (code, begin, end))
        database.executemany("INSERT INTO window VALUES (?, 0, NULL)", [(code,) for code in WINDOWS])
        database.execute("INSERT INTO ledger_head (id, position) VALUES (1, 41)")
        database.executemany(
            "INSERT INTO tally_day VALUES (?, ?, 'button', ?, ?, ?)",
            [(day, code, *counts) for day in DAYS for code, counts in WINDOWS.items()],
        )
        # Another channel is another estimate, and not added.
        database.execute("INSERT INTO tally_day VALUES ('2026-11-15', ?, 'phone', 0, 0, 900)", (f"{SOUTH}-a1/01",))
    return file


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def score(*words: object) -> int:
    return main(["score", *map(str, words)])


def told(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert score(*words, "--json") == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def by_sql(database: sqlite3.Connection, code: str) -> tuple[int, int, int]:
    """The quarter's ratings of the unit with this code."""
    good, basic, bad = database.execute(
        "SELECT total(satisfied), total(basic), total(dissatisfied) FROM tally_day WHERE channel = 'button' "
        "AND day >= '2026-10-01' AND day < '2027-01-01' AND (?1 = 'city' OR window LIKE ?1 || '%')",
        (code,),
    ).fetchone()
    return int(good), int(basic), int(bad)


async def test_every_unit_as_sql_and_a_hand_have_it(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = told(capsys, "--database", ledger, "--period", "2026Q4")
    lines = {line["code"]: line for line in report.pop("units")}
    assert report == {
        "period": "2026Q4",
        "first": "2026-10-01",
        "last": "2026-12-31",
        "policy": "guarded",
        "policy_version": 1,
        "position": 41,
        "provisional": True,
    }
    assert list(lines) == ["city", "371721", "371722", NORTH, SOUTH, QUIET, *WINDOWS]
    with closing(sqlite3.connect(ledger)) as database:
        for code, line in lines.items():
            counts = by_sql(database, code)
            assert line["counts"] == list(counts)
            assert abs(Decimal(line["k"]) - hands.k(*counts)) <= Decimal("0.0001")
    assert (lines[QUIET]["k"], lines[QUIET]["ground"]) == ("1.0000", "silent")
    assert (lines[NORTH]["ground"], lines[SOUTH]["ground"]) == ("penalty", "reward")
    assert lines[f"{SOUTH}-a2/01"]["ground"] == "unproven"


@pytest.mark.parametrize("people", [{}, {"city": 5000, NORTH: 390, QUIET: 7, f"{SOUTH}-a2/01": 3}])
async def test_what_is_shown_beside_as_sql_and_a_hand_have_it(
    ledger: Path, capsys: pytest.CaptureFixture[str], people: dict[str, int]
) -> None:
    file = ledger.with_name("served.csv")
    file.write_text("".join(f"{code},{number}\n" for code, number in people.items()), encoding="utf-8")
    words = ("--served", file) if people else ()
    lines = {unit["code"]: unit for unit in told(capsys, "--database", ledger, "--period", "2026Q4", *words)["units"]}
    with closing(sqlite3.connect(ledger)) as database:
        sums = {code: by_sql(database, code) for code in lines}

    assert {code for code, line in lines.items() if line["participation"]} == set(people)
    for code, line in lines.items():
        n = sums[code]
        assert line["satisfied"] == pytest.approx(hands.wilson(n[0], sum(n)), abs=1e-9)
        assert line["dissatisfied"] == pytest.approx(hands.wilson(n[2], sum(n)), abs=1e-9)
        if code in people:
            assert line["participation"] == pytest.approx(hands.participation(n, people[code]))
        if code == "city":
            assert (line["shrunk"], line["funnel"]) == (None, [])
            continue
        # Of the same length and below the same: all windows here have names of the same length.
        above = {6: 0, 9: 6}.get(len(code), 9)
        siblings = [sums[one] for one in lines if len(one) == len(code) and one[:above] == code[:above]]
        if any(map(any, siblings)):
            assert line["shrunk"] == pytest.approx(hands.shrunk(n, siblings))
        else:
            assert line["shrunk"] is None
        assert [(one["level"], one["place"], one["limits"]) for one in line["funnel"]] == [
            (level, place, limits and pytest.approx(limits))
            for level in (0.95, 0.998)
            if any(n)
            for place, limits in [hands.standing(n, sums["city"], level)]
        ]
    assert {line["funnel"][1]["place"] for line in lines.values() if line["funnel"]} == {
        "below",
        "within",
        "above",
        "few",
    }


async def test_the_table_has_what_is_shown_beside_last_and_k_as_without(ledger: Path) -> None:
    served, without, out = (ledger.with_name(name) for name in ("s.xlsx", "r0.csv", "r1.csv"))
    spreadsheet.write(served, [Sheet("s", [], [Column("单位"), Column("人次")], [["371721", 8000.0], [NORTH, 387]])])
    common = ("--database", ledger, "--period", "2026Q4")
    assert score(*common, "--out", without) == 0
    assert score(*common, "--out", out, "--served", served) == 0
    before, after = ([*csv.DictReader(file.read_text("utf-8-sig").splitlines())] for file in (without, out))

    names = list(after[0])
    assert names[names.index("修正后得分") :] == [
        "修正后得分", "与全市相比", "收缩得分 %", "评价率 %", "全体至少 %", "全体至多 %", "说明",
    ]  # fmt: skip
    assert [{name: row[name] for name in before[0]} for row in after] == before
    rows = {row["代码"]: row for row in after}
    assert [rows[code]["与全市相比"] for code in ("city", NORTH, SOUTH, QUIET)] == ["", "低于界限", "高于界限", ""]
    assert rows[f"{SOUTH}-a2/01"]["与全市相比"] == "评价太少"
    # 285 + 0.6 x 15 are 294 of 387, who all rated; 1188 + 0.6 x 30 are 1206, and 6692 of 8000 were silent.
    assert [rows[NORTH][name] for name in names[-4:-1]] == ["100.0", "75.9", "76.0"]
    assert [rows["371721"][name] for name in names[-4:-1]] == ["16.4", "15.0", "98.8"]
    assert [rows["city"][name] for name in names[-4:-1]] == [""] * 3


@pytest.mark.parametrize(
    ("name", "days"), [("2026-11-15", 1), ("2026-11", 1), ("2026H2", 4), ("2026", 4), ("2026W47", 0), ("2027", 1)]
)
async def test_other_periods(ledger: Path, capsys: pytest.CaptureFixture[str], name: str, days: int) -> None:
    city = told(capsys, "--database", ledger, "--period", name)["units"][0]
    assert city["counts"] == [396 * days, 10 * days, 30 * days]


async def test_assessments_in_and_a_report_out(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, out = ledger.parent / "a.csv", ledger.parent / "r.xlsx"
    given.write_text(f"单位,考核分\n371721,90.25\n{NORTH},88\n{QUIET},91\n", encoding="gb18030")
    assert score("--database", ledger, "--period", "2026Q4", "--assessment", given, "--out", out) == 0
    said = capsys.readouterr().out
    assert "townships: 3, 2 with ratings; K below 1 for 1, above 1 for 1" in said
    assert f"written to {out}" in said

    book = load_workbook(out)
    assert book.sheetnames == ["县区与乡镇", "窗口"]
    rows = {row[1]: row for row in book["县区与乡镇"].iter_rows(min_row=5, values_only=True)}
    assert list(rows) == ["city", "371721", "371722", NORTH, SOUTH, QUIET]
    k, assessment, corrected = (Decimal(str(cell)) for cell in rows[NORTH][12:15])
    assert assessment == 88
    assert corrected == (88 * k).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert str(rows[NORTH][-1]).endswith(f"K = {k:.4f}。")
    assert rows[QUIET][12:15] == (1, 91, 91)
    assert [row[1] for row in book["窗口"].iter_rows(min_row=5, values_only=True)] == list(WINDOWS)


async def test_a_report_in_english_and_as_csv(ledger: Path) -> None:
    out = ledger.parent / "r.csv"
    assert score("--database", ledger, "--period", "2026Q4", "--out", out, "--language", "en", "--policy", "plain") == 0
    lines = out.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("Level,Code,Name,Ratings")
    assert len(lines) == 1 + 6 + len(WINDOWS)
    assert "By this policy the mean itself is the factor" in lines[1]


async def test_a_policy_of_ones_own(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = ledger.parent / "own.toml"
    file.write_text('name = "own"\nversion = 4\nweights = [1, 0.5, 0]\n', encoding="utf-8")
    report = told(capsys, "--database", ledger, "--period", "2026Q4", "--policy", file)
    assert (report["policy"], report["policy_version"]) == ("own", 4)
    assert report["units"][0]["k"] == str(Decimal(401 / 436).quantize(Decimal("0.0001")))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--period", "2026Q5"], "--period: period '2026Q5': expected a year"),
        (["--zone", "Mars"], "zone 'Mars': expected an IANA name"),
        (["--policy", "nowhere.toml"], "policy nowhere.toml: No such file or directory; shipped are guarded and plain"),
        (["--policy", "{folder}/mild.toml"], "mild.toml: its policy calls itself plain 1, and has other figures than"),
        (["--policy", "{folder}/bad.toml"], "bad.toml: Object missing required field"),
        (["--assessment", "{folder}/none.csv"], "none.csv cannot be read"),
        (["--assessment", "{folder}/bad.csv"], "bad.csv: no unit of 2026Q4 has a code such as 371799 (row 2)"),
        (["--assessment", "{folder}/bad.csv", "--out", "{folder}/bad.csv"], "take the place of the assessments"),
        (["--served", "{folder}/bad.csv"], "bad.csv: no unit of 2026Q4 has a code such as 371799 (row 2)"),
        (["--served", "{folder}/bad.csv", "--out", "{folder}/bad.csv"], "take the place of the numbers served"),
        (["--served", "{folder}/half.csv"], "half.csv: row 2: number '80.5' of '371721': expected a whole number"),
        (["--served", "{folder}/less.csv"], "less.csv: row 1: 371721: 80 served, but 1,308 ratings; look up"),
        (["--out", "{folder}/r.pdf"], "r.pdf: expected a name that ends in .csv or .xlsx"),
        (["--out", "{folder}/nowhere/r.csv"], "r.csv cannot be written"),
        (["--database", "{folder}/none.db"], "none.db cannot be read as a ledger: unable to open"),
        (["--database", "{folder}/bad.csv"], "bad.csv cannot be read as a ledger: file is not a database"),
    ],
)
async def test_what_cannot_be_used_is_one_line_and_code_2(
    ledger: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    (ledger.parent / "bad.csv").write_text("code,score\n371799,80\n", encoding="utf-8")
    (ledger.parent / "half.csv").write_text("code,served\n371721,80.5\n", encoding="utf-8")
    (ledger.parent / "less.csv").write_text("371721,80\n", encoding="utf-8")
    (ledger.parent / "bad.toml").write_text("version = 1\n", encoding="utf-8")
    (ledger.parent / "mild.toml").write_text('name = "plain"\nversion = 1\nweights = [1, 0.9, 0]\n', encoding="utf-8")
    before = digest(ledger)
    named = [word.format(folder=ledger.parent) for word in words]
    assert score("--database", ledger, "--period", "2026Q4", *named) == 2
    caught = capsys.readouterr()
    assert said in caught.err
    assert caught.err.count("\n") == 1
    assert caught.out == ""
    assert digest(ledger) == before


def test_a_wrong_command_line_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["score", "--period", "2026Q4"])
    assert end.value.code == 2
    assert "--database" in capsys.readouterr().err
