"""`manyi audit` and published reports: every figure follows from the ledger as it was, or is named."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.signing import Signer
from proof.__main__ import main
from proof.coefficient import coefficient, corrected
from proof.edition import Edition, Published, encoded, opened, written
from proof.policy import Policy, shipped
from tests.proof.ledgers import (
    A1,
    CITY,
    MALLORY,
    NEW,
    NOW,
    TOWNSHIP,
    batch,
    close_day,
    enter_batch,
    publish_day,
    tampered,
    whole,
)
from tests.proof.test_visited import answered, told

# Noon of the day after.
AT = 1_795_406_400_000
DAY_MS = 86_400_000
RAW = "UPDATE ledger_entry SET raw = ? WHERE position = ?"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, errand: asyncio.Runner) -> tuple[Path, list[Published]]:
    """Five batches; the 22nd published at position 6; a late batch at 7; the same, final, at 8; all sealed at 9."""
    file = tmp_path_factory.mktemp("published") / "manyi.db"
    errand.run(whole(file))
    editions = [errand.run(publish_day(file, "2026-11-22", at=AT))]
    errand.run(enter_batch(file, batch(A1, NEW, 2, [3, 3, 1])))
    editions.append(errand.run(publish_day(file, "2026-11-22", at=AT + DAY_MS, final=True)))
    errand.run(close_day(file, "2026-11-23"))
    return file, editions


@pytest.fixture
def ledger(made: tuple[Path, list[Published]], tmp_path: Path) -> Path:
    return Path(shutil.copy(made[0], tmp_path / "manyi.db"))


def audited(capsys: pytest.CaptureFixture[str], ledger: Path, *words: object) -> dict[str, Any]:
    code = main(["audit", "--database", str(ledger), *map(str, words), "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if told["good"] else 1)
    return told


def named(told: dict[str, Any], rule: str) -> list[str]:
    return [f"{one['where']}: {one['detail']}" for one in told["named"] if one["rule"] == rule]


def test_what_was_published_follows_from_the_ledger_as_it_was_then(
    made: tuple[Path, list[Published]], ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = [{line.code: line.counts for line in one.edition.lines}["city"] for one in made[1]]
    assert counts[0] != counts[1]
    told = audited(capsys, ledger, "--city", CITY.public)
    assert told["good"], told["named"]
    assert told["reports"] == 2


def put(ledger: Path, position: int, change: Callable[[Edition], Edition], by: Signer = CITY) -> None:
    """Have the city sign another edition in place of the one at `position`."""
    raw = next(raw for number, raw in entries(ledger) if number == position)
    tampered(ledger, (RAW, (by.entry(encoded(change(opened(raw).edition))), position)))


def entries(ledger: Path) -> list[tuple[int, bytes]]:
    with closing(sqlite3.connect(ledger)) as connection:
        return connection.execute("SELECT position, raw FROM ledger_entry").fetchall()


def line(code: str, **fields: object) -> Callable[[Edition], Edition]:
    def change(told: Edition) -> Edition:
        lines = [msgspec.structs.replace(one, **fields) if one.code == code else one for one in told.lines]
        return msgspec.structs.replace(told, lines=lines)

    return change


def test_a_published_k_that_was_altered(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(ledger, 8, line(TOWNSHIP, k="1.0000", corrected="90.00"))
    (said,) = named(audited(capsys, ledger), "report")
    assert said.startswith(f"position 8, edition 2 of 2026-11-22, {TOWNSHIP}: K 1.0000 where 0.")
    assert "corrected score 90.00 where " in said


def test_without_the_citys_key_it_shows_as_well(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever alters a figure and cannot sign."""
    raw = next(raw for number, raw in entries(ledger) if number == 8)
    tampered(ledger, (RAW, (raw.replace(b'"88.5"', b'"99.9"'), 8)))
    (said,) = named(audited(capsys, ledger), "signature")
    assert said == f"position 8, edition 2 of 2026-11-22: {CITY.public} did not sign this"


def test_a_count_that_the_ledger_does_not_have(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(ledger, 6, line(f"{A1}/01", counts=(9, 9, 9)))
    said = named(audited(capsys, ledger), "report")
    assert any(one.startswith(f"position 6, edition 1 of 2026-11-22, {A1}/01: ratings (9, 9, 9) where") for one in said)


def test_an_edition_of_another_position_has_other_figures(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(ledger, 8, lambda told: msgspec.structs.replace(told, position=5))
    said = named(audited(capsys, ledger), "report")
    assert any(one.startswith("position 8, edition 2 of 2026-11-22, city: ratings") for one in said)


@pytest.fixture
async def visited_ledger(tmp_path: Path) -> tuple[Path, list[Published]]:
    """Of four visits on the 21st none is rated when that day is published first, at position 7, and one at last."""
    file = tmp_path / "visited.db"
    await whole(file)
    await told(file)
    editions = [await publish_day(file, "2026-11-21", at=AT)]
    await answered(file)
    editions.append(await publish_day(file, "2026-11-21", at=AT + DAY_MS, final=True))
    return file, editions


def test_who_was_asked_follows_from_the_ledger_as_it_was_then(
    visited_ledger: tuple[Path, list[Published]], capsys: pytest.CaptureFixture[str]
) -> None:
    file, editions = visited_ledger
    turnouts = [{line.code: line.turnout for line in one.edition.lines}["city"] for one in editions]
    assert turnouts == [(4, 0, 0, 0), (4, 1, 0, 0)]
    assert not named(audited(capsys, file), "report")


def unasked(told: Edition) -> Edition:
    """As if nobody had been asked."""
    lines = [msgspec.structs.replace(one, turnout=None) for one in told.lines]
    return msgspec.structs.replace(told, visited=0, lines=lines)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (line("city", turnout=(4, 4, 0, 0)), "city: asked and rated (4, 4, 0, 0) where (4, 1, 0, 0) is due"),
        (line("city", turnout=None), "city: asked and rated None where (4, 1, 0, 0) is due"),
        (unasked, "its visits are of the ledger up to position 0, and position 1 stood there an hour before"),
        (lambda told: msgspec.structs.replace(told, visited=99), "of the ledger up to position 99, which it does not"),
    ],
)
def test_silence_that_is_left_out_of_an_edition_is_named(
    visited_ledger: tuple[Path, list[Published]],
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Edition], Edition],
    said: str,
) -> None:
    file, editions = visited_ledger
    put(file, editions[1].edition.position + 1, change)
    assert any(said in one for one in named(audited(capsys, file), "report"))


def of_policy(policy: Policy) -> Callable[[Edition], Edition]:
    """The same ratings, judged by `policy`."""

    def change(told: Edition) -> Edition:
        lines = []
        for one in told.lines:
            k = coefficient(one.counts, policy).k
            after = None if one.assessment is None else str(corrected(Decimal(one.assessment), k))
            lines.append(msgspec.structs.replace(one, k=str(k), corrected=after))
        return msgspec.structs.replace(told, policy=policy, lines=lines)

    return change


def of_nothing(told: Edition) -> Edition:
    """As if the ledger had been empty."""
    lines = [msgspec.structs.replace(one, counts=(0, 0, 0)) for one in told.lines]
    return of_policy(PLAIN)(msgspec.structs.replace(told, position=0, lines=lines))


PLAIN = shipped("plain")
MILD = msgspec.structs.replace(PLAIN, weights=(1.0, 0.9, 0.0))
NOT_PLAIN = "its policy calls itself plain 1, and has other figures than the one that is shipped under this name"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (of_nothing, "it is of the ledger up to position 0, and position 1 stood there an hour before it was made"),
        (lambda told: msgspec.structs.replace(told, position=6), "it is of the ledger up to position 6, and that is"),
        (lambda told: msgspec.structs.replace(told, until=told.at), "it may be appealed against for less than a day"),
        (lambda told: msgspec.structs.replace(told, until=told.at + DAY_MS - 1), "for less than a day"),
        (lambda told: msgspec.structs.replace(told, at=NOW, until=NOW + DAY_MS), "made before 2026-11-22 was over"),
        (of_policy(MILD), NOT_PLAIN),
    ],
)
def test_an_edition_that_publishing_never_makes(
    ledger: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Edition], Edition], said: str
) -> None:
    put(ledger, 6, change)
    found = named(audited(capsys, ledger), "report")
    assert any(one.startswith("position 6, edition 1 of 2026-11-22: ") and said in one for one in found), found


def test_an_edition_does_not_go_back_behind_the_one_before_it(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(ledger, 8, lambda told: msgspec.structs.replace(told, position=5))
    found = named(audited(capsys, ledger), "report")
    assert any("edition 2 of 2026-11-22: it is of the ledger up to position 5, and that is" in one for one in found)


def test_a_policy_of_another_version_may_have_other_figures(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(ledger, 8, of_policy(msgspec.structs.replace(MILD, version=2)))
    assert named(audited(capsys, ledger), "report") == []


def test_what_was_admitted_later_did_not_count_yet(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Number 3, pressed on that day, is held until an entry behind both editions; and both count it."""
    tampered(
        ledger,
        ("INSERT INTO uncounted VALUES (1, 2, 'unknown_window', ?, 10, NULL)", (f"{A1}/01",)),
        ("INSERT INTO ledger_entry VALUES (10, 'admit', '', '', 0, 0, 5, '', ?)", (b'{"admit":[[1,2]]}',)),
        ("UPDATE ledger_head SET position = 10", ()),
    )
    told = audited(capsys, ledger)
    assert set(told["findings"]) == {"report"}
    cities = [one for one in named(told, "report") if ", city: " in one]
    assert [one.partition(",")[0] for one in cities] == ["position 6", "position 8"]


def test_by_a_key_that_is_not_the_citys(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(ledger, 8, lambda told: msgspec.structs.replace(told, by=MALLORY.public), MALLORY)
    (said,) = named(audited(capsys, ledger), "signature")
    assert said.startswith(f"position 8, edition 2 of 2026-11-22: it is signed by {MALLORY.public}")


def test_an_edition_taken_out_or_put_elsewhere(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tampered(ledger, ("UPDATE ledger_entry SET first = 3 WHERE position = 8", ()))
    assert named(audited(capsys, ledger), "altered") == [
        "position 8: it stands as edition 3 of 2026-11-22, and says 2 of 2026-11-22"
    ]
    tampered(ledger, ("DELETE FROM ledger_entry WHERE position = 6", ()))
    said = named(audited(capsys, ledger), "report")
    assert "position 8, edition 2 of 2026-11-22: it is not the period's first" in said


def test_one_that_cannot_be_read(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for raw in (b"rubbish", "text"):
        tampered(ledger, (RAW, (raw, 8)))
        assert named(audited(capsys, ledger), "unreadable")[0].startswith("position 8: this is no report: ")
    put(ledger, 6, lambda told: msgspec.structs.replace(told, zone="Asia/Atlantis"))
    assert any("Asia/Atlantis" in one for one in named(audited(capsys, ledger), "unreadable"))


def test_a_report_is_verified_by_itself(
    made: tuple[Path, list[Published]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.txt"
    file.write_text(written(made[1][1]), encoding="utf-8")
    assert main(["verify", str(file), "--city", CITY.public]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("edition 2 of 2026-11-22, final: ")
    assert said[1] == "by policy plain 1, ledger up to position 7"
    assert said[-1] == "it holds"
    assert main(["verify", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["period"], told["number"], told["stage"], told["policy"]["name"]) == (
        "2026-11-22",
        2,
        "final",
        "plain",
    )

    assert main(["verify", str(file), "--city", MALLORY.public]) == 1
    assert "not by the city's key" in capsys.readouterr().out
    # The city itself signs a K that does not follow from its own counts.
    wrong = line(TOWNSHIP, k="1.0000")(made[1][1].edition)
    file.write_text(written(opened(CITY.entry(encoded(wrong)))), encoding="utf-8")
    assert main(["verify", str(file)]) == 1
    assert f"WRONG: {TOWNSHIP}: K 1.0000 where 0." in capsys.readouterr().out
    # It signs figures of its own under the name of a policy that everybody knows.
    file.write_text(written(opened(CITY.entry(encoded(of_policy(MILD)(made[1][1].edition))))), encoding="utf-8")
    assert main(["verify", str(file)]) == 1
    assert f"WRONG: {NOT_PLAIN}" in capsys.readouterr().out
    for score in ("Infinity", "1e30", "NaN"):
        file.write_text(written(made[1][1]).replace('"88.5"', f'"{score}"'), encoding="utf-8")
        assert main(["verify", str(file)]) == 2
        assert f"report.txt: report: '{score}' is no score" in capsys.readouterr().err
    file.write_text('{"kind":"report","v":1}\nsignature', encoding="utf-8")
    assert main(["verify", str(file)]) == 2
    assert "report.txt: report: " in capsys.readouterr().err
