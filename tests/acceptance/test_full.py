"""A full disk on the wall, in a real browser: an alarm at once, in both languages, and gone by itself."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from firmware_sim.box import Order
from firmware_sim.faults.breach import way
from firmware_sim.premises import Habits
from firmware_sim.siege import besieged
from tests.acceptance.conftest import HD
from tests.keys import hung
from transport.boot import wall_ms

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

QUICK = Habits(settle_s=0.1, cooldown_s=0.2, heartbeat_s=2.0, least=1)
LOAD_S = 3.0
SEEN_MS = 20_000
NEAR = '#node-list > li[data-level="alarm"]:not(.off)'
FAR = '#alert-nodes[data-level="alarm"]'
VIEWS = {"/wall": NEAR, "/wall?lang=en": NEAR, "/far": FAR, "/far?lang=en": FAR}
WORD = {"/wall": "存储已满", "/wall?lang=en": "disk full", "/far": "存储已满", "/far?lang=en": "disk full"}
LEDGER = {"/wall": "市级账本", "/wall?lang=en": "City ledger", "/far": "市级账本", "/far?lang=en": "City ledger"}
HOUSES = [("fleet", "full"), ("gateways", "full"), ("cloud", "full-city")]


@pytest.mark.parametrize(("house", "law"), HOUSES)
async def test_a_full_disk_is_an_alarm_on_every_wall_until_there_is_room(
    tmp_path: Path, chromium: Browser, free_port: Callable[[], int], house: str, law: str
) -> None:
    order = Order(windows=24, townships=1, seed=5, per_s=12.0, http=free_port(), habits=QUICK)
    flag = tmp_path / "full"
    sabotage = {house: way(f"{law}:{flag}")}
    async with besieged(order, tmp_path / "city", wall_ms=wall_ms, sabotage=sabotage) as city:
        context = await chromium.new_context(viewport={"width": HD[0], "height": HD[1]}, locale="zh-CN")
        pages: dict[str, Page] = {}
        for view in VIEWS:
            pages[view] = await context.new_page()
            await pages[view].goto(hung(city.box.address, view, city.box.keys.wall))
            await pages[view].wait_for_selector('body[data-state="live"]')
        await asyncio.sleep(LOAD_S)
        for view, page in pages.items():
            assert await page.query_selector(VIEWS[view]) is None

        flag.touch()
        for view, page in pages.items():
            alarm = await page.wait_for_selector(VIEWS[view], timeout=SEEN_MS)
            assert alarm is not None
            said = await alarm.inner_text()
            assert WORD[view] in said
            assert (LEDGER[view] in said) == (house == "cloud")
        flag.unlink()
        for view, page in pages.items():
            await page.wait_for_selector(VIEWS[view], state="detached", timeout=SEEN_MS)
        await context.close()
    assert city.evidence.clean, str(city.evidence)
