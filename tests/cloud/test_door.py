"""The door on a real server: every route with every role, forged requests, and keys that end."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud.changes import store as changes
from cloud.database import fetch_value, write
from cloud.door.allowances import BURST
from cloud.door.door import AGAIN_S, WALL
from cloud.door.rules import ANYBODY, TABLE, Held, Rule, Verdict, Where, judge
from cloud.people import sessions
from cloud.people.rules import ROLES, Person, Role
from tests.cloud import where as places
from tests.cloud.reception import OWN, PASSWORD, Stage, key_of, open_stage

FOREIGN = "371722101"
NODE = "371721121-a1"
FILLED = {
    "{name}": "nobody",
    "{number}": "1",
    "{node}": NODE,
    "{window}": "01",
    "{by}": "day",
    "{period}": "2026Q4",
    "{kind}": "windows",
    "{sha256}": "0" * 64,
}


@pytest.fixture
async def stage(where: places.Where) -> AsyncIterator[Stage]:
    async with open_stage(where) as opened:
        yield opened


@pytest.fixture
async def in_file(tmp_path: Path, upgraded_file: Path) -> AsyncIterator[Stage]:
    """One database is enough for what does not ask it much."""
    async with open_stage(places.InFile(tmp_path, upgraded_file)) as opened:
        yield opened


def filled(path: str) -> str:
    for name, value in FILLED.items():
        path = path.replace(name, value)
    assert "{" not in path, f"say what stands for the name in {path}"
    return path


async def asked(client: httpx.AsyncClient, method: str, path: str, place: tuple[str, str] | None = None) -> int:
    """The status of the answer; a stream's is not read to its end, which it does not have."""
    params = {} if place is None else {place[0]: place[1]}
    async with client.stream(method, filled(path), params=params) as answer:
        return answer.status_code


async def everywhere(
    client: httpx.AsyncClient, method: str, path: str, rule: Rule, person: Person
) -> AsyncIterator[tuple[str, int]]:
    """Ask about the own place, about another, and about none in particular: which place each is about, and the status.

    Case 1 lies in everybody's own place, case 2 in nobody's but the city's.
    """
    match rule.place:
        case Where(name, default):
            for place in (person.place, FOREIGN):
                yield place, await asked(client, method, path, (name, place))
            yield default or person.place, await asked(client, method, path)
        case Held():
            yield f"{NODE}/01", await asked(client, method, path)
            yield FOREIGN, await asked(client, method, path.replace("{number}", "2").replace("{node}", f"{FOREIGN}-a1"))
        case None:
            yield person.place, await asked(client, method, path)


@pytest.mark.parametrize("role", ROLES)
async def test_every_route_is_open_to_whom_the_table_says_and_to_nobody_else(in_file: Stage, role: Role) -> None:
    person = Person("x", role, OWN.get(role, "city"))
    await in_file.open_cases(f"{NODE}/01", f"{FOREIGN}-a1/01")
    await in_file.appeal(f"{NODE}/01", f"{FOREIGN}-a1/01")
    async with in_file.program(role) as known, in_file.program(role) as stranger:
        del stranger.headers["Authorization"]
        for (method, path), rule in TABLE.items():
            if rule.roles == ANYBODY:
                # A form or a device that proves nothing is refused further in.
                assert await asked(stranger, method, path) != 401, path
                continue
            assert await asked(stranger, method, path) == 401, path
            in_file.later(60)
            for place, answer in [answer async for answer in everywhere(known, method, path, rule, person)]:
                granted = judge(rule, person, place) is Verdict.GRANTED
                assert (answer not in {401, 403}) == granted, (method, path, place, answer)


async def test_the_table_names_every_route_of_the_city_and_no_other(in_file: Stage) -> None:
    async with in_file.program("admin") as client:
        described = (await client.get("/openapi.json")).json()["paths"]
        paths = {(method.upper(), path) for path, methods in described.items() for method in methods}
        assert paths <= TABLE.keys()
        for path in ("/docs", "/redoc", "/api", "/desk/", "/people/a/b/c"):
            assert (await client.get(path)).status_code == 404, path
        for path in ("/health%0A", "/metrics%0A", "/desk%00"):
            assert (await client.get(path)).status_code == 404, path
        wrong = await client.post("/api/board")
        assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET")


async def test_a_browser_that_is_not_known_is_led_to_the_login_and_back(in_file: Stage) -> None:
    async with in_file.browser() as browser:
        answer = await browser.get("/changes?before=7")
        assert answer.headers["Location"] == "/login?next=%2Fchanges%3Fbefore%3D7"
        await in_file.come_in(browser, "wang", "admin")
        await browser.post("/logout", data={"csrf": await word_of(browser)})
        form = {"name": "wang", "password": PASSWORD, "next": "/changes?before=7"}
        answer = await browser.post("/login", data=form)
        assert answer.headers["Location"] == "/changes?before=7"


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", ""])
async def test_a_login_leads_nowhere_else(in_file: Stage, target: str) -> None:
    async with in_file.browser() as browser:
        await in_file.come_in(browser, "wang", "admin")
        answer = await browser.post("/login", data={"name": "wang", "password": PASSWORD, "next": target})
        assert answer.headers["Location"] == "/desk"


async def word_of(browser: httpx.AsyncClient) -> str:
    page = (await browser.get("/desk")).text
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


FORGED = {
    "another site": ({"Sec-Fetch-Site": "cross-site"}, True),
    "another page of the same site": ({"Sec-Fetch-Site": "same-site"}, True),
    "typed into the address line": ({"Sec-Fetch-Site": "none"}, True),
    "another origin": ({"Origin": "https://evil.example"}, True),
    "no origin": ({"Origin": "null"}, True),
    "without a word of where it came from": ({}, True),
    "without the session's own word": ({"Sec-Fetch-Site": "same-origin"}, False),
}


@pytest.mark.parametrize("kind", FORGED)
async def test_a_forged_request_changes_nothing(in_file: Stage, kind: str) -> None:
    said, knowing = FORGED[kind]
    async with in_file.browser() as browser:
        await in_file.come_in(browser, "wang", "admin")
        word = await word_of(browser)
        del browser.headers["Sec-Fetch-Site"]
        form = {"name": "li", "called": "Li", "role": "operator", "place": "city", "csrf": word if knowing else "guess"}
        answer = await browser.post("/people", data=form, headers=said)
        assert answer.status_code == 403
        own = {"Origin": in_file.address.rstrip("/")}
        assert "<code>" not in (await browser.get("/people")).text
        assert (await browser.post("/people", data={**form, "csrf": word}, headers=own)).status_code == 200
        named = await browser.post("/people/li/end", headers={**own, "X-CSRF": word})
        assert named.status_code == 303


async def test_a_walls_key_is_kept_by_its_browser_and_leaves_the_address(in_file: Stage) -> None:
    async with in_file.browser() as browser:
        answer = await browser.get(f"/far?lang=en&key={key_of('wall')}")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/far?lang=en")
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"{WALL}=")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "Secure" not in cookie
        assert (await browser.get("/far?lang=en")).status_code == 200
        assert (await browser.get("/api/board")).status_code == 200
        assert (await browser.get("/")).headers["Location"] == "/wall"
        for path in ("/desk", "/people", "/api/quarantine"):
            assert (await browser.get(path)).status_code == 403
    async with in_file.browser() as other:
        for wrong in ("nobody's", key_of("operator")):
            refused = await other.get(f"/wall?key={wrong}")
            assert (refused.status_code, "Set-Cookie" in refused.headers) == (403, False)


async def test_over_tls_no_cookie_travels_without_it(in_file: Stage) -> None:
    async with in_file.browser() as browser:
        hung = await browser.get(f"/wall?key={key_of('wall')}", headers={"X-Forwarded-Proto": "https"})
        assert "Secure" in hung.headers["Set-Cookie"]


async def test_a_key_that_ends_is_refused_and_its_open_stream_ends(stage: Stage) -> None:
    async with stage.program("wall") as wall:
        assert (await wall.get("/api/board")).status_code == 200
        async with wall.stream("GET", "/api/stream") as stream:
            chunks = stream.aiter_bytes()
            await anext(chunks)
            async with await stage.where.open() as database, database.writer.begin() as connection:
                await sessions.end_token(connection, "wall-key", stage.now)
            stage.later(AGAIN_S + 1)
            assert (await wall.get("/api/board")).status_code == 401
            async with asyncio.timeout(10):
                async for _ in chunks:
                    pass


async def test_the_log_of_changes_only_grows(stage: Stage) -> None:
    await stage.account("wang", "admin")
    async with await stage.where.open() as database:
        for statement in ("UPDATE change SET who = 'nobody'", "DELETE FROM change"):
            with pytest.raises(Exception, match="only grows"):
                async with database.writer.begin() as connection:
                    await write(connection, statement)
        async with database.reader.connect() as connection:
            log = await changes.page(connection, 1 << 53, 100)
            assert [one.number for one in log] == list(range(len(log), 0, -1))
            assert (log[0].what, log[0].subject, log[0].who) == ("make-account", "wang", "test")
            kept = await fetch_value(connection, "SELECT digest FROM account_link WHERE name = 'wang'")
            assert len(kept) == 64


async def test_too_many_requests_are_told_to_wait(in_file: Stage) -> None:
    async with in_file.program("operator") as client:
        statuses = [(await client.get("/api/places")).status_code for _ in range(BURST + 10)]
        assert statuses == [200] * BURST + [429] * 10
        in_file.later(1)
        assert (await client.get("/api/places")).status_code == 200
