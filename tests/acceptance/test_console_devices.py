"""Devices in a real browser: an old configuration back at a real node by keyboard alone, and an update by stages."""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from paho.mqtt import publish
from playwright.async_api import Browser, Page, expect

from contract import topics
from contract.bundle import pack
from contract.codec import encode
from contract.rating import Level
from contract.signing import Signer
from contract.status import GatewayStatus, NodeHealth, NodeStatus
from edge.settings import read
from firmware_sim.broker import Mosquitto
from tests.acceptance.conftest import TOWNSHIP, City, small_city
from tests.acceptance.desks import desk as desk_on_stage
from tests.acceptance.desks import fresh, keys
from tests.acceptance.test_console import RULES, desk, manyi
from tests.cloud.furnished import NODE, furnish
from tests.cloud.reception import Stage, open_stage
from transport.broker import Broker

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

HELD = f"{TOWNSHIP}-a1"
PAGES = [
    "/devices",
    f"/devices/{HELD}",
    f"/devices/{TOWNSHIP}-g0",
    "/updates",
    "/updates/1",
    "/windows",
    f"/windows/{HELD}/01",
    "/heat?weeks=52",
    f"/heat?place={HELD}/01",
    "/search",
    "/search?q=a1",
    "/search?q=nothing-of-that",
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[City]:
    """A city of its own: nobody else's node is configured anew in the midst of what they look at."""
    async with small_city(tmp_path_factory.mktemp("devices")) as made:
        yield made


async def give(city: City, cooldown_ms: int) -> None:
    """Register the node's own wiring as the city's configuration, as an installer would."""
    registration = json.loads(city.premises.registration.read_text())
    windows = [msgspec.to_builtins(window) for window in read(city.premises.nodes[0]).window]
    (node,) = [one for one in registration["nodes"] if one["node"] == HELD]
    node["config"] = {"windows": windows, "settle_ms": 400, "cooldown_ms": cooldown_ms}
    file = city.premises.registration.with_name("configured.json")
    file.write_text(json.dumps({"nodes": [node]}))
    await asyncio.to_thread(manyi, city, "cloud", "register", str(file))


def versions(city: City) -> list[tuple[int, str, str, int]]:
    with closing(sqlite3.connect(city.premises.database)) as database:
        rows = database.execute(
            "SELECT version, who, reason, body FROM node_config WHERE node = ? ORDER BY version", (HELD,)
        ).fetchall()
    return [(version, who, reason, json.loads(body)["cooldown_ms"]) for version, who, reason, body in rows]


async def until_taken(page: Page) -> None:
    """Look at the device's page again until the node has said that it has what it should have."""
    async with asyncio.timeout(30):
        while await page.locator(".facts").get_by_text("一致").count() == 0:
            await asyncio.sleep(0.3)
            await page.reload()


async def test_an_old_configuration_comes_back_by_keyboard_and_the_node_takes_it(chromium: Browser, city: City) -> None:
    await give(city, 300)
    await give(city, 350)
    async with desk(chromium, city, "chen", "operator") as (page, _):
        await keys(page, "g", "v")
        await page.wait_for_url("**/devices")
        await page.goto(f"{city.address}/devices/{HELD}")
        await until_taken(page)
        await expect(page.locator(".facts")).to_contain_text("350 ms")
        await keys(page, "r")
        await page.wait_for_function("() => document.activeElement.tagName === 'INPUT'")
        await page.keyboard.type("间隔太长，改回来")
        await keys(page, "Control+Enter")
        await expect(page.locator(".steps li").first).to_contain_text("间隔太长，改回来")
        first, second, third = versions(city)
        assert [first[3], second[3], third[3]] == [300, 350, 300]
        assert first[0] < second[0] < third[0]
        assert third[1:3] == ("chen", "间隔太长，改回来")
        await until_taken(page)
        await expect(page.locator(".facts")).to_contain_text(str(third[0]))
        # It serves on, by what it has taken.
        await city.press(Level.SATISFIED)
        await page.reload()
        await expect(page.locator("table tbody tr").first).to_contain_text(re.compile(r"\d\d:\d\d"))


async def test_what_is_searched_for_is_found_by_keyboard(chromium: Browser, city: City) -> None:
    async with desk(chromium, city, "deng", "operator") as (page, _):
        await keys(page, "/")
        await page.keyboard.type(f"{HELD}/02")
        await keys(page, "Enter")
        await page.wait_for_url("**/search?q=*")
        await keys(page, "j", "Enter")
        await page.wait_for_url(f"**/windows/{HELD}/02")
        await keys(page, "m")
        await page.wait_for_url(re.compile(r"/heat\?place="))
        await expect(page.locator("h1")).to_contain_text("02")


async def test_no_page_on_devices_and_windows_has_a_violation_in_either_language(chromium: Browser, city: City) -> None:
    await give(city, 300)
    async with desk(chromium, city, "gao", "admin") as (page, failures):
        await page.goto(f"{city.address}/updates")
        await page.locator("#cooldown_ms").fill("310")
        await page.locator("#reason").fill("试一试")
        await page.get_by_role("button", name="开始分批改配置").click()
        await page.wait_for_url("**/updates/1")
        for path in PAGES:
            for language in ("zh", "en"):
                await page.goto(f"{city.address}{path}{'&' if '?' in path else '?'}lang={language}")
                found = await Axe().run(page, options=RULES)
                assert found.violations_count == 0, f"{path} {language}: {found.generate_report()}"
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        await page.goto(f"{city.address}/updates/1?lang=zh")
        await keys(page, "r")
        await expect(page.locator("h1 .tone")).to_have_text("已撤回")
        failures.clear()


class Nodes:
    """What a township's gateway says of its nodes: each has taken what the city gave it last, but those in `deaf`."""

    def __init__(self, stage: Stage, broker: Mosquitto) -> None:
        self._stage = stage
        self._port = broker.port
        self.deaf: set[str] = set()
        self._taken: dict[str, int] = {}

    def given(self) -> dict[str, int]:
        rows = self._stage.where.query("SELECT node, max(version) FROM node_config GROUP BY node")
        return {node: int(version) for node, version in rows}

    async def say(self) -> None:
        for node, version in self.given().items():
            if node not in self.deaf:
                self._taken[node] = version
            health = NodeHealth(NodeStatus(node, "up", config=self._taken.get(node, 1), clock_error_ms=3), None)
            status = GatewayStatus(f"{node[:9]}-g0", "up", clock_error_ms=3, nodes=[health])
            signed = Signer(bytes(32)).entry(encode(status))
            await asyncio.to_thread(
                publish.single,
                topics.township(node[:9], "status"),
                pack([signed]),
                qos=1,
                retain=True,
                hostname="127.0.0.1",
                port=self._port,
            )


async def test_an_update_goes_from_stage_to_stage_and_stops_at_a_node_that_does_not_take_it(
    chromium: Browser, tmp_path: Path
) -> None:
    where = await fresh(tmp_path)
    await furnish(where)
    async with (
        Mosquitto(tmp_path / "broker") as broker,
        open_stage(where, Broker("127.0.0.1", broker.port)) as stage,
        desk_on_stage(chromium, stage, "li", "operator") as (page, _),
    ):
        nodes = Nodes(stage, broker)
        await nodes.say()
        await keys(page, "g", "m")
        await page.wait_for_url("**/updates")
        await page.locator("#settle_ms").fill("500")
        await page.locator("#patience").fill("1")
        await page.locator("#limit").fill("3")
        await page.locator("#reason").fill("按键太慢")
        await keys(page, "Control+Enter")
        await page.wait_for_url("**/updates/1")
        before = nodes.given()

        async def passing(minutes: int, done: Callable[[], bool]) -> None:
            """Let minutes pass with a word of every gateway in each, until the worker has done its part."""
            for _ in range(minutes):
                stage.later(60)
                await nodes.say()
                await asyncio.sleep(2.5)
            async with asyncio.timeout(20):
                while not done():
                    await asyncio.sleep(0.2)

        def stands(state: str, stage_number: int) -> Callable[[], bool]:
            return lambda: where.query("SELECT state, stage FROM staged_update") == [(state, stage_number)]

        await nodes.say()
        await page.reload()
        await expect(page.locator(".facts")).to_contain_text("1 / 2")
        await asyncio.sleep(2.5)
        nodes.deaf = {node for node, version in nodes.given().items() if version == min(before.values())}
        await passing(2, stands("running", 2))
        # The page asks by itself, and what is on it goes on working.
        await expect(page.locator(".facts")).to_contain_text("2 / 2")
        await page.evaluate("() => { window.print = () => { window.printed = true }; }")
        await page.locator("[data-print]").click()
        assert await page.evaluate("window.printed")
        await passing(3, stands("stopped", 2))
        await expect(page.get_by_role("status")).to_contain_text("没有生效")
        for node in nodes.deaf:
            await expect(page.get_by_role("status")).to_contain_text(node)
        await keys(page, "r")
        await expect(page.locator("h1 .tone")).to_have_text("已撤回")
        bodies = where.query("SELECT body FROM node_config AS c WHERE version = "
                             "(SELECT max(version) FROM node_config AS n WHERE n.node = c.node)")  # fmt: skip
        assert {json.loads(body)["settle_ms"] for (body,) in bodies} == {800}
        assert nodes.given()[NODE] > before[NODE]
        await page.context.close()
