"""Carriers in tests: tablets that are set up and deliver over HTTP, and what the city has of them."""

import asyncio
import json
import re
from collections.abc import Sequence

import httpx

from tests.cloud.furnished import NODE
from tests.cloud.reception import Stage
from tests.cloud.where import Where

WINDOW, NEXT = f"{NODE}/01", f"{NODE}/02"
EPOCH, SECRET = "AbCdEf-_09", "s" * 43
LINK = re.compile(r'id="link">([^<]+)<')
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
MINUTE_MS = 60_000
# A tablet's wall clock is not the city's.
BEHIND = 7 * 86_400_000

Given = Sequence[tuple[int, int, int]]


async def made(stage: Stage, operator: httpx.AsyncClient, window: str = WINDOW) -> str:
    """The secret of a link that an operator, who has come in, makes for `window`."""
    form = {"window": window, "csrf": await csrf(operator)}
    answer = await operator.post("/tablets", data=form)
    found = LINK.search(answer.text)
    assert found is not None, answer.text
    address, _, link = found[1].partition("#")
    assert address == f"{stage.address}window/{window}"
    return link


async def csrf(browser: httpx.AsyncClient) -> str:
    found = CSRF.search((await browser.get("/tablets")).text)
    assert found is not None
    return found[1]


async def set_up(tablet: httpx.AsyncClient, link: str, secret: str = SECRET, window: str = WINDOW) -> httpx.Response:
    return await tablet.post("/api/tablet/setup", json={"window": window, "link": link, "secret": secret})


async def bound(stage: Stage, secret: str = SECRET, window: str = WINDOW, name: str = "li") -> None:
    """A tablet of `window` that is known by `secret`, in a city that has registered who speaks for tablets."""
    async with stage.browser() as operator, stage.browser() as tablet:
        await stage.come_in(operator, name, "operator")
        answer = await set_up(tablet, await made(stage, operator, window), secret, window)
        assert (answer.status_code, answer.json()["window"]) == (200, window)
        async with asyncio.timeout(20):
            while (answer := await deliver(tablet, body(stage, [], epoch=secret[:10]), secret)).status_code == 503:
                await asyncio.sleep(0.05)
    # Nothing was pressed before it was set up. The seconds of the process are left as they are: a session with a server
    # that was silent for an hour would be over.
    stage.now += 3_600_000


def body(
    stage: Stage, rows: Given, first: int = 1, *, run: int = 1, mono: int = 900_000, epoch: str = EPOCH
) -> dict[str, object]:
    """A delivery of rows (run, mono, level), by a tablet whose wall clock goes as evenly as its page's."""
    date = stage.now - BEHIND
    told = [[of, at, date - mono + at, level, 1] for of, at, level in rows]
    return {"v": 1, "epoch": epoch, "first": first, "run": run, "mono": mono, "date": date, "rows": told}


async def deliver(tablet: httpx.AsyncClient, told: dict[str, object], secret: str = SECRET) -> httpx.Response:
    return await tablet.post("/api/tablet/ratings", json=told, headers={"Authorization": f"Bearer {secret}"})


async def counted(stage: Stage, count: int) -> list[tuple[object, ...]]:
    """The day's tallies once they count so many."""
    async with asyncio.timeout(20):
        while True:
            found = stage.where.query(
                'SELECT "window", channel, satisfied, basic, dissatisfied FROM tally_day ORDER BY "window"'
            )
            if sum(sum(map(int, row[2:])) for row in found) >= count:
                return found
            await asyncio.sleep(0.02)


def batches(where: Where) -> list[dict[str, object]]:
    raws = where.query("SELECT raw FROM ledger_entry WHERE kind = 'batch' ORDER BY node, epoch, first")
    return [json.loads(bytes(raw).partition(b"\n")[0]) for (raw,) in raws]
