"""`manyi audit`: a good ledger passes, and each thing that somebody could do to it is found and named."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from contract.batch import Batch
from contract.bundle import Signed
from contract.codec import encode
from contract.rating import Quality, Row
from contract.signing import Signer
from proof import signatures
from proof.__main__ import main
from tests.proof.ledgers import (
    A1,
    B2,
    BATCHES,
    KEYS,
    MALLORY,
    NEW,
    NOW,
    OLD,
    OTHER,
    REPLACED,
    hello,
    raw_of,
    tampered,
    whole,
)

Statement = tuple[str, Sequence[object]]
RAW = "UPDATE ledger_entry SET raw = ? WHERE position = ?"
HELD = "INSERT INTO uncounted VALUES (?, ?, ?, ?, ?, ?)"
HEAD = "UPDATE ledger_head SET position = ?"
DOUBLED = """
INSERT INTO ledger_entry SELECT ?, kind, node, ?, first, last, received_at, lane, raw FROM ledger_entry
WHERE position = 3
"""
ENTRY = "INSERT INTO ledger_entry VALUES (?, ?, '', '', 0, 0, 5, '', ?)"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, errand: asyncio.Runner) -> Path:
    file = tmp_path_factory.mktemp("audit") / "manyi.db"
    errand.run(whole(file))
    return file


@pytest.fixture
def ledger(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path / "manyi.db"))


def audited(capsys: pytest.CaptureFixture[str], ledger: Path, *words: object) -> tuple[int, dict[str, Any]]:
    code = main(["audit", "--database", str(ledger), *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def found(capsys: pytest.CaptureFixture[str], ledger: Path, *words: object) -> list[tuple[str, str]]:
    code, told = audited(capsys, ledger, *words)
    assert code == (1 if told["named"] else 0)
    assert told["good"] == (code == 0)
    return [(one["rule"], one["where"]) for one in told["named"]]


def test_a_good_ledger(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audited(capsys, ledger) == (
        0,
        {
            "position": 5,
            "batches": 5,
            "ratings": 10,
            "counted": 10,
            "streams": 3,
            "void": 2,
            "reports": 0,
            "judgements": 0,
            "refused": 0,
            "conflicts": 0,
            "seals": 0,
            "sealed": 0,
            "sealed_day": "",
            "good": True,
            "findings": {},
            "named": [],
        },
    )
    assert main(["audit", "--database", str(ledger)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("ledger up to position 5: 5 batches of 3 streams, 10 ratings, of which 10 count")
    assert said[1] == "no day of it is sealed"
    assert said[2] == "the file itself says whose keys they are; with --keys and --city they are those you trust"
    assert said[3] == "all of it holds"


def test_looking_changes_nothing(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = ledger.read_bytes()
    assert found(capsys, ledger) == []
    assert ledger.read_bytes() == before


FORGED = Signed.of(raw_of(BATCHES[2])).body.replace(b"[20000,", b"[20001,")
SIGNATURE = Signed.of(raw_of(BATCHES[2])).signature
GRADED = encode(BATCHES[0]).replace(b'"01",1,', b'"01",3,')


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param(
            [("DELETE FROM ledger_entry WHERE position = 3", ())],
            [("gap", "position 3"), ("incomplete", f"{A1}/{OLD} number 4 to 6"), ("tally", "")],
            id="a row removed",
        ),
        pytest.param(
            [("DELETE FROM ledger_entry WHERE position = 5", ())],
            [("gap", "position 4"), ("incomplete", f"{B2}/{OTHER} number 3"), ("tally", "")],
            id="the end cut off",
        ),
        pytest.param(
            [
                ("DELETE FROM ledger_entry WHERE position = 4", ()),
                ("UPDATE ledger_entry SET position = 4 WHERE position = 5", ()),
                (HEAD, (4,)),
            ],
            [("incomplete", f"{A1}/{NEW} number 1"), ("tally", "")],
            id="a row removed and the rest moved up: its node signed for it",
        ),
        pytest.param(
            [("DELETE FROM ledger_entry WHERE position = 3", ()), ("DELETE FROM hello", ())],
            [("gap", "position 3"), ("incomplete", f"{A1}/{OLD} number 4 to 6"), ("tally", "")],
            id="a tail withheld, and every hello: the next epoch names it",
        ),
        pytest.param([(RAW, (FORGED + b"\n" + SIGNATURE, 3))], [("signature", "position 3")], id="one byte changed"),
        pytest.param(
            [(RAW, (MALLORY.entry(encode(BATCHES[2])), 3))], [("signature", "position 3")], id="signed by another key"
        ),
        pytest.param(
            [(RAW, (REPLACED.entry(encode(BATCHES[2])), 3))],
            [("signature", "position 3")],
            id="signed by a key that was replaced before",
        ),
        pytest.param(
            [(RAW, (KEYS[B2].entry(encode(BATCHES[2])), 3))], [("signature", "position 3")], id="signed by another node"
        ),
        pytest.param([(RAW, (encode(BATCHES[2]), 3))], [("signature", "position 3")], id="its signature taken off"),
        pytest.param(
            [(RAW, (GRADED + b"\n" + Signed.of(raw_of(BATCHES[0])).signature, 1))],
            [("signature", "position 1"), ("tally", "")],
            id="a grade changed",
        ),
        pytest.param(
            [(RAW, (b"rubbish", 3))],
            [("unreadable", "position 3"), ("incomplete", f"{A1}/{OLD} number 4 to 6"), ("tally", "")],
            id="rubbish",
        ),
        pytest.param(
            [(RAW, ("text", 3))],
            [("unreadable", "position 3"), ("incomplete", f"{A1}/{OLD} number 4 to 6"), ("tally", "")],
            id="no bytes at all",
        ),
        pytest.param(
            [("UPDATE ledger_entry SET last = 7 WHERE position = 3", ())],
            [("altered", "position 3")],
            id="a wrong column",
        ),
        pytest.param(
            [(DOUBLED, (6, NEW)), (HEAD, (6,))],
            [("altered", "position 6"), ("tally", "")],
            id="an entry doubled under another name",
        ),
        pytest.param(
            [(DOUBLED, (9, NEW))],
            [("gap", "position 6 to 8"), ("gap", "position 9"), ("altered", "position 9"), ("tally", "")],
            id="an entry put behind the head",
        ),
        pytest.param(
            [("UPDATE hello SET raw = ?, last = 9 WHERE node = ?", (hello(A1, NEW, 9), A1))],
            [("incomplete", f"{A1}/{NEW} number 2 to 9")],
            id="the last hour of a node withheld",
        ),
        pytest.param(
            [("UPDATE hello SET raw = ? WHERE node = ?", (hello(A1, NEW, 9, by=MALLORY), A1))],
            [("altered", f"hello of {A1}/{NEW}"), ("signature", f"hello of {A1}/{NEW}")],
            id="a hello of somebody else",
        ),
        pytest.param(
            [("UPDATE hello SET raw = ? WHERE node = ?", (hello(B2, OTHER, 5), B2))],
            [("incomplete", f"{B2}/{OTHER} number 4 to 5")],
            id="what was declared lost is lost all the same without the declaration",
        ),
        pytest.param(
            [("UPDATE hello SET raw = x'7b7d' WHERE node = ?", (A1,))],
            [("unreadable", f"hello of {A1}/{NEW}")],
            id="no hello",
        ),
        pytest.param(
            [("DELETE FROM node WHERE node = ?", (B2,))],
            [("signature", "position 2"), ("signature", "position 5"), ("signature", f"hello of {B2}/{OTHER}")],
            id="a node that nobody knows",
        ),
        pytest.param(
            [("DELETE FROM window WHERE id = ?", (f"{B2}/01",))],
            [("window", "position 2"), ("window", "position 2"), ("window", "position 5")],
            id="a window that nobody knows",
        ),
        pytest.param(
            [("DELETE FROM tally_estimated", ())], [("tally", "tally_estimated")], id="the estimates forgotten"
        ),
        pytest.param(
            [("INSERT INTO tally_day VALUES ('2026-11-21', ?, 'phone', 1, 0, 0)", (f"{A1}/01",))],
            [("tally", f"tally_day 2026-11-21 {A1}/01 phone")],
            id="a tally of nothing",
        ),
        pytest.param(
            [("DELETE FROM tally_city", ())],
            [("tally", "tally_city"), ("tally", "tally_city")],
            id="the city forgotten",
        ),
    ],
)
def test_each_change_is_found_and_named(
    ledger: Path, capsys: pytest.CaptureFixture[str], statements: list[Statement], expected: list[tuple[str, str]]
) -> None:
    tampered(ledger, *statements)
    named = found(capsys, ledger)
    # Of many tallies that do not follow, all are named; here it is enough that they are.
    several = expected[-1] == ("tally", "")
    shown = [one for one in named if not several or one[0] != "tally"]
    assert [rule for rule, _ in shown] == [rule for rule, _ in (expected[:-1] if several else expected)]
    assert all(where.startswith(wanted) for (_, where), (_, wanted) in zip(shown, expected, strict=False))
    assert not several or named[-1][0] == "tally"


@pytest.mark.parametrize("together", [1, 2, 500])
def test_signatures_on_a_core_of_their_own_are_the_same(
    ledger: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    assert found(capsys, ledger) == []
    tampered(ledger, *((RAW, (MALLORY.entry(encode(BATCHES[place])), place + 1)) for place in (0, 2, 4)))
    here = found(capsys, ledger)
    monkeypatch.setattr(signatures, "MANY", 1)
    monkeypatch.setattr(signatures, "_TOGETHER", together)
    monkeypatch.setattr(signatures, "_BEHIND", 1)
    assert found(capsys, ledger) == here
    assert [where for rule, where in here if rule == "signature"] == ["position 1", "position 3", "position 5"]


@pytest.mark.parametrize("table", ["tally_minute", "tally_day", "tally_township", "tally_city"])
@pytest.mark.parametrize("column", ["satisfied", "basic", "dissatisfied"])
def test_every_count_of_every_tally(ledger: Path, capsys: pytest.CaptureFixture[str], table: str, column: str) -> None:
    key = {"tally_minute": "minute", "tally_day": "day", "tally_township": "hour", "tally_city": "minute"}[table]
    first = f"(SELECT min({key}) FROM {table})"  # noqa: S608
    tampered(ledger, (f"UPDATE {table} SET {column} = {column} + 1 WHERE {key} = {first}", ()))  # noqa: S608
    named = found(capsys, ledger)
    assert named
    assert all(rule == "tally" and where.startswith(table) for rule, where in named)


WAY = f"{A1}/01"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([(HELD, (1, 1, "conflict", WAY, None, None))], "nothing else has its number"),
        ([(HELD, (1, 1, "unknown_window", WAY, None, None))], f"{WAY} was registered then"),
        ([(HELD, (1, 1, "future", WAY, None, None))], "it was pressed before it arrived"),
        ([(HELD, (1, 1, "whim", WAY, None, None))], "that is no reason"),
        ([(HELD, (1, 9, "conflict", WAY, None, None))], "the batch has 3 rows"),
        ([(HELD, (1, 1, "future", WAY, 6, None))],
         "it is kept that entry 6 ruled admit, and by the ledger it was None"),
        ([(HELD, (1, 1, "future", WAY, None, None)), (ENTRY, (6, "admit", b'{"admit":[[1,1]]}'))],
         "it is kept that entry None ruled admit, and by the ledger it was 6"),
        ([(ENTRY, (6, "admit", b'{"admit":[[1,1]]}'))], "entry 6 ruled admit, and the row is not kept as uncounted"),
        ([(ENTRY, (6, "refuse", b'{"refuse":[[1,1]]}'))], "entry 6 ruled refuse, and the row is not kept as uncounted"),
        ([(ENTRY, (6, "refuse", b'{"refuse":5}'))], "this is no entry of kind 'refuse'"),
        ([(ENTRY, (6, "poem", b"{}"))], "this is no entry of kind 'poem'"),
        ([(ENTRY, (6, "admit", b'{"admit":"\xff"}'))], "this is no entry of kind 'admit'"),
        ([(ENTRY, (6, "admit", b"[" * 100_000))], "this is no entry of kind 'admit'"),
        ([("UPDATE hello SET raw = 'text'", ())], "must be str, not bytes"),
        ([("UPDATE ledger_entry SET received_at = 'noon' WHERE position = 1", ())], "of 'noon'"),
    ],
)  # fmt: skip
def test_no_row_is_held_for_no_reason(
    ledger: Path, capsys: pytest.CaptureFixture[str], statements: list[Statement], expected: str
) -> None:
    tampered(ledger, *statements, ("UPDATE ledger_head SET position = (SELECT max(position) FROM ledger_entry)", ()))
    _, told = audited(capsys, ledger)
    assert any(expected in one["detail"] for one in told["named"]), told["named"]


def test_rows_that_are_rightly_held(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A contradiction, an unknown window and a time to come; one of them was admitted, and one refused."""
    rows = [Row(0, "01", 3, 1), Row(0, "77", 3, 1), Row(86_400_000, "01", 3, 1), Row(86_400_001, "01", 3, 1)]
    late = Batch(1, B2, OTHER, 3, NOW, Quality.SYNCHRONISED, rows)
    raw = KEYS[B2].entry(encode(late))
    held = [(6, 0, "conflict"), (6, 1, "unknown_window"), (6, 2, "future"), (6, 3, "future")]
    tampered(
        ledger,
        ("INSERT INTO ledger_entry VALUES (6, 'batch', ?, ?, 3, 6, ?, 'live', ?)", (B2, OTHER, NOW + 9, raw)),
        (ENTRY, (7, "admit", b'{"admit":[[6,2]]}')),
        (ENTRY, (8, "refuse", b'{"refuse":[[6,3]]}')),
        (HEAD, (8,)),
        *((HELD, (*place, f"{B2}/01", 7 if place[1] == 2 else None, 8 if place[1] == 3 else None)) for place in held),
    )
    _, told = audited(capsys, ledger)
    # The admitted row counts, and the tallies of this copy do not know it.
    assert {one["rule"] for one in told["named"]} == {"tally"}
    assert told["counted"] == 11


def test_by_keys_that_the_auditor_brought(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who can write the file can write its registry too."""
    lines = [f"{node},{key.public}" for node, key in KEYS.items()]
    keys = ledger.parent / "keys.csv"
    keys.write_text("\n".join(["node,key", *lines, ""]), encoding="utf-8")
    assert found(capsys, ledger, "--keys", keys) == []
    main(["audit", "--database", str(ledger), "--keys", str(keys)])
    assert "with --city they are" in capsys.readouterr().out

    other = Signer(b"9" * 32)
    tampered(
        ledger,
        ("UPDATE node SET key = ? WHERE node = ?", (other.public, B2)),
        (RAW, (other.entry(encode(BATCHES[1])), 2)),
        (RAW, (other.entry(encode(BATCHES[4])), 5)),
        ("UPDATE hello SET raw = ? WHERE node = ?", (hello(B2, OTHER, 5, void=[(4, 5)], by=other), B2)),
    )
    assert found(capsys, ledger) == []
    forged = [("signature", "position 2"), ("signature", "position 5"), ("signature", f"hello of {B2}/{OTHER}")]
    # The declaration of loss is not believed either.
    assert found(capsys, ledger, "--keys", keys) == forged

    # A node may have had several keys.
    keys.write_text("\n".join([*lines, f"{B2},{other.public}"]), encoding="utf-8")
    assert found(capsys, ledger, "--keys", keys) == []


def test_a_flood_of_findings_is_counted_and_twenty_are_named(
    ledger: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proof.auditor.NAMED", 2)
    tampered(ledger, ("UPDATE ledger_entry SET raw = CAST(raw || '=' AS BLOB)", ()))
    assert main(["audit", "--database", str(ledger)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("signature: position") for line in said) == 2
    assert "signature: and 3 more" in said
    assert said[-1] == "5 findings"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--database", "none.db"], "none.db cannot be read as a ledger: unable to open"),
        (["--keys", "none.csv"], "none.csv cannot be read"),
        (["--keys", "bad.csv"], "bad.csv: row 2: key of '371721121-a1': a public key is 32 bytes"),
        (["--zone", "Mars"], "zone 'Mars'"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_code_2(
    ledger: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(ledger.parent)
    Path("bad.csv").write_text(f"node,key\n{A1},short\n", encoding="utf-8")
    assert main(["audit", "--database", str(ledger), *words]) == 2
    caught = capsys.readouterr()
    assert said in caught.err
    assert (caught.err.count("\n"), caught.out) == (1, "")


def test_a_registry_with_a_key_that_is_none(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tampered(ledger, ("UPDATE node SET key = 'short'", ()))
    assert main(["audit", "--database", str(ledger)]) == 2
    assert "the registry holds a key that is none" in capsys.readouterr().err


def test_it_says_how_far_it_is(
    ledger: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proof.auditor._TELL_S", 0.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["audit", "--database", str(ledger)]) == 0
    assert capsys.readouterr().err.endswith("5 of 5 batches\n")
