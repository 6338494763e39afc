"""A wall that nobody looks after: through minutes without its city, over midnight, and for a day and a night."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from paho.mqtt import publish
from playwright.async_api import Browser, Page

from bench.page import ELEMENTS
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from contract import topics
from contract.batch import Batch
from contract.bundle import pack
from contract.codec import encode
from contract.rating import Quality, Row
from contract.signing import Signer
from firmware_sim.broker import Mosquitto
from firmware_sim.servers.daemon import free_port
from proof.scores import Counts
from tests.acceptance.conftest import NUMBERS, OTHERS, TOWNSHIP
from tests.acceptance.desks import fresh
from tests.acceptance.test_wall_looks import FLAWS, axe_findings
from tests.acceptance.test_wall_watchdog import Relay, until
from tests.cloud.past import tally
from tests.cloud.reception import Stage, key_of, open_stage
from tests.keys import hung
from transport.broker import Broker

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

CALENDAR = Calendar("Asia/Shanghai")
SATURDAY, SUNDAY = "2026-11-28", "2026-11-29"
MIDNIGHT = CALENDAR.start(SUNDAY)
WEEK_MS = 7 * 24 * HOUR_MS
NODE = f"{TOWNSHIP}-a1"

# What waits to be called: timeouts that have not come, and intervals that were not ended.
TIMERS = """() => {
  const waiting = new Set();
  for (const [set, clear, again] of [["setTimeout", "clearTimeout", false], ["setInterval", "clearInterval", true]]) {
    const [begin, end] = [window[set].bind(window), window[clear].bind(window)];
    window[set] = (call, wait) => {
      const id = begin(() => { if (!again) waiting.delete(id); call(); }, wait);
      waiting.add(id);
      return id;
    };
    window[clear] = (id) => { waiting.delete(id); end(id); };
  }
  window.timers = () => waiting.size;
}"""
CHARTS = """() => [...document.querySelectorAll("#charts figure")].map((figure) => ({
  count: Number(figure.querySelector("svg").dataset.count), week: Number(figure.querySelector("svg").dataset.week),
  from: figure.querySelectorAll("text")[2].textContent, said: figure.querySelector("svg").ariaLabel }))"""
# The wall's own, that of its next try, and of its next painting.
FEW = 5


async def pass_by(page: Page, seconds: int, *, step_s: int = 1) -> None:
    """Let time go by on the page, and what is on its lines arrive in between."""
    for _ in range(0, seconds, step_s):
        await page.clock.run_for(step_s * 1000)
        await asyncio.sleep(0.02)


async def shown(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = await page.evaluate(NUMBERS)
    return found


def _seconds(clock: str) -> int:
    hour, minute, second = map(int, clock.split(":"))
    return (hour * 60 + minute) * 60 + second


def past(now: int) -> dict[str, dict[int, Counts]]:
    """Five ratings in each hour of five weeks at each of ten windows; those of this week are better."""
    random = Random(1)
    first = CALENDAR.start(CALENDAR.later(CALENDAR.day(now), -37))
    ratings: dict[str, dict[int, Counts]] = {}
    for code in (TOWNSHIP, *OTHERS[:9]):
        counts = ratings[f"{code}-a1/01"] = {}
        for hour in range(first, now, HOUR_MS):
            minute = (hour + random.randrange(HOUR_MS)) // MINUTE_MS
            if minute * MINUTE_MS < now:
                counts[minute] = (4, 1, 0) if hour > now - WEEK_MS else (3, 2, 0)
    return ratings


@asynccontextmanager
async def remembering(folder: Path, now: int) -> AsyncIterator[tuple[Stage, Mosquitto, Signer]]:
    """A city at `now` that has been counting for five weeks."""
    signer = Signer(bytes(range(32)))
    where = await fresh(folder, {"nodes": [{"node": NODE, "key": signer.public, "windows": ["01", "02"]}]})
    async with await where.open() as database:
        await tally(database, CALENDAR, past(now))
    async with (
        Mosquitto(folder / "mosquitto") as broker,
        open_stage(where, Broker("127.0.0.1", broker.port), now=now) as stage,
    ):
        yield stage, broker, signer


@asynccontextmanager
async def hanging(chromium: Browser, address: str, path: str = "/wall", *, clock: bool = False) -> AsyncIterator[Page]:
    """A wall on the city at `address`, with a `clock` in the test's hand; a failure of it is one of the test."""
    context = await chromium.new_context(viewport={"width": 1920, "height": 1080}, locale="zh-CN")
    failures: list[str] = []
    try:
        page = await context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        if clock:
            await page.clock.install()
            await page.add_init_script(f"({TIMERS})()")
        await page.goto(hung(address, path, key_of("wall")))
        await until(page, "live")
        yield page
        assert failures == []
    finally:
        await context.close()


def rate(broker: Mosquitto, signer: Signer, at: int, first: int, levels: Sequence[int]) -> None:
    """Let people press at `at` (ms), whose ratings are numbered from `first`."""
    rows = [Row(ms, "01", level, 1) for ms, level in enumerate(levels)]
    batch = Batch(1, NODE, "AAAAAAAAAA", first, at, Quality.SYNCHRONISED, rows)
    entry = signer.entry(encode(batch))
    publish.single(topics.township(TOWNSHIP, "live"), pack([entry]), qos=1, hostname="127.0.0.1", port=broker.port)


async def test_six_minutes_without_a_city_are_told_and_leave_nothing_behind(chromium: Browser, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stage, broker, signer = await stack.enter_async_context(remembering(tmp_path, MIDNIGHT - 9 * HOUR_MS))
        port = int(stage.address.rstrip("/").rpartition(":")[2])
        relay = Relay(port)
        address = await stack.enter_async_context(relay.open())
        page = await stack.enter_async_context(hanging(chromium, address, clock=True))
        await page.wait_for_selector('#today-count[data-count="750"]')
        await page.evaluate("() => { window.same = true; }")
        tries: list[str] = []
        page.on("request", lambda request: tries.append(request.url))
        before, elements = await shown(page), await page.evaluate(ELEMENTS)
        total = int(await page.get_attribute("#total-count", "data-count") or 0)

        relay.dead = True
        since = await page.inner_text("#clock")
        await pass_by(page, 8)
        await until(page, "stale", 3)
        told = await page.inner_text("#stale-word")
        stopped = re.search(r"画面停在 (\d\d:\d\d:\d\d)", told)
        assert stopped, told
        assert abs(_seconds(stopped[1]) - _seconds(since)) <= 2
        # At first nobody answers, then everybody is refused.
        for relay.port in (port, free_port()):
            tries.clear()
            await pass_by(page, 180)
            assert await page.get_attribute("body", "data-state") == "stale"
            assert await page.evaluate("window.timers()") <= FEW
            assert await page.evaluate(ELEMENTS) == elements
            # The longest wait between two is five seconds, of which chance takes up to three.
            assert 10 <= len(tries) <= 100, len(tries)
            assert {url.rpartition("/")[2] for url in tries} == {"stream"}
        assert await page.inner_text("#stale-word") == told
        assert re.fullmatch(r"6 分钟", await page.inner_text("#stale-age"))
        assert await shown(page) == before

        rate(broker, signer, stage.now - 1000, 1, [3] * 7)
        relay.dead, relay.port = False, port
        await pass_by(page, 12)
        await until(page, "live", 10)
        assert not await page.is_visible("#stale")
        await page.wait_for_selector('#today-count[data-count="757"]')
        after = await shown(page)
        async with stage.program("operator") as program:
            board = (await program.get("/api/board")).raise_for_status().json()
        assert int(await page.get_attribute("#total-count", "data-count") or 0) == board["total"] == total + 7
        assert int(after["today-count"][0]) == sum(board["city"]["n"]) == 757
        for code, unit in board["townships"].items():
            assert int(after[f"tile {code}"][0]) == sum(unit["n"])
        assert await page.evaluate("window.same")
        assert await page.evaluate("window.timers()") <= FEW


async def test_over_midnight_a_new_day_begins_without_a_hand(chromium: Browser, tmp_path: Path) -> None:
    async with (
        remembering(tmp_path, MIDNIGHT - 20_000) as (stage, broker, signer),
        hanging(chromium, stage.address) as page,
        hanging(chromium, stage.address, "/far") as far,
    ):
        await page.wait_for_selector('#today-count[data-count="1200"]')
        assert await page.inner_text("#date") == "11月28日周六"
        # Of five one was satisfied basically, and last week two were.
        assert await page.inner_text("#week-change") == "较上周同期 +8.0"
        assert await page.evaluate(FLAWS) == []
        assert await axe_findings(page) == []
        minutes, hours, days = await page.evaluate(CHARTS)
        assert (minutes["week"], hours["week"], days["week"]) == (60, 24, 30)
        assert hours["said"] == "近24小时 92.0–92.0 (n=1,200) 上周同期 84.0–84.0"
        assert (hours["from"], days["from"]) == ("00:00", "10/30")
        total = await page.get_attribute("#total-count", "data-count")

        stage.later(25)
        await page.wait_for_selector('#today-count[data-count="0"]', timeout=30_000)
        await far.wait_for_selector('#today-count[data-count="0"]', timeout=30_000)
        await page.wait_for_function("document.querySelector('#clock').textContent.startsWith('00:00')")
        assert await page.inner_text("#date") == "11月29日周日"
        assert await page.inner_text("#city-score") == await far.inner_text("#city-score") == "今日尚无评价"
        assert await page.get_attribute("#week-change", "data-change") == ""
        assert await page.locator('.tile[data-bin="none"]').count() == 167
        assert await page.get_attribute("#total-count", "data-count") == total
        _, later_hours, later_days = await page.evaluate(CHARTS)
        assert (later_hours["from"], later_days["from"]) == ("01:00", "10/31")
        assert later_hours["count"] == hours["count"] - 50
        assert later_days["week"] == 30
        assert await page.evaluate(FLAWS) == []

        rate(broker, signer, stage.now - 1000, 1, [3, 3, 1])
        await page.wait_for_selector('#today-count[data-count="3"]', timeout=30_000)
        assert await page.inner_text("#city-score") == "66.7"
        assert await page.get_attribute(f'.tile[data-code="{TOWNSHIP}"]', "data-count") == "3"
        # Three are too few to be compared, and so was last Sunday's first minute.
        assert await page.get_attribute("#week-change", "data-change") == ""


async def test_a_day_and_a_night_leave_the_page_as_it_was(chromium: Browser, tmp_path: Path) -> None:
    async with (
        remembering(tmp_path, MIDNIGHT - 9 * HOUR_MS) as (stage, broker, signer),
        hanging(chromium, stage.address, clock=True) as page,
    ):
        await page.wait_for_selector('#today-count[data-count="750"]')
        stage.later(5)
        sizes = set()
        for hour in range(1, 25):
            stage.later(3600)
            rate(broker, signer, stage.now - 1000, hour, [3])
            await page.clock.fast_forward(3590 * 1000)
            await page.clock.run_for(10_000)
            wanted = 750 + hour if hour < 9 else hour - 8
            await page.wait_for_selector(f'[data-state="live"] #today-count[data-count="{wanted}"]', timeout=30_000)
            sizes.add((await page.evaluate(ELEMENTS), await page.evaluate("window.timers()") <= FEW))
        assert len(sizes) == 1
        assert sizes.pop()[1]
        assert await page.inner_text("#date") == "11月29日周日"
        assert (await page.inner_text("#clock")).startswith("15:0")
