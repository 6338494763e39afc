"""`manyi backup`, `manyi restore`, `manyi db copy` and `manyi db recount`: what they say and how they end."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.archive import Days, fill
from cli.main import main
from cloud.calendar import Calendar
from cloud.copy.move import Place, move
from cloud.database import open_database
from transport.keys import new_key

# A PostgreSQL of one's own begins with making it, on a busy machine.
pytestmark = pytest.mark.timeout(60)

BEGIN = 1_793_581_200_000
TOML = 'database = "{}"\nkey = "city.key"\n[broker]\nhost = "127.0.0.1"\n[http]\nport = 0\n'


class Said(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


@pytest.fixture
def manyi(capfd: pytest.CaptureFixture[str]) -> "Manyi":
    return Manyi(capfd)


class Manyi:
    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *words: object) -> Said:
        code = main([str(word) for word in words])
        return Said(code, *self._capfd.readouterr())


def settings(folder: Path, database: str) -> Path:
    file = folder / f"{database}.toml"
    file.write_text(TOML.format(database), encoding="utf-8")
    return file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The settings of a city with 200 ratings on two days, in city.db."""

    async def made() -> None:
        async with await open_database(str(tmp_path / "city.db")) as database:
            plan = Days(200, ["371721121-a1", "371721122-a1"], days=2, begin=BEGIN)
            assert await fill(database, Calendar("Asia/Shanghai"), plan) == 200

    asyncio.run(made())
    return settings(tmp_path, "city.db")


def change(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as city:
        city.execute(sql)
        city.commit()


def test_a_city_goes_into_one_file_and_back(manyi: Manyi, config: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"

    said = manyi("backup", "--config", config, backup)
    assert said.code == 0, said.err
    assert said.out == f"{backup}: {backup.stat().st_size:,} bytes, the whole of {tmp_path / 'city.db'}\n"

    said = manyi("restore", backup, "--config", settings(tmp_path, "again.db"))
    assert said.code == 0, said.err
    assert "verified: source and copy have the same rows in every table, by count and digest\n" in said.out
    assert said.out.endswith("ledger positions: without a gap\n200 ratings; every tally follows from the ledger\n")
    assert "recounting" in said.err


def test_what_cannot_be_done_is_one_line_and_exit_code_2(manyi: Manyi, config: Path, tmp_path: Path) -> None:
    manyi("backup", "--config", config, tmp_path / "backup.db")

    for words, told in (
        (("backup", "--config", config, tmp_path / "backup.db"), "is there already"),
        (("restore", tmp_path / "backup.db", "--config", config), "is not empty"),
        (("restore", tmp_path / "no.db", "--config", settings(tmp_path, "again.db")), "there is no such file"),
        (("db", "copy", tmp_path / "city.db", tmp_path / "city.db"), "source and target at once"),
        (("db", "copy", tmp_path / "city.db", tmp_path / "x.db", "--zone", "Mars/Base"), "Mars/Base"),
        (("db", "recount", "--config", tmp_path / "no.toml"), "cannot be read"),
    ):
        said = manyi(*words)
        assert (said.code, said.out) == (2, ""), words
        assert told in said.err
        assert len([line for line in said.err.splitlines() if line.strip()]) == 1


def test_a_copy_tells_its_figures_as_json(manyi: Manyi, config: Path, tmp_path: Path) -> None:
    said = manyi("db", "copy", tmp_path / "city.db", tmp_path / "copy.db", "--json")

    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["fresh"] == told["rows"] == sum(told["tables"].values())
    assert told["tables"]["ledger_entry"] == 20
    assert (told["disagreements"], told["recount"]["equal"], told["recount"]["counted"]) == ([], True, 200)


def test_a_recount_ends_1_where_a_tally_is_wrong_and_0_once_it_is_repaired(
    manyi: Manyi, config: Path, tmp_path: Path
) -> None:
    change(tmp_path / "city.db", "UPDATE tally_day SET basic = basic + 1 WHERE day = '2026-11-02'")

    said = manyi("db", "recount", "--config", config)
    assert said.code == 1
    cells = said.out.count("tally_day: 371721")
    assert cells > 4
    assert f"tally_day: {cells} cells differ\n" in said.out
    assert "tallies do not follow from the ledger: `manyi db recount --repair` sets them right\n" in said.out

    said = manyi("db", "recount", "--config", config, "--repair", "--json")
    assert said.code == 0, said.out
    told = json.loads(said.out)
    assert (told["equal"], told["repaired"]["tally_day"], told["counted"]) == (True, cells, 200)

    said = manyi("db", "recount", "--config", config)
    assert (said.code, said.out) == (
        0,
        "ledger positions: without a gap\n200 ratings; every tally follows from the ledger\n",
    )


class PowerCut(Exception):  # noqa: N818
    pass


def test_a_city_does_not_start_on_half_a_copy(manyi: Manyi, config: Path, tmp_path: Path) -> None:
    def cut(_step: str, _done: int, _total: int) -> None:
        raise PowerCut

    new_key(tmp_path / "city.key")
    places = Place(str(tmp_path / "city.db")), Place(str(tmp_path / "half.db"))
    with pytest.raises(PowerCut):
        asyncio.run(move(*places, Calendar("Asia/Shanghai"), cut))

    said = manyi("cloud", "run", "--config", settings(tmp_path, "half.db"))

    assert (said.code, said.out) == (2, "")
    assert f"holds an unfinished copy of {tmp_path / 'city.db'}: run the same `manyi db copy` or" in said.err
