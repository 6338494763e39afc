"""Coming in by an identity provider in a real browser, to which it is another site than the city."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, expect

from firmware_sim.servers.daemon import free_port
from tests.acceptance.desks import desk, fresh, keys
from tests.acceptance.test_console import RULES
from tests.cloud.reception import PASSWORD, Stage, open_stage
from tests.cloud.where import InFile
from tests.oidc.running import OpenId

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

BUTTON = "form[action='/login/oidc'] button"


@pytest.fixture
async def where(tmp_path: Path) -> InFile:
    return await fresh(tmp_path)


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[OpenId]:
    async with OpenId(tmp_path / "openid", f"http://127.0.0.1:{free_port()}") as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    made = await chromium.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    yield made
    await made.close()


async def look(page: Page) -> None:
    found = await Axe().run(page, options=RULES)
    assert found.violations_count == 0, (page.url, found.generate_report())
    assert await page.locator("h1").count() == 1


async def be(page: Page, name: str) -> None:
    """Say at the provider who one is."""
    await expect(page).to_have_title("Who are you?")
    await page.focus("input[name=login]")
    await page.keyboard.type(name)
    await page.keyboard.press("Enter")


async def go_out(page: Page) -> None:
    """Press the provider's button, by keyboard."""
    await page.focus(BUTTON)
    await keys(page, "Enter")


async def leave(stage: Stage, page: Page) -> None:
    await page.focus("form[action='/logout'] button")
    await keys(page, "Enter")
    await page.wait_for_url(f"{stage.address}login")


async def test_a_person_binds_by_the_link_goes_out_and_comes_in_by_the_provider(
    context: BrowserContext, where: InFile, provider: OpenId
) -> None:
    async with open_stage(where, oidc=provider.settings, now=int(time.time() * 1000)) as stage:
        page = await context.new_page()
        await page.goto(f"{stage.address}welcome?link={await stage.account('li', 'operator')}")
        await look(page)
        await go_out(page)
        await be(page, "u-1")
        await page.wait_for_url(f"{stage.address}desk")
        await expect(page.locator("h1")).to_have_text("Li，您好")

        await page.click("header .who a")
        await page.wait_for_url(f"{stage.address}account")
        await expect(page.locator(".facts")).to_contain_text("起已绑定")
        await look(page)
        await leave(stage, page)

        # To the page that was wanted; the provider knows the browser yet, and asks nothing.
        await page.goto(f"{stage.address}changes")
        await look(page)
        await go_out(page)
        await page.wait_for_url(f"{stage.address}changes")
        # In the address there is nothing of the provider's, and going back leads to no page of it.
        await page.go_back()
        assert "/login/oidc" not in page.url
        await leave_if_in(stage, page)


async def leave_if_in(stage: Stage, page: Page) -> None:
    await page.goto(f"{stage.address}desk")
    await leave(stage, page)


async def test_whoever_is_bound_to_nobody_is_told_so_in_their_language_and_binds_by_their_session(
    chromium: Browser, context: BrowserContext, where: InFile, provider: OpenId
) -> None:
    now = int(time.time() * 1000)
    async with (
        open_stage(where, oidc=provider.settings, now=now) as stage,
        desk(chromium, stage, "li", "clerk") as (page, failures),
    ):
        stranger = await context.new_page()
        await stranger.goto(f"{stage.address}login?lang=en")
        await expect(stranger.locator(BUTTON)).to_have_text("Single sign-on")
        await go_out(stranger)
        await be(stranger, "u-9")
        await expect(stranger.locator("[role=alert]")).to_contain_text("bound to no account")
        await look(stranger)

        await page.goto(f"{stage.address}account")
        await look(page)
        await page.focus("form[action='/account/oidc'] button")
        await keys(page, "Enter")
        await be(page, "u-1")
        await page.wait_for_url(f"{stage.address}account")
        await expect(page.locator(".facts")).to_contain_text("起已绑定")

        # An administrator takes it back, by keyboard; whoever was in is out.
        async with desk(chromium, stage, "root1", "admin") as (admin, _said):
            await admin.goto(f"{stage.address}people/li")
            await look(admin)
            await admin.focus("form[action='/people/li/unbind'] button")
            await keys(admin, "Enter")
            await expect(admin.locator("form[action='/people/li/unbind']")).to_have_count(0)
        await page.goto(f"{stage.address}desk")
        await page.wait_for_url("**/login?next=**")
        await go_out(page)
        await expect(page.locator("[role=alert]")).to_contain_text("没有绑定任何账号")
        # The browser says so of every refusal.
        assert [said for said in failures if "status of 403" not in said] == []
        failures.clear()


async def test_while_the_provider_is_down_it_is_said_and_the_password_lets_in(
    context: BrowserContext, where: InFile, provider: OpenId
) -> None:
    async with open_stage(where, oidc=provider.settings, now=int(time.time() * 1000)) as stage:
        page = await context.new_page()
        await provider.stop()
        await page.goto(f"{stage.address}welcome?link={await stage.account('li', 'operator')}")
        await go_out(page)
        await expect(page.locator("[role=alert]")).to_contain_text("暂时无法使用")
        await look(page)
        for field in ("#password", "#again"):
            await page.focus(field)
            await page.keyboard.type(PASSWORD)
        await keys(page, "Enter")
        await page.wait_for_url(f"{stage.address}desk")
