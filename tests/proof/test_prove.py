"""`manyi prove` and `manyi verify`: one rating's proof holds by itself, and nothing false does."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.codec import encode
from contract.signing import Signer
from proof.__main__ import main
from proof.seals import Sealed, opened, written
from tests.proof.ledgers import (
    A1,
    B2,
    BATCHES,
    CITY,
    KEYS,
    MALLORY,
    NEW,
    NOW,
    OLD,
    OTHER,
    batch,
    raw_of,
    tampered,
    two_days,
)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, errand: asyncio.Runner) -> tuple[Path, list[Sealed]]:
    file = tmp_path_factory.mktemp("prove") / "manyi.db"
    return file, errand.run(two_days(file, 2))


@pytest.fixture
def ledger(made: tuple[Path, list[Sealed]], tmp_path: Path) -> Path:
    return Path(shutil.copy(made[0], tmp_path / "manyi.db"))


def proof_of(ledger: Path, *words: object) -> Path:
    file = ledger.with_name("proof.json")
    assert main(["prove", "--database", str(ledger), *map(str, words), "--out", str(file)]) == 0
    return file


def verified(capsys: pytest.CaptureFixture[str], file: Path, *words: object) -> dict[str, Any]:
    code = main(["verify", str(file), *map(str, words), "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if told["good"] else 1)
    return told


def keys(folder: Path, signer: Signer) -> Path:
    file = folder / "keys.csv"
    file.write_text(f"node,key\n{A1},{signer.public}\n{B2},{KEYS[B2].public}\n", encoding="utf-8")
    return file


def test_every_sealed_rating_can_be_proved(
    made: tuple[Path, list[Sealed]], ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = keys(tmp_path, KEYS[A1])
    # (Numbers 2 and 3 of B2 were given twice: the first entry is the one that counts.)
    expected = {(one.node, one.epoch, one.first + at): (one.rows[at], position, 1)
                for position, one in reversed([*enumerate(BATCHES, 1)]) for at in range(len(one.rows))}  # fmt: skip
    expected[A1, NEW, 2] = (batch(A1, NEW, 2, [2]).rows[0], 7, 2)
    for (node, epoch, number), (row, position, seal) in expected.items():
        file = proof_of(ledger, node, number, "--epoch", epoch)
        told = verified(capsys, file, "--city", CITY.public, "--keys", known)
        assert told["good"], told["faults"]
        assert (told["node"], told["epoch"], told["number"]) == (node, epoch, number)
        assert (told["position"], told["seal"]) == (position, seal)
        assert (told["window"], told["level"], told["at"]) == (f"{node}/01", row.level, NOW + row.ms)
        assert told["root"] == made[1][seal - 1].seal.root


def test_in_words(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(proof_of(ledger, A1, 2, "--epoch", OLD))]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"number 2 of {A1}/{OLD}: basically satisfied, at window {A1}/01"
    assert said[1] == "pressed 2026-11-21 23:59:50+08:00"
    assert said[2] == "it stands in the ledger at position 1"
    assert said[3].startswith("seal 1 of 2026-11-21: positions 1 to 5, root ")
    assert said[5:] == [
        "whose key that is the file says itself; with --city it is the one you trust",
        f"that {A1} signed it is not checked; --keys brings its key",
        "it holds",
    ]


def test_it_is_told_to_whoever_asks_for_no_file(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "--database", str(ledger), A1, "2", "--epoch", OLD]) == 0
    file = ledger.with_name("other.json")
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    assert verified(capsys, file)["good"]


def test_it_is_under_a_seal_that_was_kept(
    made: tuple[Path, list[Sealed]], ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, kept = proof_of(ledger, A1, 5), tmp_path / "kept.txt"
    kept.write_text("".join(written(one) for one in made[1]), encoding="utf-8")
    assert verified(capsys, file, "--seal", kept)["good"]
    kept.write_text(written(made[1][1]), encoding="utf-8")
    assert verified(capsys, file, "--seal", kept)["faults"] == [f"its seal is not in {kept}"]


def test_nothing_in_it_can_be_changed(
    made: tuple[Path, list[Sealed]], ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.loads(proof_of(ledger, A1, 5).read_text(encoding="utf-8"))
    other = json.loads(proof_of(ledger, A1, 2, "--epoch", NEW).read_text(encoding="utf-8"))
    worse = raw_of(batch(A1, OLD, 4, [1, 1, 1])).decode()
    path = good["path"]
    file = tmp_path / "false.json"
    for change in (
        {"entry": worse},
        {"position": 2},
        {"position": 99},
        {"path": path[1:]},
        {"path": path[::-1]},
        {"path": [*path, path[0]]},
        {"seal": other["seal"]},
        {"seal": good["seal"].replace('"last":5', '"last":6')},
    ):
        file.write_text(json.dumps(good | change), encoding="utf-8")
        assert not verified(capsys, file)["good"], change
    # A root of one's own proves nothing to who knows the city's key.
    seal = json.loads(good["seal"].partition("\n")[0]) | {"by": MALLORY.public}
    own = MALLORY.entry(json.dumps(seal, separators=(",", ":")).encode()).decode()
    file.write_text(json.dumps(good | {"seal": own}), encoding="utf-8")
    assert verified(capsys, file)["good"]
    assert not verified(capsys, file, "--city", CITY.public)["good"]
    file.write_text(json.dumps(good), encoding="utf-8")
    assert verified(capsys, file, "--keys", keys(tmp_path, MALLORY))["faults"] == [f"no key of {A1} signed this entry"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([A1, 99], f"number 99 of {A1} is not in this ledger"),
        ([A1, 0], f"number 0 of {A1} is not in this ledger"),
        ([A1, 1, "--epoch", OTHER], f"number 1 of {A1}/{OTHER} is not in this ledger"),
        ([A1, 1], f"2 runs of {A1} have a number 1; --epoch says which: {OLD}, {NEW}"),
        ([A1, 3, "--epoch", NEW], "position 9 is not sealed yet: its day is closed at midnight"),
    ],
)
def test_what_cannot_be_proved(
    ledger: Path, words: list[object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", "--database", str(ledger), *map(str, words)]) == 2
    assert capsys.readouterr().err == f"{said}\n"


def test_a_ledger_that_lost_an_entry_proves_nothing_of_its_day(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tampered(ledger, ("DELETE FROM ledger_entry WHERE position = 2", ()))
    assert main(["prove", "--database", str(ledger), A1, "5"]) == 2
    assert capsys.readouterr().err == "entries that seal 1 closed are missing; `manyi audit` names them\n"


def test_seals_are_verified(
    made: tuple[Path, list[Sealed]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "seals.txt"
    file.write_text("".join(map(written, made[1])), encoding="utf-8")
    told = verified(capsys, file, "--city", CITY.public)
    assert told["good"]
    assert [(one["number"], one["day"]) for one in told["seals"]] == [(1, "2026-11-21"), (2, "2026-11-22")]
    assert main(["verify", str(file)]) == 0
    assert (
        capsys.readouterr()
        .out.splitlines()[0]
        .startswith("seal 1 of 2026-11-21: positions 1 to 5, with its 5 leaves, root ")
    )
    assert verified(capsys, file, "--city", MALLORY.public)["faults"][0].startswith("seal 1: it is signed by")
    # Two of one chain that do not fit each other.
    stray = made[1][1].seal
    raw = CITY.entry(made[1][1].raw.partition(b"\n")[0].replace(stray.prev.encode(), b"1a" * 32))
    file.write_text(written(made[1][0]) + raw.decode(), encoding="utf-8")
    assert verified(capsys, file)["faults"] == ["seal 2: it names another seal 1 than the one before it"]


def test_two_seals_of_one_number_are_named(
    made: tuple[Path, list[Sealed]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is the city's, and it told two stories."""
    file, (one, two) = tmp_path / "seals.txt", made[1]
    other = opened(CITY.entry(encode(msgspec.structs.replace(one.seal, root="1a" * 32))))
    said = "seal 1: there are 2 different ones of this number"
    for fork in ([one, other], [one, two, other], [other, one._replace(leaves=()), one]):
        file.write_text("".join(map(written, fork)), encoding="utf-8")
        assert said in verified(capsys, file)["faults"]
    # The same one twice, once in its short form, is one; and in which order they stand does not matter.
    file.write_text("".join(map(written, [two, one._replace(leaves=()), one])), encoding="utf-8")
    assert verified(capsys, file)["good"]
    stray = opened(CITY.entry(encode(msgspec.structs.replace(two.seal, prev="1a" * 32))))
    file.write_text("".join(map(written, [stray, one])), encoding="utf-8")
    assert verified(capsys, file)["faults"] == ["seal 2: it names another seal 1 than the one before it"]


def test_a_text_that_notepad_saved(made: tuple[Path, list[Sealed]], tmp_path: Path) -> None:
    file = tmp_path / "seals.txt"
    file.write_text("".join(map(written, made[1])), encoding="utf-8-sig")
    assert main(["verify", str(file)]) == 0


@pytest.mark.parametrize("number", ["99999999999999999999", "-99999999999999999999", "0"])
def test_a_number_that_no_rating_can_have(ledger: Path, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "--database", str(ledger), A1, number]) == 2
    assert capsys.readouterr().err == f"number {number} of {A1} is not in this ledger\n"


@pytest.mark.parametrize("raw", [b"{}", "text"])
@pytest.mark.parametrize("position", [1, 6])
def test_what_is_damaged_is_not_proved(
    ledger: Path, position: int, raw: object, capsys: pytest.CaptureFixture[str]
) -> None:
    tampered(ledger, ("UPDATE ledger_entry SET raw = ? WHERE position = ?", (raw, position)))
    assert main(["prove", "--database", str(ledger), A1, "2", "--epoch", OLD]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"ledger position {position} cannot be read: ")
    assert said.endswith("; `manyi audit` names what is wrong\n")


def test_a_value_may_begin_like_an_option(ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of keys and epochs one in 64 does."""
    proof = proof_of(ledger, A1, 2, "--epoch", OLD)
    city = "-" + CITY.public[1:]
    assert main(["verify", str(proof), "--city", city]) == 1
    assert "not by the city's key" in capsys.readouterr().out
    assert main(["verify", str(proof), f"--city={city}"]) == 1
    assert main(["audit", "--database", str(ledger), "--city", city]) == 1
    capsys.readouterr()
    assert main(["prove", "--database", str(ledger), A1, "2", "--epoch", "-AAAAAAAAA"]) == 2
    assert capsys.readouterr().err == f"number 2 of {A1}/-AAAAAAAAA is not in this ledger\n"
    # What is left out is still missed.
    with pytest.raises(SystemExit) as end:
        main(["verify", str(proof), "--city"])
    assert end.value.code == 2
    assert main(["verify", str(proof), "--city", "--json"]) == 2
    assert "--city: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("{}", [], "this is no seal"),
        ('{"kind":"inclusion","v":1}', [], "this is no proof of a rating"),
        ("[" * 100_000, [], "expected a seal"),
        ("", [], "there is no seal in it"),
        ("seal", ["--city", "x"], "--city"),
    ],
)
def test_what_is_neither(
    tmp_path: Path, text: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "neither"
    file.write_text(text, encoding="utf-8")
    assert main(["verify", str(file), *words]) == 2
    assert said in capsys.readouterr().err


def test_files_that_are_not_there(tmp_path: Path, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    (tmp_path / "picture").write_bytes(b"\xff\xd8")
    assert main(["verify", str(tmp_path / "picture")]) == 2
    assert "is no text" in capsys.readouterr().err
    assert main(["prove", "--database", str(ledger), A1, "5", "--out", str(tmp_path / "no" / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_proof_of_what_its_entry_does_not_give(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = proof_of(ledger, A1, 5)
    good = json.loads(file.read_text(encoding="utf-8"))
    for change in ({"seq": 7}, {"epoch": NEW}, {"node": B2}, {"entry": "{}"}, {"seal": "{}"}, {"more": 1}):
        file.write_text(json.dumps(good | change), encoding="utf-8")
        assert main(["verify", str(file)]) == 2, change
        said = capsys.readouterr().err
        assert "this is no proof of a rating" in said or "it is said to show" in said
