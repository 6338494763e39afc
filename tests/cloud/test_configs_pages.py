"""The pages on devices and staged updates over HTTP: who sees and who changes what, and what is refused."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from cloud.registry.load import register
from cloud.updates.worker import Updater
from tests.cloud.furnished import FOREIGN, NODE, PINS, document, furnish
from tests.cloud.reception import NOW, Stage, open_stage
from tests.cloud.where import Where

GIVEN = NOW - 3_600_000
NEWEST = "SELECT version, who, reason, body FROM node_config WHERE node = '371721121-a1' ORDER BY version DESC"


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    await furnish(where)
    async with open_stage(where) as opened:
        yield opened


async def form(browser: httpx.AsyncClient, page: str, path: str, **fields: str) -> httpx.Response:
    """Fill the form that `page` shows and send it to `path`."""
    shown = (await browser.get(page)).text
    word = re.search(r'name="csrf" value="([^"]+)"', shown)
    seen = re.search(r'name="seen" value="(\d+)"', shown)
    assert word
    given = {"csrf": word[1], **({"seen": seen[1]} if seen else {}), **fields}
    return await browser.post(path, data=given)


async def test_times_are_changed_and_rolled_back_on_the_devices_page(stage: Stage) -> None:
    page = f"/devices/{NODE}"
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        first = (await browser.get(page)).text
        assert str(GIVEN) in first
        assert "登记" in first
        assert f"/windows/{NODE}/01" in first
        changed = await form(browser, page, f"{page}/times", settle_ms="400", cooldown_ms="3000", reason="按键太慢")
        assert (changed.status_code, changed.headers["Location"]) == (303, page)
        version, who, reason, body = stage.where.query(NEWEST)[0]
        assert (who, reason) == ("li", "按键太慢")
        assert version > GIVEN
        assert '"settle_ms":400' in body
        shown = (await browser.get(f"{page}?lang=en")).text
        assert "800 ms → 400 ms" in " ".join(shown.split())
        back = await form(browser, page, f"{page}/back", version=str(GIVEN), reason="又改回来")
        assert back.status_code == 303
        assert [row[1] for row in stage.where.query(NEWEST)] == ["li", "li", "registration"]
        assert '"settle_ms":800' in stage.where.query(NEWEST)[0][3]
        assert stage.where.query("SELECT what FROM change WHERE what <> 'set-password' ORDER BY number DESC LIMIT 2")
        ((head,),) = stage.where.query("SELECT version FROM registry_head")
        assert head == stage.where.query(NEWEST)[0][0]


async def test_the_history_says_which_line_of_the_header_or_of_an_expander_a_part_is_on(stage: Stage) -> None:
    expanded = {**PINS[0], "basic": 103, "light_basic": 815}
    async with await stage.where.open() as database:
        await register(database.writer, document(windows=[expanded, PINS[1]]), NOW - 60_000)
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        shown = " ".join((await browser.get(f"/devices/{NODE}?lang=en")).text.split())
        assert "GPIO 27 → expander 1 GPA3" in shown
        assert "— → expander 8 GPB7" in shown
        assert "扩展芯片 1 GPA3" in (await browser.get(f"/devices/{NODE}?lang=zh")).text


async def test_what_cannot_be_done_is_said_and_nothing_is_lost(stage: Stage) -> None:
    page = f"/devices/{NODE}"
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        for path, fields, status, said in (
            ("times", {"settle_ms": "99999", "reason": "x"}, 400, "时间不对"),
            ("times", {"settle_ms": "800", "cooldown_ms": "3000", "reason": "x"}, 409, "没有改动"),
            ("times", {"settle_ms": "400", "reason": " "}, 400, "请写原因"),
            ("times", {"settle_ms": "400", "reason": "保留的原因", "seen": "5"}, 409, "保留的原因"),
            ("back", {"version": "7", "reason": "x"}, 404, "没有这个版本"),
        ):
            answer = await form(browser, page, f"{page}/{path}", **fields)
            assert answer.status_code == status, path
            assert said in answer.text
        assert (await form(browser, page, f"{page}/times", settle_ms="-5", reason="x")).status_code == 422
        assert (await browser.get("/devices/371721121-z9")).status_code == 404
        assert len(stage.where.query(NEWEST)) == 1


async def test_a_township_sees_its_devices_and_changes_nothing(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.come_in(browser, "qian", "township")
        shown = await browser.get(f"/devices/{NODE}")
        assert shown.status_code == 200
        assert f"{NODE}/times" not in shown.text
        assert (await form(browser, f"/devices/{NODE}", f"/devices/{NODE}/times", settle_ms="4")).status_code == 403
        assert (await browser.get(f"/devices/{FOREIGN}")).status_code == 403
        assert (await browser.get("/updates")).status_code == 403


async def test_the_list_of_devices_says_how_each_stands_to_its_configuration(stage: Stage) -> None:
    stage.later(120)
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        shown = (await browser.get("/devices")).text
        assert shown.count("等待生效") == 3
        assert f'href="/devices/{NODE}"' in shown
        listed = (await browser.get("/devices?as=csv")).text
        assert "等待生效" in listed


async def test_an_update_is_begun_stopped_and_rolled_back_on_its_pages(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "admin")
        assert "371721122" in (await browser.get("/updates")).text
        begun = await form(
            browser, "/updates", "/updates", place="371721", settle_ms="500", patience="1", limit="5", reason="按键太慢"
        )
        assert (begun.status_code, begun.headers["Location"]) == (303, "/updates/1")
        shown = (await browser.get("/updates/1")).text
        assert "1 / 2" in " ".join(shown.split())
        assert FOREIGN not in shown
        stage.later(300)
        async with await stage.where.open() as database:
            await Updater(database, devices=list, hears=lambda: True, now=lambda: stage.now).look()
        shown = (await browser.get("/updates/1")).text
        assert "没有生效：3717211" in shown
        again = await form(browser, "/updates", "/updates", place="city", settle_ms="500", reason="x")
        assert again.status_code == 409
        assert "已有一次没有结束" in again.text
        old = await form(browser, "/updates/1", "/updates/1/act", act="go_on", seen="99")
        assert (old.status_code, "刚有变化" in old.text) == (409, True)
        back = await form(browser, "/updates/1", "/updates/1/act", act="roll_back")
        assert back.status_code == 303
        over = await form(browser, "/updates/1", "/updates/1/act", act="go_on", seen="2")
        assert (over.status_code, "现在的状态" in over.text) == (409, True)
        assert (await browser.get("/updates/9")).status_code == 404
        assert (
            await form(browser, "/updates", "/updates", place="nowhere", settle_ms="5", reason="x")
        ).status_code == 400
        listed = (await browser.get("/updates?as=csv")).text
        assert "已撤回" in listed
        what = [row[0] for row in stage.where.query("SELECT what FROM change ORDER BY number")]
        assert what[-3:] == ["start-update", "stop-update", "roll-back-update"]
