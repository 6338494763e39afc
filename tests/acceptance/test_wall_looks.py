"""How the wall looks in a real browser: nothing cut off, nothing for axe, two languages, and a city that is dead."""

import asyncio
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, closing, contextmanager

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from cloud.calendar import Calendar
from cloud.guard import HEADERS, POLICY
from contract.rating import Level
from tests.acceptance.conftest import HD, City, Wall, opened
from tests.keys import coming_in

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

UHD = (3840, 2160)
# Ages and clocks go on between two looks.
MOVING = "#clock, #date, #pill, #stale, time, .age, #path *, #alerts *, .cell p"
VIEWS = ["/wall", "/wall?lang=en", "/far", "/far?lang=en"]

# What a look at the picture would find: text cut off, text outside its panel, words over words.
FLAWS = """() => {
  const flaws = [];
  const seen = (e) => getComputedStyle(e).visibility !== "hidden" && !e.closest(".unseen, noscript")
    && e.getClientRects().length > 0;
  const stale = !document.querySelector("#stale").hidden;
  const covered = (e) => stale && e.closest("header") && !e.closest("#stale");
  const page = document.documentElement;
  if (page.scrollWidth > innerWidth || page.scrollHeight > innerHeight) flaws.push(["page"]);
  for (const e of document.querySelectorAll("body *")) {
    if (!seen(e) || e.closest("svg")) continue;
    const inline = getComputedStyle(e).display === "inline";
    const said = [e.id || e.className, e.textContent.slice(0, 30)];
    if (!inline && e.scrollWidth > e.clientWidth + 1) flaws.push(["wide", ...said]);
    const box = e.matches(".tile, section, .cell, li, main, .column, header");
    if (box && e.scrollHeight > e.clientHeight + innerHeight / 200) flaws.push(["high", ...said]);
  }
  const words = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const holder = text.parentElement;
    if (!text.data.trim() || !seen(holder) || covered(holder)) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const r of range.getClientRects()) {
      // A line box is higher than its letters.
      const [top, bottom] = [r.top + r.height * 0.22, r.bottom - r.height * 0.22];
      words.push({ text, left: r.left, right: r.right, top, bottom });
      const frame = holder.closest(".tile, .cell, section, #stale, header").getBoundingClientRect();
      if (r.left < frame.left - 1 || r.right > frame.right + 1 || top < frame.top - 1 || bottom > frame.bottom + 1)
        flaws.push(["outside", text.data.slice(0, 30)]);
    }
  }
  words.forEach((a, at) => words.slice(at + 1).forEach((b) => {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (a.text !== b.text && across > 1 && down > 1) flaws.push(["over", a.text.data, b.text.data]);
  }));
  return flaws;
}"""

# What the page says, and every box on it in its order, in thousandths of the page's height.
BOXES = """(moving) => {
  const still = [...document.querySelectorAll("body *")].filter((e) => !e.closest(".unseen, noscript")
    && !e.matches(moving) && getComputedStyle(e).visibility !== "hidden" && e.getClientRects().length > 0);
  return [still.filter((e) => !e.childElementCount).map((e) => e.textContent), still.map((e) => [
    e.tagName + (e.id || e.className.baseVal || e.className), ...["x", "y", "width", "height"].map(
      (side) => e.getBoundingClientRect()[side] / innerHeight * 1000)])];
}"""
Box = tuple[str, float, float, float, float]


async def axe_findings(page: Page) -> list[str]:
    found = (await Axe().run(page)).response
    assert found["passes"]
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found["violations"] for node in rule["nodes"]]


@pytest.mark.parametrize("path", VIEWS)
async def test_nothing_is_cut_off_hidden_or_out_of_reach(chromium: Browser, city: City, path: str) -> None:
    async with opened(chromium, city, path) as wall:
        assert await wall.page.evaluate(FLAWS) == []
        assert await axe_findings(wall.page) == []
        small, large = await at_both_sizes(wall)
        assert await wall.page.evaluate(FLAWS) == []
        assert len(small) > 200
        for here, there in zip(small, large, strict=True):
            assert there[1:] == pytest.approx(here[1:], abs=1.0), here[0]


@contextmanager
def many_asked(city: City) -> Iterator[None]:
    """12,000 who were served today, of whom 7,440 rated, as the gateways told."""
    long_ago = int(time.time() * 1000) - 3_600_000
    today = Calendar(city.zone).day(long_ago)
    rows = [
        (f"{number:010}", today, long_ago, number * 7 % 3 + 1 if number < 7_440 else None) for number in range(12_000)
    ]
    insert = (
        'INSERT INTO visit (node, token, "window", day, asked, became, ratings, level) '
        "VALUES ('x', ?, 'x/01', ?, ?, 1, 1, ?)"
    )
    with closing(sqlite3.connect(city.premises.database, timeout=30)) as database:
        database.executemany(insert, rows)
        database.commit()
        try:
            yield
        finally:
            database.execute("DELETE FROM visit WHERE node = 'x'")
            database.commit()


async def test_who_was_asked_stands_under_the_score_and_moves_nothing(chromium: Browser, city: City) -> None:
    cards = """() => [...document.querySelectorAll("section, .tile")].map((e) => {
        const { x, y, width, height } = e.getBoundingClientRect(); return [x, y, width, height] })"""
    for path, said in (
        ("/wall", "参与率 62% · 应评 12,000 · 全体 "),
        ("/wall?lang=en", "62% of 12,000 asked rated · all asked "),
    ):
        async with opened(chromium, city, path) as wall:
            before = await wall.page.evaluate(cards)
            turnout = wall.page.locator("#turnout")
            await expect(turnout).to_be_empty(timeout=40_000)
            with many_asked(city):
                await expect(turnout).to_contain_text(said, timeout=40_000)
                assert re.fullmatch(r"\d\d\.\d–\d\d\.\d%", (await turnout.inner_text()).removeprefix(said))
                assert await wall.page.evaluate(cards) == before
                assert await wall.page.evaluate(FLAWS) == []
                assert await axe_findings(wall.page) == []


async def at_both_sizes(wall: Wall) -> tuple[list[Box], list[Box]]:
    """The boxes on a screen of 1080 and on one of 2160 lines, while the city had nothing new to show."""
    async with asyncio.timeout(60):
        while True:
            await wall.page.set_viewport_size({"width": HD[0], "height": HD[1]})
            said, small = await wall.page.evaluate(BOXES, MOVING)
            await wall.page.set_viewport_size({"width": UHD[0], "height": UHD[1]})
            said_then, large = await wall.page.evaluate(BOXES, MOVING)
            if said == said_then and [box[0] for box in small] == [box[0] for box in large]:
                return small, large


async def test_two_languages(chromium: Browser, city: City) -> None:
    async with opened(chromium, city) as wall:
        page = wall.page
        assert await page.get_attribute("html", "lang") == "zh-CN"
        assert await page.title() == await page.inner_text("h1") == "菏泽市政务服务满意度"
        assert await page.inner_text("#hero-title") == "今日全市满意度"
        await page.click("#other-lang")
        await wall.until("live")
        await page.wait_for_selector('[data-bin="4"]')
        assert page.url == f"{city.address}/wall?lang=en"
        assert await page.get_attribute("html", "lang") == "en"
        assert await page.title() == await page.inner_text("h1") == "Heze public service satisfaction"
        words = await page.evaluate("document.body.innerText + document.querySelector('nav').ariaLabel")
        assert re.findall(r"[\u4e00-\u9fff]+", words) == ["中文"]
        await page.click("#other-view")
        await wall.until("live")
        assert page.url == f"{city.address}/far?lang=en"
        assert await page.get_attribute("html", "lang") == "en"
        await page.click("#other-lang")
        await wall.until("live")
        assert page.url == f"{city.address}/far"
        assert await page.get_attribute("html", "lang") == "zh-CN"


async def test_every_answer_carries_the_policy_and_nothing_is_from_elsewhere(city: City) -> None:
    assert "'unsafe" not in POLICY
    assert "*" not in POLICY
    async with coming_in(city.address, city.premises.keys) as client:
        for path in ("/wall", "/far", "/static/wall/wall.js", "/static/wall/near.css", "/api/board", "/nowhere"):
            answer = await client.get(path)
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path
        for path in ("/wall", "/far"):
            page = (await client.get(path)).text
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
            links = re.findall(r'(?:src|href)="([^"]*)"', page)
            assert links
            assert all(link.startswith(("/", "?")) and not link.startswith("//") for link in links)


async def test_a_stopped_server_is_told_within_seconds_and_what_comes_back_is_the_same(
    chromium: Browser, city: City, record_testsuite_property: Callable[[str, object], None]
) -> None:
    async with AsyncExitStack() as stack:
        walls: Mapping[str, Wall] = {
            path: await stack.enter_async_context(opened(chromium, city, path, quiet=False)) for path in VIEWS
        }
        before = {path: await wall.numbers() for path, wall in walls.items()}
        assert not any([await wall.page.is_visible("#stale") for wall in walls.values()])
        assert not any(wall.complaints for wall in walls.values())
        began = time.monotonic()
        city.kill()
        try:
            for wall in walls.values():
                await wall.until("stale")
            told = time.monotonic() - began
            record_testsuite_property("killed_to_banner_s", told)
            # The last tick came up to a second before the end. It is some six seconds where nothing else runs.
            assert told >= 4
            for path, wall in walls.items():
                assert await wall.page.is_visible("#stale"), path
                banner = await wall.page.evaluate(
                    "() => document.querySelector('#stale').getBoundingClientRect().width"
                )
                assert banner == HD[0]
                assert re.search(r"[5-9]|\d\d", await wall.page.inner_text("#stale-age"))
                assert await wall.numbers() == before[path]
                assert await wall.page.evaluate(FLAWS) == [], path
                assert await axe_findings(wall.page) == [], path
        finally:
            # Others look at this city after us.
            began = time.monotonic()
            await city.start()
        for path, wall in walls.items():
            await wall.until("live")
            assert not await wall.page.is_visible("#stale")
            assert await wall.numbers() == before[path]
        record_testsuite_property("started_to_live_s", time.monotonic() - began)
        # And it moves again.
        await walls["/wall"].sees(city, Level.SATISFIED)
