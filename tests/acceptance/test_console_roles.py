"""Every page as every role, in a real browser: by the keys of the menu, by axe, and nothing that is not theirs."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from cloud.appeals.appeal import Wish
from cloud.appeals.desk import AppealDesk
from cloud.console.screens import menu_of
from cloud.door.rules import TABLE
from cloud.people.rules import ROLES, Person, Role
from cloud.people.visitors import Visitor
from contract.signing import Signer
from tests.acceptance.desks import desk, fresh, keys
from tests.acceptance.test_console import RULES
from tests.cloud.editions import AFTER, published
from tests.cloud.furnished import TODAY
from tests.cloud.reception import OWN, key_of, open_stage
from tests.cloud.where import InFile

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

NODE = "371721121-a1"
REGISTRATION = {
    "nodes": [
        {
            "node": NODE,
            "key": Signer(b"o" * 32).public,
            "windows": ["01"],
            "config": {"windows": [{"id": "01", "satisfied": 17, "basic": 27, "dissatisfied": 22}]},
        }
    ]
}
# Pages on one thing, to which lists lead.
DETAILS = {
    "/cases/{number}": "/cases/1",
    "/alerts/{number}": "/alerts/1",
    "/devices/{node}": f"/devices/{NODE}",
    "/windows/{node}/{window}": f"/windows/{NODE}/01",
    "/people/{name}": "/people/wang",
    "/reports/{period}/{number}": f"/reports/{TODAY}/1",
    "/reports/appeals/{number}": "/reports/appeals/1",
}
# No pages to look at: streams, files to take away, a wall's, and those of one's coming.
OTHERS = {
    *("/", "/login", "/login/oidc/back", "/welcome"),
    *("/cases/stream", "/wall", "/far", "/health", "/metrics", "/openapi.json"),
    *("/window/worker.js", "/visit/worker.js"),
}


def pages() -> set[str]:
    """Every page that there is, by the door's table."""
    apart = ("/api/", "/static/")
    listed = {path for method, path in TABLE if method == "GET" and not path.startswith(apart)} - OTHERS
    return {DETAILS.get(path, path) for path in listed if "{" not in path or path in DETAILS}


@pytest.fixture
async def where(tmp_path: Path) -> InFile:
    """A city with an edition, and an appeal against it."""
    made = await fresh(tmp_path, REGISTRATION)
    await published(made)
    async with await made.open() as database:
        wish = Wish(TODAY, 1, f"{NODE}/01", "other", "为什么是这个数")
        await AppealDesk(database, now=lambda: AFTER).file(wish, "li")
    return made


@pytest.mark.parametrize("role", [role for role in ROLES if role != "wall"])
async def test_a_person_goes_to_each_page_of_theirs_by_its_keys_and_to_no_other(
    chromium: Browser, where: InFile, role: Role
) -> None:
    axe, visited = Axe(), set[str]()
    async with (
        open_stage(where, phones=True, tablets=True, homes=True) as stage,
        desk(chromium, stage, "wang", role) as (page, failures),
    ):
        await stage.open_cases(f"{NODE}/01")

        async def look(path: str) -> None:
            visited.add(path)
            found = await axe.run(page, options=RULES)
            assert found.violations_count == 0, (path, found.generate_report())
            assert await page.locator("h1").count() == 1, path
            box = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert box[0] <= box[1], f"{path} is wider than the screen"

        person = Person("wang", role, OWN.get(role, "city"))
        for entry in menu_of(Visitor(person, "Wang", "word", "digest")):
            if entry.path in OTHERS:
                continue
            if not page.url.endswith(entry.path):
                await keys(page, "g")
                await keys(page, entry.letter)
                await page.wait_for_url(f"**{entry.path}")
            await look(entry.path)
        for path in sorted(pages() - visited):
            answer = await page.goto(stage.address.rstrip("/") + path)
            assert answer is not None
            allowed = role in TABLE[("GET", next((k for k, v in DETAILS.items() if v == path), path))].roles
            assert (answer.status == 200) == allowed, (path, answer.status)
            if allowed:
                await look(path)
            else:
                # The browser says so of every refusal, and asks for an icon where the answer names none.
                failures[:] = [said for said in failures if "Failed to load resource" not in said]


async def test_a_walls_key_opens_the_wall_and_no_page(chromium: Browser, where: InFile) -> None:
    context = await chromium.new_context(locale="zh-CN")
    async with open_stage(where, phones=True, tablets=True, homes=True) as stage:
        page = await context.new_page()
        await page.goto(f"{stage.address}wall?key={key_of('wall')}")
        assert page.url == f"{stage.address}wall"
        for path in sorted(pages()):
            answer = await page.goto(stage.address.rstrip("/") + path)
            assert answer is not None
            assert answer.status == 403, path
        await context.close()
