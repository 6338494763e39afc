"""How large a browser's page is, and how much of a core it takes, by what chromium says of it."""

import asyncio
from typing import NamedTuple

from playwright.async_api import CDPSession, Page

ELEMENTS = "document.querySelectorAll('*').length"
# What is just arriving is no growth: of so many collections, so far apart, the least is what the page keeps.
COLLECTIONS = 3
APART_S = 0.1


class Size(NamedTuple):
    """JS heap after a collection (bytes), nodes and listeners of the renderer, elements.

    `busy_s`: for how long its main thread has worked since the last weighing, collections left out.
    """

    heap: int
    nodes: int
    listeners: int
    elements: int
    busy_s: float


class Scale:
    """Weighs one page; every weighing makes its renderer collect its garbage before."""

    def __init__(self, page: Page, devtools: CDPSession) -> None:
        self._page = page
        self._devtools = devtools
        self._worked_s = 0.0

    @classmethod
    async def open(cls, page: Page) -> "Scale":
        """Begin to weigh `page`."""
        devtools = await page.context.new_cdp_session(page)
        for domain in ("HeapProfiler", "Performance"):
            await devtools.send(f"{domain}.enable")
        return cls(page, devtools)

    async def weigh(self) -> Size:
        """Return the page's size now."""
        worked_s = (await self._figures())["TaskDuration"]
        looks = [await self._collected() for _ in range(COLLECTIONS)]
        figures = looks[-1]
        since, self._worked_s = self._worked_s, figures["TaskDuration"]
        return Size(
            min(int(look["JSHeapUsedSize"]) for look in looks),
            int(figures["Nodes"]),
            int(figures["JSEventListeners"]),
            int(await self._page.evaluate(ELEMENTS)),
            worked_s - since,
        )

    async def _collected(self) -> dict[str, float]:
        await asyncio.sleep(APART_S)
        # Twice: what a finaliser lets go is gone after the second.
        for _ in range(2):
            await self._devtools.send("HeapProfiler.collectGarbage")
        return await self._figures()

    async def _figures(self) -> dict[str, float]:
        told = await self._devtools.send("Performance.getMetrics")
        return {one["name"]: float(one["value"]) for one in told["metrics"]}

    async def renderers(self) -> list[int]:
        """Return the processes of the browser's renderers, of which some only wait for a page."""
        browser = self._page.context.browser
        assert browser is not None  # noqa: S101
        devtools = await browser.new_browser_cdp_session()
        told = await devtools.send("SystemInfo.getProcessInfo")
        await devtools.detach()
        return [int(one["id"]) for one in told["processInfo"] if one["type"] == "renderer"]
