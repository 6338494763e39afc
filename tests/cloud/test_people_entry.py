"""Coming in: the first one, those who are invited, whoever guesses, and when it ends."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from cloud.people.rules import FAILURES, FIRST_LINK_MS, IDLE_MS, LINK_MS, LOCKED_MS, LONGEST_MS, weak
from tests.cloud import where as places
from tests.cloud.reception import PASSWORD, Stage, open_stage


@pytest.fixture
async def stage(where: places.Where) -> AsyncIterator[Stage]:
    async with open_stage(where) as opened:
        yield opened


def typed(link: str, **more: str) -> dict[str, str]:
    return {"link": link, "password": PASSWORD, "again": PASSWORD, **more}


async def test_the_first_one_begins_by_the_printed_link_and_nobody_does_so_again(stage: Stage) -> None:
    link = stage.first_link
    async with stage.browser() as browser, stage.browser() as late:
        assert "第一次启动" in (await browser.get("/welcome", params={"link": link})).text
        for wrong in ({"name": "Root", "called": "王"}, {"name": "root1", "called": " "}):
            refused = await browser.post("/welcome", data=typed(link, **wrong))
            assert (refused.status_code, "用户名要" in refused.text) == (400, True)
        answer = await browser.post("/welcome", data=typed(link, name="root1", called="王建国"))
        assert answer.headers["Location"] == "/desk"
        assert "王建国，您好" in (await browser.get("/desk")).text
        assert (await browser.get("/people")).status_code == 200
        again = await late.post("/welcome", data=typed(link, name="root2", called="李"))
        assert (again.status_code, "已用过" in again.text) == (400, True)


@pytest.mark.parametrize(("first", "lasts"), [(True, FIRST_LINK_MS), (False, LINK_MS)])
async def test_a_link_ends(stage: Stage, first: bool, lasts: int) -> None:  # noqa: FBT001
    link = stage.first_link if first else await stage.account("li", "operator")
    stage.later(lasts / 1000)
    async with stage.browser() as browser:
        assert (await browser.get("/welcome", params={"link": link})).status_code == 400
        answer = await browser.post("/welcome", data=typed(link, name="root1", called="王"))
        assert (answer.status_code, "已过期" in answer.text) == (400, True)


async def test_the_newest_link_of_an_account_is_the_only_one_and_a_password_ends_what_was_open(stage: Stage) -> None:
    old = await stage.account("li", "operator")
    async with stage.browser() as first, stage.browser() as second:
        await stage.come_in(first, "li", "operator")
        assert (await first.get("/desk")).status_code == 200
        assert (await second.post("/welcome", data=typed(old))).status_code == 400
        await stage.come_in(second, "li", "operator")
        stage.later(3)
        assert (await first.get("/desk")).headers["Location"].startswith("/login")


async def test_passwords_that_are_easily_guessed_are_refused_with_why(stage: Stage) -> None:
    link = await stage.account("wang.wei", "operator")
    async with stage.browser() as browser:
        for password, said in (("short", "12 至 200"), ("123456789012345", "太容易猜"), ("wang.wei wang", "太容易猜")):
            answer = await browser.post("/welcome", data={"link": link, "password": password, "again": password})
            assert (answer.status_code, said in answer.text) == (400, True)
        answer = await browser.post("/welcome", data={"link": link, "password": PASSWORD, "again": PASSWORD + "x"})
        assert "不同" in answer.text
    assert weak(PASSWORD, "li") is None
    assert weak("aaaaaaaaaaaab", "li") == "password.guessable"


async def sign_in(stage: Stage, browser: httpx.AsyncClient, password: str, name: str = "li") -> int:
    stage.later(2)
    return (await browser.post("/login", data={"name": name, "password": password})).status_code


async def test_five_wrong_passwords_lock_an_account_for_a_while_whoever_tries(stage: Stage) -> None:
    async with stage.browser() as browser, stage.browser() as other:
        await stage.come_in(browser, "li", "operator")
        for _ in range(FAILURES - 1):
            assert await sign_in(stage, other, "wrong") == 403
        assert await sign_in(stage, other, PASSWORD) == 303
        for _ in range(FAILURES):
            assert await sign_in(stage, other, "wrong") == 403
        assert await sign_in(stage, other, PASSWORD) == 403
        # Whoever is in already stays.
        assert (await browser.get("/desk")).status_code == 200
        stage.later(LOCKED_MS / 1000)
        assert await sign_in(stage, other, PASSWORD) == 303


async def test_guessing_in_parallel_is_no_way_around_the_lock(stage: Stage) -> None:
    async with stage.browser() as browser, stage.browser() as other:
        await stage.come_in(browser, "li", "operator")
        form = {"name": "li", "password": "wrong"}
        tried = [other.post("/login", data=form) for _ in range(12)]
        right = other.post("/login", data={**form, "password": PASSWORD})
        answers = await asyncio.gather(*tried, right)
        assert [one.status_code for one in answers[:-1]] == [403] * 12
        stage.later(60)
        assert await sign_in(stage, other, PASSWORD) == 403


async def test_nothing_tells_whether_there_is_an_account(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.account("li", "operator")
        pages = {
            (await browser.post("/login", data={"name": name, "password": PASSWORD})).text.replace(
                f'value="{name}"', ""
            )
            for name in ("li", "nobody")
        }
        assert len(pages) == 1


async def test_whoever_tries_too_often_from_one_address_waits(stage: Stage) -> None:
    async with stage.browser() as browser:
        tried = [await browser.post("/login", data={"name": f"a{n}", "password": "x"}) for n in range(31)]
        assert [one.status_code for one in tried] == [403] * 30 + [429]
        assert "太频繁" in tried[-1].text


async def test_a_session_ends_when_it_is_idle_and_after_a_long_day(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        for _ in range(LONGEST_MS // (IDLE_MS // 2) - 1):
            stage.later(IDLE_MS / 2000)
            assert (await browser.get("/desk")).status_code == 200
        stage.later(IDLE_MS / 2000)
        assert (await browser.get("/desk")).status_code == 303
        assert await sign_in(stage, browser, PASSWORD) == 303
        stage.later(IDLE_MS / 1000)
        assert (await browser.get("/desk")).status_code == 303


async def test_an_ended_account_is_out_at_once_and_can_be_let_in_again(stage: Stage) -> None:
    async with stage.browser() as admin, stage.browser() as browser:
        await stage.come_in(admin, "root1", "admin")
        await stage.come_in(browser, "li", "operator")
        page = (await admin.get("/people")).text
        word = {"csrf": page.partition('name="csrf" value="')[2].partition('"')[0]}
        assert (await admin.post("/people/root1/end", data=word)).status_code == 400
        assert (await admin.post("/people/li/end", data=word)).status_code == 303
        assert (await browser.get("/desk")).status_code == 303
        assert await sign_in(stage, browser, PASSWORD) == 403
        assert (await admin.post("/people/li/resume", data=word)).status_code == 303
        assert await sign_in(stage, browser, PASSWORD) == 303
        log = (await admin.get("/changes?as=csv")).text
        assert [line.split(",")[2:5] for line in log.splitlines()[1:4]] == [
            ["li", "登录", "li"],
            ["root1", "恢复账号", "li"],
            ["root1", "停用账号", "li"],
        ]
