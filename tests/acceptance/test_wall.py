"""The wall in a real browser, on a real city: its numbers are true, and they come in time."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count

import pytest
from playwright.async_api import Browser

from contract.rating import Level
from tests.acceptance.conftest import OTHERS, TOWNSHIP, City, clear_of_the_veil, opened

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]


async def test_a_press_is_on_the_wall_within_a_second(
    chromium: Browser, city: City, record_testsuite_property: Callable[[str, object], None]
) -> None:
    tile = f'.tile[data-code="{TOWNSHIP}"]'
    async with opened(chromium, city) as near, opened(chromium, city, "/far") as far:
        before = await near.numbers()
        delays = []
        for wall, levels in ((near, [3, 3, 2, 1, 3]), (far, [3, 2])):
            for level in levels:
                seen = await wall.sees(city, Level(level))
                delays.append(seen.painted - seen.settled)
        record_testsuite_property("settled_to_painted_ms", delays)
        # Of several, since other tests run beside.
        assert min(delays) < 1000, delays
        await near.page.wait_for_function(
            "([tile, n]) => document.querySelector(tile).dataset.count === n",
            arg=[tile, str(int(before.get(f"tile {TOWNSHIP}", ["0"])[0]) + 7)],
        )
        after = await near.numbers()
        moved = {key for key in after if after[key] != before[key]}
        levels_now = [int(after[f"count-{level}"][0]) for level in (3, 2, 1)]
        levels_before = [int(before[f"count-{level}"][0]) for level in (3, 2, 1)]
        assert [now - then for now, then in zip(levels_now, levels_before, strict=True)] == [4, 2, 1]
        assert sum(levels_now) == int(after["today-count"][0])
        # Of all tiles only the township's own has moved.
        assert {key for key in moved if key.startswith("tile ")} == {f"tile {TOWNSHIP}"}
        newest = near.page.locator("#feed-list > li").first
        assert await newest.get_attribute("data-level") == "2"
        assert await far.number(tile) == await near.number(tile)


async def test_the_numbers_are_the_boards_and_the_tallies(chromium: Browser, city: City) -> None:
    async with opened(chromium, city) as near, opened(chromium, city, "/far") as far:
        board = await city.board()
        shown = await near.numbers()
        with closing(sqlite3.connect(f"file:{city.premises.database}?mode=ro", uri=True)) as tallies:
            sql = 'SELECT substr("window", 1, ?), sum(satisfied), sum(basic), sum(dissatisfied) FROM tally_day'
            of_day = f"{sql} WHERE day = ? GROUP BY 1"
            townships = {code: n for code, *n in tallies.execute(of_day, (9, board["day"]))}
            counties = {code: n for code, *n in tallies.execute(of_day, (6, board["day"]))}
            ((_, *ever),) = tallies.execute(sql, (0,)).fetchall()
        city_n = [sum(level) for level in zip(*townships.values(), strict=True)]
        assert {code: unit["n"] for code, unit in board["townships"].items() if any(unit["n"])} == townships
        assert {code: unit["n"] for code, unit in board["counties"].items() if any(unit["n"])} == counties
        assert board["city"]["n"] == city_n
        assert board["total"] == sum(ever) > sum(city_n) > 5000
        assert [int(shown[f"count-{level}"][0]) for level in (3, 2, 1)] == city_n
        assert int(shown["today-count"][0]) == sum(city_n)
        assert await near.number("#total-count") == sum(ever)
        assert float(shown["city-score"][1]) == board["city"]["score"]
        for wall in (near, far):
            tiles = await wall.page.evaluate(
                """() => [...document.querySelectorAll(".tile")].map(({ dataset: d }) => [d.code, Number(d.count),
                   d.score === "" ? null : Number(d.score), d.bin])"""
            )
            assert len(tiles) == 167
            for code, n, score, bin_ in tiles:
                unit = board["townships"][code]
                assert (n, score) == (sum(unit["n"]), unit["score"]), code
                assert bin_ == ("none" if n == 0 else "small" if n < board["least"] else str(unit["bin"])), code
            assert sum(n for _, n, _, _ in tiles) == sum(city_n)
            bins = {bin_ for *_, bin_ in tiles}
            assert bins == {"0", "1", "2", "3", "4", "small", "none"}
        ranked = await near.page.evaluate(
            """() => [...document.querySelectorAll("#ranking-list > li")].map((row) =>
               [row.dataset.county, Number(row.querySelector(".chip").dataset.count)])"""
        )
        assert {code: n for code, n in ranked if n} == {code: sum(n) for code, n in counties.items()}
        assert sum(n for _, n in ranked) == sum(city_n)
        cells = await far.page.evaluate(
            """() => [...document.querySelectorAll(".cell[data-county] > i")].map((i) => Number(i.dataset.count))"""
        )
        assert (len(cells), sum(cells)) == (11, sum(city_n))


# Nodes of the document, texts and comments among them.
NODES = """() => {
  const walker = document.createTreeWalker(document, NodeFilter.SHOW_ALL);
  let nodes = 1;
  while (walker.nextNode()) nodes += 1;
  return nodes;
}"""
# When anything was rewritten; what one task rewrites is one painting.
PAINTS = """() => {
  window.paints = [];
  new MutationObserver(() => window.paints.push(performance.now())).observe(document.querySelector("main"),
    { subtree: true, childList: true, attributes: true, characterData: true });
}"""


async def test_traffic_leaves_the_page_as_large_as_it_was_and_calm(chromium: Browser, city: City) -> None:
    async with opened(chromium, city) as near, opened(chromium, city, "/far") as far:
        await near.sees(city, Level.SATISFIED)
        await clear_of_the_veil(22)
        walls = (near, far)
        for wall in walls:
            await wall.page.evaluate(PAINTS)
        before = await near.number("#today-count")
        end = time.monotonic() + 18

        async def press(window: str) -> int:
            pressed = 0
            while time.monotonic() < end:
                await city.press(Level(pressed % 3 + 1), window)
                pressed += 1
            return pressed

        async def murmur() -> int:
            for told in count(1):
                await city.murmur(OTHERS[told % len(OTHERS)])
                await asyncio.sleep(0.05)
                if time.monotonic() > end:
                    break
            return told

        async def measure() -> list[tuple[int, int]]:
            sizes = []
            while time.monotonic() < end:
                sizes.append((await near.page.evaluate(NODES), await far.page.evaluate(NODES)))
                await asyncio.sleep(1)
            return sizes

        async with asyncio.TaskGroup() as group:
            measuring = group.create_task(measure())
            rating = [group.create_task(work) for work in (murmur(), *map(press, city.fingers))]
        sizes, rated = measuring.result(), [work.result() for work in rating]
        await asyncio.sleep(1)
        assert await near.number("#today-count") == await far.number("#today-count") == before + sum(rated)
        assert sum(rated) > 100
        assert len(sizes) > 10
        assert len(set(sizes)) == 1, sizes
        for wall in walls:
            paints = await wall.page.evaluate("window.paints")
            assert len(paints) > 40
            # At most four a second, but for how late a busy browser tells of them.
            assert min(last - first for first, last in zip(paints, paints[4:], strict=False)) > 900
