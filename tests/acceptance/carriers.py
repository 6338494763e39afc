"""A carrier in tests: a browser with a disk of its own, and what every page of a carrier has to be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, Playwright, async_playwright

from tests.acceptance.conftest import CHROMIUM, FLAGS
from tests.acceptance.test_console import RULES


class Carrier:
    """A browser with a disk of its own in `folder`, which outlives the loss of its power."""

    def __init__(self, playwright: Playwright, folder: Path) -> None:
        self._playwright = playwright
        self._folder = folder
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
        return self.page

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


async def begun(page: Page) -> None:
    """From here on a test lets time pass on this page, and there alone: when a row was is tested elsewhere."""
    await page.clock.install()


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
