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
from cloud.copy.move import Place, move
from cloud.database import open_database
from tests.cloud.moving import ZONE, PowerCut, cut, make_old
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
            assert await fill(database, ZONE, plan) == 200

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
        (("db", "copy", "postgresql:/city:geheim@db/city", tmp_path / "x.db"), "a URL that cannot be read"),
        (("db", "copy", tmp_path / "city.db", "postgres:/city:geheim@db/city"), "a URL that cannot be read"),
        (("db", "recount", "--config", tmp_path / "no.toml"), "cannot be read"),
        (("db", "recount", "--config", settings(tmp_path, "ctiy.db")), "ctiy.db: there is no such file"),
    ):
        said = manyi(*words)
        assert (said.code, said.out) == (2, ""), words
        assert told in said.err
        assert len([line for line in said.err.splitlines() if line.strip()]) == 1
        assert "geheim" not in said.err
    assert [name for name in ("ctiy.db", "again.db", "x.db") if (tmp_path / name).exists()] == []


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


def test_a_damaged_ledger_says_what_to_do_and_nothing_is_repaired_by_it(
    manyi: Manyi, config: Path, tmp_path: Path
) -> None:
    change(tmp_path / "city.db", "DROP TRIGGER ledger_entry_keeps_UPDATE")
    change(tmp_path / "city.db", "UPDATE ledger_entry SET raw = x'00ff' WHERE position = 7")

    for words in ((), ("--repair",)):
        said = manyi("db", "recount", "--config", config, *words)
        assert said.code == 1
        assert said.out.startswith("ledger position 7 cannot be read: ")
        assert "\nledger entries that cannot be read: 1\n" in said.out
        assert said.out.endswith(
            "190 ratings; this ledger is damaged: keep it, and restore the last backup into another database; nodes "
            "and gateways send again what they still have\n"
        )
    told = json.loads(manyi("db", "recount", "--config", config, "--repair", "--json").out)
    assert (told["equal"], told["unreadable"], told["repaired"]) == (False, 1, {})


def test_a_ledger_with_a_gap_says_what_to_do(manyi: Manyi, config: Path, tmp_path: Path) -> None:
    change(tmp_path / "city.db", "UPDATE ledger_head SET position = position + 1")

    said = manyi("db", "recount", "--config", config)

    assert said.code == 1
    assert said.out.startswith("ledger positions: NOT from 1 to the head without a gap\n")
    assert "200 ratings; this ledger is damaged: keep it, and restore the last backup into another database" in said.out


def test_an_older_file_is_not_upgraded_by_a_recount(manyi: Manyi, tmp_path: Path) -> None:
    make_old(tmp_path / "old.db", 3)

    said = manyi("db", "recount", "--config", settings(tmp_path, "old.db"))

    assert (said.code, said.out) == (2, "")
    assert "its schema is 0001 and this program needs" in said.err
    assert "`manyi backup` it, then run `manyi db upgrade`" in said.err
    with closing(sqlite3.connect(tmp_path / "old.db")) as city:
        assert city.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]


def test_half_a_copy_is_good_for_nothing_but_to_go_on(manyi: Manyi, config: Path, tmp_path: Path) -> None:
    new_key(tmp_path / "city.key")
    (tmp_path / "nodes.json").write_text("{}", encoding="utf-8")
    places = Place(str(tmp_path / "city.db")), Place(str(tmp_path / "half.db"))
    with pytest.raises(PowerCut):
        asyncio.run(move(*places, ZONE, cut("copy")))
    half = settings(tmp_path, "half.db")

    for words in (
        ("cloud", "run", "--config", half),
        ("cloud", "register", "--config", half, tmp_path / "nodes.json"),
        ("db", "recount", "--config", half),
        ("db", "recount", "--config", half, "--repair"),
        ("db", "copy", tmp_path / "half.db", tmp_path / "x.db"),
        ("backup", "--config", half, tmp_path / "backup.db"),
        ("restore", tmp_path / "half.db", "--config", settings(tmp_path, "again.db")),
    ):
        said = manyi(*words)
        assert (said.code, said.out) == (2, ""), words
        assert f"holds an unfinished copy of {tmp_path / 'city.db'}: run the same `manyi db copy` or" in said.err
    assert manyi("db", "copy", *(place.database for place in places)).code == 0
    assert manyi("db", "recount", "--config", half).code == 0


def test_a_server_that_goes_away_while_it_registers_is_one_line(
    manyi: Manyi, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object) -> None:
        raise OSError("the cable is out")

    monkeypatch.setattr("cloud.registry.load.register", gone)
    (tmp_path / "nodes.json").write_text("{}", encoding="utf-8")

    said = manyi("cloud", "register", "--config", config, tmp_path / "nodes.json")

    assert (said.code, said.out) == (1, "")
    assert said.err == f"{tmp_path / 'nodes.json'}: database: the cable is out; run the same command again\n"
