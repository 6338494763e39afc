"""`manyi seal` as an operator runs it: a day closed by hand, and a text to hand out."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from proof.__main__ import main
from proof.seals import objection, read
from tests.cli.test_db import settings
from tests.proof.ledgers import A1, NEW, batch, enter_batch, whole
from transport.keys import new_key


def manyi(*words: object) -> Result:
    return CliRunner().invoke(app, ["seal", *map(str, words)])


@pytest.fixture
def config(tmp_path: Path, errand: asyncio.Runner) -> Path:
    made = settings(tmp_path, "city.db")
    new_key(tmp_path / "city.key")
    errand.run(whole(tmp_path / "city.db"))
    return made


def test_a_day_is_closed_once_and_shown_again(config: Path) -> None:
    first = manyi("--config", config)
    assert (first.exit_code, first.stderr) == (0, "")
    (one,) = read(first.stdout, "stdout")
    assert (one.seal.number, one.seal.first, one.seal.last) == (1, 1, 5)
    assert objection(one) is None
    # Its day is closed, so it is only shown.
    assert manyi("--config", config).stdout == first.stdout
    assert manyi("--config", config, "--number", 1).stdout == first.stdout


def test_all_there_is_by_now(config: Path, errand: asyncio.Runner) -> None:
    manyi("--config", config)
    errand.run(enter_batch(config.with_name("city.db"), batch(A1, NEW, 2, [3])))
    (two,) = read(manyi("--config", config, "--now").stdout, "stdout")
    assert (two.seal.number, two.seal.first, two.seal.last) == (2, 6, 7)


def test_it_is_written_with_its_leaves(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "seal.txt"
    said = manyi("--config", config, "--out", file)
    assert said.stdout.startswith("seal 1 of ")
    assert said.stdout.endswith(f"with its 5 leaves, is in {file}\n")
    (one,) = read(file.read_text(encoding="utf-8"), str(file))
    assert len(one.leaves) == 5
    assert objection(one) is None
    assert main(["audit", "--database", str(config.with_name("city.db")), "--seal", str(file)]) == 0
    assert "sealed up to position 5" in capsys.readouterr().out


def test_what_cannot_be_done(config: Path, tmp_path: Path) -> None:
    for words, said in (
        (["--number", 9], "seal: there is no such seal"),
        (["--number", 1, "--now"], "--now closes what is open and --number shows"),
        (["--out", tmp_path / "no" / "file"], "cannot be written"),
    ):
        ended = manyi("--config", config, *words)
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert said in ended.stderr


def test_an_empty_ledger_and_none(tmp_path: Path) -> None:
    made = settings(tmp_path, "city.db")
    new_key(tmp_path / "city.key")
    missing = manyi("--config", made)
    assert (missing.exit_code, "there is no such file" in missing.stderr) == (2, True)
    assert not (tmp_path / "city.db").exists()

    assert CliRunner().invoke(app, ["db", "upgrade", "--config", str(made)]).exit_code == 0
    ended = manyi("--config", made)
    assert ended.exit_code == 2
    assert "there is nothing in the ledger" in ended.stderr
