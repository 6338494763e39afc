"""Rating by telephone over HTTP, on both databases: each code once, each rating once, and kind words for the rest."""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from cloud.database import fetch
from cloud.phone import store
from cloud.phone.rules import GOOD
from cloud.pki.authority import Authority
from cloud.registry.load import register
from cloud.registry.snapshot import RegisteredNode, Registry
from cloud.spoken import feeder
from cloud.spoken.store import Waiting, settle
from contract.batch import Batch, StreamKey
from contract.bundle import unpack
from contract.codec import encode
from contract.codes import MINUTE_MS, code_at, key_of
from contract.errors import SettingsError
from contract.rating import Quality, Row
from contract.signing import Signer
from proof.__main__ import main as proof
from proof.tallies import differences
from tests.cloud.furnished import CALENDAR, NODE, OTHER, furnish
from tests.cloud.reception import NOW, Stage, open_stage
from tests.cloud.where import InFile, Where
from tests.proof.ledgers import publish_day

pytestmark = pytest.mark.timeout(60)

WINDOW, NEXT = f"{NODE}/01", f"{NODE}/02"
SECRET = sha256(Signer(bytes(32)).sign(b"manyi codes of the minute")).digest()
RECEIPT = re.compile(r'name="receipt" value="([A-Za-z0-9_-]{43})"')


def code(stage: Stage, window: str = WINDOW, ago: int = 0) -> str:
    return code_at(key_of(SECRET, window[:9]), window, stage.now // MINUTE_MS - ago)


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    await furnish(where)
    async with open_stage(where, phones=True) as one:
        async with one.browser() as citizen:
            await opened(citizen)
        yield one


async def opened(citizen: httpx.AsyncClient) -> None:
    """A city that has just begun has not registered yet who speaks for telephones."""
    async with asyncio.timeout(20):
        while (await citizen.get(f"/r/{WINDOW}")).status_code != 200:
            await asyncio.sleep(0.05)


async def receipt(citizen: httpx.AsyncClient, window: str = WINDOW) -> str:
    found = RECEIPT.search((await citizen.get(f"/r/{window}")).text)
    assert found is not None
    return found[1]


async def rate(
    citizen: httpx.AsyncClient, level: int, text: str, *, window: str = WINDOW, by: str | None = None
) -> httpx.Response:
    data = {"level": str(level), "code": text, "receipt": by or await receipt(citizen, window)}
    return await citizen.post(f"/r/{window}", data=data)


async def counted(stage: Stage, count: int) -> list[tuple[object, ...]]:
    """The day's tallies once they count so many."""
    async with asyncio.timeout(20):
        while True:
            found = stage.where.query(
                'SELECT "window", channel, satisfied, basic, dissatisfied FROM tally_day ORDER BY "window"'
            )
            if sum(sum(map(int, row[2:])) for row in found) >= count:
                return found
            await asyncio.sleep(0.02)


async def test_a_rating_by_telephone_is_in_the_ledger_by_its_own_channel(stage: Stage) -> None:
    async with stage.browser() as citizen:
        answer = await rate(citizen, 1, code(stage))
    assert (answer.status_code, "已经记下" in answer.text) == (200, True)
    assert await counted(stage, 1) == [(WINDOW, "phone", 0, 0, 1)]
    assert differences(stage.where.file, ZoneInfo("Asia/Shanghai")) == []


async def test_it_says_what_it_goes_up_to_and_what_it_went_up_to_before(where: Where) -> None:
    """So a tail that somebody withholds shows, in a hello and in the next run's first batch."""
    await furnish(where)
    for run in (1, 2):
        async with open_stage(where, phones=True) as stage, stage.browser() as citizen:
            stage.now += run * 10 * MINUTE_MS
            await opened(citizen)
            for ago in (1, 0):
                assert (await rate(citizen, 3, code(stage, ago=ago))).status_code == 200
            await counted(stage, 2 * run)
    raws = [bytes(raw) for (raw,) in where.query("SELECT raw FROM ledger_entry WHERE kind = 'batch' ORDER BY position")]
    batches = [json.loads(raw.partition(b"\n")[0]) for raw in raws]
    assert [(one["node"], one["first"]) for one in batches] == [(f"{NODE}.phone", first) for first in (1, 2, 1, 2)]
    assert batches[0]["epoch"] != batches[2]["epoch"]
    assert [one.get("prev") for one in batches] == [None, None, [batches[0]["epoch"], 2], None]
    assert sorted(int(last) for (last,) in where.query("SELECT last FROM hello")) == [2, 2]


async def test_an_auditor_with_the_cas_certificate_alone_finds_nothing(tmp_path: Path, upgraded_file: Path) -> None:
    """Who speaks for telephones is certified like any node; and a rating that is taken out again is missed."""
    where = InFile(tmp_path, upgraded_file)
    await furnish(where)
    Authority.found(tmp_path / "ca", NOW)
    async with open_stage(where, phones=True, pki=tmp_path / "ca") as stage, stage.browser() as citizen:
        await opened(citizen)
        for ago in (2, 1, 0):
            assert (await rate(citizen, 1, code(stage, ago=ago))).status_code == 200
        await counted(stage, 3)
    # A report of that day is of the buttons, which nobody pressed.
    await publish_day(where.file, CALENDAR.day(NOW), at=NOW + 2 * 86_400_000)
    audit = ["audit", "--database", str(where.file), "--ca", str(tmp_path / "ca" / "ca.pem")]
    assert proof(audit) == 0
    with closing(sqlite3.connect(where.file)) as forger:
        for (trigger,) in forger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            forger.execute(f"DROP TRIGGER {trigger}")
        forger.execute("DELETE FROM ledger_entry WHERE kind = 'batch' AND first = 3")
        forger.commit()
    assert proof(audit) == 1


async def test_a_code_is_good_for_one_rating(stage: Stage) -> None:
    async with stage.browser() as citizen, stage.browser() as next_one:
        assert (await rate(citizen, 3, code(stage))).status_code == 200
        again = await rate(next_one, 1, code(stage))
        assert (again.status_code, "刚刚有人用过" in again.text) == (409, True)
        # It is the next one's turn when the code changes; and another window has codes of its own.
        assert (await rate(next_one, 1, code(stage, NEXT), window=NEXT)).status_code == 200
        stage.now += MINUTE_MS
        assert (await rate(next_one, 1, code(stage))).status_code == 200
    assert await counted(stage, 3) == [(WINDOW, "phone", 1, 0, 1), (NEXT, "phone", 0, 0, 1)]


async def test_a_press_that_is_sent_again_counts_once_and_is_thanked_for_again(stage: Stage) -> None:
    """On a slow line people press twice, and browsers send again what was not answered."""
    async with stage.browser() as citizen:
        by = await receipt(citizen)
        answers = await asyncio.gather(*[rate(citizen, level, code(stage), by=by) for level in (2, 2, 1, 2)])
    assert [answer.status_code for answer in answers] == [200] * 4
    await counted(stage, 1)
    numbers = stage.where.query("SELECT first, last FROM ledger_entry WHERE kind = 'batch'")
    assert numbers == [(1, 1)]
    assert stage.where.query("SELECT last FROM phone_stream") == [(1,)]


REFUSED = [
    (GOOD, WINDOW, "已经过时"),
    (0, NEXT, "另一个窗口"),
    (0, f"{OTHER}/01", "不是本窗口现在的"),
    (-1, WINDOW, "不是本窗口现在的"),
]


async def test_a_code_that_is_not_good_here_and_now_is_refused_kindly(stage: Stage) -> None:
    async with stage.browser() as citizen:
        by = await receipt(citizen)
        for ago, window, said in REFUSED:
            answer = await rate(citizen, 1, code(stage, window, ago), by=by)
            assert (answer.status_code, said in answer.text, 'role="alert"' in answer.text) == (403, True, True)
        english = await citizen.post(f"/r/{WINDOW}?lang=en", data={"level": "1", "code": "0", "receipt": by})
        assert "not the window&#39;s code now" in english.text
    assert stage.where.query("SELECT count(*) FROM phone_rating") == [(0,)]


async def test_whoever_guesses_is_told_to_be_patient_and_then_a_good_code_is_good_again(stage: Stage) -> None:
    async with stage.browser() as citizen:
        by = await receipt(citizen)
        tried = [(await rate(citizen, 1, "000000", by=by)).status_code for _ in range(21)]
        assert tried == [403] * 20 + [429]
        # Not to be told from a guess; at the neighbour nobody guessed.
        assert (await rate(citizen, 1, code(stage), by=by)).status_code == 429
        assert (await rate(citizen, 1, code(stage, NEXT), window=NEXT)).status_code == 200
        stage.later(60)
        assert (await rate(citizen, 1, code(stage), by=by)).status_code == 200


async def test_what_the_database_does_not_take_can_be_sent_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> bool:
        raise OSError("the cable is out")

    async with stage.browser() as citizen:
        by = await receipt(citizen)
        with monkeypatch.context() as cut:
            cut.setattr("cloud.phone.store.take", away)
            answer = await rate(citizen, 1, code(stage), by=by)
        assert (answer.status_code, "请再按一次" in answer.text, f'value="{by}"' in answer.text) == (503, True, True)
        assert (await rate(citizen, 1, code(stage), by=by)).status_code == 200
    await counted(stage, 1)
    assert stage.where.query("SELECT last FROM phone_stream") == [(1,)]


async def test_what_waits_when_the_city_ends_is_counted_by_its_next_run(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(where)
    with monkeypatch.context() as cut:
        cut.setattr(feeder.Feeder, "_feed", _nothing)
        async with open_stage(where, phones=True) as stage, stage.browser() as citizen:
            await opened(citizen)
            assert (await rate(citizen, 1, code(stage))).status_code == 200
    async with open_stage(where, phones=True) as stage:
        assert await counted(stage, 1) == [(WINDOW, "phone", 0, 0, 1)]
        async with asyncio.timeout(10):
            while where.query("SELECT count(*) FROM phone_rating WHERE settled IS NULL") != [(0,)]:
                await asyncio.sleep(0.05)


async def _nothing(_self: feeder.Feeder) -> None:
    """Feed nothing."""


async def test_what_the_ledger_refuses_is_put_before_it_ever_more_seldom(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[bytes] = []
    monkeypatch.setattr(feeder, "FIRST_AGAIN_S", 1.0)
    monkeypatch.setattr("cloud.ingest.intake.Intake.receive", lambda _self, _lane, _topic, payload: fed.append(payload))
    async with stage.browser() as citizen:
        assert (await rate(citizen, 1, code(stage))).status_code == 200
        for waited, times in ((0.0, 1), (0.5, 1), (0.75, 2), (1.5, 2), (0.75, 3)):
            stage.ticks += waited
            await asyncio.sleep(2 * feeder.LOOK_S)
            assert len(fed) == times
    monkeypatch.undo()
    stage.ticks += 4.0
    await counted(stage, 1)


async def test_however_much_waits_it_comes_in_payloads_that_are_taken(tmp_path: Path, upgraded_file: Path) -> None:
    """A thousand of one township are more than a payload may hold; and one that cannot be registered holds up none."""
    where = InFile(tmp_path, upgraded_file)
    await furnish(where)
    signer, stream = Signer(b"p" * 32), StreamKey(f"{NODE}.phone", "A" * 10)
    fed: list[bytes] = []
    async with await where.open() as database:
        async with database.writer.begin() as connection:
            for number in range(1, 1001):
                batch = Batch(1, *stream, number, NOW, Quality.SYNCHRONISED, [Row(0, "01", 3, 1)])
                raw = signer.entry(encode(batch))
                assert await store.take(connection, (WINDOW, number), "r" * 43, (stream, number), NOW, raw)
        feeding = feeder.Feeder(
            database,
            store.KEPT,
            signer,
            channel="phone",
            called="telephones",
            receive=lambda _lane, _topic, payload: fed.append(payload),
            covers=lambda _township: True,
            registry=lambda: Registry(1, nodes=[RegisteredNode(NODE, "node", NODE[:9], bytes(32), 0, None)]),
            registers=lambda: True,
            certify=_no_certificate,
            now=lambda: NOW,
            monotonic=lambda: 0.0,
        )
        running = asyncio.create_task(feeding.run())
        async with asyncio.timeout(20):
            while feeding.trouble is None:
                await asyncio.sleep(0.01)
        running.cancel()
    entries = [entry.body for payload in fed for entry in unpack(payload)]
    assert len(entries) == 1 + 1000
    assert feeding.waiting == 1000


async def test_what_the_ledger_has_had_for_long_is_forgotten_and_what_it_lacks_never(where: Where) -> None:
    """Day by day, however old it is; and the number that is given next is the next one all the same."""
    signer, stream, day = Signer(b"p" * 32), StreamKey(f"{NODE}.phone", "A" * 10), 86_400_000
    clocks = {"now": NOW, "ticks": 0.0}
    async with await where.open() as database:
        async with database.writer.begin() as connection:
            for number in (1, 2, 3):
                raw = signer.entry(encode(Batch(1, *stream, number, 5, Quality.SYNCHRONISED, [Row(0, "01", 3, 1)])))
                assert await store.take(connection, (WINDOW, number), "r" * 43, (stream, number), 5, raw)
            # The first was settled long ago, the second 59 days, the third never.
            for number, at in ((1, NOW - 60 * day), (2, NOW - 59 * day)):
                await settle(connection, store.KEPT, [Waiting(stream, number, number, b"", settled=True)], at)
        feeding = feeder.Feeder(
            database,
            store.KEPT,
            signer,
            channel="phone",
            called="telephones",
            receive=lambda *_: None,
            covers=lambda _township: True,
            registry=lambda: Registry(1),
            registers=lambda: True,
            certify=None,
            now=lambda: int(clocks["now"]),
            monotonic=lambda: clocks["ticks"],
        )
        running = asyncio.create_task(feeding.run())
        for kept in ([(2,), (3,)], [(3,)]):
            async with asyncio.timeout(20):
                while where.query("SELECT number FROM phone_rating ORDER BY number") != kept:
                    await asyncio.sleep(0.01)
            clocks["now"] += 365 * day
            clocks["ticks"] += feeder.PRUNE_S
        feeding.wake()
        await asyncio.sleep(0.2)
        running.cancel()
    assert where.query("SELECT number FROM phone_rating") == [(3,)]


def _no_certificate(_name: str, _key: str) -> str:
    raise SettingsError("the CA's folder is not there")


async def test_nobody_else_speaks_for_telephones(stage: Stage) -> None:
    assert f"{NODE}.phone" not in {one["node"] for one in await _nodes(stage)}
    forms: list[dict[str, object]] = [{"windows": ["01"]}, {"config": {"windows": []}}]
    for form in forms:
        body = json.dumps({"nodes": [{"node": f"{NODE}.phone", "key": Signer(b"x" * 32).public, **form}]})
        async with await stage.where.open() as database:
            with pytest.raises(SettingsError, match=f"its windows are those of {NODE}"):
                await register(database.writer, body, stage.now)


async def _nodes(stage: Stage) -> list[dict[str, str]]:
    async with stage.program("operator") as program:
        found: list[dict[str, str]] = (await program.get("/api/nodes")).json()["devices"]
        return found


STRANGE = [
    {"level": "4", "code": "1", "receipt": "a" * 43},
    {"level": "0", "code": "1", "receipt": "a" * 43},
    {"level": "x", "code": "1", "receipt": "a" * 43},
    {"level": "1", "code": "1", "receipt": "short"},
    {"level": "1", "code": "1" * 21, "receipt": "a" * 43},
    {"code": "1", "receipt": "a" * 43},
]


async def test_what_no_page_of_ours_sends_is_refused(stage: Stage) -> None:
    async with stage.browser() as citizen:
        for data in STRANGE:
            assert (await citizen.post(f"/r/{WINDOW}", data=data)).status_code == 422
        for window in (f"{NODE}/09", "371721121-zz/01", "nothing/01"):
            assert (await citizen.get(f"/r/{window}")).status_code == 404
            answer = await citizen.post(f"/r/{window}", data={"level": "1", "code": "1", "receipt": "a" * 43})
            assert answer.status_code == 404
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        data = {"level": "1", "code": code(stage), "receipt": await receipt(citizen)}
        assert (await citizen.post(f"/r/{WINDOW}", data=data, headers=elsewhere)).status_code == 403
    assert stage.where.query("SELECT count(*) FROM phone_rating") == [(0,)]


async def test_the_hall_sees_its_own_codes_and_nobody_else_does(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.come_in(browser, "hall", "township")
        page = await browser.get("/codes")
        for window in (WINDOW, NEXT):
            one = code(stage, window)
            assert f"<b>{one[:3]} {one[3:]}</b>" in page.text
        assert page.text.count("<svg") == 2
        assert (await browser.get(f"/codes?place={OTHER[:9]}")).status_code == 403
        sheets = await browser.get("/codes/sheets")
        assert sheets.text.count("<svg") == 2
        assert code(stage)[:3] + " " + code(stage)[3:] not in sheets.text
    async with stage.browser() as citizen:
        assert (await citizen.get("/codes")).status_code == 303


async def test_a_city_without_telephones_has_none_of_it(where: Where) -> None:
    await furnish(where)
    async with open_stage(where) as stage, stage.browser() as browser:
        assert (await browser.get(f"/r/{WINDOW}")).status_code == 404
        await stage.come_in(browser, "hall", "township")
        assert "/codes" not in (await browser.get("/desk")).text
    async with await where.open() as database, database.reader.connect() as connection:
        assert await fetch(connection, "SELECT node FROM node WHERE node LIKE '%.phone'") == []
