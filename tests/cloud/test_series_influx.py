"""The client of InfluxDB: lines that are refused, answers that are no refusals, and what it makes ready."""

import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cloud.series import influx as influx_module
from cloud.series.influx import LINES, Influx
from cloud.series.lines import MEASUREMENTS, NS_A_MS, RAW
from contract.errors import Unavailable
from firmware_sim.servers.influx import Influx as Server
from tests.cloud.fed import influx_at, numbers
from tests.cloud.filled import NOON

pytestmark = pytest.mark.timeout(60)
Answer = Callable[[list[str]], web.Response]
DAY_H = 24


@pytest.fixture
async def there(influx: Server, influx_database: str) -> AsyncIterator[Influx]:
    async with influx_at(influx, influx_database) as opened:
        yield opened


class Front:
    """A server in InfluxDB's place, or a proxy before it, that answers as it is told and keeps what it was sent."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[list[str]] = []
        self.encodings: list[str] = []
        self.bodies: list[bytes] = []
        self._answer = answer

    async def write(self, request: web.Request) -> web.Response:
        self.encodings.append(request.headers.get("Content-Encoding", ""))
        # aiohttp has unpacked the body by what its header says.
        body = await request.read()
        self.bodies.append(body)
        self.requests.append(body.decode().split("\n"))
        return self._answer(self.requests[-1])


@asynccontextmanager
async def behind(front: Front) -> AsyncIterator[Influx]:
    """A client that has `front` where InfluxDB should be."""
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/api/v2/write", front.write)
    async with TestServer(app) as server, Influx(str(server.make_url("")), database="m", token="", org="") as client:
        yield client


def lines(count: int) -> list[str]:
    return [f"rating,window=w n=1i,presses=1i,seq={n}i {NOON * NS_A_MS + n}" for n in range(count)]


async def test_refused_lines_are_known_one_by_one_and_every_other_one_is_stored(there: Influx) -> None:
    await there.prepare()
    good = lines(7_000)
    assert await there.write(RAW, good[:1]) == []
    bad = [
        "rating,window=w n=1i 1000",
        f"rating,window=w n=1.5 {NOON * NS_A_MS + 9_000}",
        "no line at all",
        "rating,window=w n= 17 dropped=7003",
    ]
    mixed = list(good)
    for at, line in zip((0, 2_500, 2_500, 6_999), bad, strict=True):
        mixed.insert(at, line)
    rejects = await there.write(RAW, mixed)
    assert sorted(reject.line for reject in rejects) == sorted(bad)
    reasons = {reject.line: reject.reason for reject in rejects}
    assert "beyond retention policy" in reasons[bad[0]]
    assert "field type conflict" in reasons[bad[1]]
    assert "unable to parse" in reasons[bad[2]]
    assert await numbers(there) == list(range(7_000))


async def test_a_part_that_is_refused_as_a_whole_is_not_asked_about_line_by_line(
    there: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    await there.prepare()
    asked = 0
    send = there._send

    async def counted(policy: str, lines: list[str]) -> str | None:
        nonlocal asked
        asked += 1
        return await send(policy, lines)

    monkeypatch.setattr(there, "_send", counted)
    rejects = await there.write(RAW, [f"rating,window=w n=1i {n}" for n in range(12_000)])
    assert (len(rejects), asked) == (12_000, 3)


async def test_lines_go_in_parts_and_gzipped() -> None:
    front = Front(lambda _: web.Response(status=204))
    sent = lines(2 * LINES + 1)
    async with behind(front) as client:
        assert await client.write(RAW, sent) == []
    assert front.encodings == ["gzip"] * 3
    assert sorted(map(len, front.requests)) == [1, LINES, LINES]
    assert sorted(line for part in front.requests for line in part) == sorted(sent)


def test_what_is_sent_is_a_tenth_of_the_lines() -> None:
    sent = lines(LINES)
    squeezed = influx_module._squeezed(sent)
    assert gzip.decompress(squeezed).decode().split("\n") == sent
    assert len(squeezed) < len("\n".join(sent)) / 10


async def test_what_is_too_large_for_somebody_on_the_way_is_halved_until_it_is_not() -> None:
    def at_most_700(lines: list[str]) -> web.Response:
        return web.Response(status=413, text="<html>413") if len(lines) > 700 else web.Response(status=204)

    front = Front(at_most_700)
    sent = lines(LINES)
    async with behind(front) as client:
        assert await client.write(RAW, sent) == []
    stored = [line for part in front.requests if len(part) <= 700 for line in part]
    assert sorted(stored) == sorted(sent)
    assert len(front.requests) == 1 + 2 + 4 + 8


async def test_a_single_line_that_is_too_large_is_an_outage_and_no_refusal() -> None:
    async with behind(Front(lambda _: web.Response(status=413))) as client:
        with pytest.raises(Unavailable, match="answers 413"):
            await client.write(RAW, lines(4))


async def test_a_400_that_is_a_proxys_own_page_is_an_outage_and_no_refusal() -> None:
    front = Front(lambda _: web.Response(status=400, text="<html>400 Bad Request</html>", content_type="text/html"))
    async with behind(front) as client:
        with pytest.raises(Unavailable, match="answers 400"):
            await client.write(RAW, lines(9))
    assert len(front.requests) == 1


async def policies(influx: Influx) -> dict[str, str]:
    (found,) = await influx.ask(f'SHOW RETENTION POLICIES ON "{influx._database}"')
    return {row[0]: row[1] for row in found.values}


async def test_single_ratings_are_kept_400_days_and_sums_for_ever(there: Influx) -> None:
    await there.prepare()
    assert await policies(there) == {"autogen": "0s", "raw": f"{400 * DAY_H}h0m0s", "forever": "0s"}


async def test_what_keeps_less_than_ours_is_lengthened_and_what_keeps_more_is_left(
    there: Influx, influx_database: str
) -> None:
    await there.ask(f'CREATE DATABASE "{influx_database}"')
    for policy, duration in (("raw", "30d"), ("forever", "520w")):
        await there.ask(f'CREATE RETENTION POLICY {policy} ON "{influx_database}" DURATION {duration} REPLICATION 1')
    await there.prepare()
    assert await policies(there) == {"autogen": "0s", "raw": f"{400 * DAY_H}h0m0s", "forever": "0s"}
    await there.ask(f'ALTER RETENTION POLICY raw ON "{influx_database}" DURATION 900d')
    await there.prepare()
    assert (await policies(there))["raw"] == f"{900 * DAY_H}h0m0s"
    await there.ask(f'ALTER RETENTION POLICY raw ON "{influx_database}" DURATION INF')
    await there.prepare()
    assert (await policies(there))["raw"] == "0s"


async def test_what_is_dropped_is_gone_and_a_drop_shows_while_it_is_at_work(there: Influx) -> None:
    await there.prepare()
    await there.write(RAW, lines(10))
    await there.drop(MEASUREMENTS)
    assert await numbers(there) == []
    # What `drop` waits by: InfluxDB lists its drops.
    (found,) = await there.ask("DROP MEASUREMENT rating; SHOW QUERIES")
    assert any("DROP MEASUREMENT" in row[found.columns.index("query")] for row in found.values)


async def test_a_drop_is_over_when_nobodys_is_at_work(there: Influx, monkeypatch: pytest.MonkeyPatch) -> None:
    await there.prepare()
    monkeypatch.setattr(influx_module, "DROPPING_LOOK_S", 0.01)
    ask, looks = there.ask, 0

    async def somebody_elses_goes_on(statement: str, **values: object) -> list[influx_module.Rows]:
        nonlocal looks
        if statement != "SHOW QUERIES":
            return await ask(statement, **values)
        looks += 1
        others = [7, "DROP MEASUREMENT rating", there._database if looks < 3 else "another", "9s", "running"]
        return [influx_module.Rows(["qid", "query", "database", "duration", "status"], [others])]

    monkeypatch.setattr(there, "ask", somebody_elses_goes_on)
    await there.drop(MEASUREMENTS)
    assert looks == 3
