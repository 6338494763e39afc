"""Reports and appeals in a real browser: filed and decided by keyboard alone, and then the final edition."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from contract.errors import SettingsError
from tests.acceptance.desks import desk, fresh, keys
from tests.acceptance.test_console import RULES
from tests.cloud.editions import AHEAD_S, DAY_S, DAYS, WINDOW, published, rated
from tests.cloud.furnished import TODAY
from tests.cloud.reception import open_stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

PAGES = ["/desk", "/reports", f"/reports/{TODAY}/1", f"/reports/{TODAY}/1?place={WINDOW}", "/reports/appeals",
         "/reports/appeals/1"]  # fmt: skip


async def look(page: Page, address: str, paths: Sequence[str]) -> None:
    """See that these pages are for everybody and fit the screen, in both languages."""
    axe = Axe()
    for language in ("zh", "en"):
        for path in paths:
            await page.goto(f"{address.rstrip('/')}{path}{'&' if '?' in path else '?'}lang={language}")
            found = await axe.run(page, options=RULES)
            assert found.violations_count == 0, (path, language, found.generate_report())
            box = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert box[0] <= box[1], f"{path} is wider than the screen"


async def test_an_appeal_goes_by_keyboard_from_a_township_to_the_city_and_then_the_report_is_final(
    chromium: Browser, tmp_path: Path
) -> None:
    where = await fresh(tmp_path)
    await rated(where)
    await published(where)
    async with open_stage(where) as stage:
        stage.later(AHEAD_S + 60)
        async with desk(chromium, stage, "li", "township") as (page, _):
            await keys(page, "g", "r")
            await page.wait_for_url("**/reports")
            await keys(page, "j", "Enter")
            await page.wait_for_url(f"**/reports/{TODAY}/1")
            await keys(page, "a")
            await page.wait_for_function("() => document.activeElement.id === 'appeal-kind'")
            await keys(page, "ArrowDown", "Tab")
            await page.keyboard.type("3 号窗口停办期间没有登记")
            await keys(page, "Control+Enter")
            await page.wait_for_url("**/reports/appeals/1")
            await expect(page.locator("h1")).to_contain_text("待裁定")
            await expect(page.locator(".facts")).to_contain_text("登记有误")
            await look(page, stage.address, PAGES)
        stage.later(DAYS * DAY_S)
        with pytest.raises(SettingsError, match="1 appeal is undecided"):
            await published(where, at=stage.now, final=True)
        async with desk(chromium, stage, "wang", "operator") as (page, _):
            await expect(page.locator("main")).to_contain_text("1 件待裁定")
            await keys(page, "g", "r")
            await page.wait_for_url("**/reports")
            await keys(page, "a")
            await page.wait_for_url("**/reports/appeals")
            await keys(page, "j", "Enter")
            await page.wait_for_url("**/reports/appeals/1")
            await keys(page, "a")
            await page.wait_for_function("() => document.activeElement.tagName === 'TEXTAREA'")
            await page.keyboard.type("停办已补登记，下一版体现")
            await keys(page, "Control+Enter")
            await expect(page.locator("h1")).to_contain_text("准予")
            await look(page, stage.address, [f"/reports/{TODAY}/1?kind=county", "/reports/appeals/1"])
        assert (await published(where, at=stage.now, final=True)).edition.stage == "final"
        async with desk(chromium, stage, "zhang", "township") as (page, _):
            await page.goto(f"{stage.address}reports/{TODAY}/2")
            await expect(page.locator("h1")).to_contain_text("定稿")
            assert await page.get_by_text("对本行提出申诉").count() == 0
