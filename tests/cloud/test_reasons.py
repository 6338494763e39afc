"""Reasons and contacts by telephone over HTTP, on both databases: once, by one's own receipt, and behind the veil."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from cloud.database import write
from cloud.reasons.rules import LEAVE_MS
from cloud.spoken import feeder
from contract.codes import MINUTE_MS
from contract.errors import Unavailable
from tests.cloud.furnished import NODE, furnish
from tests.cloud.reception import Stage, open_stage
from tests.cloud.test_contacts import files, read, steps
from tests.cloud.test_phone import NEXT, WINDOW, code, opened, rate, receipt
from tests.cloud.where import Where

pytestmark = pytest.mark.timeout(60)

TELEPHONE, MASKED = "13812345678", "138****5678"
WORDS = "材料要了三次"
LEFT = {"reason": "materials", "text": WORDS, "telephone": TELEPHONE, "consent": "yes"}
CASES = 'SELECT number, contact FROM "case" ORDER BY number'
REASONS = "SELECT seq, reason, text FROM phone_reason ORDER BY seq"
WAITING = "SELECT count(*) FROM contact_waiting"


@pytest.fixture
async def stage(where: Where, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr("cloud.contacts.waiting.LOOK_S", 0.05)
    await furnish(where)
    async with open_stage(where, phones=True) as one:
        async with one.browser() as citizen:
            await opened(citizen)
        yield one


async def leave(citizen: httpx.AsyncClient, by: str, window: str = WINDOW, **form: str) -> httpx.Response:
    return await citizen.post(f"/r/{window}/reason", data={"receipt": by, **(form or LEFT)})


async def dissatisfied(stage: Stage, citizen: httpx.AsyncClient, ago: int = 0) -> str:
    """A receipt by which a dissatisfied rating was taken."""
    by = await receipt(citizen)
    answer = await rate(citizen, 1, code(stage, ago=ago), by=by)
    assert (answer.status_code, f'value="{by}"' in answer.text) == (200, True)
    return by


async def until(stage: Stage, sql: str, wanted: list[tuple[object, ...]]) -> None:
    async with asyncio.timeout(20):
        while stage.where.query(sql) != wanted:
            await asyncio.sleep(0.02)


async def lifted(stage: Stage) -> None:
    """Let every rating be seen by everybody."""
    async with await stage.where.open() as database, database.writer.begin() as connection:
        await write(connection, "UPDATE case_rating SET seen_from = :at", [(stage.now - 1,)])


async def test_it_comes_to_the_case_when_the_rating_is_seen_and_not_before(stage: Stage) -> None:
    async with stage.browser() as citizen, stage.program("township") as hall, stage.program("operator") as city:
        by = await dissatisfied(stage, citizen)
        answer = await leave(citizen, by)
        assert (answer.status_code, "您说的也已经记下" in answer.text) == (200, True)
        assert "没有记录您的手机号码" not in answer.text
        await until(stage, CASES, [(1, 0)])
        # The city sees the rating at once, and what was said; nobody below does, nor a contact by which it would show.
        page = (await city.get("/cases/1")).text
        assert (WORDS in page, "材料说明不清" in page, MASKED in page) == (True, True, False)
        assert (await hall.get("/cases/1")).status_code == 403
        assert stage.where.query(WAITING) == [(1,)]
        assert len(files(stage)) == 1

        await lifted(stage)
        await until(stage, CASES, [(1, 1)])
        assert stage.where.query(WAITING) == [(0,)]
        assert await steps(city) == [("open", "system", ""), ("leave_contact", "system", "")]
        page = (await hall.get("/cases/1")).text
        assert (WORDS in page, MASKED in page, TELEPHONE in page) == (True, True, False)
        assert TELEPHONE in (await read(hall)).text
        deed = {"action": "contact", "version": 3, "text": "已经打过电话"}
        assert (await hall.post("/api/cases/1/steps", json=deed)).status_code == 200
    async with stage.program("clerk") as clerk:
        page = (await clerk.get("/cases/1")).text
        assert ("材料说明不清" in page, WORDS in page, MASKED in page) == (True, False, False)


async def test_a_second_rating_of_a_case_is_not_given_away_by_what_was_left_with_it(stage: Stage) -> None:
    async with stage.browser() as citizen, stage.program("township") as hall:
        await dissatisfied(stage, citizen, ago=1)
        await until(stage, CASES, [(1, 0)])
        await lifted(stage)
        by = await dissatisfied(stage, citizen)
        assert (await leave(citizen, by)).status_code == 200
        await until(stage, "SELECT count(*) FROM case_rating", [(2,)])
        await asyncio.sleep(0.3)
        page = (await hall.get("/cases/1")).text
        assert (WORDS in page, "材料说明不清" in page, MASKED in page) == (False, False, False)
        assert stage.where.query(CASES) == [(1, 0)]
        await lifted(stage)
        await until(stage, CASES, [(1, 1)])
        page = (await hall.get("/cases/1")).text
        assert (WORDS in page, MASKED in page) == (True, True)


async def test_one_that_waits_takes_no_others_place_and_goes_when_the_case_ends(stage: Stage) -> None:
    async with stage.browser() as citizen, stage.program("operator") as city:
        for ago, telephone in ((1, TELEPHONE), (0, "13987654321")):
            by = await dissatisfied(stage, citizen, ago)
            answer = await leave(citizen, by, telephone=telephone, consent="yes")
            assert answer.status_code == 200
            await until(stage, "SELECT count(*) FROM case_rating", [(2 - ago,)])
            await lifted(stage)
            await until(stage, CASES, [(1, 1)])
        assert TELEPHONE in (await read(city)).text
        assert (stage.where.query(WAITING), len(files(stage))) == ([(1,)], 2)
        async with await stage.where.open() as database, database.writer.begin() as connection:
            await write(connection, "UPDATE \"case\" SET state = 'closed', closed_at = :at", [(stage.now,)])
        await until(stage, WAITING, [(0,)])
        assert len(files(stage)) == 1


async def test_sent_again_it_counts_once(stage: Stage) -> None:
    async with stage.browser() as citizen:
        by = await dissatisfied(stage, citizen)
        answers = await asyncio.gather(*[leave(citizen, by) for _ in range(4)])
        assert [answer.status_code for answer in answers] == [200] * 4
        assert (await leave(citizen, by, reason="other")).status_code == 200
        # The rating that is sent again is thanked for as what it was.
        again = await rate(citizen, 3, code(stage), by=by)
        assert f'action="/r/{WINDOW}/reason"' in again.text
    assert stage.where.query(REASONS) == [(1, "materials", WORDS)]
    assert len(files(stage)) == 1


async def test_only_by_the_receipt_of_a_dissatisfied_rating_of_that_window_and_in_time(stage: Stage) -> None:
    async with stage.browser() as citizen:
        content = await receipt(citizen)
        answer = await rate(citizen, 3, code(stage, ago=1), by=content)
        assert "/reason" not in answer.text
        by = await dissatisfied(stage, citizen)
        refused = [
            (await leave(citizen, content), "只有评价不满意时"),
            (await leave(citizen, "x" * 43), "没有找到您的评价"),
            (await leave(citizen, by, NEXT), "没有找到您的评价"),
        ]
        stage.now += LEAVE_MS + 1
        refused.append((await leave(citizen, by), "过了 30 分钟"))
        for answer, said in refused:
            assert (answer.status_code, said in answer.text, "<form" in answer.text) == (403, True, False)
        assert (await leave(citizen, by, f"{NODE}/99")).status_code == 404
        assert (await leave(citizen, "short")).status_code == 422
    assert (stage.where.query(REASONS), stage.where.query(WAITING), files(stage)) == ([], [(0,)], [])


WRONG = [
    ({"text": "x"}, "", ""),
    ({"reason": "slow"}, "从列出的原因中选", "<fieldset"),
    ({"text": "字" * 201}, "最多 200 字", "<textarea"),
    ({"text": "慢\0"}, "控制字符", "<textarea"),
    ({"text": f"打 {TELEPHONE}"}, "电话请填在下面", "<textarea"),
    ({"telephone": "12345", "consent": "yes"}, "手机 11 位", '<input id="telephone"'),
    ({"telephone": TELEPHONE}, "请勾选同意", 'name="consent"'),
    ({"reason": ""}, "请选一个原因", "<fieldset"),
]


async def test_what_is_wrong_is_told_beside_its_field_and_what_was_typed_stays(stage: Stage) -> None:
    async with stage.browser() as citizen:
        by = await dissatisfied(stage, citizen)
        for form, said, field in WRONG[1:]:
            answer = await leave(citizen, by, **form)
            assert (answer.status_code, said in answer.text, f'value="{by}"' in answer.text) == (400, True, True)
            (tag,) = [part for part in answer.text.split("<") if 'aria-invalid="true"' in part]
            assert field.lstrip("<") in f"<{tag}", form
            assert 'aria-describedby="wrong' in tag
        assert f'value="{TELEPHONE}"' in (await leave(citizen, by, telephone=TELEPHONE)).text
        english = await citizen.post(f"/r/{WINDOW}/reason?lang=en", data={"receipt": by})
        assert "please choose a reason" in english.text.lower()
        assert (await leave(citizen, by, **WRONG[0][0])).status_code == 200
    assert stage.where.query(REASONS) == [(1, "", "x")]


async def test_what_cannot_be_kept_can_be_sent_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> bool:
        raise Unavailable("the cable is out")

    async with stage.browser() as citizen:
        by = await dissatisfied(stage, citizen)
        with monkeypatch.context() as cut:
            cut.setattr("cloud.reasons.store.put", away)
            answer = await leave(citizen, by)
        assert (answer.status_code, "请再提交一次" in answer.text, WORDS in answer.text) == (503, True, True)
        assert (await leave(citizen, by)).status_code == 200
    assert stage.where.query(REASONS) == [(1, "materials", WORDS)]


async def test_what_was_left_waits_over_a_restart_for_a_case_that_opens_later(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_self: feeder.Feeder) -> None:
        """Feed nothing."""

    monkeypatch.setattr("cloud.contacts.waiting.LOOK_S", 0.05)
    await furnish(where)
    with monkeypatch.context() as cut:
        cut.setattr(feeder.Feeder, "_feed", nothing)
        async with open_stage(where, phones=True) as stage, stage.browser() as citizen:
            await opened(citizen)
            by = await dissatisfied(stage, citizen)
            assert (await leave(citizen, by)).status_code == 200
            (file,) = files(stage)
            kept, name = file.read_bytes(), file.name
    assert where.query(WAITING) == [(1,)]
    async with open_stage(where, phones=True) as stage, stage.program("operator") as city:
        # The next run has the same folder.
        async with asyncio.timeout(20):
            while where.query(CASES) != [(1, 0)]:
                await asyncio.sleep(0.02)
        stage.contacts.mkdir(exist_ok=True)
        (stage.contacts / name).write_bytes(kept)
        await lifted(stage)
        await until(stage, CASES, [(1, 1)])
        assert TELEPHONE in (await read(city)).text
        assert WORDS in (await city.get("/cases/1")).text


async def test_a_contact_that_no_case_ever_comes_for_is_deleted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.cases.worker.Opener.catch_up", _idle)
    async with stage.browser() as citizen:
        by = await dissatisfied(stage, citizen)
        assert (await leave(citizen, by)).status_code == 200
        stage.later(30 * 86_400 - MINUTE_MS / 1000)
        await asyncio.sleep(0.3)
        assert (stage.where.query(WAITING), len(files(stage))) == ([(1,)], 1)
        stage.later(2 * MINUTE_MS / 1000)
        await until(stage, WAITING, [(0,)])
        assert files(stage) == []


async def _idle(_self: object) -> None:
    """Open no case."""


async def test_the_other_language_keeps_what_was_typed_and_leaves_nothing(stage: Stage) -> None:
    async with stage.browser() as citizen:
        by = await dissatisfied(stage, citizen)
        english = await citizen.post(f"/r/{WINDOW}/reason?again=yes&lang=en", data={"receipt": by, **LEFT})
        assert (english.status_code, "In your own words" in english.text) == (200, True)
        assert (WORDS in english.text, TELEPHONE in english.text, by in english.text) == (True, True, True)
        assert "/reason?again=yes&amp;lang=zh" in english.text
        assert stage.where.query(REASONS) == []
        assert (await leave(citizen, by)).status_code == 200
        assert len(stage.where.query(REASONS)) == 1
