"""A wall that hangs for long: what an hour of 20 ratings a second does to its page.

A real city with its broker, and a real chromium on `/wall`. By the minute: the JS heap after a collection, the
renderer's nodes, the page's elements, and how much of a core the renderer's process took since the minute before. The
first minutes warm up and are not compared.
"""

import asyncio
import sys
import time
from typing import NamedTuple

from playwright.async_api import async_playwright

from bench.hall import open_hall
from bench.load import Townships
from bench.page import Scale, Size
from bench.rig import codes, cpu_s, parser, show

RATE = 20.0
WINDOWS = 1000
LEVELS = (3, 3, 3, 3, 2, 2, 1)
CHROMIUM = "/usr/bin/chromium-headless-shell"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
SIZE = {"width": 1920, "height": 1080}


class Minute(NamedTuple):
    """One look at the page; what the renderer and its main thread took of a core since the look before."""

    size: Size
    renderer_cores: float
    main_cores: float


async def look(address: str, key: str, minutes: int, every_s: float, path: str, *, quiet: bool) -> list[Minute]:
    """Hang a wall and look at it again and again; the first look is taken after one `every_s`."""
    found: list[Minute] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        await page.goto(f"{address}{path}?key={key}")
        await page.wait_for_selector('body[data-state="live"]')
        scale = await Scale.open(page)
        renderers = await scale.renderers()
        await scale.weigh()
        used, at = sum(map(cpu_s, renderers)), time.monotonic()
        for minute in range(1, minutes + 1):
            await asyncio.sleep(every_s)
            # Before the weighing, whose collections are no work of the wall's.
            took, lasted = sum(map(cpu_s, renderers)) - used, time.monotonic() - at
            size = await scale.weigh()
            used, at = sum(map(cpu_s, renderers)), time.monotonic()
            found.append(Minute(size, took / lasted, size.busy_s / lasted))
            if not quiet:
                print(f"{minute:4d}  {size}  {took / lasted:.3f}", file=sys.stderr, flush=True)
        await browser.close()
    return found


async def main() -> None:
    """Open the city, hang the wall, rate."""
    options = parser(__doc__ or "")
    options.add_argument("--minutes", type=int, default=60)
    options.add_argument("--warm", type=int, default=3, help="minutes that are not compared")
    options.add_argument("--path", default="/wall", choices=["/wall", "/far"])
    given = options.parse_args()
    # Quick: a minute is six seconds.
    every_s = 6.0 if given.quick else 60.0
    townships = Townships(codes(), WINDOWS, seed=1, levels=LEVELS)
    async with open_hall(townships) as hall:
        address = f"http://127.0.0.1:{hall.port}"
        key, path = hall.premises.keys.wall, given.path
        looking = asyncio.create_task(look(address, key, given.minutes + given.warm, every_s, path, quiet=given.json))
        rated = 0
        # Signed a minute at a time, so that their times are of now.
        while not looking.done():
            outcome = await hall.sending.send(townships.steady(RATE, every_s, 1), 1, patience_s=30.0)
            rated += outcome.sent - outcome.missing
        minutes = (await looking)[given.warm :]
    show(_result(minutes, rated), bare=given.json)


def _result(minutes: list[Minute], rated: int) -> dict[str, float | int | str]:
    first = minutes[0].size
    heaps = [one.size.heap for one in minutes]
    cores = sorted(one.renderer_cores for one in minutes)
    return {
        "minutes": len(minutes),
        "rated": rated,
        "heap_first_mb": round(first.heap / 1e6, 2),
        "heap_least_mb": round(min(heaps) / 1e6, 2),
        "heap_most_mb": round(max(heaps) / 1e6, 2),
        "heap_last_mb": round(heaps[-1] / 1e6, 2),
        "heap_drift_percent": round(max(abs(heap / first.heap - 1) for heap in heaps) * 100, 1),
        "nodes_first": first.nodes,
        "nodes_last": minutes[-1].size.nodes,
        "elements_first": first.elements,
        "elements_last": minutes[-1].size.elements,
        "elements_constant": int(len({one.size.elements for one in minutes}) == 1),
        "listeners_first": first.listeners,
        "listeners_last": minutes[-1].size.listeners,
        "renderer_cores_p50": round(cores[len(cores) // 2], 3),
        "renderer_cores_most": round(cores[-1], 3),
        "main_thread_cores_p50": round(sorted(one.main_cores for one in minutes)[len(minutes) // 2], 3),
    }


if __name__ == "__main__":
    asyncio.run(main())
