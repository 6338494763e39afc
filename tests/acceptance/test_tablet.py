"""A tablet at a window in a real browser: offline, loaded anew, its power cut, and every rating arrives once."""

import asyncio
import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route, expect

from contract.identity import node_of
from proof.ledger import connect
from tests.acceptance.carriers import Losing, begun, carrier, link, opened, readable
from tests.acceptance.conftest import OTHERS, TOWNSHIP, City
from tests.acceptance.test_console import desk

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

NODE = f"{TOWNSHIP}-a1"
# Every test has a window of its own, so that none counts another's.
POWER, LOST, LOOKS, AGAIN = (f"{NODE}/{window}" for window in ("01", "02", "03", "01"))
SLOW = f"{OTHERS[0]}-a1/01"
RATINGS = "**/api/tablet/ratings"
MOST = 10
SCREENS = {"lying": (1280, 800), "standing": (800, 1280), "small": (360, 640)}
TALLIES = """
SELECT coalesce(sum(satisfied), 0), coalesce(sum(basic), 0), coalesce(sum(dissatisfied), 0)
FROM tally_day WHERE channel = 'tablet' AND "window" = ?
"""
BATCHES = """
SELECT raw FROM ledger_entry WHERE kind = 'batch' AND node = ? ORDER BY epoch, first
"""


async def rate(page: Page, *levels: int) -> None:
    """Press these one after the other, before any of them settles; the last one is thanked for."""
    body = page.locator("body")
    await expect(body).to_have_attribute("data-state", "open")
    for level in levels:
        await page.locator(f"#choices [data-level='{level}']").click()
    await page.clock.run_for(900)
    await expect(body).to_have_attribute("data-state", "thanks")
    await expect(page.locator("#said")).to_have_text("谢谢，您的评价已经记下")
    await page.clock.run_for(3_100)


def tallied(city: City, window: str) -> tuple[int, int, int]:
    with closing(connect(city.premises.database)) as ledger:
        satisfied, basic, dissatisfied = ledger.execute(TALLIES, (window,)).fetchone()
        return int(satisfied), int(basic), int(dissatisfied)


def rows(city: City, window: str) -> list[list[int]]:
    """The levels of `window` in the ledger, in the order of their numbers, by epoch."""
    with closing(connect(city.premises.database)) as ledger:
        found = ledger.execute(BATCHES, (f"{node_of(window)}.tablet",)).fetchall()
    by_epoch: dict[str, list[int]] = {}
    for (raw,) in found:
        batch = json.loads(bytes(raw).partition(b"\n")[0])
        levels = [level for _, short, level, _ in batch["rows"] if short == window.partition("/")[2]]
        assert len(by_epoch.get(batch["epoch"], [])) + 1 == batch["first"] or not levels
        by_epoch.setdefault(batch["epoch"], []).extend(levels)
    return [levels for levels in by_epoch.values() if levels]


async def settled(city: City, window: str, count: int) -> None:
    async with asyncio.timeout(60):
        while sum(tallied(city, window)) < count:
            await asyncio.sleep(0.1)


async def test_ten_minutes_without_a_line_and_two_reloads_and_a_power_cut_lose_and_double_nothing(
    chromium: Browser, city: City, tmp_path: Path
) -> None:
    address = await link(chromium, city, "/tablets", "zhao", window=POWER)
    async with carrier(tmp_path / "disk") as one:
        page = one.page
        await begun(page)
        await opened(page, address, "open")
        await rate(page, 3)
        await expect(page.locator("body")).to_have_attribute("data-waiting", "0")
        pressed = [3]

        async def cut_and_rate(levels: list[int]) -> None:
            for level in levels:
                await rate(page, level)
                pressed.append(level)
                # Some half a minute between two people: more than ten minutes together.
                await page.clock.run_for(36_000)

        await one.context.set_offline(True)
        await cut_and_rate([1, 2, 3, 3, 1, 2])
        await expect(page.locator("body")).to_have_attribute("data-line", "away")
        await page.reload()
        await cut_and_rate([2, 2, 1, 3, 1, 1])
        await page.reload()
        await expect(page.locator("body")).to_have_attribute("data-waiting", "12")
        await cut_and_rate([3, 1, 2])

        # The power goes; it comes again while there is still no line.
        await one.off()
        page = await one.on()
        await begun(page)
        await one.context.set_offline(True)
        await page.goto(address.partition("#")[0])
        await expect(page.locator("body")).to_have_attribute("data-waiting", "15")
        await cut_and_rate([1, 3, 3])
        assert tallied(city, POWER) == (1, 0, 0)

        await one.context.set_offline(False)
        await one.delivers()
        await settled(city, POWER, len(pressed))
        assert rows(city, POWER) == [pressed]
        assert tallied(city, POWER) == tuple(pressed.count(level) for level in (3, 2, 1))


async def test_a_lost_answer_doubles_nothing_and_the_last_press_counts(
    chromium: Browser, city: City, tmp_path: Path
) -> None:
    address = await link(chromium, city, "/tablets", "qian", window=LOST)
    async with carrier(tmp_path / "disk") as one:
        page = one.page
        await begun(page)
        await opened(page, address, "open")
        losing = Losing()
        await page.route(RATINGS, losing.lose)
        await rate(page, 1, 1, 3)
        await rate(page, 2)
        await settled(city, LOST, 2)
        await losing.reaches(2)
        await expect(page.locator("body")).to_have_attribute("data-waiting", "2")
        await page.unroute_all(behavior="wait")
        await one.delivers()
        await rate(page, 1)
        await settled(city, LOST, 3)
        assert rows(city, LOST) == [[3, 2, 1]]
        assert tallied(city, LOST) == (1, 1, 1)


async def test_the_page_is_readable_and_touchable_at_every_size_in_both_languages(
    chromium: Browser, city: City, tmp_path: Path
) -> None:
    address = await link(chromium, city, "/tablets", "sun", window=LOOKS)
    async with carrier(tmp_path / "disk") as one:
        page = one.page
        await page.goto(address.partition("#")[0])
        await expect(page.locator("body")).to_have_attribute("data-state", "unset")
        await readable(page)
        await opened(page, address, "open")
        for width, height in SCREENS.values():
            await page.set_viewport_size({"width": width, "height": height})
            for language in ("English", "中文"):
                await readable(page)
                await page.locator("#language").click()
                await expect(page.locator("#language")).not_to_have_text(language)
        await page.locator("#choices [data-level='1']").click()
        await expect(page.locator("body")).to_have_attribute("data-state", "chosen")
        await expect(page.locator("body")).to_have_attribute("data-state", "thanks")
        await readable(page)
        # By keyboard as well.
        await expect(page.locator("body")).to_have_attribute("data-state", "open")
        await page.locator("#choices [data-level='2']").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("body")).to_have_attribute("data-state", "thanks")


async def test_every_grade_is_thanked_for_alike(chromium: Browser, city: City, tmp_path: Path) -> None:
    """What the page shows and for how long depends on no grade."""
    address = await link(chromium, city, "/tablets", "zhou", window=LOOKS)
    async with carrier(tmp_path / "disk") as one:
        page = one.page
        await begun(page)
        await opened(page, address, "open")
        seen = []
        await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1"))
        for level in (3, 2, 1):
            await page.locator(f"#choices [data-level='{level}']").click()
            steps = []
            for ms in (700, 200, 2_800, 400):
                await page.clock.run_for(ms)
                if ms == 200:
                    await expect(page.locator("body")).to_have_attribute("data-state", "thanks")
                steps.append((await page.locator("body").get_attribute("data-state"), await page.inner_text("#said")))
            seen.append(steps)
        assert seen[0] == seen[1] == seen[2]
        assert [state for state, _ in seen[0]] == ["chosen", "thanks", "thanks", "open"]


async def test_a_tablet_that_is_ended_takes_nothing_more(chromium: Browser, city: City, tmp_path: Path) -> None:
    address = await link(chromium, city, "/tablets", "wu", window=AGAIN)
    async with carrier(tmp_path / "disk") as one:
        await opened(one.page, address, "open")
        async with desk(chromium, city, "zheng", "operator") as (console, _):
            await console.goto(f"{city.address}/tablets")
            ends = console.locator(f"button.danger:has-text('{AGAIN} ')")
            while await ends.count():
                await ends.first.click()
        await one.page.reload()
        await expect(one.page.locator("body")).to_have_attribute("data-state", "closed")
        await expect(one.page.locator("#choices")).to_be_hidden()
        await readable(one.page)
        # Nobody is thanked there without a line either, for what nobody may ever be sent.
        await one.context.set_offline(True)
        await one.page.reload()
        await expect(one.page.locator("body")).to_have_attribute("data-line", "away")
        await expect(one.page.locator("body")).to_have_attribute("data-state", "closed")


async def test_one_page_of_a_window_is_open_at_a_time(chromium: Browser, city: City, tmp_path: Path) -> None:
    address = await link(chromium, city, "/tablets", "feng", window=LOOKS)
    async with carrier(tmp_path / "disk") as one:
        await opened(one.page, address, "open")
        other = await one.context.new_page()
        await other.goto(address.partition("#")[0])
        await expect(other.locator("#said")).to_have_text("这个页面已在另一处打开，请关闭其中一个。")
        await expect(other.locator("#choices")).to_be_hidden()
        await one.page.close()
        await expect(other.locator("body")).to_have_attribute("data-state", "open")


async def test_a_clock_of_the_year_9999_and_a_line_that_carries_ten_at_a_time_hold_up_nothing(
    chromium: Browser, city: City, tmp_path: Path
) -> None:
    address = await link(chromium, city, "/tablets", "chen", window=SLOW)
    async with carrier(tmp_path / "disk") as one:
        page = one.page
        await page.clock.install(time=datetime(9999, 1, 1, tzinfo=UTC))
        await opened(page, address, "open")

        async def carry(route: Route) -> None:
            """Whatever is longer is given up on the way."""
            told = json.loads(route.request.post_data or "")
            await (route.continue_() if len(told["rows"]) <= MOST else route.abort())

        await page.route(RATINGS, carry)
        await one.context.set_offline(True)
        pressed = [1 + number % 3 for number in range(MOST + 5)]
        for level in pressed:
            await rate(page, level)
        await one.context.set_offline(False)
        await one.delivers()
        await settled(city, SLOW, len(pressed))
        assert rows(city, SLOW) == [pressed]
