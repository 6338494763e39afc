"""A carrier in tests: a browser with a disk of its own, and what every page of a carrier has to be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, Playwright, Request, Route, async_playwright, expect

from tests.acceptance.conftest import CHROMIUM, FLAGS, City
from tests.acceptance.test_console import RULES, desk


class Carrier:
    """A browser with a disk of its own in `folder`, which outlives the loss of its power."""

    def __init__(self, playwright: Playwright, folder: Path) -> None:
        self._playwright = playwright
        self._folder = folder
        self._under_way = set[Request]()
        self.context: BrowserContext
        self.page: Page

    async def on(self) -> Page:
        self.context = await self._playwright.chromium.launch_persistent_context(
            str(self._folder),
            executable_path=CHROMIUM,
            args=FLAGS,
            viewport={"width": 1280, "height": 800},
            locale="zh-CN",
        )
        # What its browser keeps for offline is asked first, so nothing of it may come from the network.
        self.page = self.context.pages[0] if self.context.pages else await self.context.new_page()
        self._under_way.clear()
        self.page.on("request", self._begins)
        self.page.on("requestfinished", self._ends)
        self.page.on("requestfailed", self._ends)
        return self.page

    def _begins(self, request: Request) -> None:
        self._under_way.add(request)

    def _ends(self, request: Request) -> None:
        self._under_way.discard(request)

    async def delivers(self) -> None:
        """Let time pass by the page's clock, which a test has, until nothing waits for delivery.

        It passes at once: what is under way meanwhile would be given up after eight seconds of it.
        """
        async with asyncio.timeout(120):
            while await self.page.locator("body").get_attribute("data-waiting") != "0":
                while self._under_way:
                    await asyncio.sleep(0.02)
                await self.page.clock.run_for(2_000)

    async def off(self) -> None:
        await self.context.close()


@asynccontextmanager
async def carrier(folder: Path) -> AsyncIterator[Carrier]:
    async with async_playwright() as playwright:
        one = Carrier(playwright, folder)
        await one.on()
        try:
            yield one
        finally:
            await one.off()


class Losing:
    """Loses `answers`: the city takes what a page sends, and the page never hears of that."""

    def __init__(self) -> None:
        self.answers = 0

    async def lose(self, route: Route) -> None:
        await route.fetch()
        self.answers += 1
        await route.abort()

    async def reaches(self, count: int) -> None:
        """Wait for so many; the city may have what was sent before the page has lost its answer."""
        async with asyncio.timeout(20):
            while self.answers < count:
                await asyncio.sleep(0.05)


async def begun(page: Page) -> None:
    """From here on a test lets time pass on this page, and there alone: when a row was is tested elsewhere."""
    await page.clock.install()


async def link(chromium: Browser, city: City, path: str, name: str, **fields: str) -> str:
    """A link that an operator makes on the page at `path` by these `fields`."""
    async with desk(chromium, city, name, "operator") as (console, _):
        await console.goto(f"{city.address}{path}")
        for field, text in fields.items():
            await console.locator(f"#{field}").fill(text)
        await console.locator("button.main").click()
        return await console.locator("#link").inner_text()


async def opened(page: Page, address: str, state: str) -> None:
    """Set up and in `state`, delivering, and kept for when there is no line."""
    await page.goto(address)
    await expect(page.locator("body")).to_have_attribute("data-state", state)
    assert "#" not in page.url
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await expect(page.locator("body")).to_have_attribute("data-line", "held")


async def readable(page: Page) -> None:
    """Nothing for axe to tell of, nothing beside the screen, nothing too small for a finger, and no grade larger."""
    found = await Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    for one in await page.locator("button:visible").all():
        box = await one.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    sizes = await page.evaluate(
        "[...document.querySelectorAll('#choices button')].map((one) => [one.offsetWidth, one.offsetHeight])"
    )
    assert sizes[0] == sizes[1] == sizes[2], (page.url, sizes)
