"""A hall in a real browser: screen and kiosk are right while the line to the city is cut, and start without it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Request, expect

from contract.codes import MINUTE_MS, code_at, key_of
from firmware_sim import loopback
from tests.acceptance.conftest import HD, TOWNSHIP
from tests.acceptance.halls import DOCUMENT, Hall, hall
from tests.acceptance.test_console import RULES
from transport.boot import wall_ms

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

KIOSK = (1280, 800)
NARROW = (390, 844)
# Pages of the kiosk, by what is in them.
PLACES = {"": ".choices", "service/id-card": ".player", "question/2": ".said", "search/card": "h2"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hall]:
    async with hall(tmp_path_factory.mktemp("hall"), windows=8) as made:
        yield made


@asynccontextmanager
async def page_of(
    chromium: Browser, hall: Hall, path: str, size: tuple[int, int] = HD, *, still: bool = False
) -> AsyncIterator[Page]:
    """A page of the gateway's; at the end nothing in it failed, and nothing was asked of anybody else."""
    context = await chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale="zh-CN",
        reduced_motion="reduce" if still else "no-preference",
    )
    page = await context.new_page()
    failures: list[str] = []
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda said: failures.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("request", note)
    try:
        await page.goto(f"{hall.gateway}{path}")
        yield page
        assert failures == []
        assert [url for url in asked if not url.startswith(hall.gateway)] == []
    finally:
        await context.close()


async def flaws(page: Page) -> str:
    found = await Axe().run(page, options=RULES)
    return "" if found.violations_count == 0 else str(found.generate_report())


async def picture(hall: Hall) -> dict[str, object]:
    async with loopback.client() as client:
        told: dict[str, object] = (await client.get(f"{hall.gateway}/hall/picture")).raise_for_status().json()
        return told


async def shows_code(page: Page, hall: Hall, window: str) -> str:
    """The code that the screen shows of `window`; it is the city's own of this minute or the one before."""
    shown = page.locator(f'[data-window="{window}"] .code span')
    await expect(shown).to_have_text(re.compile(r"^\d{3} \d{3}$"))
    code = (await shown.inner_text()).replace(" ", "")
    minute, key = wall_ms() // MINUTE_MS, key_of(hall.secret(), TOWNSHIP)
    assert code in {code_at(key, window, one) for one in (minute - 1, minute)}
    return code


async def test_with_the_line_cut_the_screen_is_right_and_also_after_a_restart(chromium: Browser, here: Hall) -> None:
    first, second = here.windows[:2]
    here.rate(first, *[3] * 15, 2, 1, 1, 3, 3)
    async with page_of(chromium, here, "/hall") as page:
        await expect(page.locator("#name")).to_have_text(re.compile("^.+$"))
        await expect(page.locator("#city")).to_be_hidden()
        card = page.locator(f'[data-window="{first}"]')
        await expect(card.locator("h3")).to_have_text("社会保险")
        await expect(card.locator(".duty b")).to_have_text("李敏")
        await expect(page.locator("#notice")).to_have_text(re.compile("办公时间|拍照处"))
        await shows_code(page, here, first)

        await here.line.close()
        await expect(page.locator("#city")).to_have_text(re.compile("^与市里断开，自 .+ 起；本厅照常$"), timeout=90_000)

        # What is rated meanwhile is in the township's journal; the gateway starts without the city.
        here.rate(second, *[3] * 4, before_ms=600_000)
        await asyncio.sleep(2)
        await here.again()
        await expect(card.locator("b").last).to_have_text("88.0%")
        await expect(page.locator("#count")).to_have_text("今日已公布 24 件评价")
        await expect(page.locator(f'[data-window="{second}"] .result span')).to_have_text("今日 4 件")
        await expect(page.locator("#score")).to_have_text("90.0%")
        await expect(page.locator("#city")).to_have_text(re.compile("^与市里断开，自 .+ 起；本厅照常$"))
        await expect(card.locator("h3")).to_have_text("社会保险")
        code = await shows_code(page, here, first)
        assert await flaws(page) == ""

        # The city, which has not heard of this hall since, takes the code that its screen shows.
        async with page_of(chromium, here, "/hall") as _:
            citizen = await (await chromium.new_context()).new_page()
            await citizen.goto(f"{here.city}/r/{first}?c={code}")
            await citizen.get_by_role("button", name="满意", exact=True).click()
            await expect(citizen.locator("h1")).to_have_text("谢谢，您的评价已经记下")
            await citizen.context.close()

        await here.line.open()
        await expect(page.locator("#city")).to_be_hidden(timeout=150_000)


async def test_a_screen_without_its_gateway_says_so_and_shows_no_code(chromium: Browser, here: Hall) -> None:
    async with page_of(chromium, here, "/hall?lang=en") as page:
        await shows_code(page, here, here.windows[0])
        await here.gateway_child.stop()
        await expect(page.locator("#cut")).to_have_text(re.compile("^The screen has lost its gateway; the"))
        await expect(page.locator(".code span").first).to_have_text("")
        assert await flaws(page) == ""
        await here.gateway_child.start()
        await expect(page.locator("#cut")).to_be_hidden()
        await shows_code(page, here, here.windows[0])


async def test_one_rating_more_changes_nothing_that_can_be_seen(chromium: Browser, here: Hall) -> None:
    window = here.windows[2]
    here.rate(window, 3, 3, 3, 3)
    await here.again()
    async with asyncio.timeout(20):
        while not any(one["count"] for one in await shown(here, window)):
            await asyncio.sleep(0.2)
            await here.again()
    before = await shown(here, window)
    here.rate(window, 1)
    await asyncio.sleep(2)
    # Not now, and not to a gateway that starts again and looks at its whole journal.
    await here.again()
    assert await shown(here, window) == before


async def shown(hall: Hall, window: str) -> list[dict[str, object]]:
    windows = (await picture(hall))["windows"]
    assert isinstance(windows, list)
    return [one["shown"] for one in windows if one["window"] == window]


async def test_the_kiosk_answers_with_the_line_cut(chromium: Browser, here: Hall) -> None:
    await here.line.close()
    await here.again()
    try:
        async with page_of(chromium, here, "/kiosk", KIOSK) as page:
            await page.locator('[data-code="pension"]').click()
            await expect(page.locator("#view h1")).to_have_text("城乡居民养老保险参保")
            await expect(page.locator(".where b")).to_have_text("01 号")
            await expect(page.locator(".player svg")).to_be_visible()
            await expect(page.locator(".text small")).to_have_text(re.compile("^第 1 步"))
            await page.get_by_role("button", name="下一步").click()
            await expect(page.locator(".text small")).to_have_text(re.compile("^第 2 步"))
            await expect(page.get_by_role("button", name="播放")).to_be_visible()
            await page.get_by_role("link", name="返回首页").click()
            await page.locator("#typed").fill("多久能拿到身份证")
            await page.get_by_role("button", name="查找").click()
            await expect(page.locator("#view .choice b").first).to_have_text("身份证多久能拿到？")
            await page.locator("#view .choice").first.click()
            await expect(page.locator(".said")).to_have_text(re.compile("^二十个工作日内"))
            await page.get_by_role("button", name="English").click()
            await expect(page.locator("#view h1")).to_have_text("How long does an identity card take?")
            await expect(page.locator("html")).to_have_attribute("lang", "en")
    finally:
        await here.line.open()


async def test_a_kiosk_that_is_left_is_as_it_was_for_the_next_one(chromium: Browser, here: Hall) -> None:
    context = await chromium.new_context(viewport={"width": KIOSK[0], "height": KIOSK[1]}, locale="zh-CN")
    page = await context.new_page()
    await page.clock.install()
    await page.goto(f"{here.gateway}/kiosk")
    await page.locator('[data-code="pension"]').click()
    await page.locator("#large").click()
    await page.locator("#language").click()
    await page.clock.run_for(62_000)
    await expect(page.locator("#idle")).to_be_visible()
    await page.locator("#stay").click()
    await expect(page.locator("#idle")).to_be_hidden()
    await expect(page.locator("#view h1")).to_have_text("Joining the residents' pension")
    await page.clock.run_for(82_000)
    await expect(page.locator("#idle")).to_be_hidden()
    await expect(page.locator("#view h2").first).to_have_text("办什么事")
    await expect(page.locator("html")).not_to_have_attribute("data-large", "")
    await context.close()


async def test_what_the_city_says_anew_is_shown_soon(chromium: Browser, here: Hall) -> None:
    async with page_of(chromium, here, "/hall") as page:
        anew = DOCUMENT.read_text(encoding="utf-8").replace("社会保险", "社保医保")
        await here.say(anew)
        title = page.locator(f'[data-window="{here.windows[0]}"] h3')
        await expect(title).to_have_text("社保医保", timeout=90_000)
        await here.say(DOCUMENT.read_text(encoding="utf-8"))
        await expect(title).to_have_text("社会保险", timeout=90_000)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_axe_finds_nothing(chromium: Browser, here: Hall, language: str) -> None:
    async with page_of(chromium, here, f"/hall?lang={language}") as page:
        await shows_code(page, here, here.windows[0])
        assert await flaws(page) == ""
    for size in (KIOSK, NARROW):
        async with page_of(chromium, here, f"/kiosk?lang={language}", size, still=True) as page:
            for place, inside in PLACES.items():
                for large in (False, True):
                    await page.evaluate(f"location.hash = '#/{place}'")
                    await expect(page.locator(f"#view {inside}").first).to_be_visible()
                    if (await page.locator("#large").get_attribute("aria-pressed") == "true") != large:
                        await page.locator("#large").click()
                    assert await flaws(page) == "", f"{place} {size} {large}"
                    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{place} {size}"
