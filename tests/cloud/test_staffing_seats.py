"""A clerk who signs in while somebody imports duties: one waits for the other, and sees what it did."""

import asyncio
import json

import pytest

from cloud.calendar import Calendar
from cloud.database import Database
from cloud.people import accounts
from cloud.people.accounts import Holder
from cloud.people.rules import Person
from cloud.registry import store
from cloud.registry.load import register
from cloud.staffing import store as duties
from cloud.staffing.rules import Named, Staff, Tenure
from cloud.staffing.seats import Seats
from cloud.staffing.sitting import Unseated
from contract.signing import Signer
from tests.cloud.where import Where

NODE = "371721121-a1"
W1 = f"{NODE}/01"
LI, WANG = "371721121:1024", "371721121:2048"
CALENDAR = Calendar("Asia/Shanghai")
NOW = CALENDAR.moment("2026-11-18", 600)
NODES = {"nodes": [{"node": NODE, "key": Signer(b"o" * 32).public, "windows": ["01"]}]}


async def test_a_sign_in_waits_for_an_import_and_sees_its_duties(database: Database, where: Where) -> None:
    await register(database.writer, json.dumps(NODES), 1)
    li = Person("li", "clerk", W1)
    async with database.writer.begin() as connection:
        await accounts.put(connection, li, Holder("李敏", LI), 1)
    async with database.reader.begin() as connection:
        registry = await store.load(connection, NOW)
    async with await where.open() as another, database.writer.begin() as connection:
        seats = Seats(another, registry=lambda: registry, calendar=CALENDAR, now=lambda: NOW)
        await store.hold(connection)
        signing_in = asyncio.ensure_future(seats.sit(li))
        await asyncio.sleep(0.3)
        assert not signing_in.done()
        rostered = Tenure(W1, NOW - 1000, None, WANG)
        await duties.put(connection, Staff([], [], [Named(WANG, "王强", "Wang")], [rostered]), {W1})
        await connection.commit()
        with pytest.raises(Unseated) as refused:
            await signing_in
    assert refused.value.why == "taken"
