"""A citizen's telephone on a slow line: how heavy the page of a window is, and how long one waits for it.

A real city with its broker, and a real chromium as a telephone on 3G, on a processor at a quarter of its speed, that
has nothing in its cache. Each round opens the page of a window and sends a rating by a code that is wrong, whose
answer is the same page with one sentence more.
"""

import asyncio
import time
from typing import NamedTuple

from playwright.async_api import Browser, async_playwright

from bench.hall import open_hall
from bench.load import Townships
from bench.rig import codes, parser, percentile, show
from bench.soak import CHROMIUM, FLAGS

# 3G as browsers' own tools have it: 400 kbit/s, and 400 ms to and fro.
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
SLOWER = 4
READY_S = 60.0
# What the page tells of itself: when it was painted first and whole (ms), by how much it jumped, and how long its main
# thread was not to be reached (ms), each long task less the 50 ms that nobody notices.
TOLD = """() => new Promise((resolve) => {
  const found = {first: 0, whole: 0, jumped: 0, blocked: 0};
  const watch = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take))
    .observe({type, buffered: true});
  watch("paint", (one) => { if (one.name === "first-contentful-paint") found.first = one.startTime; });
  watch("largest-contentful-paint", (one) => { found.whole = one.startTime; });
  watch("layout-shift", (one) => { found.jumped += one.value; });
  watch("longtask", (one) => { found.blocked += one.duration - 50; });
  setTimeout(() => resolve(found), 500);
})"""


class Opened(NamedTuple):
    """What one opening took: bytes and requests over the line, what `TOLD` says, ms until a tap was answered."""

    size: int
    requests: int
    first_ms: float
    whole_ms: float
    jumped: float
    blocked_ms: float
    answered_ms: float


async def round_of(browser: Browser, address: str) -> Opened:
    """Open the page at `address` as a telephone does that was never there, and rate by a wrong code."""
    context = await browser.new_context(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    page = await context.new_page()
    line = await context.new_cdp_session(page)
    await line.send("Network.enable")
    await line.send("Network.emulateNetworkConditions", SLOW)
    await line.send("Network.setCacheDisabled", {"cacheDisabled": True})
    await line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    loaded: list[int] = []
    line.on("Network.loadingFinished", lambda one: loaded.append(int(one["encodedDataLength"])))
    await page.goto(address)
    told = await page.evaluate(TOLD)
    size, requests = sum(loaded), len(loaded)
    await page.locator("#code").fill("000000")
    tapped = time.monotonic()
    await page.locator("button.satisfied").tap()
    await page.get_by_role("alert").wait_for()
    answered_ms = (time.monotonic() - tapped) * 1000
    await context.close()
    return Opened(size, requests, told["first"], told["whole"], told["jumped"], told["blocked"], answered_ms)


async def known(browser: Browser, address: str) -> None:
    """Wait until the city that has just begun has registered who speaks for telephones."""
    page = await browser.new_page()
    async with asyncio.timeout(READY_S):
        while (answer := await page.goto(address)) is None or answer.status != 200:
            await asyncio.sleep(0.2)
    await page.close()


async def main() -> None:
    """Open the city, and the page again and again."""
    options = parser(__doc__ or "")
    options.add_argument("--rounds", type=int, default=20)
    given = options.parse_args()
    rounds = 2 if given.quick else given.rounds
    townships = Townships(codes(), windows=100, seed=1)
    async with open_hall(townships, phones=True) as hall, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        addresses = [f"http://127.0.0.1:{hall.port}/r/{node.name}/01" for node in townships.nodes]
        await known(browser, addresses[-1])
        found = [await round_of(browser, addresses[number % len(addresses)]) for number in range(rounds)]
        await browser.close()
    show(_result(found), bare=given.json)


def _result(found: list[Opened]) -> dict[str, float | int | str]:
    return {
        "rounds": len(found),
        "bytes_most": max(one.size for one in found),
        "requests_most": max(one.requests for one in found),
        "first_paint_p50_ms": percentile([one.first_ms for one in found], 0.5),
        "largest_paint_p50_ms": percentile([one.whole_ms for one in found], 0.5),
        "largest_paint_most_ms": round(max(one.whole_ms for one in found), 1),
        "layout_shift_most": round(max(one.jumped for one in found), 3),
        "blocked_most_ms": round(max(one.blocked_ms for one in found), 1),
        "answered_p50_ms": percentile([one.answered_ms for one in found], 0.5),
        "answered_most_ms": round(max(one.answered_ms for one in found), 1),
    }


if __name__ == "__main__":
    asyncio.run(main())
