"""Importing, closing and signing in, in a real browser, in a city on loopback whose clock the test turns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from openpyxl import Workbook
from playwright.async_api import Browser, Page, expect

from cloud.calendar import Calendar
from cloud.database import fetch, write
from cloud.staffing.store import DUTIES
from contract.signing import Signer
from tests.acceptance.desks import desk, fresh, keys
from tests.acceptance.test_console import RULES
from tests.cloud.reception import NOW, Stage, open_stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

NODE = "371721121-a1"
W1 = f"{NODE}/01"
LI, WANG = "371721121:1024", "371721121:2048"
CALENDAR = Calendar("Asia/Shanghai")
TODAY = CALENDAR.day(NOW)
REGISTRATION = {
    "nodes": [{"node": NODE, "key": Signer(b"o" * 32).public, "windows": ["01", "02"]}],
    "closures": [{"place": "371721", "from": "2026-12-07", "to": "2026-12-08", "reason": "停电检修"}],
    "hours": [{"place": "city", "from": "2026-01-01", "working": ["08:30-12:00", "14:00-17:30"]}],
    "days": [{"day": "2026-12-12", "kind": "working", "reason": "补班"}],
}


@asynccontextmanager
async def city(folder: Path) -> AsyncIterator[Stage]:
    async with open_stage(await fresh(folder, REGISTRATION)) as stage:
        stage.now = CALENDAR.moment(TODAY, 600) + 20_000
        yield stage


def workbook(folder: Path) -> Path:
    book, file = Workbook(), folder / "十二月值班.xlsx"
    sheet = book.active
    assert sheet is not None
    sheet.append(["人员编号", "中文名", "英文名", "窗口", "开始", "结束"])
    sheet.append([LI, "李敏", "Li Min", W1, f"{TODAY} 08:30", f"{TODAY} 12:00"])
    sheet.append([WANG, "王强", "Wang Qiang", W1, f"{TODAY} 12:00", f"{TODAY} 17:30"])
    book.save(file)
    return file


async def duties(stage: Stage) -> list[tuple[object, ...]]:
    async with await stage.where.open() as database, database.reader.connect() as connection:
        return sorted(await fetch(connection, DUTIES, (W1, W1, 0)))


async def test_an_excel_file_is_tried_applied_and_not_applied_twice(chromium: Browser, tmp_path: Path) -> None:
    async with city(tmp_path) as stage, desk(chromium, stage, "zhao", "operator") as (page, failures):
        await keys(page, "g", "i")
        await page.wait_for_url("**/imports")
        await page.select_option("#kind", "duties")
        await page.set_input_files("#file", workbook(tmp_path))
        await page.get_by_role("button", name="试导入").click()
        await page.wait_for_url("**/imports/1")
        await expect(page.locator("h1 .tone")).to_have_text("待确认")
        await expect(page.locator("tbody tr")).to_have_count(4)
        await expect(page.locator("tbody")).to_contain_text(f"结束: {TODAY} 12:00; 人员编号: {LI}")
        await expect(page.locator(".facts")).to_contain_text("新增 4，修改 0，不变 0")
        assert await duties(stage) == []

        other = await page.context.new_page()
        await other.goto(page.url)
        await keys(page, "a")
        await expect(page.locator("h1 .tone")).to_have_text("已导入")
        begin, noon, evening = (CALENDAR.moment(TODAY, minute) for minute in (510, 720, 1050))
        assert await duties(stage) == [(W1, begin, noon, LI), (W1, noon, evening, WANG)]

        await other.get_by_role("button", name="确认导入").click()
        await expect(other.get_by_role("alert")).to_contain_text("已经做过")
        assert other.url == page.url
        await keys(page, "g", "u")
        await page.wait_for_url("**/duties")
        await expect(page.locator("tbody tr").first).to_contain_text("李敏")
        await expect(page.locator("tbody tr").first).to_contain_text("在岗")
        failures.clear()


async def test_a_wrong_file_is_told_row_by_row_in_the_browser(chromium: Browser, tmp_path: Path) -> None:
    async with city(tmp_path) as stage, desk(chromium, stage, "zhao", "admin") as (page, failures):
        await page.goto(f"{stage.address}imports")
        await page.select_option("#kind", "closures")
        wrong = "地区,开始,结束,原因\n371721121,2026-12-05,2026-12-01,\n999999,x,2026-12-01,装修\n".encode("gb18030")
        await page.set_input_files("#file", {"name": "停办.csv", "mimeType": "text/csv", "buffer": wrong})
        await page.get_by_role("button", name="试导入").click()
        await expect(page.get_by_role("alert")).to_contain_text("停办.csv 有 2 处问题")
        found = await Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        failures.clear()


async def test_a_clerk_signs_in_and_leaves_by_one_key_each(chromium: Browser, tmp_path: Path) -> None:
    async with city(tmp_path) as stage, desk(chromium, stage, "qian", "clerk") as (page, failures):
        await keys(page, "i")
        await expect(page.get_by_role("alert")).to_contain_text("请系统管理员填写")
        failures.clear()
        async with await stage.where.open() as database, database.writer.begin() as connection:
            await write(connection, "UPDATE account SET person = :person", [(LI,)])
        await keys(page, "i")
        await expect(page.locator("main")).to_contain_text(f"您（Qian）从 {TODAY} 10:01 起在岗")
        stage.later(3600)
        await keys(page, "o")
        await expect(page.locator("main")).to_contain_text(f"到 {TODAY} 11:01")
        begin, end = CALENDAR.moment(TODAY, 601), CALENDAR.moment(TODAY, 661)
        assert await duties(stage) == [(W1, begin, end, LI)]


async def test_no_new_page_has_a_violation_in_either_language(chromium: Browser, tmp_path: Path) -> None:
    async with city(tmp_path) as stage:
        async with desk(chromium, stage, "zhao", "operator") as (page, _):
            await page.goto(f"{stage.address}imports")
            await page.select_option("#kind", "duties")
            await page.set_input_files("#file", workbook(tmp_path))
            await keys(page, "Enter")
            await page.get_by_role("button", name="试导入").click()
            await page.wait_for_url("**/imports/1")
            for path in ("imports", "imports/1", "closures", "closures?place=371721", "duties", "desk"):
                await look(page, stage, path)
        async with desk(chromium, stage, "qian", "clerk") as (page, _):
            for path in ("desk", "duties"):
                await look(page, stage, path)
        async with desk(chromium, stage, "sun", "supervisor", width=800) as (page, _):
            await look(page, stage, "closures")


async def look(page: Page, stage: Stage, path: str) -> None:
    for language in ("zh", "en"):
        # Requests at once have their bound.
        stage.later(5)
        await page.goto(f"{stage.address}{path}{'&' if '?' in path else '?'}lang={language}")
        found = await Axe().run(page, options=RULES)
        assert found.violations_count == 0, f"{path} {language}: {found.generate_report()}"
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
