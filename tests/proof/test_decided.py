"""`manyi audit` and judgements: what two auditors upheld follows from the ledger, and each tampering is named."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloud.database import open_database, write
from cloud.judgements import store as judgements
from cloud.ledger.store import Entry, enter
from contract.signing import Signer
from proof.__main__ import main
from proof.judgement import Filed, Judgement, cosigned
from tests.judging import AUDITORS, REGISTER, REGISTERED, judgement, signed
from tests.proof.ledgers import A1, B2, KEYS, NOW, OLD, OTHER, publish_day, tampered, whole

# Noon of the day after.
AT = 1_795_406_400_000
DAY_MS = 86_400_000
DAY = "2026-11-22"
RAW = "UPDATE ledger_entry SET raw = ? WHERE position = ?"
# Of the 21st are numbers 1 and 2 of A1/OLD, 4 and 5; of the 22nd 3 and 6, dissatisfied and satisfied.
SPAN = (NOW, NOW + DAY_MS)
# In which 3 and 6 were pressed.
MINUTE = (NOW + 40_000) // 60_000
FIRST = signed(judgement(A1, DAY, [(OLD, 3, 3), (OLD, 6, 6)], span=SPAN))
SECOND = signed(judgement(A1, DAY, [(OLD, 6, 6)], span=SPAN, rule="mash"))
AWAY = signed(judgement(A1, DAY, [(OLD, 3, 3), (OLD, 6, 6)], span=SPAN, verdict="dismissed", before=FIRST))


async def enter_judgement(file: Path, one: Filed, number: int, cells: dict[str, tuple[int, int, int]]) -> None:
    """Append a judgement to the ledger in `file`, and what it adds to the tally by window, as told."""
    async with await open_database(str(file)) as database, database.writer.begin() as connection:
        told = one.judgement
        await enter(connection, Entry("judgement", told.node, told.day, number, number, AT, "", one.raw))
        await judgements.add(connection, {(MINUTE, window, "button"): n for window, n in cells.items()})


async def make(file: Path) -> None:
    async with await open_database(str(file)) as database, database.writer.begin() as connection:
        await write(connection, REGISTER, REGISTERED)
    window = f"{A1}/01"
    await publish_day(file, DAY, at=AT)  # 6
    await enter_judgement(file, FIRST, 1, {window: (1, 0, 1)})  # 7
    await enter_judgement(file, SECOND, 2, {})  # 8
    await publish_day(file, DAY, at=AT + DAY_MS, final=True)  # 9
    await enter_judgement(file, AWAY, 3, {window: (0, 0, -1)})  # 10
    await publish_day(file, DAY, at=AT + 2 * DAY_MS)  # 11


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, errand: asyncio.Runner) -> Path:
    file = tmp_path_factory.mktemp("decided") / "manyi.db"
    errand.run(whole(file))
    errand.run(make(file))
    return file


@pytest.fixture
def ledger(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path / "manyi.db"))


def audited(capsys: pytest.CaptureFixture[str], ledger: Path, *words: object) -> dict[str, Any]:
    code = main(["audit", "--database", str(ledger), *map(str, words), "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if told["good"] else 1)
    return told


def named(told: dict[str, Any], rule: str) -> list[str]:
    return [f"{one['where']}: {one['detail']}" for one in told["named"] if one["rule"] == rule]


def test_each_edition_counts_without_what_was_upheld_by_then(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = audited(capsys, ledger)
    assert told["good"], told["named"]
    assert (told["judgements"], told["reports"]) == (3, 3)
    with closing(sqlite3.connect(ledger)) as city:
        raws = city.execute("SELECT raw FROM ledger_entry WHERE kind = 'report' ORDER BY position").fetchall()
    lines = [{line[1]: line for line in json.loads(raw.partition(b"\n")[0])["lines"]} for (raw,) in raws]
    before, after, again = [(tuple(of[f"{A1}/01"][4]), of[f"{A1}/01"][8]) for of in lines]
    assert before[1] is None
    assert after == ((before[0][0] - 1, before[0][1], before[0][2] - 1), [1, 0, 1])
    assert again == ((before[0][0] - 1, before[0][1], before[0][2]), [1, 0, 0])
    assert main(["audit", "--database", str(ledger)]) == 0
    assert "3 judgements of flags, each by two auditors" in capsys.readouterr().out


def test_a_score_is_without_them_and_shows_both(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.csv"
    words = ["score", "--database", str(ledger), "--period", DAY, "--language", "en", "--policy", "plain"]
    assert main([*words, "--json"]) == 0
    units = {unit["code"]: unit for unit in json.loads(capsys.readouterr().out)["units"]}
    one, other = units[f"{A1}/01"], units[f"{B2}/01"]
    assert one["upheld"]["counts"] == [1, 0, 0]
    assert other["upheld"] is None
    # By hand: what is left, and what there was.
    left = one["counts"]
    with_it = round(100 * (left[0] + 1 + 0.6 * left[1]) / (sum(left) + 1), 1)
    assert one["upheld"]["score"] == with_it
    assert one["k"] == f"{(left[0] + 0.6 * left[1]) / sum(left):.4f}"
    assert main([*words, "--out", str(out)]) == 0
    assert "without 1 ratings whose flags two auditors upheld" in capsys.readouterr().out
    text = out.read_text(encoding="utf-8-sig")
    assert "Ratings with upheld flags,Raw score with upheld flags %" in text
    assert f",{sum(left) + 1},{with_it}," in text


def forged(one: Filed, old: bytes, new: bytes) -> bytes:
    assert old in one.raw
    return one.raw.replace(old, new)


MALLORY = Signer(b"6" * 32)
SOLE = signed(FIRST.judgement, "wang")
TWICE = cosigned(SOLE, "wang", AUDITORS["wang"])
STOLEN, NOBODYS = cosigned(SOLE, "li", MALLORY), cosigned(SOLE, "mallory", MALLORY)
MORE, TURNED = forged(FIRST, b",6,6]", b",4,6]"), forged(AWAY, b"dismissed", b"upheld")
ENDED = "UPDATE auditor SET valid_to = ? WHERE name = 'li'"
NUMBER = "UPDATE ledger_entry SET first = ? WHERE position = ?"
ELSEWHERE = "UPDATE ledger_entry SET node = ? WHERE position = ?"
ELSE = "another time or place"


JUDGED = f"judgement of {A1}/01: "
UPHELD = f"tally_upheld {MINUTE} {A1}/01 button: kept are "


@pytest.mark.parametrize(
    ("statement", "rule", "said"),
    [
        ((RAW, (SOLE.raw, 7)), "signature", f"position 7, {JUDGED}1 signed it, and it takes 2"),
        ((RAW, (TWICE.raw, 7)), "signature", f"position 7, {JUDGED}wang signed it twice"),
        ((RAW, (STOLEN.raw, 7)), "signature", f"position 7, {JUDGED}no key that li had then signed this"),
        ((RAW, (NOBODYS.raw, 7)), "signature", f"position 7, {JUDGED}nobody knows an auditor mallory"),
        ((ENDED, (NOW,)), "signature", f"position 8, {JUDGED}no key that li had then signed this"),
        ((RAW, (MORE, 7)), "signature", f"position 7, {JUDGED}no key that wang had then signed this"),
        ((RAW, (TURNED, 10)), "signature", f"position 10, {JUDGED}no key that wang had then signed this"),
        ((RAW, (b"rubbish", 8)), "unreadable", "position 8: this is no judgement: judgement: "),
        ((RAW, ("text", 8)), "unreadable", "position 8: this is no judgement: judgement: "),
        ((NUMBER, (9, 8)), "altered", f"position 8: it stands as judgement 9 of {A1} on {DAY}, and is 2 of {A1}"),
        ((ELSEWHERE, (B2, 10)), "altered", f"position 10: it stands as judgement 3 of {B2} on {DAY}, and is 1 of {A1}"),
        ((RAW, (FIRST.raw, 8)), "judgement", f"position 8, {JUDGED}the flag was judged before"),
        (("UPDATE tally_upheld SET satisfied = 3", ()), "tally", f"{UPHELD}3, 0, 0, and the ledger gives 1, 0, 0"),
        (("DELETE FROM tally_upheld", ()), "tally", f"{UPHELD}none, and the ledger gives 1, 0, 0"),
    ],
    ids=[
        *("one signature", "the same twice", "another key", "a name that nobody has", "an auditor no more"),
        *("more ratings", "the verdict", "rubbish", "text", "its number", "its node", "filed again"),
        *("the tally", "the tally gone"),
    ],
)
def test_each_tampering_is_found_and_named(
    ledger: Path,
    capsys: pytest.CaptureFixture[str],
    statement: tuple[str, Sequence[object]],
    rule: str,
    said: str,
) -> None:
    tampered(ledger, statement)
    assert any(one.startswith(said) for one in named(audited(capsys, ledger), rule))


def test_the_same_ratings_in_another_order_are_the_same_in_the_end(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever of two flags was upheld first, their rating is taken out once; the chain of one is told apart."""
    tampered(ledger, (RAW, (SECOND.raw, 7)), (RAW, (FIRST.raw, 8)))
    assert set(audited(capsys, ledger)["findings"]) == set()


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (judgement(A1, DAY, [(OLD, 6, 8)], span=SPAN), f"number 7 to 8 of {A1}/{OLD} is not in the ledger"),
        (judgement(A1, DAY, [(OTHER, 1, 1)], span=SPAN), f"number 1 of {A1}/{OTHER} is not in the ledger"),
        (judgement(A1, DAY, [(OLD, 3, 3)], span=SPAN, window="02"), f"number 3 is of {A1}/01 at {ELSE}"),
        (judgement(A1, DAY, [(OLD, 6, 6)], span=(NOW, NOW + 39_999)), f"number 6 is of {A1}/01 at {ELSE}"),
        (msgspec.structs.replace(FIRST.judgement, at=NOW), "it is dated before the flag that it judges was over"),
    ],
    ids=["numbers that nobody gave", "another node's", "another window's", "another time's", "dated before"],
)
def test_two_auditors_cannot_uphold_what_is_not_there(
    ledger: Path, capsys: pytest.CaptureFixture[str], one: Judgement, said: str
) -> None:
    tampered(ledger, (RAW, (signed(one).raw, 7)))
    assert f"position 7, judgement of {one.place}: {said}" in named(audited(capsys, ledger), "judgement")


def test_a_rating_that_came_after_its_judgement(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tampered(
        ledger,
        ("UPDATE ledger_entry SET position = 12 WHERE position = 3", ()),
        ("UPDATE ledger_entry SET position = 3 WHERE position = 7", ()),
        ("UPDATE ledger_entry SET position = 7 WHERE position = 12", ()),
    )
    said = named(audited(capsys, ledger), "judgement")
    assert said == ["position 3, judgement of 371721121-a1/01: number 6 came later, at position 7"]


def test_what_does_not_count_is_not_taken_out_until_it_does(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Number 6, upheld, is held, and let count by an entry behind all editions."""
    tampered(ledger, ("INSERT INTO uncounted VALUES (3, 2, 'unknown_window', ?, NULL, NULL)", (f"{A1}/01",)))
    told = audited(capsys, ledger)
    assert f"{UPHELD}1, 0, 0, and the ledger gives none" in named(told, "tally")
    tampered(
        ledger,
        ("UPDATE uncounted SET admitted = 12", ()),
        ("INSERT INTO ledger_entry VALUES (12, 'admit', '', '', 0, 0, 5, '', ?)", (b'{"admit":[[3,2]]}',)),
        ("UPDATE ledger_head SET position = 12", ()),
    )
    told = audited(capsys, ledger)
    # It counts, and is taken out, only now: the tallies hold, and no edition could know.
    assert set(told["findings"]) == {"report"}
    assert any(
        one.startswith(f"position 9, edition 2 of {DAY}, {A1}/01: upheld (1, 0, 1) where (0, 0, 1) is due")
        for one in named(told, "report")
    )


def test_the_auditors_keys_may_be_brought(ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "keys.csv"
    everybody = {**KEYS, **AUDITORS}
    keys.write_text("".join(f"{name},{signer.public}\n" for name, signer in everybody.items()), encoding="utf-8")
    assert audited(capsys, ledger, "--keys", keys)["good"]
    keys.write_text("".join(f"{name},{signer.public}\n" for name, signer in KEYS.items()), encoding="utf-8")
    said = named(audited(capsys, ledger, "--keys", keys), "signature")
    assert said[0] == "position 7, judgement of 371721121-a1/01: nobody knows an auditor wang"
