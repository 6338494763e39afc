"""`manyi visits`: who was asked, who rated, and what may be thought of the rest, from the file alone."""

import json
from pathlib import Path

import pytest

from cloud.database import open_database
from cloud.ledger import store
from cloud.ledger.store import Entry
from contract.batch import Batch
from contract.codec import encode
from contract.rating import Became, Quality, Row
from contract.signing import Signer
from proof.__main__ import main
from proof.visits import Ledger, Visits
from tests.proof.ledgers import A1, KEYS, NEW, NOW, OTHER, whole

GATEWAY = Signer(b"4" * 32)
TOKENS = [f"TOKEN{number:05}" for number in range(4)]


async def visited(file: Path) -> None:
    """A ledger with four visits in it, of which one was rated, after midnight."""
    await whole(file)
    await told(file)
    await answered(file)


async def told(file: Path) -> None:
    """Of four visits one was rated, as their gateway says."""
    outcomes = (Became.RATED, Became.SILENT, Became.SILENT, Became.UNSHOWN)
    rows = [Row(index, "01", became, 1, None, TOKENS[index]) for index, became in enumerate(outcomes)]
    await enter(file, "visits", Batch(1, f"{A1}.prompt", OTHER, 1, NOW, Quality.SYNCHRONISED, rows), GATEWAY)


async def answered(file: Path) -> None:
    """The rating of that one."""
    rows = [Row(0, "01", 3, 1, None, TOKENS[0])]
    await enter(file, "batch", Batch(1, A1, NEW, 2, NOW + 60_000, Quality.SYNCHRONISED, rows), KEYS[A1])


async def enter(file: Path, kind: str, one: Batch, by: Signer) -> None:
    async with await open_database(str(file)) as database, database.writer.begin() as connection:
        raw = by.entry(encode(one))
        await store.append(connection, [Entry(kind, one.node, one.epoch, one.first, one.last, NOW, "live", raw)])


async def test_it_tells_people_and_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "manyi.db"
    await visited(file)

    assert main(["visits", "--database", str(file), "--period", "2026-11"]) == 0
    line = (
        "1 of 4 rated (25.0%), silent 2, not shown 1, missing 0; the mean of all lies from 25.0% to 100.0%; surplus 0"
    )
    assert capsys.readouterr().out.splitlines() == [
        f"{code}: {line}" for code in ("city", "371721", "371721121", f"{A1}/01")
    ]
    assert main(["visits", "--database", str(file), "--period", "2026-11-22", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["period"] == "2026-11-22"
    # The visits were the day before; so is the rating of one, whenever it was pressed.
    assert told["units"] == {
        "city": {
            "asked": 0, "rated": [0, 0, 0], "silent": 0, "unshown": 0, "missing": 0, "surplus": 0,
            "participation": None, "low": None, "high": None,
        }
    }  # fmt: skip
    assert main(["visits", "--database", str(file), "--period", "2026-11-22"]) == 0
    assert capsys.readouterr().out == "city: nobody was to be asked; surplus 0\n"


async def test_a_report_has_it_beside_each_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "manyi.db"
    await visited(file)

    assert main(["score", "--database", str(file), "--period", "2026-11", "--visits", "--json"]) == 0
    lines = {line["code"]: line["participation"] for line in json.loads(capsys.readouterr().out)["units"]}
    assert lines["city"] == lines["371721121"] == lines[f"{A1}/01"] == {"rate": 0.25, "low": 0.25, "high": 1.0}
    # Nobody was asked there, and nothing is made up.
    assert {code for code, known in lines.items() if known is None}
    both = ["score", "--database", str(file), "--period", "2026-11", "--visits", "--served", "x.csv"]
    assert main(both) == 2
    assert "take one of them" in capsys.readouterr().err


async def test_what_cannot_be_used_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["visits", "--database", str(tmp_path / "no.db"), "--period", "2026-11"]) == 2
    assert "cannot be read as a ledger" in capsys.readouterr().err
    assert main(["visits", "--database", str(tmp_path / "no.db"), "--period", "soon"]) == 2
    assert "--period" in capsys.readouterr().err


def test_the_first_rating_is_the_visits_whichever_is_read_first() -> None:
    for order in (1, -1):
        ledger = Ledger()
        for level, place in [(3, (5, 1)), (1, (4, 9))][::order]:
            ledger.rating(A1, "t", f"{A1}/01", "2026-11-21", level, place)
        ledger.visit(A1, "t", f"{A1}/02", "2026-11-22", Became.RATED)

        assert ledger.between("2026-11-22", "2026-11-22") == {f"{A1}/02": Visits(1, (0, 0, 1), surplus=1)}
        assert ledger.between("2026-11-21", "2026-11-21") == {}
