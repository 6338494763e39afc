"""`manyi audit` and the days that were closed: what is done to them later shows, and the row is named."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.bundle import Signed
from contract.codec import encode
from contract.signing import Signer
from proof.__main__ import main
from proof.merkle import root
from proof.seals import Sealed, following, leaf, opened, written
from tests.proof.ledgers import (
    A1,
    BATCHES,
    CITY,
    MALLORY,
    NEW,
    NOW,
    batch,
    close_day,
    enter_batch,
    hand_back,
    raw_of,
    tampered,
    two_days,
    whole,
)

RAW = "UPDATE ledger_entry SET raw = ? WHERE position = ?"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, errand: asyncio.Runner) -> tuple[Path, list[Sealed]]:
    file = tmp_path_factory.mktemp("closed") / "manyi.db"
    return file, errand.run(two_days(file, 3))


@pytest.fixture
def ledger(made: tuple[Path, list[Sealed]], tmp_path: Path) -> Path:
    return Path(shutil.copy(made[0], tmp_path / "manyi.db"))


@pytest.fixture
def kept(made: tuple[Path, list[Sealed]], tmp_path: Path) -> Path:
    """Both seals, with their leaves."""
    file = tmp_path / "kept.txt"
    file.write_text("".join(map(written, made[1])), encoding="utf-8")
    return file


def audited(capsys: pytest.CaptureFixture[str], ledger: Path, *words: object) -> dict[str, Any]:
    code = main(["audit", "--database", str(ledger), *map(str, words), "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if told["good"] else 1)
    return told


def named(told: dict[str, Any], rule: str = "seal") -> list[str]:
    return [f"{one['where']}: {one['detail']}" for one in told["named"] if one["rule"] == rule]


def test_a_sealed_ledger_is_good(ledger: Path, kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--seal", kept], ["--seal", kept, "--city", CITY.public]):
        told = audited(capsys, ledger, *words)
        assert told["good"], told["named"]
        assert (told["position"], told["seals"], told["sealed"], told["sealed_day"]) == (9, 2, 7, "2026-11-22")
    assert main(["audit", "--database", str(ledger)]) == 0
    said = capsys.readouterr().out
    assert "sealed up to position 7, the end of 2026-11-22 (seals: 2); 2 entries came since" in said


def test_what_the_nodes_own_key_signed_anew_is_found(
    ledger: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tampered(ledger, (RAW, (raw_of(batch(A1, NEW, 2, [1])), 7)))
    told = audited(capsys, ledger)
    assert "signature" not in told["findings"]
    (said,) = named(told)
    assert said.startswith("positions 6 to 7: not what seal 2 of 2026-11-22 closed: something was changed since;")
    assert named(audited(capsys, ledger, "--seal", kept)) == [
        "position 7: this is not what stood there when seal 2 of 2026-11-22 closed it"
    ]


def test_a_seal_that_was_kept_in_both_forms(
    ledger: Path, kept: Path, made: tuple[Path, list[Sealed]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    short = tmp_path / "short.txt"
    short.write_text("".join(written(one._replace(leaves=())) for one in made[1]), encoding="utf-8")
    tampered(ledger, (RAW, (raw_of(batch(A1, NEW, 2, [1])), 7)))
    for files in ((kept, short), (short, kept)):
        told = audited(capsys, ledger, "--seal", files[0], "--seal", files[1])
        assert named(told) == ["position 7: this is not what stood there when seal 2 of 2026-11-22 closed it"]


def test_a_seal_of_more_than_there_ever_was(
    ledger: Path, made: tuple[Path, list[Sealed]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    seal, far = made[1][1].seal, 1 << 53
    forged = opened(MALLORY.entry(encode(msgspec.structs.replace(seal, last=far, by=MALLORY.public))))
    file = tmp_path / "far.txt"
    file.write_text(written(forged), encoding="utf-8")
    tampered(ledger, ("DELETE FROM ledger_entry WHERE kind = 'seal'", ()))
    said = f"positions 10 to {far}: it is not in the ledger any more when seal 2 of 2026-11-22 closed it"
    assert said in named(audited(capsys, ledger, "--seal", file))


def test_nobody_makes_a_rating_one_of_the_future_that_came_after_a_seal(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """When it came is signed by nobody; that the seal before it came earlier is."""
    held = "INSERT INTO uncounted VALUES (7, 0, 'future', ?, NULL, NULL)"
    tampered(
        ledger,
        ("UPDATE ledger_entry SET received_at = ? WHERE position = 7", (NOW - 1,)),
        (held, (f"{A1}/01",)),
    )
    assert named(audited(capsys, ledger), "uncounted") == [
        "position 7, row 0: it does not count for 'future', and it was pressed before it arrived"
    ]


def test_the_last_day_cut_off(ledger: Path, kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tampered(
        ledger,
        ("DELETE FROM ledger_entry WHERE position > 6", ()),
        ("UPDATE ledger_head SET position = 6", ()),
    )
    # The seal that was handed out says what is missing.
    told = audited(capsys, ledger, "--seal", kept)
    assert named(told) == [
        "seal 2 of 2026-11-22: it was kept, and the ledger has no seal of that number",
        "position 7: it is not in the ledger any more when seal 2 of 2026-11-22 closed it",
    ]
    # And without it nothing does: the seal went with its day.
    assert named(audited(capsys, ledger)) == []


def test_an_entry_taken_out_of_a_closed_day(ledger: Path, kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tampered(ledger, ("DELETE FROM ledger_entry WHERE position IN (2, 5)", ()))
    assert named(audited(capsys, ledger, "--seal", kept)) == [
        f"position {position}: it is not in the ledger any more when seal 1 of 2026-11-21 closed it"
        for position in (2, 5)
    ]


def resealed(entries: list[bytes], signer: Signer = CITY) -> Sealed:
    leaves = tuple(leaf("batch", raw) for raw in entries)
    last, by = len(entries), signer.public
    seal = following(None, first=1, last=last, root=root(leaves), day="2026-11-21", at=7, by=by)
    return opened(signer.entry(encode(seal)))


def test_a_city_that_seals_the_past_anew(
    made: tuple[Path, list[Sealed]], ledger: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its own key, after it changed an entry: only what others kept says so."""
    raws = [raw_of(one) for one in BATCHES]
    raws[2] = raw_of(batch(A1, BATCHES[2].epoch, 4, [3, 3, 2]))
    other = resealed(raws)
    tampered(
        ledger,
        (RAW, (raws[2], 3)),
        (RAW, (other.raw, 6)),
        ("DELETE FROM ledger_entry WHERE position > 6", ()),
        ("UPDATE ledger_head SET position = 6", ()),
    )
    assert named(audited(capsys, ledger)) == []
    said = named(audited(capsys, ledger, "--seal", kept))
    assert "seal 1 of 2026-11-21: it was kept, and the ledger has another seal of that number" in said
    assert "position 3: this is not what stood there when seal 1 of 2026-11-21 closed it" in said
    # Two lines in a newspaper do as well, and name the range.
    kept.write_text(written(made[1][0]._replace(leaves=())), encoding="utf-8")
    said = named(audited(capsys, ledger, "--seal", kept))
    assert any(one.startswith("positions 1 to 5: not what seal 1 of 2026-11-21 closed") for one in said)


def test_a_seal_by_another_key(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = resealed([raw_of(one) for one in BATCHES], MALLORY)
    tampered(ledger, (RAW, (other.raw, 6)))
    said = named(audited(capsys, ledger, "--city", CITY.public))
    assert any(one.startswith("position 6, seal 1 of 2026-11-21: it is signed by") for one in said)
    # Nobody brought the city's key: still they are not all by one.
    assert named(audited(capsys, ledger))


def test_a_seal_taken_out_of_the_chain(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tampered(ledger, ("DELETE FROM ledger_entry WHERE position = 6", ()))
    said = named(audited(capsys, ledger))
    assert "position 8: this is no seal 2 of 2026-11-22: it is number 2, and number 1 was to follow" in said


def test_a_seal_that_cannot_be_read(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tampered(ledger, (RAW, (b"rubbish", 6)))
    assert named(audited(capsys, ledger), "unreadable")[0].startswith("position 6: this is no seal")
    tampered(ledger, (RAW, ("text", 6)))
    assert named(audited(capsys, ledger), "unreadable")[0].startswith("position 6: this is no seal")


def test_a_seal_filed_where_it_does_not_belong(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tampered(ledger, ("UPDATE ledger_entry SET last = 4 WHERE position = 6", ()))
    said = named(audited(capsys, ledger), "altered")
    assert said == ["position 6: it stands as seal 1 up to position 4, and says 1 up to 5"]


def test_a_kept_seal_that_is_false_accuses_nobody(
    made: tuple[Path, list[Sealed]], ledger: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = made[1][0]
    entry = Signed.of(one.raw)
    kept.write_text(f"{entry.body.decode()}\n{Signed.of(made[1][1].raw).signature.decode()}\n", encoding="utf-8")
    told = audited(capsys, ledger, "--seal", kept)
    assert named(told) == [f"a seal that was kept, seal 1 of 2026-11-21: {CITY.public} did not sign this"]


async def test_a_restored_ledger_is_held_to_the_seals_that_it_lost(
    made: tuple[Path, list[Sealed]], kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A backup from before the first seal: townships hand both back, and nodes send their batches again."""
    file = tmp_path / "restored.db"
    await whole(file)
    await hand_back(file, *made[1])
    said = named(audited(capsys, file), "seal")
    assert [one.partition(":")[0] for one in said] == ["seal 1 of 2026-11-21", "seal 2 of 2026-11-22"]
    assert said[0].endswith("its export, with the leaves, would say whether all came back")
    assert named(audited(capsys, file, "--seal", kept)) == [
        "position 7: what seal 2 of 2026-11-22 closed there, in a ledger that was lost, is nowhere in this one"
    ]
    await enter_batch(file, batch(A1, NEW, 2, [3]))
    told = audited(capsys, file, "--seal", kept)
    assert told["good"], told["named"]
    # And the chain goes on.
    third = await close_day(file, "2026-11-23")
    assert (third.seal.number, third.seal.first, third.seal.prev) == (3, 1, made[1][1].digest)
    told = audited(capsys, file, "--seal", kept)
    assert told["good"], told["named"]
    assert (told["seals"], told["sealed"]) == (3, 8)
    # What the new seal closed is held in place, as ever.
    tampered(file, ("UPDATE ledger_entry SET kind = 'seal' WHERE position = 7", ()))
    said = named(audited(capsys, file, "--seal", kept))
    assert any("it begins at position 6, and position 1 was to follow" in one for one in said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seal", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["--city", "abc"], "--city: a public key is 32 bytes"),
    ],
)
def test_what_cannot_be_used(ledger: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--database", str(ledger), *words]) == 2
    assert said in capsys.readouterr().err
