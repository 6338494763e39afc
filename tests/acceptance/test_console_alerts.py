"""Alerts in a real browser: by an injected clock they go from A to B, up when overdue, and out by a webhook."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from cloud.alerts import watcher
from cloud.alerts.policy import shipped
from cloud.calendar import Calendar
from cloud.cases import escalator
from cloud.notices import courier
from cloud.settings import NoticesSettings, WebhookSettings
from firmware_sim.servers.daemon import free_port
from tests.acceptance.desks import desk, fresh, keys
from tests.acceptance.test_console import RULES
from tests.cloud.receiver import Receiver
from tests.cloud.reception import Stage, open_stage
from tests.cloud.where import InFile

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

CALENDAR = Calendar("Asia/Shanghai")
# A Wednesday far from any holiday.
MORNING = CALENDAR.moment("2026-11-18", 9 * 60)
PATIENCE_S = shipped().patience_minutes * 60
WINDOW = "371721121-a1/01"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (watcher, escalator, courier):
        monkeypatch.setattr(module, "LOOK_S", 0.05)


@pytest.fixture
async def where(tmp_path: Path) -> InFile:
    return await fresh(tmp_path)


@asynccontextmanager
async def city(where: InFile, now: int, receiver_url: str, folder: Path) -> AsyncIterator[Stage]:
    """One run of the city's process from `now` on."""
    secret = folder / "secret"
    if not secret.exists():
        secret.write_text(secrets.token_urlsafe(32))
        secret.chmod(0o600)
    hook = WebhookSettings("oa", receiver_url, str(secret))
    async with open_stage(where, notices=NoticesSettings([hook], site="https://city.example"), now=now) as stage:
        yield stage


async def on_call(page: Page, place: str, a: str, b: str = "") -> None:
    """Put a turn that holds already, by keyboard alone."""
    await page.goto(re.sub(r"/[a-z]*$", f"/rota?place={place}", page.url.split("?")[0]))
    await page.focus("#a")
    await page.keyboard.type(a)
    await keys(page, "Tab")
    await page.keyboard.type(b)
    await page.focus("#from")
    await page.fill("#from", "2026-11-01T00:00")
    await page.focus("form.columns button.main")
    await keys(page, "Enter")
    await expect(page.locator("tbody .tone.good")).not_to_have_count(0)


async def heard(receiver: Receiver, count: int) -> list[tuple[str, str]]:
    """To whom, and what, once so many notices came."""
    async with asyncio.timeout(40):
        while len(receiver.heard) < count:
            await asyncio.sleep(0.02)
    told = [json.loads(body) for _, body in receiver.heard]
    return [(one["to"]["name"], one["lines"][0]["en"]) for one in told]


async def test_an_alert_goes_to_a_then_to_b_then_up_and_through_a_webhook_that_was_away(
    chromium: Browser, where: InFile, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    async with city(where, MORNING, url, tmp_path) as stage:
        await stage.account("wang", "township")
        await stage.account("li", "township")
        await stage.account("zhao", "supervisor")
        async with desk(chromium, stage, "sun", "operator") as (page, _):
            await on_call(page, "371721121", "Wang", "Li")
            await on_call(page, "371721", "Zhao")
            await stage.open_cases(WINDOW, alerted=False)
            await page.goto(f"{stage.address}alerts")
            row = page.locator("tbody tr")
            await expect(row).to_contain_text("wang")
            # Nobody answers. The list renews itself.
            stage.later(PATIENCE_S)
            await expect(row).to_contain_text("li")
    # Two notices wait: nobody listened there. The process ends, and another begins.
    with Receiver(port).open() as receiver:
        async with city(where, MORNING + PATIENCE_S * 1000 + 10_000, url, tmp_path) as stage:
            await asyncio.sleep(0.5)
            assert receiver.heard == []
            stage.later(120)
            found = await heard(receiver, 2)
            assert sorted(name for name, _ in found) == ["li", "wang"]
            assert all(WINDOW.partition("/")[2] in line for _, line in found)
            assert {headers["Manyi-Notice"] for headers, _ in receiver.heard} == {"1", "2"}
            async with desk(chromium, stage, "li", "township") as (page, _):
                await expect(page.locator("#live .wrong")).to_contain_text("1")
                await keys(page, "g")
                await keys(page, "a")
                await page.wait_for_url("**/alerts")
                await keys(page, "j")
                await keys(page, "Enter")
                await page.wait_for_url("**/alerts/1")
                await keys(page, "a")
                await page.keyboard.type("已派人去窗口")
                await keys(page, "Control+Enter")
                await expect(page.locator("h1 .tone")).to_have_text("已确认")
                stage.later(3 * PATIENCE_S)
                await asyncio.sleep(0.5)
                assert len(receiver.heard) == 2
                # To be verified by the 25th: the next day it is before the county.
                stage.later((CALENDAR.end("2026-11-25") - stage.now) / 1000)
                found = await heard(receiver, 3)
                assert found[2][0] == "zhao"
                assert re.fullmatch(r"Case 1 at .* a1/01 is overdue and before the county", found[2][1])
            async with stage.program("operator") as program:
                told = (await program.get("/api/alerts?closed=true")).json()["alerts"]
            assert [(one["level"], one["state"]) for one in told] == [("county", "open"), ("township", "closed")]


async def test_axe_finds_nothing_on_the_pages_of_alerts(chromium: Browser, where: InFile, tmp_path: Path) -> None:
    axe = Axe()
    async with (
        city(where, MORNING, "http://127.0.0.1:1/", tmp_path) as stage,
        desk(chromium, stage, "sun", "admin") as (page, _),
    ):
        await on_call(page, "city", "Sun")
        await stage.open_cases(WINDOW, alerted=False)
        await page.goto(f"{stage.address}alerts")
        await expect(page.locator("tbody tr")).to_contain_text("sun")
        await page.goto(f"{stage.address}notices")
        await expect(page.locator("tbody tr")).not_to_have_count(0)
        for language in ("zh", "en"):
            for path in ("desk", "alerts", "alerts/1", "rota", "notices", "people/sun"):
                await page.goto(f"{stage.address}{path}?lang={language}")
                found = await axe.run(page, options=RULES)
                assert found.violations_count == 0, (path, language, found.generate_report())
