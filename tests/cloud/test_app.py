"""The city's HTTP on a real server: answers hold what OpenAPI promises, and nobody else's page can read them."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from cloud.app import create_app
from cloud.assets import TYPES
from cloud.cases import worker as cases
from cloud.city import City
from cloud.guard import HEADERS
from cloud.ingest.worker import Ingest
from cloud.misuse.worker import Filter
from cloud.registry.load import register
from cloud.settings import Http, SeriesSettings, Settings
from cloud.wall import pages
from contract.signing import Signer
from tests.cloud.doors import open_door
from tests.cloud.watching import DAY, at, batches, commit, one
from tests.cloud.where import Where
from tests.keys import TOKENS, coming_in
from transport.broker import Broker

# Nothing listens there: the city must serve the wall all the same.
NO_BROKER = Broker("127.0.0.1", 1)
NOW = 1_795_370_494_364
KEY = Signer(bytes(32)).public
REGISTRATION = json.dumps(
    {
        "nodes": [{"node": "371721121-a1", "key": KEY, "windows": ["01", "02", "3"]}],
        "gateways": [{"node": "371721121-g0", "key": KEY}],
    }
)


def city_of(database: str, series: SeriesSettings | None = None) -> City:
    settings = Settings(database, "", NO_BROKER, Http(port=0), series=series or SeriesSettings())
    return City(
        settings, signer=Signer(bytes(32)), now=lambda: NOW, monotonic=lambda: 0.0, random_bits=lambda bits: bits
    )


async def furnish(where: Where) -> None:
    """Let tests come in."""
    async with await where.open() as database:
        await register(database.writer, json.dumps({"tokens": TOKENS}), NOW)


@pytest.fixture
async def client(where: Where) -> AsyncIterator[httpx.AsyncClient]:
    await furnish(where)
    city = city_of(where.database)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(city.run())
        await city.ready.wait()
        async with coming_in(city.address) as made:
            yield made
        city.stop()


async def schema_of(client: httpx.AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


def fits(document: dict[str, Any], path: str, reply: httpx.Response) -> None:
    """The body of `reply` is what `document` says about `path`, in every part and with no key more."""
    content = document["paths"][path]["get"]["responses"][str(reply.status_code)]["content"]
    schema = content["application/json"]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(reply.json())
    name = schema["$ref"].rsplit("/", 1)[1]
    assert set(reply.json()) == set(document["components"]["schemas"][name]["properties"])


# Each is asked of one city; what it is described as, and the status.
QUESTIONS = [
    ("/api/board", "/api/board", 200),
    ("/api/places", "/api/places", 200),
    ("/api/windows", "/api/windows", 200),
    ("/api/nodes", "/api/nodes", 200),
    ("/api/trends/minute", "/api/trends/{by}", 200),
    ("/api/trends/hour?place=371721", "/api/trends/{by}", 200),
    ("/api/trends/day?place=371721121&count=400", "/api/trends/{by}", 200),
    ("/api/trends/day?place=999999999", "/api/trends/{by}", 404),
    ("/api/trends/day?count=401", "/api/trends/{by}", 400),
    ("/api/trends/hour?place=371721121&count=768", "/api/trends/{by}", 200),
    ("/api/trends/hour?count=769", "/api/trends/{by}", 400),
    ("/api/ranking", "/api/ranking", 200),
    ("/api/ranking?first=2026-11-01&last=2026-11-22", "/api/ranking", 200),
    ("/api/ranking?first=2026-11-23&last=2026-11-22", "/api/ranking", 400),
    ("/api/ranking?first=2020-01-01", "/api/ranking", 400),
    ("/api/quarantine", "/api/quarantine", 200),
    ("/api/estimates", "/api/estimates", 200),
    ("/api/flags", "/api/flags", 200),
    ("/api/flags?place=371721&first=2026-11-01&last=2026-11-22&limit=3", "/api/flags", 200),
    ("/api/flags?place=371721121-a1/99", "/api/flags", 404),
    ("/api/flags?first=2026-11-23&last=2026-11-22", "/api/flags", 400),
    ("/api/filtered/minute", "/api/filtered/{by}", 200),
    ("/api/filtered/hour?place=371721", "/api/filtered/{by}", 200),
    ("/api/filtered/day?place=371721121&count=400", "/api/filtered/{by}", 200),
    ("/api/filtered/day?place=999999999", "/api/filtered/{by}", 404),
    ("/api/filtered/hour?count=769", "/api/filtered/{by}", 400),
    ("/api/hours?township=371721121", "/api/hours", 200),
    ("/api/hours?township=371721121&first=2026-02-01&last=2026-03-01", "/api/hours", 200),
    ("/api/hours?township=999999999", "/api/hours", 404),
    ("/api/hours?township=371721121&first=2026-02-02&last=2026-02-01", "/api/hours", 400),
    ("/health", "/health", 503),
]


async def test_answers_are_what_openapi_says(client: httpx.AsyncClient) -> None:
    schema = await schema_of(client)
    for url, path, status in QUESTIONS:
        reply = await client.get(url)
        assert reply.status_code == status, f"{url}: {reply.text}"
        fits(schema, path, reply)


async def test_openapi_names_every_route_and_resolves_every_reference(client: httpx.AsyncClient) -> None:
    document = await schema_of(client)
    assert document["openapi"].startswith("3.1")
    assert {"/api/board", "/api/stream", "/api/places", "/api/windows", "/api/nodes", "/health", "/metrics"} < set(
        document["paths"]
    )
    schemas = document["components"]["schemas"]

    def references(part: object) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"]} if "$ref" in part else set()
            return own.union(*map(references, part.values()))
        return set().union(*map(references, part)) if isinstance(part, list) else set()

    assert references(document) <= {f"#/components/schemas/{name}" for name in schemas}


async def test_trends_of_a_series_that_is_away_are_a_503_and_the_board_is_not_touched(where: Where) -> None:
    await furnish(where)
    city = city_of(where.database, SeriesSettings(kind="influx", url="http://127.0.0.1:1"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(city.run())
        await city.ready.wait()
        async with coming_in(city.address) as made:
            document = await schema_of(made)
            for url, path in (("/api/trends/hour", "/api/trends/{by}"), ("/api/ranking", "/api/ranking")):
                reply = await made.get(url)
                assert (reply.status_code, "ratings over time" in reply.text) == (503, True)
                fits(document, path, reply)
            assert (await made.get("/api/board")).status_code == 200
        city.stop()


async def test_a_malformed_question_is_refused(client: httpx.AsyncClient) -> None:
    for url in ("/api/trends/week", "/api/trends/day?place=x' OR 1", "/api/windows?limit=0", "/api/nodes?place=%25"):
        assert (await client.get(url)).status_code == 422, url
    for url in (
        "/api/flags?after=1",
        "/api/flags?place=x",
        "/api/filtered/week",
        "/api/hours",
        "/api/hours?township=3",
    ):
        assert (await client.get(url)).status_code == 422, url
    for url in ("/api/ranking?first=yesterday", "/api/ranking?last=2026-13-01"):
        assert (await client.get(url)).status_code == 422, url


async def test_another_host_name_is_refused_so_that_rebinding_reads_nothing(client: httpx.AsyncClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", ""):
        reply = await client.get("/api/board", headers={"Host": host})
        assert reply.status_code == 400, host
    for host in ("localhost", "127.0.0.1:1", "[::1]:8000", "LOCALHOST:80"):
        assert (await client.get("/api/board", headers={"Host": host})).status_code == 200, host


async def test_the_names_in_the_settings_are_answered_to_as_well() -> None:
    transport = httpx.ASGITransport(create_app([pages.router()], door=open_door, names=["manyi.example"]))
    async with httpx.AsyncClient(transport=transport, base_url="http://manyi.example") as client:
        assert (await client.get("/wall")).status_code == 200
        assert (await client.get("/wall", headers={"Host": "other.example"})).status_code == 400


async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/wall", "/far", "/api/board", "/health", "/metrics", "/nowhere", "/static/wall/wall.js"):
        reply = await client.get(path)
        assert {name: reply.headers[name] for name in HEADERS} == HEADERS, path
        assert "'unsafe" not in reply.headers["Content-Security-Policy"], path
        assert "server" not in reply.headers, path


async def test_pages_and_all_their_parts_are_served_and_revalidate(client: httpx.AsyncClient) -> None:
    folder = Path(__file__).parents[2] / "cloud/wall/static"
    urls = {f"/static/wall/{file.name}": file for file in folder.iterdir()}
    urls |= {"/wall": folder / "wall.html", "/far": folder / "far.html"}
    assert len(urls) > 10
    for url, file in urls.items():
        plain = await client.get(url, headers={"Accept-Encoding": "identity"})
        assert plain.content == file.read_bytes(), url
        assert plain.headers["Content-Type"] == TYPES[file.suffix]
        zipped = await client.get(url, headers={"Accept-Encoding": "gzip"})
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert zipped.content == plain.content
        assert int(zipped.headers["Content-Length"]) == len(gzip.compress(plain.content, 9, mtime=0))
        assert zipped.headers["ETag"] != plain.headers["ETag"]
        again = await client.get(url, headers={"If-None-Match": zipped.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.head(url)).status_code == 200


async def test_nothing_outside_the_walls_folder_is_served(client: httpx.AsyncClient) -> None:
    for url in (
        "/static/wall/../pages.py",
        "/static/wall/%2e%2e%2fpages.py",
        "/static/wall/none.js",
        "/docs",
        "/redoc",
    ):
        assert (await client.get(url)).status_code == 404, url


async def test_places_are_the_eleven_counties_with_all_townships(client: httpx.AsyncClient) -> None:
    reply = await client.get("/api/places")
    counties = reply.json()["counties"]
    assert len(counties) == 11
    assert sum(len(county["townships"]) for county in counties) == 167
    assert reply.json()["city"] == {"zh": "菏泽市", "en": "Heze"}
    board = (await client.get("/api/board")).json()
    assert set(board["counties"]) == {county["code"] for county in counties}
    assert set(board["townships"]) == {town["code"] for county in counties for town in county["townships"]}
    again = await client.get("/api/places", headers={"If-None-Match": reply.headers["ETag"]})
    assert again.status_code == 304


async def test_health_names_what_is_wrong(client: httpx.AsyncClient, where: Where) -> None:
    health = (await client.get("/health")).json()
    assert health["ok"] is False
    # Where several processes may commit, each follows the commits of all.
    followed = {"commits": True} if "://" in where.database else {}
    parts = {name: part["ok"] for name, part in health["parts"].items()}
    # Whether the kernel of the machine that tests answers for its clock is its own affair.
    del parts["clock"]
    assert health["parts"]["clock"]["vital"] is False
    assert parts == {
        **followed,
        "database": True,
        "broker": False,
        "ingest": True,
        "counties": True,
        "misuse": True,
        "cases": True,
        "notices": True,
        "updates": True,
        "contacts": True,
        "seals": True,
        "visits": True,
        # The library knows the year of these tests and not the next one.
        "holidays": health["parts"]["holidays"]["ok"],
        "store": True,
        "statuses": False,
        "clocks": True,
    }
    assert health["parts"]["broker"]["detail"] == "1 of 1 connections are down"


async def test_metrics_name_no_place_below_a_county(client: httpx.AsyncClient) -> None:
    scraped = (await client.get("/metrics")).text
    for name in (
        "manyi_ratings_counted_total 0.0",
        'manyi_quarantined_total{reason="wrong_signature"}',
        "manyi_sse_clients",
    ):
        assert name in scraped
    assert re.search(r"3717\d{5}", scraped) is None


async def test_a_database_that_cannot_be_read_is_a_503(client: httpx.AsyncClient, where: Where) -> None:
    # Not on the loop: the city there may be about to commit, and would be waited for in vain.
    await asyncio.to_thread(where.query, "DROP TABLE quarantine")
    reply = await client.get("/api/quarantine")
    assert reply.status_code == 503
    assert reply.json() == {"detail": "the store of this answer does not answer now; please ask again in a moment"}
    assert (await client.get("/api/board")).status_code == 200


# On PostgreSQL a process without a broker has no duties; `test_misuse_worker` judges there.
@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_a_running_city_flags_and_shows_raw_and_filtered_side_by_side(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Filter.__init__, "__kwdefaults__", {**(Filter.__init__.__kwdefaults__ or {}), "pace_s": 0.05})
    ratings = [one(at("10:00") + 5_000 * index) for index in range(40)]
    async with await where.open() as database:
        await register(database.writer, REGISTRATION, NOW)
        await commit(database, batches(ratings, [1 + index % 3 for index in range(40)]))
    await furnish(where)
    city = city_of(where.database)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(city.run())
        await city.ready.wait()
        async with coming_in(city.address) as client:
            asked = {"place": "371721121-a1/01", "first": DAY}
            async with asyncio.timeout(15):
                while not (await client.get("/api/flags", params=asked)).json()["flags"]:
                    await asyncio.sleep(0.05)
            flags = (await client.get("/api/flags", params=asked)).json()
            assert {flag["rule"] for flag in flags["flags"]} == {"double", "mash", "burst", "children"}
            fits(await schema_of(client), "/api/flags", await client.get("/api/flags", params=asked))
            hour: dict[str, str | int] = {"place": "371721121-a1/01", "until": at("10:30"), "count": 1}
            both = (await client.get("/api/filtered/hour", params=hour)).json()["spans"][0]
            assert (both["raw"]["n"], both["filtered"]["count"], both["flagged"]) == ([13, 13, 14], 0, 40)
            assert (await client.get("/api/trends/hour", params=hour)).json()["buckets"][0] == both["raw"]
            assert (await client.get("/health")).json()["parts"]["misuse"]["ok"]
        city.stop()


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_a_running_city_opens_cases(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "LOOK_S", 0.02)
    city = city_of(where.database)
    async with asyncio.TaskGroup() as tasks, await where.open() as database:
        tasks.create_task(city.run())
        async with asyncio.timeout(15):
            await city.ready.wait()
            while not where.query("SELECT position FROM case_cursor"):
                await asyncio.sleep(0.02)
            await commit(database, batches([one(at("10:00")), one(at("10:01"))], [1, 3]))
            while not where.query('SELECT number FROM "case"'):
                await asyncio.sleep(0.02)
        assert where.query('SELECT number, "window", state FROM "case"') == [(1, "371721121-a1/01", "new")]
        city.stop()


async def test_windows_come_page_by_page(where: Where) -> None:
    await furnish(where)
    city = city_of(where.database)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(city.run())
        await city.ready.wait()
        async with await where.open() as database:
            await register(database.writer, REGISTRATION, NOW)
        async with coming_in(city.address) as client:
            async with asyncio.timeout(5):
                while not (await client.get("/api/windows")).json()["windows"]:
                    await asyncio.sleep(0.05)
            first = (await client.get("/api/windows?limit=2")).json()
            second = (await client.get("/api/windows", params={"limit": 2, "after": first["after"]})).json()
            assert [window["id"] for window in first["windows"] + second["windows"]] == [
                "371721121-a1/01",
                "371721121-a1/02",
                "371721121-a1/3",
            ]
            assert second["after"] is None
            assert (await client.get("/api/windows?place=371722")).json()["windows"] == []
            fits(await schema_of(client), "/api/windows", await client.get("/api/windows"))
        city.stop()


async def test_the_city_falls_with_a_part_of_it_instead_of_half_working(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: Ingest) -> None:
        raise RuntimeError("ingest broke")

    monkeypatch.setattr(Ingest, "run", broken)
    with pytest.raises(ExceptionGroup) as caught:
        await city_of(str(tmp_path / "city.db")).run()
    assert caught.group_contains(RuntimeError, match="ingest broke")
