"""A citizen's contact left, read and deleted in a real browser, by keyboard alone."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.acceptance.desks import desk, keys
from tests.acceptance.test_console_cases import sound
from tests.acceptance.test_console_registry import NODE, city

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

TELEPHONE, MASKED = "13812345678", "138****5678 王**"


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_contact_is_left_read_and_deleted_by_keyboard(chromium: Browser, tmp_path: Path, language: str) -> None:
    async with city(tmp_path) as stage, desk(chromium, stage, "zhao", "operator") as (page, failures):
        await stage.open_cases(f"{NODE}/01")
        await page.goto(f"{stage.address}cases?lang={language}")
        await keys(page, "j", "Enter")
        await page.wait_for_url("**/cases/1")
        await keys(page, "l")
        await expect(page.locator("#telephone")).to_be_focused()
        # Wrong at first: it stands there again, with why.
        await page.keyboard.type("1381234567")
        await keys(page, "Tab")
        await page.keyboard.type("王女士")
        await keys(page, "Tab", "Space")
        await expect(page.locator("#consent")).to_be_checked()
        await sound(page)
        await keys(page, "Control+Enter")
        await expect(page.get_by_role("alert")).to_contain_text("11")
        await expect(page.locator("#telephone")).to_have_value("1381234567")
        await sound(page)
        await keys(page, "l")
        await expect(page.locator("#telephone")).to_be_focused()
        await keys(page, "End")
        await page.keyboard.type("8")
        await keys(page, "Tab", "Tab", "Space", "Control+Enter")
        await expect(page.locator(".facts")).to_contain_text(MASKED)
        assert await page.get_by_role("alert").count() == 0
        assert TELEPHONE not in await page.content()
        await sound(page)
        failures.clear()

        await keys(page, "o")
        await expect(page.locator("#reason-read_contact")).to_be_focused()
        await sound(page)
        await page.keyboard.type("回访")
        await keys(page, "Enter")
        await expect(page.locator("#read-telephone")).to_have_text(TELEPHONE)
        # Found again at the case's address, where it is not any more.
        await expect(page).to_have_url(re.compile("/cases/1$"))
        await sound(page)
        await page.reload()
        await expect(page.locator(".facts")).to_contain_text(MASKED)
        assert TELEPHONE not in await page.content()
        await expect(page.locator(".steps li").first).to_contain_text("回访")

        await keys(page, "d")
        await expect(page.locator("#reason-delete_contact")).to_be_focused()
        await page.keyboard.type("群众要求")
        await keys(page, "Control+Enter")
        await expect(page.locator(".facts")).not_to_contain_text("138")
        await expect(page.locator(".steps li").first).to_contain_text("群众要求")
        await sound(page)
        assert sorted(file.name for file in stage.contacts.iterdir()) == [".city", ".lock"]


async def test_a_reading_is_in_the_log_and_going_back_does_not_show_it_again(chromium: Browser, tmp_path: Path) -> None:
    async with city(tmp_path) as stage, desk(chromium, stage, "zhao", "admin") as (page, _):
        await stage.open_cases(f"{NODE}/01")
        await page.goto(f"{stage.address}cases/1")
        await keys(page, "l")
        await page.keyboard.type("0530-5612345")
        await keys(page, "Tab", "Tab", "Space", "Control+Enter")
        await expect(page.locator(".facts")).to_contain_text("0530-****345")
        await keys(page, "o")
        await page.keyboard.type("核实情况")
        await keys(page, "Enter")
        await expect(page.locator("#read-telephone")).to_have_text("0530-5612345")
        await keys(page, "b")
        await expect(page.locator(".facts")).to_contain_text("0530-****345")
        await page.go_back()
        await expect(page.locator(".facts")).to_contain_text("0530-****345")
        assert "5612345" not in await page.content()
        await keys(page, "g", "l")
        await page.wait_for_url("**/changes")
        await expect(page.locator("tbody tr").first).to_contain_text("查看联系方式")
        await expect(page.locator("tbody tr").first).to_contain_text("reason: 核实情况")
        assert "5612345" not in await page.content()
