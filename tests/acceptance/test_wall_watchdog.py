"""A wall that nobody looks after finds its way back by itself, whatever became of its line, its key or its city."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing

import pytest
from playwright.async_api import Browser, Page, Route

from contract.version import __version__
from tests.acceptance.conftest import City, opened
from tests.keys import hung

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]


class Relay:
    """A line to `port`, which may change, that goes dead without a word, or is cut."""

    def __init__(self, port: int) -> None:
        self.dead = False
        self.port = port
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Listen; yield the address."""
        server = await asyncio.start_server(self._taken, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """End every connection."""
        for writer in self._writers:
            writer.close()

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back_writer}
        await asyncio.gather(self._pass(reader, back_writer), self._pass(back_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lost = False
        try:
            while part := await reader.read(1 << 16):
                # Of a line that was dead once nothing arrives any more, as behind a router that forgot it.
                lost = lost or self.dead
                if not lost:
                    writer.write(part)
                    await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


async def until(page: Page, state: str, within_s: float = 20) -> None:
    await page.wait_for_selector(f'body[data-state="{state}"]', timeout=within_s * 1000)


@asynccontextmanager
async def relayed(chromium: Browser, city: City) -> AsyncIterator[tuple[Relay, Page]]:
    """A live wall behind a relay."""
    async with AsyncExitStack() as stack:
        relay = Relay(city.port)
        address = await stack.enter_async_context(relay.open())
        context = await chromium.new_context()
        stack.push_async_callback(context.close)
        page = await context.new_page()
        await page.goto(hung(address, "/wall", city.premises.keys.wall))
        await until(page, "live")
        yield relay, page


async def test_a_line_that_died_without_a_word_is_noticed_and_replaced(chromium: Browser, city: City) -> None:
    async with relayed(chromium, city) as (relay, page):
        relay.dead = True
        await until(page, "stale", 9)
        # Longer than any wait between two tries.
        await asyncio.sleep(12)
        assert await page.get_attribute("body", "data-state") == "stale"
        relay.dead = False
        # A try that hangs is given up after five seconds, and the next begins within five.
        await until(page, "live", 12)
        relay.cut()
        await asyncio.sleep(1)
        await until(page, "live", 8)


async def test_a_key_that_was_ended_and_given_anew_lets_the_wall_in_by_itself(chromium: Browser, city: City) -> None:
    def let(ends_at: int | None) -> None:
        with closing(sqlite3.connect(city.premises.database, timeout=10)) as people, people:
            people.execute("UPDATE token SET ends_at = ? WHERE role = 'wall'", (ends_at,))

    async with opened(chromium, city, quiet=False) as wall:
        try:
            let(1)
            await wall.until("stale", within_s=30)
        finally:
            let(None)
        await wall.until("live", within_s=30)


async def test_a_machine_that_slept_for_hours_comes_back(chromium: Browser, city: City) -> None:
    async with relayed(chromium, city) as (relay, page):
        await page.clock.install()
        await page.reload()
        await until(page, "live")
        # Its lines are gone meanwhile, and all its timers are due at once.
        relay.dead = True
        await asyncio.sleep(0.5)
        await page.clock.fast_forward("08:00:00")
        await until(page, "stale")
        relay.dead = False
        await until(page, "live")
        shown = await page.inner_text("#stale-age")
        assert not await page.is_visible("#stale"), shown


async def test_a_city_of_another_version_is_met_by_a_new_page_but_not_by_an_error(
    chromium: Browser, city: City
) -> None:
    upgraded, refused = False, 0
    loaded: list[str] = []

    async def places(route: Route) -> None:
        told = await route.fetch()
        names = await told.text()
        other = names.replace(f'"version":"{__version__}"', '"version":"9"')
        assert other != names
        await route.fulfill(response=told, body=other if upgraded else names)

    async def page_of_wall(route: Route) -> None:
        nonlocal refused
        if upgraded and refused == 0:
            refused += 1
            await route.fulfill(status=503, body="{}")
            return
        await route.continue_()

    async with opened(chromium, city, quiet=False) as wall:
        await wall.page.route("**/api/places", places)
        await wall.page.route("**/wall", page_of_wall)
        wall.page.on("framenavigated", lambda frame: loaded.append(frame.url))
        city.kill()
        await wall.until("stale")
        await city.start()
        await wall.until("live")
        # The same version: it stays as it is.
        await asyncio.sleep(3)
        assert loaded == []
        upgraded = True
        city.kill()
        await wall.until("stale")
        await city.start()
        async with asyncio.timeout(30):
            while not loaded:
                await asyncio.sleep(0.1)
        await wall.until("live")
        assert (refused, loaded) == (1, [f"{city.address}/wall"])
