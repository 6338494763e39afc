"""A dissatisfied press on the wall's panel of cases: not at once, and then as a row."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from contract.rating import Level
from firmware_sim.broker import Mosquitto
from tests.acceptance.conftest import OTHERS, TOWNSHIP, City, clear_of_the_veil, opened
from tests.acceptance.test_wall_looks import FLAWS, axe_findings

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

WINDOW = f"{TOWNSHIP}-a1/02"
# By then the case was opened and the wall's figures were read anew, if anything was to be seen.
AWHILE_S = 4.0
NOTHING = {"open": 0, "overdue": 0, "states": [], "list": []}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def quiet_city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[City]:
    """A city of its own, in which nobody was dissatisfied yet."""
    folder = tmp_path_factory.mktemp("cases")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder / "mosquitto"))
        made = City(folder, broker)
        await made.open(stack)
        # `opened` waits for a tile in the best colour; no window has enough ratings to be ranked.
        await made.please(OTHERS[0], 24)
        yield made


def opened_cases(city: City) -> list[tuple[int, str]]:
    """Number and window of each, behind the veil or not."""
    with closing(sqlite3.connect(f"file:{city.premises.database}?mode=ro", uri=True)) as cases:
        return cases.execute('SELECT number, "window" FROM "case" ORDER BY number').fetchall()


async def test_a_case_is_on_the_wall_when_its_veil_is_lifted_and_not_before(
    chromium: Browser, quiet_city: City
) -> None:
    city = quiet_city
    async with opened(chromium, city) as near, opened(chromium, city, "/far") as far:
        row = near.page.locator("#case-list > li").first

        async def nothing() -> None:
            end = time.monotonic() + AWHILE_S
            while time.monotonic() < end:
                assert (await city.board())["cases"] == NOTHING
                assert await near.number("#cases-open") == await far.number("#alert-cases") == 0
                assert await row.get_attribute("class") == "off"
                await asyncio.sleep(0.1)

        assert await near.page.inner_text("#cases-empty") == "✓ 没有未闭环的不满意件"
        await city.press(Level.DISSATISFIED, WINDOW)
        await near.page.wait_for_selector('#count-1[data-count="1"]')
        await nothing()
        assert opened_cases(city) == [(1, WINDOW)]
        # With three others after it the case is seen at the next full five minutes.
        await clear_of_the_veil(60)
        for _ in range(3):
            await city.press(Level.SATISFIED, WINDOW)
        await nothing()

        city.lift_veils()
        await near.page.wait_for_selector('#case-list > li[data-case="1"]:not(.off)', timeout=40_000)
        assert await row.get_attribute("data-state") == "new"
        assert await row.get_attribute("data-overdue") == "false"
        # No minute of it, nor how long ago it was.
        assert await row.locator("span").all_inner_texts() == ["待受理", "曹县 大集 2号窗", "今天"]
        assert await near.page.inner_text("#cases-open") == "1 件未闭环"
        assert await near.number("#cases-overdue") == 0
        assert not await near.page.is_visible("#cases-overdue")
        assert not await near.page.is_visible("#cases-empty")
        await far.page.wait_for_selector('#alert-cases[data-count="1"][data-overdue="0"][data-level="none"]')
        assert await far.page.inner_text("#alert-cases") == "不满意件未闭环 1\n无超期"
        (listed,) = (await city.board())["cases"]["list"]
        assert listed["opened_at"] % 3_600_000 == 0
        for wall in (near, far):
            assert await wall.page.evaluate(FLAWS) == []
            assert await axe_findings(wall.page) == []


async def test_what_is_overdue_is_said_in_both_views_and_languages(chromium: Browser, quiet_city: City) -> None:
    city = quiet_city
    # A deadline of days ago cannot be waited for.
    with closing(sqlite3.connect(city.premises.database)) as cases:
        cases.execute('UPDATE "case" SET due_at = 1, opened_at = opened_at - 12 * 86400000')
        cases.execute("UPDATE case_news SET version = version + 1")
        cases.commit()
    async with opened(chromium, city, "/wall?lang=en") as near, opened(chromium, city, "/far?lang=en") as far:
        await near.page.wait_for_selector('#case-list > li[data-case="1"][data-overdue="true"]')
        row = near.page.locator("#case-list > li").first
        assert await row.locator("span").all_inner_texts() == ["New", "Cao Daji no. 2", "! 12 d"]
        assert await near.page.inner_text("#cases-overdue") == "1 overdue"
        await far.page.wait_for_selector('#alert-cases[data-count="1"][data-overdue="1"][data-level="alarm"]')
        assert await far.page.inner_text("#alert-cases") == "! Overdue cases 1\nopen 1 · Cao Daji no. 2"
        for wall in (near, far):
            assert await wall.page.evaluate(FLAWS) == []
            assert await axe_findings(wall.page) == []
