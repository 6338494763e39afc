"""The console in a real browser: from a button to a closed case by keyboard alone, and every page by axe."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, expect

from contract.rating import Level
from tests.acceptance.conftest import TOWNSHIP, City
from tests.acceptance.desks import keys

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

PASSWORD = "a sentence is fine"  # noqa: S105  (of people in tests)
# What axe is asked for: the rules of WCAG 2.2 on two levels, and what it calls good practice.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # What is right need not be told one by one.
    "resultTypes": ["violations"],
}
# A machine that is busy with other tests is given more than one try.
TRIES = 4
# When a newer case than the newest stands first, seen after the frame that painted it.
NEWEST = """() => {
  const newest = () => Number(document.querySelector("tbody a")?.textContent ?? 0);
  const before = newest();
  window.shown = new Promise((done) => {
    const look = () => newest() > before && requestAnimationFrame(() => done(Date.now()));
    new MutationObserver(look).observe(document.getElementById("live"), { childList: true, subtree: true });
  });
}"""
PAGES = [
    "/desk",
    "/cases",
    "/cases?which=any&overdue=true",
    "/people",
    "/keys",
    "/changes",
    "/devices",
    "/quarantine",
    "/seals",
]


def manyi(city: City, *words: str) -> str:
    command = [sys.executable, "-m", "cli.main", *words, "--config", str(city.premises.cloud)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def come_in(context: BrowserContext, city: City, name: str, role: str, place: str = "city") -> Page:
    """Make an account at the city's machine, and set its password by the printed link."""
    words = ["people", "invite", name, "--role", role, "--place", place, "--called", name.title()]
    link = await asyncio.to_thread(manyi, city, *words)
    page = await context.new_page()
    await page.goto(city.address + link)
    await expect(page.locator(":focus")).to_have_attribute("type", "password")
    await page.keyboard.type(PASSWORD)
    await keys(page, "Tab")
    await page.keyboard.type(PASSWORD)
    await keys(page, "Enter")
    await page.wait_for_url("**/desk")
    return page


@asynccontextmanager
async def desk(
    chromium: Browser, city: City, name: str, role: str, place: str = "city"
) -> AsyncIterator[tuple[Page, list[str]]]:
    context = await chromium.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    failures: list[str] = []
    try:
        page = await come_in(context, city, name, role, place)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda said: failures.append(said.text) if said.type == "error" else None)
        yield page, failures
        assert failures == [], failures
    finally:
        await context.close()


async def deed(page: Page, key: str, text: str, state: str) -> None:
    """Do one thing in the case that is shown, by keyboard alone."""
    await keys(page, key)
    await page.wait_for_function("() => document.activeElement.tagName === 'TEXTAREA'")
    await page.keyboard.type(text)
    await keys(page, "Control+Enter")
    await expect(page.locator("h1 .tone")).to_have_text(state)


async def test_a_press_is_a_case_at_the_citys_desk_within_a_second_and_is_closed_by_keyboard(
    chromium: Browser, city: City
) -> None:
    async with desk(chromium, city, "zhao", "operator") as (page, _):
        await keys(page, "g", "c")
        await page.wait_for_url("**/cases")
        took = []
        for _ in range(TRIES):
            took.append(await pressed_and_closed(page, city))
            if took[-1] < 1000:
                break
        assert min(took) < 1000, took


async def pressed_and_closed(page: Page, city: City) -> float:
    """Let somebody be dissatisfied, and close the case from the list; how long (ms) after it settled it stood there."""
    await page.evaluate(NEWEST)
    settled = await city.press(Level.DISSATISFIED)
    async with asyncio.timeout(20):
        shown = await page.evaluate("window.shown")
    await keys(page, "j", "Enter")
    await page.wait_for_url(re.compile(r"/cases/\d+$"))
    case = page.url.removeprefix(city.address)
    await expect(page.locator("h1 .tone")).to_have_text("待受理")
    await deed(page, "v", "调了录像，属实：窗口让群众多跑了一趟。", "已核实")
    await deed(page, "r", "补办了材料清单，贴在窗口。", "已整改")
    await deed(page, "e", "已向群众说明并致歉。", "已答复")
    await deed(page, "x", "", "已办结")
    steps = await page.locator(".steps b").all_inner_texts()
    assert steps == ["办结", "答复", "整改", "核实", "收到不满意评价"]
    await keys(page, "b")
    await page.wait_for_url("**/cases")
    assert await page.locator(f'a[href="{case}"]').count() == 0
    return float(shown - settled)


async def test_a_township_sees_its_cases_when_others_have_come_and_no_moment_of_theirs(
    chromium: Browser, city: City
) -> None:
    window = f"{TOWNSHIP}-a1/03"
    async with desk(chromium, city, "qian", "township", TOWNSHIP) as (page, failures):
        await page.goto(f"{city.address}/cases")
        before = await page.locator("tbody tr").count()
        await city.press(Level.DISSATISFIED, window)
        for _ in range(3):
            await city.press(Level.SATISFIED, window)
        await page.reload()
        assert await page.locator("tbody tr").count() == before
        city.lift_veils()
        await page.reload()
        await expect(page.locator("tbody tr")).to_have_count(before + 1)
        await keys(page, "j", "Enter")
        await page.wait_for_url(re.compile(r"/cases/\d+$"))
        rating = await page.locator(".plain li").first.inner_text()
        assert re.search(r":00 ", rating)
        assert await page.locator(".plain code").count() == 0
        # Another township's cases, and the wall, are not theirs.
        for path in ("/cases?place=371722101", "/wall", "/people"):
            answer = await page.goto(city.address + path)
            assert answer is not None
            assert answer.status == 403
        failures.clear()


async def test_two_people_at_one_case_and_the_later_one_is_told_to_look_again(chromium: Browser, city: City) -> None:
    async with (
        desk(chromium, city, "sun", "operator") as (first, _),
        desk(chromium, city, "li", "operator") as (second, failures),
    ):
        await city.press(Level.DISSATISFIED, f"{TOWNSHIP}-a1/02")
        await first.goto(f"{city.address}/cases")
        await first.locator("tbody a").first.click()
        await second.goto(first.url)
        await keys(second, "v")
        await second.keyboard.type("看过了，属实。")
        await deed(first, "v", "我先核实的。", "已核实")
        await keys(second, "Control+Enter")
        await expect(second.get_by_role("alert")).to_contain_text("别人刚改过")
        assert second.url == first.url
        await second.get_by_role("link", name="English").click()
        await expect(second.locator("h1 .tone")).to_have_text("verified")
        failures.clear()


@pytest.mark.timeout(300)
async def test_no_page_has_a_violation_in_either_language(chromium: Browser, city: City) -> None:
    await city.press(Level.DISSATISFIED)
    async with desk(chromium, city, "zhou", "admin") as (page, _):
        await page.goto(f"{city.address}/cases")
        case = await page.locator("tbody a").first.get_attribute("href")
        assert case is not None
        for path in [*PAGES, case, "/people/zhou"]:
            for language in ("zh", "en"):
                await page.goto(f"{city.address}{path}{'&' if '?' in path else '?'}lang={language}")
                found = await Axe().run(page, options=RULES)
                assert found.violations_count == 0, f"{path} {language}: {found.generate_report()}"
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        context = await chromium.new_context()
        stranger = await context.new_page()
        for path in ("/login", "/welcome?link=none", "/login?lang=en"):
            await stranger.goto(city.address + path)
            found = await Axe().run(stranger, options=RULES)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        await context.close()


async def test_a_case_says_by_when_it_is_due_and_a_list_can_be_taken_away(chromium: Browser, city: City) -> None:
    await city.press(Level.DISSATISFIED)
    async with desk(chromium, city, "wu", "operator") as (page, _):
        await page.goto(f"{city.address}/cases")
        due = await page.locator("tbody tr").first.locator("td").nth(5).inner_text()
        assert due >= time.strftime("%Y-%m-%d")
        async with page.expect_download() as taken:
            await page.get_by_text("导出 CSV").click()
        path = await (await taken.value).path()
        text = path.read_text(encoding="utf-8-sig")
        assert text.splitlines()[0].startswith("编号,状态,窗口")
        assert len(text.splitlines()) == 1 + await page.locator("tbody tr").count()
