"""What a city refused is looked at again: whoever throws away what a node signed is found."""

import asyncio
import json
from pathlib import Path

import pytest

from cloud.database import open_database
from cloud.quarantine import store
from cloud.quarantine.rules import poison
from contract.codec import encode
from contract.errors import Reason
from proof.__main__ import main
from tests.proof.ledgers import A1, BATCHES, MALLORY, NEW, NOW, OLD, REPLACED, TOWNSHIP, batch, raw_of, tampered, whole

NOWHERE = batch(A1, NEW, 2, [1, 1])


@pytest.fixture
def ledger(errand: asyncio.Runner, tmp_path: Path) -> Path:
    file = tmp_path / "manyi.db"
    errand.run(whole(file))
    return file


def refused(ledger: Path, errand: asyncio.Runner, reason: Reason, *raws: bytes) -> None:
    """Quarantine `raws`."""

    async def keep() -> None:
        async with await open_database(str(ledger)) as database, database.writer.begin() as connection:
            await store.keep(connection, [poison(TOWNSHIP, A1, reason, "", raw) for raw in raws], NOW)

    errand.run(keep())


def audited(ledger: Path, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], int, int]:
    """The findings, and how many refusals and conflicts were looked at."""
    code = main(["audit", "--database", str(ledger), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == (1 if told["named"] else 0)
    return [f"{one['rule']}: {one['where']}" for one in told["named"]], told["refused"], told["conflicts"]


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"{}\n" + b"A" * 86,
        raw_of(NOWHERE, MALLORY),
        raw_of(NOWHERE, REPLACED),
        encode(NOWHERE),
        raw_of(BATCHES[0]),
    ],
    ids=["rubbish", "nothing of ours", "a stranger's", "by a key that had ended", "unsigned", "in the ledger as well"],
)
def test_what_deserved_it(ledger: Path, errand: asyncio.Runner, capsys: pytest.CaptureFixture[str], raw: bytes) -> None:
    refused(ledger, errand, Reason.WRONG_SIGNATURE, raw)
    assert audited(ledger, capsys) == ([], 1, 0)


@pytest.mark.parametrize("reason", [Reason.WRONG_SIGNATURE, Reason.UNKNOWN_NODE, Reason.CONFLICT])
def test_what_a_node_signed_and_is_nowhere(
    ledger: Path, errand: asyncio.Runner, capsys: pytest.CaptureFixture[str], reason: Reason
) -> None:
    refused(ledger, errand, reason, raw_of(NOWHERE))
    named, looked, _ = audited(ledger, capsys)
    assert (named, looked) == ([f"quarantine: quarantine 1, {A1}/{NEW} number 2 to 3"], 1)
    assert main(["audit", "--database", str(ledger)]) == 1
    said = f"{A1} signed it, it was refused as {reason}, and is nowhere in the ledger"
    assert said in capsys.readouterr().out


def test_two_ratings_under_one_number_are_told_and_the_first_stands(
    ledger: Path, errand: asyncio.Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(ledger, errand, Reason.CONFLICT, raw_of(batch(A1, OLD, 1, [3, 2, 3])))
    assert audited(ledger, capsys) == ([], 1, 1)
    assert main(["audit", "--database", str(ledger)]) == 0
    assert "in 1 a node signed a number for the second time with another rating" in capsys.readouterr().out


def test_bytes_that_are_others_or_gone(
    ledger: Path, errand: asyncio.Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(ledger, errand, Reason.UNSIGNED, b"{1", b"{2", b"{3")
    tampered(
        ledger,
        ("UPDATE quarantine SET raw = ? WHERE id = 1", (b"{9",)),
        ("UPDATE quarantine SET raw = NULL WHERE id = 2", ()),
        ("UPDATE quarantine SET raw = ? WHERE id = 3", (b"{",)),
    )
    assert audited(ledger, capsys) == (["altered: quarantine 1"], 1, 0)
    tampered(ledger, ("UPDATE quarantine SET raw = ? WHERE id = 1", ("{9",)))
    assert audited(ledger, capsys) == (["altered: quarantine 1"], 1, 0)
