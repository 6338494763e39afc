"""A wall that hangs for years: under traffic its page does not grow. `python -m bench.soak` looks for an hour."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count

import pytest
from playwright.async_api import Browser, Page, Route

from bench.page import Scale, Size
from tests.acceptance.conftest import OTHERS, City, opened
from tests.keys import hung

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

WARM_S, LONG_S = 8.0, 26.0
# What V8 and the figures themselves move by.
SLACK = 0.10
# Half of one a frame.
NODES = 50


@asynccontextmanager
async def traffic(city: City) -> AsyncIterator[None]:
    """Let ratings come in, faster than the wall paints."""
    numbers = count()

    async def murmur() -> None:
        while True:
            await city.murmur(OTHERS[next(numbers) % len(OTHERS)])
            await asyncio.sleep(0.08)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(murmur())
        yield
        running.cancel()


async def sizes(pages: Sequence[Page], city: City) -> list[tuple[Size, Size]]:
    """How large each page is when it is warm, and some hundred frames later."""
    scales = [await Scale.open(page) for page in pages]
    async with traffic(city):
        await asyncio.sleep(WARM_S)
        before = [await scale.weigh() for scale in scales]
        await asyncio.sleep(LONG_S)
        return list(zip(before, [await scale.weigh() for scale in scales], strict=True))


def grown(before: Size, after: Size) -> list[str]:
    """What of the page has grown."""
    found = [name for name in ("listeners", "elements") if getattr(after, name) != getattr(before, name)]
    # Texts come and go with what they say, and chromium counts those too that it has not swept up yet.
    if after.nodes > before.nodes + NODES:
        found.append("nodes")
    return found + (["heap"] if after.heap > before.heap * (1 + SLACK) else [])


async def test_hundreds_of_frames_leave_both_views_as_they_were(chromium: Browser, city: City) -> None:
    async with opened(chromium, city) as near, opened(chromium, city, "/far") as far:
        for before, after in await sizes([near.page, far.page], city):
            assert grown(before, after) == [], (before, after)


LEAKS = {
    # Kept by the page, and by nobody but a list.
    "heap": "(window.kept ??= []).push(new Array(20000).fill(0).map((_, at) => ({ at })));",
    "elements": "document.body.append(document.createElement('i'));",
    "nodes": "for (let made = 0; made < 8; made += 1) (window.kept ??= []).push(document.createElement('i'));",
    "listeners": "document.body.addEventListener('x', () => {});",
}


async def test_a_wall_that_leaks_is_found(chromium: Browser, city: City) -> None:
    context = await chromium.new_context()
    try:
        page = await context.new_page()

        async def leaky(route: Route) -> None:
            told = await route.fetch()
            leaks = " ".join(f"try {{ {leak} }} catch {{}}" for leak in LEAKS.values())
            await route.fulfill(response=told, body=(await told.text()) + f"\nsetInterval(() => {{ {leaks} }}, 250);\n")

        await page.route("**/static/wall/wall.js", leaky)
        await page.goto(hung(city.address, "/wall", city.premises.keys.wall))
        await page.wait_for_selector('body[data-state="live"]')
        scale = await Scale.open(page)
        await asyncio.sleep(2)
        before = await scale.weigh()
        await asyncio.sleep(5)
        assert set(grown(before, await scale.weigh())) == LEAKS.keys()
    finally:
        await context.close()
