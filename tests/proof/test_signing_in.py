"""Whoever signs in at the console has the ratings of those minutes, as `manyi score` counts them by person."""

import json
from pathlib import Path

import pytest

from cloud.calendar import Calendar
from cloud.database import Database, open_database
from cloud.ledger.cells import ONE
from cloud.people import accounts
from cloud.people.accounts import Holder
from cloud.people.rules import Person
from cloud.registry import store
from cloud.registry.load import register
from cloud.staffing.seats import Seats
from cloud.tallies import store as tallies
from contract.signing import Signer
from proof.__main__ import main

NODE = "371721121-a1"
W1 = f"{NODE}/01"
LI, WANG = "371721121:1024", "371721121:2048"
CALENDAR = Calendar("Asia/Shanghai")
DAY = "2026-11-18"
NODES = {"nodes": [{"node": NODE, "key": Signer(b"o" * 32).public, "windows": ["01"]}]}


async def clerk(database: Database, name: str, code: str) -> Person:
    person = Person(name, "clerk", W1)
    async with database.writer.begin() as connection:
        await accounts.put(connection, person, Holder(name.title(), code), 1)
    return person


async def rate(database: Database, minute: int, level: int) -> None:
    cell = {(W1, CALENDAR.moment(DAY, minute) // 60_000): ONE[level]}
    async with database.writer.begin() as connection:
        await tallies.add(connection, cell, CALENDAR)


async def test_a_rating_is_whose_who_signed_in_before_that_minute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "manyi.db"
    now = CALENDAR.moment(DAY, 600) + 20_000
    async with await open_database(str(file)) as database:
        await register(database.writer, json.dumps(NODES), 1)
        async with database.reader.begin() as connection:
            registry = await store.load(connection, now)
        seats = Seats(database, registry=lambda: registry, calendar=CALENDAR, now=lambda: now)
        li, wang = await clerk(database, "li", LI), await clerk(database, "wang", WANG)
        await seats.sit(li)
        # The minute in which Li sat down is nobody's yet; what is rated from the next one on is Li's.
        await rate(database, 600, 1)
        await rate(database, 601, 3)
        await rate(database, 659, 3)
        now = CALENDAR.moment(DAY, 660)
        await seats.sit(wang)
        await rate(database, 660, 2)
        await rate(database, 661, 1)
        now = CALENDAR.moment(DAY, 700)
        await seats.leave(wang)
        await rate(database, 701, 1)

    assert main(["score", "--database", str(file), "--period", DAY, "--json"]) == 0
    units = json.loads(capsys.readouterr().out)["units"]
    assert {unit["code"]: unit["counts"] for unit in units if unit["kind"] == "person"} == {
        LI: [2, 1, 0],
        WANG: [0, 0, 1],
    }
    assert [unit["counts"] for unit in units if unit["code"] == W1] == [[2, 1, 3]]
