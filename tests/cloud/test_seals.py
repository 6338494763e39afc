"""Closing a day: once, chained, over every entry there is, whatever else the ledger does meanwhile."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy.exc import IntegrityError

from cloud.app import create_app
from cloud.calendar import Calendar
from cloud.database import Database, fetch, open_database, unavailable, write
from cloud.ledger.store import Entry, enter
from cloud.seals import routes, store, worker
from cloud.seals.closing import bear_witness, close
from cloud.seals.rules import day_to_close, shown
from cloud.seals.worker import GRACE_S, Sealer
from contract.codec import encode
from contract.errors import Unavailable
from contract.seal import NOTHING, Seal
from contract.signing import Signer, public_key
from proof.merkle import root
from proof.seals import Sealed, following, leaf, misfit, objection, opened, read
from tests.cloud.conftest import CITY, Desk, entry
from tests.cloud.doors import open_door

KEY = public_key(CITY.public)
CALENDAR = Calendar("Asia/Shanghai")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * 1000


async def rated(desk: Desk, first: int) -> bytes:
    raw = entry(first, ("01", 3), ("01", 1))
    await desk.exchange(raw)
    return raw


async def sealed(database: Database) -> list[Sealed]:
    async with database.reader.connect() as connection:
        return (await store.newest(connection, 100))[::-1]


async def test_a_day_is_closed_over_all_that_came(desk: Desk) -> None:
    raws = [await rated(desk, first) for first in (1, 3, 5)]
    one = await close(desk.database, CITY, day="2026-11-26", at=at("2026-11-27 00:00:02"))
    assert one is not None
    assert (one.seal.number, one.seal.first, one.seal.last, one.seal.prev) == (1, 1, 3, NOTHING)
    assert one.seal.root == root([leaf("batch", raw) for raw in raws]).hex()
    assert objection(one, KEY) is None
    assert await sealed(desk.database) == [one]
    assert shown(one).root == one.seal.root

    # The seal itself is an entry, which the next one closes.
    later = await rated(desk, 7)
    two = await close(desk.database, CITY, day="2026-11-27", at=at("2026-11-28 00:00:02"))
    assert two is not None
    assert (two.seal.number, two.seal.first, two.seal.last) == (2, 4, 5)
    assert two.seal.root == root([leaf("seal", one.raw), leaf("batch", later)]).hex()
    assert misfit(one, two) is None


async def test_an_empty_ledger_has_nothing_to_close(database: Database) -> None:
    assert await close(database, CITY, day="2026-11-26", at=1) is None


async def test_whoever_settles_ratings_does_not_mind(desk: Desk) -> None:
    await rated(desk, 1)
    commits = [commit.number for commit in desk.commits]
    assert await close(desk.database, CITY, day="2026-11-26", at=1) is not None
    await rated(desk, 3)
    assert [commit.number for commit in desk.commits] == [*commits, commits[-1] + 1]
    assert desk.commits[-1].position == 3
    assert desk.intake.trouble is None


async def test_two_that_close_the_same_day_make_one_seal(desk: Desk) -> None:
    await rated(desk, 1)
    closing = [close(desk.database, CITY, day="2026-11-26", at=1) for _ in range(4)]
    ended = await asyncio.gather(*closing, return_exceptions=True)
    made = await sealed(desk.database)
    assert [one for one in ended if isinstance(one, Sealed)] == made
    assert all(isinstance(one, Sealed | Unavailable) for one in ended)
    assert [one.seal.number for one in made] == list(range(1, len(made) + 1))
    for before, one in zip([None, *made], made, strict=False):
        assert misfit(before, one) is None


async def test_the_database_takes_no_two_seals_of_one_begin(database: Database) -> None:
    async with database.writer.begin() as connection:
        await enter(connection, Entry("seal", "", "", 1, 3, 1, "", b"one"))
    with pytest.raises((IntegrityError, Unavailable)), unavailable():
        async with database.writer.begin() as connection:
            await enter(connection, Entry("seal", "", "", 1, 4, 1, "", b"two"))


async def test_a_ledger_with_a_hole_is_not_sealed_and_says_so(desk: Desk) -> None:
    await rated(desk, 1)
    async with desk.database.writer.begin() as connection:
        await write(connection, "UPDATE ledger_head SET position = position + 1")
    with pytest.raises(Unavailable, match="of positions 1 to 2 there are 1; `manyi audit`"):
        await close(desk.database, CITY, day="2026-11-26", at=1)
    assert await sealed(desk.database) == []


def of_day(day: str) -> Sealed:
    return Sealed(Seal(1, 1, day, 1, 1, NOTHING, NOTHING, 1, CITY.public), b"{}")


@pytest.mark.parametrize(
    ("newest", "now", "due"),
    [
        (None, "2026-11-27 00:00:00", "2026-11-26"),
        ("2026-11-26", "2026-11-27 23:59:59", None),
        ("2026-11-26", "2026-11-28 00:00:00", "2026-11-27"),
        ("2026-11-20", "2026-11-28 12:00:00", "2026-11-27"),
        # Its clock was ten years ahead, and is right again.
        ("2036-11-26", "2026-11-28 12:00:00", "2026-11-27"),
    ],
)
def test_which_day_is_to_be_closed(newest: str | None, now: str, due: str | None) -> None:
    assert day_to_close(None if newest is None else of_day(newest), at(now), CALENDAR) == due


class Duty:
    """A sealer whose clock, its trust in it and whose duty a test turns."""

    def __init__(self, database: Database) -> None:
        self.now, self.known, self.ours = at("2026-11-27 00:00:01"), True, True
        self.running = 0.0
        self.sealer = Sealer(
            database,
            CITY,
            CALENDAR,
            now=lambda: self.now,
            known=lambda: self.known,
            may_seal=lambda: self.ours,
            monotonic=lambda: self.running,
        )


async def test_each_midnight_has_its_seal(desk: Desk) -> None:
    duty = Duty(desk.database)
    sealer, told = duty.sealer, list[int]()
    sealer.listeners.append(lambda: told.append(len(sealer.newest)))
    await rated(desk, 1)
    for duty.known, duty.ours in ((False, True), (True, False)):
        await sealer.look()
        assert sealer.newest == await sealed(desk.database) == []
    # Townships may have something to say first.
    duty.ours = True
    await sealer.look()
    duty.running = GRACE_S - 1
    await sealer.look()
    assert sealer.newest == []
    duty.running = GRACE_S
    await sealer.look()
    assert [one.seal.day for one in sealer.newest] == ["2026-11-26"]
    await sealer.look()
    # A day on which nobody came has one too: what would be missing shows.
    duty.now = at("2026-11-28 00:00:01")
    await sealer.look()
    assert [one.seal.day for one in sealer.newest] == ["2026-11-27", "2026-11-26"]
    assert (sealer.newest[0].seal.first, sealer.newest[0].seal.last) == (2, 2)
    assert sealer.newest == (await sealed(desk.database))[::-1]
    assert told == [1, 2]

    # Another worker, whose duty it is not, hears of them too.
    other = Duty(desk.database)
    other.ours = False
    await other.sealer.look()
    assert other.sealer.newest == sealer.newest


async def lost_days(desk: Desk) -> tuple[list[bytes], list[Sealed]]:
    """Three days that a city closed, of which a backup after the first knows nothing: its batches, and the seals."""
    raws = [await rated(desk, first) for first in (1, 3, 5)]
    seals = list[Sealed]()
    before, position = None, 0
    for day, raw in enumerate(raws, 1):
        entries = [leaf("batch", raw)] if before is None else [leaf("seal", before.raw), leaf("batch", raw)]
        first, position = position + 1, position + len(entries)
        seal = following(
            before, first=first, last=position, root=root(entries), day=f"2026-11-2{day}", at=day, by=CITY.public
        )
        before = opened(CITY.entry(encode(seal)))
        seals.append(before._replace(leaves=tuple(entries)))
    return raws, seals


async def test_seals_that_townships_hand_back_are_gone_on_from(desk: Desk) -> None:
    _, seals = await lost_days(desk)
    duty = Duty(desk.database)
    desk.intake.on_seals = duty.sealer.returned
    desk.send(*(one.raw for one in seals))
    await desk.settled()
    await duty.sealer.look()
    assert [one.seal.number for one in duty.sealer.newest] == [3, 2, 1]
    entries = "SELECT position, kind, first, last FROM ledger_entry WHERE kind <> 'batch' ORDER BY position"
    assert desk.query(entries) == [
        (4, "witness", 1, 1),
        (5, "witness", 2, 3),
        (6, "witness", 3, 5),
    ]
    # They come from every township, and again: once is enough.
    desk.send(*(one.raw for one in seals))
    await desk.settled()
    await duty.sealer.look()
    assert len(desk.query("SELECT position FROM ledger_entry")) == 6

    await duty.sealer.look()
    duty.running = GRACE_S
    await duty.sealer.look()
    new = duty.sealer.newest[0]
    assert (new.seal.number, new.seal.prev) == (4, seals[2].digest)
    # It closes all that is here: what came back, and the witnesses.
    assert (new.seal.first, new.seal.last) == (1, 6)
    assert misfit(seals[2], new) is None


async def test_seals_that_came_back_are_not_lost_with_a_database_that_fails(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody hands them back a second time, and one number would be given to two seals."""
    _, seals = await lost_days(desk)
    duty = Duty(desk.database)
    duty.ours = True
    await duty.sealer.look()
    duty.running = GRACE_S
    duty.sealer.returned(seals[:2])

    async def away(*_: object) -> None:
        raise Unavailable("database: no answer")

    async def meanwhile(*rest: Any) -> None:  # noqa: ANN401  (whatever it takes)
        duty.sealer.returned(seals[2:])
        await bear_witness(*rest)

    monkeypatch.setattr(worker, "bear_witness", away)
    with pytest.raises(Unavailable):
        await duty.sealer.look()
    monkeypatch.setattr(worker, "bear_witness", meanwhile)
    await duty.sealer.look()
    await duty.sealer.look()
    assert [(one.seal.number, one.raw) for one in await sealed(desk.database)][:3] == [
        (one.seal.number, one.raw) for one in seals
    ]
    assert [one.seal.number for one in duty.sealer.newest] == [4, 3, 2, 1]


async def test_what_does_not_follow_bears_no_witness(desk: Desk) -> None:
    _, seals = await lost_days(desk)
    await bear_witness(desk.database, [seals[2], seals[1]], 5)
    assert await sealed(desk.database) == []
    await bear_witness(desk.database, [seals[1], seals[0]], 5)
    assert [one.seal.number for one in await sealed(desk.database)] == [1, 2]


async def test_a_seal_that_the_city_did_not_sign_is_quarantined(desk: Desk) -> None:
    _, seals = await lost_days(desk)
    heard = list[Sealed]()
    desk.intake.on_seals = heard.extend
    body = seals[0].raw.partition(b"\n")[0]
    forged = Signer(b"6" * 32)
    for bad, reason in (
        (forged.entry(body), "wrong_signature"),
        (forged.entry(body.replace(CITY.public.encode(), forged.public.encode())), "wrong_signature"),
        (CITY.entry(b'{"kind":"seal"}'), "undecodable"),
    ):
        desk.send(bad)
        await desk.settled()
        assert desk.query("SELECT reason FROM quarantine ORDER BY id DESC LIMIT 1") == [(reason,)]
    assert heard == []


async def test_trouble_is_said_until_it_is_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    sealer = Duty(desk.database).sealer
    await rated(desk, 1)
    monkeypatch.setattr("cloud.seals.worker.LOOK_S", 0.01)
    monkeypatch.setattr("cloud.seals.worker.GRACE_S", 0.0)

    async def until(*, troubled: bool) -> None:
        while (sealer.trouble is not None) != troubled:
            await asyncio.sleep(0.01)

    async with desk.database.writer.begin() as connection:
        await write(connection, "UPDATE ledger_head SET position = position + 1")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(sealer.run())
        await until(troubled=True)
        async with desk.database.writer.begin() as connection:
            await write(connection, "UPDATE ledger_head SET position = position - 1")
        await until(troubled=False)
        running.cancel()
    assert sealer.newest == await sealed(desk.database) != []


async def test_seals_over_http(desk: Desk) -> None:
    for number in range(3):
        await rated(desk, 1 + 2 * number)
        await close(desk.database, CITY, day=f"2026-11-2{number}", at=number)
    made = await sealed(desk.database)
    transport = httpx.ASGITransport(create_app([routes.router(desk.database.reader)], door=open_door))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        page = (await client.get("/api/seals", params={"limit": 2})).json()
        assert [one["number"] for one in page["seals"]] == [3, 2]
        rest = (await client.get("/api/seals", params={"limit": 2, "before": page["before"]})).json()
        assert [one["root"] for one in rest["seals"]] == [made[0].seal.root]
        assert rest["before"] is None

        short = await client.get("/api/seals/2")
        assert short.headers["content-type"] == "text/plain; charset=utf-8"
        assert read(short.text, "2") == [made[1]]
        long = await client.get("/api/seals/2", params={"leaves": True})
        (whole,) = read(long.text, "2")
        assert len(whole.leaves) == made[1].seal.last - made[1].seal.first + 1
        assert objection(whole, KEY) is None

        assert (await client.get("/api/seals/4")).status_code == 404
        assert (await client.get("/api/seals/0")).status_code == 422


async def test_a_seal_is_found_without_reading_the_ledger(tmp_path: Path) -> None:
    # In a file, since SQLite tells its plan in words that do not change.
    async with await open_database(str(tmp_path / "manyi.db")) as database, database.reader.connect() as connection:
        for sql, values in ((store.NEWEST, (9, 1)), (store.OWN, ()), (store.NUMBERED, (3,))):
            plan = await fetch(connection, f"EXPLAIN QUERY PLAN {sql}", values)
            assert all("ledger_entry_seals" in row[-1] for row in plan), plan
