"""`manyi publish` as the bureau runs it: a table for appeals, and then one for good."""

import asyncio
from pathlib import Path

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner, Result

from cli.app import app
from cloud.appeals import store
from cloud.appeals.appeal import Appeal, Wish
from cloud.appeals.rules import acted, filed
from cloud.database import open_database
from tests.cli.test_db import settings
from tests.proof.ledgers import TOWNSHIP, whole
from transport import boot
from transport.keys import new_key

DAY_MS = 86_400_000
# Noon of 23 November 2026 in Heze; the ledger's ratings are of the 21st and 22nd.
NOON = 1_795_406_400_000


def manyi(*words: object) -> Result:
    return CliRunner().invoke(app, ["publish", *map(str, words)])


@pytest.fixture
def config(tmp_path: Path, errand: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(boot, "wall_ms", lambda: NOON)
    made = settings(tmp_path, "city.db")
    new_key(tmp_path / "city.key")
    errand.run(whole(tmp_path / "city.db"))
    return made


async def put(file: Path, appeal: Appeal, after: Appeal | None = None) -> None:
    """Write `appeal` down, or that it has become what it is `after`."""
    async with await open_database(str(file)) as database, database.writer.begin() as connection:
        if after is None:
            await store.hold(connection)
            await store.put(connection, appeal)
        else:
            await store.change(connection, appeal, after)


def test_a_period_is_published_for_appeals_and_then_for_good(
    config: Path, tmp_path: Path, errand: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, out = tmp_path / "scores.csv", tmp_path / "report.xlsx"
    scores.write_text(f"code,score\n{TOWNSHIP},90\n", encoding="utf-8")
    asked = ["--config", config, "--period", "2026-11-22", "--policy", "plain", "--assessment", scores, "--out", out]

    first = manyi(*asked, "--appeal-days", 2)
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout.startswith("edition 1 of 2026-11-22 is published, appeal: ")
    assert first.stdout.endswith("units, ledger up to position 5\n")
    places = load_workbook(out).worksheets[0]
    assert str(places["A2"].value).endswith("台账至第 5 条；第 1 版，申诉期内")
    assert any(TOWNSHIP in row and 90 in row for row in places.iter_rows(values_only=True))

    early = manyi(*asked, "--final")
    assert (early.exit_code, early.stdout) == (2, "")
    assert "edition 1 may be appealed against for 2 more days" in early.stderr
    monkeypatch.setattr(boot, "wall_ms", lambda: NOON + 2 * DAY_MS)
    appeal = filed(1, Wish("2026-11-22", 1, TOWNSHIP, "other", "why is that so"), "li", NOON)
    errand.run(put(tmp_path / "city.db", appeal))
    waiting = manyi(*asked, "--final")
    assert (waiting.exit_code, waiting.stdout) == (2, "")
    assert "2026-11-22: 1 appeal is undecided: decide them on the page /reports/appeals first" in waiting.stderr
    errand.run(put(tmp_path / "city.db", appeal, acted(appeal, "refuse", "it follows", "wang", NOON)))
    last = manyi(*asked, "--final", "--language", "en")
    assert last.stdout.startswith("edition 2 of 2026-11-22 is published, final: ")
    assert str(load_workbook(out).worksheets[0]["A2"].value).endswith("ledger up to position 6; edition 2, final")


def test_no_city_is_made_for_a_misspelt_database(config: Path, tmp_path: Path) -> None:
    ended = manyi("--config", settings(tmp_path, "ctiy.db"), "--period", "2026-11-22", "--policy", "plain")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "there is no such file" in ended.stderr
    assert not config.with_name("ctiy.db").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--period", "2026Q4"], "2026Q4 is not over"),
        (["--period", "2026Q5"], "--period: period '2026Q5': expected"),
        (["--period", "2026-11-22", "--policy", "none"], "policy none: "),
        (["--period", "2026-11-22", "--out", "report.doc"], "expected a name that ends in .csv or .xlsx"),
        (["--period", "2026-11-22", "--assessment", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["--period", "2026-11-22", "--assessment", "a.csv", "--out", "a.csv"], "would take the place"),
    ],
)
def test_what_cannot_be_published(config: Path, words: list[str], said: str) -> None:
    ended = manyi("--config", config, *words)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert said in ended.stderr
