"""A city on a file of its own whose clock a test turns, and somebody at a desk of it in a real browser."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from cloud.database import open_database
from cloud.people.rules import Role
from cloud.registry.load import register
from tests.cloud.reception import NOW, PASSWORD, Stage
from tests.cloud.where import InFile


async def fresh(folder: Path, registration: Mapping[str, object] | None = None) -> InFile:
    """A database in `folder`, with what `registration` says."""
    template = folder / "template.db"
    async with await open_database(str(template)) as database:
        if registration is not None:
            await register(database.writer, json.dumps(registration), NOW)
    (folder / "city").mkdir()
    return InFile(folder / "city", template)


async def keys(page: Page, *pressed: str) -> None:
    """Press one after the other, each once the page has come so far that it hears keys."""
    for key in pressed:
        await page.wait_for_selector("html[data-keys]")
        await page.keyboard.press(key)


@asynccontextmanager
async def desk(
    chromium: Browser, stage: Stage, name: str, role: Role, width: int = 1280
) -> AsyncIterator[tuple[Page, list[str]]]:
    """Somebody who has come in by their link, by keyboard; a failure of a script or a request is one of the test.

    Unless that was expected, and is taken out of the list.
    """
    context = await chromium.new_context(viewport={"width": width, "height": 800}, locale="zh-CN")
    failures: list[str] = []
    try:
        page = await context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda said: failures.append(said.text) if said.type == "error" else None)
        await page.goto(f"{stage.address}welcome?link={await stage.account(name, role)}")
        await expect(page.locator(":focus")).to_have_attribute("type", "password")
        for _ in range(2):
            await page.keyboard.type(PASSWORD)
            await keys(page, "Tab")
        await keys(page, "Enter")
        await page.wait_for_url("**/desk")
        yield page, failures
        assert failures == [], failures
    finally:
        await context.close()
