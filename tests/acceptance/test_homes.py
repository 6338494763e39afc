"""An assistant's telephone in a real browser: without a line, loaded anew, and each visit and rating arrives once."""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from proof.ledger import connect
from tests.acceptance.carriers import Losing, begun, carrier, link, opened, readable
from tests.acceptance.conftest import TOWNSHIP, City

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

NODE = f"{TOWNSHIP}-a1"
# Every test has a window of its own, so that none counts another's.
POWER, LOST, LOOKS = (f"{NODE}/{window}" for window in ("01", "02", "03"))
SCREENS = {"telephone": (390, 844), "small": (320, 568), "tablet": (1024, 768)}
RATED, DECLINED = "谢谢，您的评价已经记下。请把手机还给帮办代办员。", "好的，没有记下评价。请把手机还给帮办代办员。"
TALLIES = """
SELECT coalesce(sum(satisfied), 0), coalesce(sum(basic), 0), coalesce(sum(dissatisfied), 0)
FROM tally_day WHERE channel = 'home' AND "window" = ?
"""
BATCHES = "SELECT raw FROM ledger_entry WHERE kind = 'batch' AND node = ? ORDER BY epoch, first"
VISITS = """
SELECT number, rating, kind, place, item, note FROM home_visit WHERE "window" = ? ORDER BY number
"""


async def record(page: Page, item: str, *, note: str = "", at: str = "home") -> None:
    """Fill in what was done, and hand the telephone over."""
    await expect(page.locator("body")).to_have_attribute("data-state", "record")
    await page.locator(f"[name='kind'][value='{at}']").check()
    await page.locator("#place").fill("李庄村")
    await page.locator("#item").fill(item)
    await page.locator("#note").fill(note)
    await page.locator("#hand").click()
    await expect(page.locator("body")).to_have_attribute("data-state", "open")
    await expect(page.locator("#record")).to_be_hidden()


async def rate(page: Page, *levels: int) -> None:
    """Press these one after the other, 0 for who would rather not; no mark is left when the last one is thanked."""
    for level in levels:
        await page.locator(f"[data-level='{level}']").click()
    await page.clock.run_for(900)
    await expect(page.locator("body")).to_have_attribute("data-state", "thanks")
    await expect(page.locator("#said")).to_have_text(RATED if levels[-1] else DECLINED)
    assert await page.locator("[data-level]:visible").count() == 0
    await page.clock.run_for(3_100)
    await expect(page.locator("body")).to_have_attribute("data-state", "record")


def asked(city: City, sql: str, value: str) -> list[tuple[Any, ...]]:
    with closing(connect(city.premises.database)) as ledger:
        return [tuple(row) for row in ledger.execute(sql, (value,)).fetchall()]


def levels_of(city: City, window: str) -> list[int]:
    """The levels of `window` in the ledger, in the order of their numbers."""
    batches = [json.loads(bytes(raw).partition(b"\n")[0]) for (raw,) in asked(city, BATCHES, f"{NODE}.home")]
    short = window.partition("/")[2]
    return [level for one in batches for _, at, level, _ in one["rows"] if at == short]


async def arrived(city: City, window: str, visits: int, rated: int) -> list[tuple[Any, ...]]:
    async with asyncio.timeout(60):
        while True:
            found = asked(city, VISITS, window)
            (tally,) = asked(city, TALLIES, window)
            if len(found) >= visits and sum(map(int, tally)) >= rated:
                return found
            await asyncio.sleep(0.1)


async def test_visits_without_a_line_over_reloads_and_a_power_cut_arrive_once_with_their_ratings(
    chromium: Browser, city: City, tmp_path: Path
) -> None:
    address = await link(chromium, city, "/assistants", "zhao", window=POWER, holder="王帮办 zhao")
    async with carrier(tmp_path / "disk") as one:
        page = one.page
        await begun(page)
        await opened(page, address, "record")
        await one.context.set_offline(True)
        await record(page, "社保卡", note="老人代办")
        await rate(page, 1, 3)
        await record(page, "低保", at="station")
        await rate(page, 0)
        await expect(page.locator("body")).to_have_attribute("data-line", "away")
        # Loaded anew while the citizen holds it: the record is not lost, and nobody can change it.
        await record(page, "医保")
        await page.reload()
        await expect(page.locator("body")).to_have_attribute("data-state", "open")
        await expect(page.locator("#record")).to_be_hidden()
        await rate(page, 1)
        await record(page, "公交卡")

        # The power goes while it is handed over; it comes again while there is still no line.
        await one.off()
        page = await one.on()
        await begun(page)
        await one.context.set_offline(True)
        await page.goto(address.partition("#")[0])
        await expect(page.locator("body")).to_have_attribute("data-state", "open")
        await rate(page, 2)
        await expect(page.locator("body")).to_have_attribute("data-waiting", "4")
        assert asked(city, VISITS, POWER) == []

        await one.context.set_offline(False)
        await one.delivers()
        assert await arrived(city, POWER, 4, 3) == [
            (1, 1, "home", "李庄村", "社保卡", "老人代办"),
            (2, None, "station", "李庄村", "低保", ""),
            (3, 2, "home", "李庄村", "医保", ""),
            (4, 3, "home", "李庄村", "公交卡", ""),
        ]
        assert levels_of(city, POWER) == [3, 1, 2]
        assert asked(city, TALLIES, POWER) == [(1, 1, 1)]


async def test_a_lost_answer_doubles_neither_visit_nor_rating(chromium: Browser, city: City, tmp_path: Path) -> None:
    address = await link(chromium, city, "/assistants", "qian", window=LOST, holder="王帮办 qian")
    async with carrier(tmp_path / "disk") as one:
        page = one.page
        await begun(page)
        await opened(page, address, "record")
        losing = Losing()
        await page.route("**/api/home/visits", losing.lose)
        await record(page, "社保卡")
        await rate(page, 2)
        await arrived(city, LOST, 1, 1)
        await record(page, "低保")
        await rate(page, 0)
        await arrived(city, LOST, 2, 1)
        await losing.reaches(2)
        await page.unroute_all(behavior="wait")
        await one.delivers()
        assert [row[:2] for row in asked(city, VISITS, LOST)] == [(1, 1), (2, None)]
        assert levels_of(city, LOST) == [2]


async def test_what_is_not_to_be_written_is_said_beside_the_form_and_the_page_is_readable_at_every_size(
    chromium: Browser, city: City, tmp_path: Path
) -> None:
    address = await link(chromium, city, "/assistants", "sun", window=LOOKS, holder="王帮办 sun")
    async with carrier(tmp_path / "disk") as one:
        page = one.page
        await page.goto(address.partition("#")[0])
        await expect(page.locator("body")).to_have_attribute("data-state", "unset")
        await readable(page)
        await opened(page, address, "record")
        for field, text in (("place", ""), ("item", ""), ("note", "电话 138-1234-5678"), ("when", "")):
            for name, good in (("place", "李庄村"), ("item", "社保卡"), ("note", ""), ("when", "2026-11-22T10:15")):
                await page.locator(f"#{name}").fill(text if name == field else good)
            await page.locator("#hand").click()
            await expect(page.locator("#wrong")).not_to_be_empty()
            await expect(page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
            await expect(page.locator(f"#{field}")).to_be_focused()
            await expect(page.locator("body")).to_have_attribute("data-state", "record")
        await every_size(page)
        await page.locator("#when").fill("2026-11-22T10:15")
        await page.locator("#hand").click()
        await expect(page.locator("body")).to_have_attribute("data-state", "open")
        await every_size(page)
        await page.locator("#decline").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("body")).to_have_attribute("data-state", "thanks")
        await readable(page)


async def every_size(page: Page) -> None:
    """Readable at every size, with large text, in both languages."""
    for width, height in SCREENS.values():
        await page.set_viewport_size({"width": width, "height": height})
        for language in ("English", "中文"):
            await readable(page)
            await page.locator("#language").click()
            await expect(page.locator("#language")).not_to_have_text(language)
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    await page.set_viewport_size({"width": 390, "height": 844})
    await readable(page)
    await page.evaluate("document.documentElement.style.fontSize = ''")
