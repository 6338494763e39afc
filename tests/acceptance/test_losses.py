"""What a node declares destroyed, in a real city and a real browser: how many, which, and what nobody else had."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser

from contract.codec import encode
from contract.hello import Hello, Stream
from contract.status import GatewayStatus, NodeHealth, NodeStatus
from firmware_sim.broker import choose
from tests.acceptance.conftest import HD
from tests.acceptance.test_city import NODE, SIGNER, TOWNSHIP, Place, city, rated
from tests.acceptance.test_clocks import until
from tests.keys import coming_in, hung

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

EPOCH = "AAAAAAAAAA"
ROW = f'#node-list > li[data-node="{NODE}"]:not(.off)'
FAR = '#alert-nodes[data-level="warn"]'
LOST = {
    "/wall": (ROW, ["丢失 3 件：3–4、9"]),
    "/wall?lang=en": (ROW, ["lost 3: 3–4, 9"]),
    "/far": (FAR, ["存储损坏 4"]),
    "/far?lang=en": (FAR, ["bad disk 4"]),
}
SPARED = {"/wall": (ROW, ["损坏 4 件，均已入账"]), "/wall?lang=en": (ROW, ["4 damaged, none lost"])}
# What does not fit into its slot.
CUT_OFF = "row => [...row.children].filter(slot => slot.scrollWidth > slot.clientWidth).map(slot => slot.className)"


def hello(boottime: int) -> bytes:
    declared = Stream(NODE, EPOCH, [(5, 8)], void=[(2, 4), (9, 9)])
    return SIGNER.entry(encode(Hello(1, NODE, "BBBBBBBBBB", 0, f"n{boottime}", 0, "boot", boottime, 5, [declared])))


async def test_a_person_is_told_what_a_damaged_disk_has_cost(tmp_path: Path, chromium: Browser) -> None:
    folder = tmp_path / "broker"
    await asyncio.to_thread(folder.mkdir)
    async with choose(folder) as broker:
        place = Place(tmp_path, broker.port)
        await asyncio.to_thread(place.furnish)
        await asyncio.to_thread(place.register)
        async with (
            city(place) as (address, _),
            coming_in(address) as client,
        ):
            context = await chromium.new_context(viewport={"width": HD[0], "height": HD[1]}, locale="zh-CN")
            pages = {view: await context.new_page() for view in LOST}
            for view, page in pages.items():
                await page.goto(hung(address, view))
                await page.wait_for_selector('body[data-state="live"]')

            async def told(said: dict[str, tuple[str, list[str]]]) -> None:
                for view, (selector, texts) in said.items():
                    for text in texts:
                        await pages[view].locator(selector).get_by_text(text).wait_for(timeout=30_000)

            now = (await client.get("/api/board")).json()["now"]
            status = NodeStatus(NODE, "up", windows=["01", "02"], clock_error_ms=30, destroyed=4)
            gateway = GatewayStatus(f"{TOWNSHIP}-g0", "up", clock_error_ms=3, nodes=[NodeHealth(status, now)])
            await asyncio.to_thread(place.say, "live", rated(1, [3, 3], now), hello(1))
            await asyncio.to_thread(place.say, "status", encode(gateway))
            await told(LOST)
            for view, word in (("/wall", "存储损坏"), ("/wall?lang=en", "bad disk")):
                row = pages[view].locator(ROW)
                assert word in str(await row.get_attribute("title"))
                assert await row.evaluate(CUT_OFF) == []
            shown = await until(client, "/api/nodes", lambda told: told["devices"][0]["losses"] != [])
            assert shown["devices"][0]["state"] == "damaged"
            assert shown["devices"][0]["losses"] == [
                {"epoch": EPOCH, "destroyed": [[2, 4], [9, 9]], "lost": [[3, 4], [9, 9]]}
            ]

            # From a gateway that had them all along.
            await asyncio.to_thread(place.say, "backlog", rated(3, [1] * 7, now))
            await told(SPARED)
            await context.close()
