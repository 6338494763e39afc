"""Files of cases, and many cases at once, in a real browser, in a city on loopback whose clock the test turns."""

import asyncio
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from tests.acceptance.desks import desk, keys
from tests.acceptance.test_console import RULES
from tests.acceptance.test_console_registry import NODE, city

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

PDF = b"%PDF-1.7\n" + b"x" * 2000


async def sound(page: Page) -> None:
    found = await Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


async def test_a_file_is_attached_and_read_again(chromium: Browser, tmp_path: Path) -> None:
    paper = tmp_path / "整改照片.pdf"
    paper.write_bytes(PDF)
    wrong = tmp_path / "page.html"
    wrong.write_bytes(b"<script>alert(1)</script>")
    async with city(tmp_path) as stage, desk(chromium, stage, "zhao", "operator") as (page, failures):
        await stage.open_cases(f"{NODE}/01")
        await page.goto(f"{stage.address}cases")
        await keys(page, "j", "Enter")
        await page.wait_for_url("**/cases/1")
        await keys(page, "f")
        await expect(page.locator("#file")).to_be_focused()
        await page.set_input_files("#file", paper)
        await sound(page)
        await keys(page, "Tab")
        await page.keyboard.type("窗口已经整改")
        await keys(page, "Control+Enter")
        link = page.get_by_role("link", name="整改照片.pdf")
        await expect(link).to_be_visible()
        await expect(page.locator(".steps li").first).to_contain_text("窗口已经整改")
        await sound(page)
        async with page.expect_download() as downloading:
            await link.press("Enter")
        given = await downloading.value
        assert given.suggested_filename == "整改照片.pdf"
        assert await asyncio.to_thread((await given.path()).read_bytes) == PDF
        await keys(page, "f")
        await page.set_input_files("#file", wrong)
        await keys(page, "Control+Enter")
        await expect(page.get_by_role("alert")).to_contain_text("这种文件不收")
        await sound(page)
        # What the browser says of a status that is not 200.
        failures.clear()


async def test_many_cases_are_assigned_by_keyboard_and_what_was_changed_meanwhile_is_refused(
    chromium: Browser, tmp_path: Path
) -> None:
    async with city(tmp_path) as stage, desk(chromium, stage, "zhao", "operator") as (page, _):
        await stage.open_cases(f"{NODE}/01", f"{NODE}/02", f"{NODE}/01")
        await page.goto(f"{stage.address}cases")
        await keys(page, "j", "x", "j", "x", "j", "x", "x", "k", "k")
        checked = page.locator("tbody input:checked")
        await expect(checked).to_have_count(2)
        await sound(page)
        async with stage.program("operator") as other:
            deed = {"action": "assign", "version": 1, "assignee": "li"}
            assert (await other.post("/api/cases/3/steps", json=deed)).status_code == 200
        # The list is made anew, and what was chosen stays chosen as it was looked at.
        await expect(page.locator("tbody tr").first).to_contain_text("li")
        await expect(checked).to_have_count(2)
        assert await page.locator("#pick-3").input_value() == "3:1"
        await keys(page, "m")
        await expect(page.locator("#bulk-action")).to_be_focused()
        await keys(page, "Tab")
        await page.keyboard.type("wang")
        await keys(page, "Control+Enter")
        await page.wait_for_url("**/cases")
        await expect(page.get_by_role("status")).to_have_text("已办 1 件，未办 1 件。")
        await expect(page.locator("tbody tr").first).to_contain_text("别人刚改过")
        await sound(page)
        await keys(page, "j", "j", "Enter")
        await page.wait_for_url("**/cases/2")
        await expect(page.locator(".facts")).to_contain_text("wang")
