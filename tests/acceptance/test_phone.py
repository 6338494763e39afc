"""A citizen's telephone in a real browser, on a slow line: from the code on the hall's screen to the city's desk."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, expect

from proof.ledger import connect
from tests.acceptance.conftest import TOWNSHIP, City
from tests.acceptance.test_console import RULES, desk

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

WINDOWS = [f"{TOWNSHIP}-a1/{window}" for window in ("01", "02", "03")]
# What a telephone of three years ago inside WeChat says it is, and its screen.
WECHAT = (
    "Mozilla/5.0 (Linux; Android 10; SEA-AL10) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/111.0 "
    "Mobile Safari/537.36 MicroMessenger/8.0.40 NetType/3G Language/zh_CN"
)
# 3G as browsers' own tools have it: 400 kbit/s, and 400 ms to and fro.
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
MOST_BYTES = 30 * 1024
MOST_REQUESTS = 4
LEAST_TARGET = 44
SMALLEST = """() => Math.min(
  ...[...document.querySelectorAll("main :not([type=hidden]), footer")]
    .map((one) => parseFloat(getComputedStyle(one).fontSize))
)"""
RATED = """
SELECT coalesce(sum(satisfied + basic + dissatisfied), 0) FROM tally_day WHERE channel = 'phone' AND "window" = ?
"""


@asynccontextmanager
async def telephone(chromium: Browser, *, scripts: bool = True) -> AsyncIterator[tuple[BrowserContext, Page]]:
    context = await chromium.new_context(
        viewport={"width": 360, "height": 740},
        is_mobile=True,
        has_touch=True,
        user_agent=WECHAT,
        locale="zh-CN",
        java_script_enabled=scripts,
    )
    try:
        yield context, await context.new_page()
    finally:
        await context.close()


async def codes(page: Page, city: City) -> dict[str, str]:
    """The codes that the hall's screen shows, by window; they were good a moment ago."""
    await page.goto(f"{city.address}/codes")
    shown = page.locator(".codes li")
    await expect(shown).to_have_count(len(WINDOWS))
    found = {}
    for window, text in zip(WINDOWS, await shown.locator("b").all_inner_texts(), strict=True):
        found[window] = text.replace(" ", "")
    return found


async def ready(page: Page, city: City) -> None:
    """A city that has just begun has not registered yet who speaks for telephones."""
    async with asyncio.timeout(60):
        while (answer := await page.goto(f"{city.address}/r/{WINDOWS[0]}")) is None or answer.status != 200:
            await asyncio.sleep(0.2)


async def rated(city: City, window: str) -> int:
    """How often `window` was rated by telephone."""
    with closing(connect(city.premises.database)) as ledger:
        return int(ledger.execute(RATED, (window,)).fetchone()[0])


async def test_a_citizen_rates_over_a_slow_line_and_the_desk_has_a_case(chromium: Browser, city: City) -> None:
    async with desk(chromium, city, "qian", "township", TOWNSHIP) as (hall, _), telephone(chromium) as (context, page):
        await ready(page, city)
        line = await context.new_cdp_session(page)
        await line.send("Network.enable")
        await line.send("Network.emulateNetworkConditions", SLOW)
        await line.send("Network.setCacheDisabled", {"cacheDisabled": True})
        loaded: list[float] = []
        line.on("Network.loadingFinished", lambda one: loaded.append(float(one["encodedDataLength"])))

        await page.goto(f"{city.address}/r/{WINDOWS[0]}")
        assert sum(loaded) < MOST_BYTES
        assert len(loaded) <= MOST_REQUESTS
        assert await page.locator("script").count() == 0

        before = await rated(city, WINDOWS[0])
        await page.locator("#code").fill((await codes(hall, city))[WINDOWS[0]])
        await page.get_by_role("button", name="不满意", exact=True).tap()
        await expect(page.locator("h1")).to_have_text("谢谢，您的评价已经记下")
        async with asyncio.timeout(20):
            while await rated(city, WINDOWS[0]) == before:
                await asyncio.sleep(0.1)
        async with desk(chromium, city, "sun", "operator") as (console, _):
            await console.goto(f"{city.address}/cases?place={WINDOWS[0]}")
            await expect(console.locator("tbody a").first).to_be_visible()


async def test_what_is_replayed_stale_or_forged_is_refused_kindly_and_counts_nothing(
    chromium: Browser, city: City
) -> None:
    async with (
        desk(chromium, city, "li", "township", TOWNSHIP) as (hall, _),
        # Without scripts: the page has none, and is not to miss any.
        telephone(chromium, scripts=False) as (_, page),
        telephone(chromium) as (_, thief),
    ):
        await ready(page, city)
        shown = await codes(hall, city)
        before = [await rated(city, window) for window in WINDOWS]
        # As the picture on the hall's screen brings it.
        await page.goto(f"{city.address}/r/{WINDOWS[1]}?c={shown[WINDOWS[1]]}")
        await page.get_by_role("button", name="满意", exact=True).tap()
        await expect(page.locator("h1")).to_have_text("谢谢，您的评价已经记下")

        for window, code, said in (
            (WINDOWS[1], shown[WINDOWS[1]], "这个动态码刚刚有人用过"),
            (WINDOWS[2], shown[WINDOWS[1]], "这是另一个窗口的动态码"),
            (WINDOWS[2], "000000", "这不是本窗口现在的动态码"),
        ):
            await thief.goto(f"{city.address}/r/{window}")
            await thief.locator("#code").fill(code)
            await thief.get_by_role("button", name="不满意", exact=True).tap()
            await expect(thief.get_by_role("alert")).to_contain_text(said)
        async with asyncio.timeout(20):
            while await rated(city, WINDOWS[1]) == before[1]:
                await asyncio.sleep(0.1)
        assert [await rated(city, window) for window in WINDOWS] == [before[0], before[1] + 1, before[2]]


async def test_who_was_dissatisfied_says_why_and_the_case_has_it(chromium: Browser, city: City) -> None:
    """In both languages: what is wrong stands beside its field and is mended, and the city's desk reads the rest."""
    words = {"zh": "材料要了三次", "en": "They asked for the papers three times"}
    async with (
        desk(chromium, city, "wu", "township", TOWNSHIP) as (hall, _),
        desk(chromium, city, "zhou", "operator") as (console, _),
        telephone(chromium, scripts=False) as (_, blind),
        telephone(chromium) as (context, page),
    ):
        await ready(page, city)
        line = await context.new_cdp_session(page)
        await line.send("Network.enable")
        await line.send("Network.setCacheDisabled", {"cacheDisabled": True})
        loaded: list[float] = []
        line.on("Network.loadingFinished", lambda one: loaded.append(float(one["encodedDataLength"])))
        for number, language in enumerate(("zh", "en")):
            window = WINDOWS[1 + number]
            # A minute of its own, since the tests beside this one use codes too.
            await page.goto(f"{city.address}/r/{window}?lang={language}")
            await fresh_code(hall, page, city, window)
            loaded.clear()
            await page.locator("button.dissatisfied").tap()
            await expect(page.locator("form.why")).to_be_visible()
            assert sum(loaded) < MOST_BYTES
            await readable(page)
            await page.locator("#telephone").fill("12345")
            await page.locator("#text").fill(words[language])
            await page.locator("input[value=materials]").check()
            for other in ({"zh": "en", "en": "zh"}[language], language):
                await turned(page, other, words[language])
            await page.locator("button.send").tap()
            wrong = page.locator("#telephone[aria-invalid=true]")
            await expect(wrong).to_have_attribute("aria-describedby", re.compile("wrong"))
            await expect(page.get_by_role("alert")).to_be_visible()
            await expect(page.locator("#text")).to_have_value(words[language])
            await expect(page.locator("input[value=materials]")).to_be_checked()
            await readable(page)
            await large(page)
            await wrong.fill("13812345678")
            await page.locator("input[name=consent]").check()
            await page.locator("button.send").tap()
            await expect(page.locator("form")).to_have_count(0)
            await expect(page.locator("h1.thanks")).to_be_visible()
            await readable(page)
            await console.goto(f"{city.address}/cases?place={window}")
            async with asyncio.timeout(20):
                while await console.locator("tbody a").count() == 0:
                    await asyncio.sleep(0.2)
                    await console.reload()
            await console.locator("tbody a").first.click()
            await expect(console.get_by_text(words[language])).to_be_visible()
        # Without scripts it is the same page.
        await blind.goto(f"{city.address}/r/{WINDOWS[0]}")
        await fresh_code(hall, blind, city, WINDOWS[0])
        await blind.get_by_role("button", name="不满意", exact=True).tap()
        await blind.get_by_label("等候时间长").check()
        await blind.get_by_role("button", name="提交").tap()
        await expect(blind.locator("h1")).to_have_text("谢谢，您说的也已经记下")


async def turned(page: Page, language: str, typed: str) -> None:
    """Ask for the form beneath the thanks in this language: nothing of what was typed is lost."""
    await page.locator("button.other").tap()
    await expect(page.locator("html")).to_have_attribute("lang", {"zh": "zh-CN", "en": "en"}[language])
    await expect(page.locator("#text")).to_have_value(typed)
    await readable(page)


async def fresh_code(hall: Page, page: Page, city: City, window: str) -> None:
    """Type a code that nobody used: of the minute that begins, if that of this one was used by a test before."""
    before = (await codes(hall, city))[window]
    used = before if await used_now(city, window) else ""
    async with asyncio.timeout(70):
        while (code := (await codes(hall, city))[window]) == used:
            await asyncio.sleep(0.5)
    await page.locator("#code").fill(code)


async def used_now(city: City, window: str) -> bool:
    """Whether the newest code of `window` that was used is of this minute."""
    minute = time.time_ns() // 60_000_000_000
    with closing(connect(city.premises.database)) as ledger:
        newest = ledger.execute('SELECT max(minute) FROM phone_rating WHERE "window" = ?', (window,)).fetchone()[0]
    return newest is not None and int(newest) >= minute


async def large(page: Page) -> None:
    """With text of twice the size nothing lies beside the screen."""
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    await page.evaluate("document.documentElement.style.fontSize = ''")


async def test_every_page_can_be_read_and_touched_in_both_languages(chromium: Browser, city: City) -> None:
    async with telephone(chromium) as (_, page):
        await ready(page, city)
        for language in ("zh", "en"):
            for path in (WINDOWS[0], f"{WINDOWS[0]}?c=123456", f"{TOWNSHIP}-a1/99"):
                await page.goto(f"{city.address}/r/{path}{'&' if '?' in path else '?'}lang={language}")
                await readable(page)
            await page.goto(f"{city.address}/r/{WINDOWS[2]}?lang={language}")
            await page.locator("#code").fill("000000")
            await page.locator("button.basic").tap()
            await expect(page.get_by_role("alert")).to_be_visible()
            await readable(page)
            assert re.search("[\u4e00-\u9fff]", await page.locator("main").inner_text()) is not None or language == "en"


async def readable(page: Page) -> None:
    """Nothing for axe to tell of, nothing beside the screen, and nothing too small for a thumb or for old eyes."""
    found = await Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    for one in await page.locator("button, textarea, input:not([type=hidden])").all():
        box = await one.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= LEAST_TARGET, page.url
    smallest = await page.evaluate(SMALLEST)
    assert smallest >= 16, page.url


async def test_the_page_asks_for_nothing_that_wechat_lacks() -> None:
    """No script, and of the style sheet nothing newer than a telephone of 2019."""
    static = await asyncio.to_thread(Path("cloud/console/static/phone.css").read_text, encoding="utf-8")
    assert not re.search(r":has\(|@layer|@container|color-mix|\d(dvh|svh|cqi)|subgrid|&\s", static)
    assert json.dumps(static).count("http") == 0
