"""Coming in by a real identity provider: who is bound, who is not, what is replayed, and a provider that goes away."""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cloud.changes import store as changes
from cloud.database import Database
from cloud.oidc import store
from cloud.oidc.pages import TRIP, TRIP_OVER_TLS
from cloud.oidc.rules import TRIP_MS
from cloud.people import accounts, sessions
from cloud.people.rules import FAILURES, LINK_MS
from cloud.reception import Reception
from cloud.settings import OidcSettings
from contract.errors import SettingsError
from firmware_sim.servers.daemon import free_port
from tests.cloud.reception import PASSWORD, Stage, open_stage
from tests.cloud.where import Where
from tests.oidc.running import OpenId

# Where another process is at work on the same database.
shared = pytest.mark.parametrize("where", ["postgresql"], indirect=True)
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
ONWARD = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory, errand: asyncio.Runner) -> Iterator[OpenId]:
    """One for the whole session, and so one port for each test's city."""
    server = OpenId(tmp_path_factory.mktemp("openid"), f"http://127.0.0.1:{free_port()}")
    errand.run(server.start())
    yield server
    errand.run(server.stop())


@pytest.fixture
async def own_provider(tmp_path: Path) -> AsyncIterator[OpenId]:
    """One that a test may stop."""
    async with OpenId(tmp_path / "openid", f"http://127.0.0.1:{free_port()}") as started:
        yield started


@pytest.fixture
async def stage(where: Where, provider: OpenId) -> AsyncIterator[Stage]:
    async with open_stage(where, oidc=provider.settings, now=int(time.time() * 1000)) as opened:
        yield opened


@contextmanager
def answering(body: bytes | None) -> Iterator[str]:
    """Something at an issuer's address that answers `body` to everything, or leads elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if body is not None else 302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def onward(answer: httpx.Response) -> str:
    """Where a page leads on to by itself."""
    found = ONWARD.search(answer.text)
    assert found is not None, (answer.status_code, answer.text)
    return unescape(found[1])


def said(answer: httpx.Response) -> tuple[int, str]:
    """The status of a refusal, and the word for it."""
    return answer.status_code, parse_qs(urlsplit(onward(answer)).query)["said"][0]


async def sent(browser: httpx.AsyncClient, path: str = "/login/oidc", **form: str) -> str:
    """Set out; the address at the provider."""
    answer = await browser.post(path, data=form)
    assert answer.status_code == 200, answer.text
    return onward(answer)


async def at_provider(browser: httpx.AsyncClient, address: str, name: str, *, known: bool = False) -> str:
    """Say that one is `name` there, which knows nobody yet unless `known`; the address that it leads back to."""
    for cookie in list(browser.cookies.jar):
        if cookie.domain != "127.0.0.1" and not known:
            browser.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)
    for _ in range(6):
        if urlsplit(address).path == "/login/oidc/back":
            return address
        answer = await browser.get(address)
        if answer.status_code == 200:
            who = {"no": "1"} if name == "" else {"login": name}
            answer = await browser.post(address, data=who)
        address = str(httpx.URL(address).join(answer.headers["Location"]))
    raise AssertionError(address)


async def come_back(browser: httpx.AsyncClient, name: str, path: str = "/login/oidc", **form: str) -> httpx.Response:
    """Out and back as `name`."""
    return await browser.get(await at_provider(browser, await sent(browser, path, **form), name))


async def word_of(browser: httpx.AsyncClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/desk")).text)
    assert found is not None
    return found[1]


async def waits(stage: Stage, asked: asyncio.Future[httpx.Response]) -> None:
    """Return when what was `asked` waits for what another process holds, or is answered without."""
    while not asked.done() and stage.where.query(WAITING) == [(0,)]:
        await asyncio.sleep(0.01)


def told(stage: Stage) -> list[tuple[str, str, str]]:
    rows = stage.where.query("SELECT who, what, body FROM change ORDER BY number")
    return [(who, what, body) for who, what, body in rows if who != "registration"]


async def test_a_link_binds_once_and_then_the_provider_lets_in(stage: Stage) -> None:
    link = await stage.account("li", "operator")
    async with stage.browser() as browser, stage.browser() as other:
        page = await browser.get("/welcome", params={"link": link})
        assert "统一身份认证" in page.text
        answer = await come_back(browser, "u-1", link=link)
        assert (answer.status_code, onward(answer)) == (200, "/desk")
        assert "SameSite=strict" in answer.headers["Set-Cookie"]
        assert "Li，您好" in (await browser.get("/desk")).text

        # The link is used up, whatever it is used for.
        assert said(await other.post("/login/oidc", data={"link": link})) == (400, "link")
        typed = {"link": link, "password": PASSWORD, "again": PASSWORD}
        assert (await other.post("/welcome", data=typed)).status_code == 400

        answer = await come_back(other, "u-1", next="/cases?which=any")
        assert onward(answer) == "/cases?which=any"
        assert (await other.get("/desk")).status_code == 200
    assert told(stage)[1:] == [
        ("li", "bind-subject", '{"how":"link"}'),
        ("li", "come-in", '{"how":"oidc"}'),
        ("li", "come-in", '{"how":"oidc"}'),
    ]
    # The provider's word for somebody is in no log.
    assert "u-1" not in str(told(stage))


async def test_a_link_ends_sessions_and_the_old_password(stage: Stage) -> None:
    async with stage.browser() as first, stage.browser() as second, stage.browser() as admin:
        await stage.come_in(first, "li", "operator")
        await stage.come_in(admin, "root1", "admin")
        await come_back(second, "u-1", link=await stage.account("li", "operator"))
        stage.later(3)
        assert (await first.get("/desk")).status_code == 303
        assert (await second.get("/desk")).status_code == 200
        assert (await first.post("/login", data={"name": "li", "password": PASSWORD})).status_code == 403
        # Who comes in by the provider alone waits for no password.
        assert ">可用<" in (await admin.get("/people/li")).text
        # The same person with another link is just let in.
        again = await come_back(first, "u-1", link=await stage.account("li", "operator"))
        assert onward(again) == "/desk"


async def test_a_link_that_ends_on_the_way_binds_nobody(stage: Stage) -> None:
    async with stage.browser() as browser, stage.browser() as other:
        link = await stage.account("li", "operator")
        way = await at_provider(browser, await sent(browser, link=link), "u-1")
        typed = {"link": link, "password": PASSWORD, "again": PASSWORD}
        assert (await other.post("/welcome", data=typed)).status_code == 303
        assert said(await browser.get(way)) == (400, "link")
        assert said(await come_back(browser, "u-1")) == (403, "unbound")

        # The provider's clock is its own, so it is the city's that begins earlier.
        stage.later(30 - LINK_MS / 1000)
        link = await stage.account("wu", "operator")
        stage.later(LINK_MS / 1000 - 30)
        way = await at_provider(browser, await sent(browser, link=link), "u-2")
        stage.later(30)
        assert said(await browser.get(way)) == (400, "link")
    assert stage.where.query("SELECT name FROM bound_subject") == []


async def test_the_very_first_one_sets_a_password(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.get("/welcome", params={"link": stage.first_link})
        assert "统一身份认证" not in page.text
        assert said(await browser.post("/login/oidc", data={"link": stage.first_link})) == (400, "link")


async def test_whoever_has_come_in_binds_the_own_account(stage: Stage) -> None:
    async with stage.browser() as browser, stage.browser() as other:
        await stage.come_in(browser, "li", "auditor")
        word = await word_of(browser)
        assert (await browser.post("/account/oidc", data={"csrf": "guess"})).status_code == 403
        way = await sent(browser, "/account/oidc", csrf=word)
        assert parse_qs(urlsplit(way).query)["prompt"] == ["login"]
        answer = await browser.get(await at_provider(browser, way, "u-1"))
        assert (onward(answer), "manyi=" in str(answer.headers)) == ("/account", False)
        page = (await browser.get("/account")).text
        assert "起已绑定" in page
        assert "/account/oidc" not in page
        # It does not come along where another site leads back; the account is known without.
        assert onward(await come_back(other, "u-1")) == "/desk"
        # The password goes on working.
        assert (await other.post("/login", data={"name": "li", "password": PASSWORD})).status_code == 303


async def test_a_session_that_ended_on_the_way_binds_nobody(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        word = await word_of(browser)
        way = await at_provider(browser, await sent(browser, "/account/oidc", csrf=word), "u-1")
        await browser.post("/logout", data={"csrf": word})
        answer = await browser.get(way)
        assert (said(answer), urlsplit(onward(answer)).path) == ((400, "over"), "/account")
        assert said(await come_back(browser, "u-1")) == (403, "unbound")


async def test_one_identity_is_one_account_and_one_account_is_one_identity(stage: Stage) -> None:
    async with stage.browser() as browser, stage.browser() as other:
        await come_back(browser, "u-1", link=await stage.account("li", "operator"))
        link = await stage.account("wu", "operator")
        assert said(await come_back(other, "u-1", link=link)) == (403, "taken")
        # Nothing is half done: the link is as it was.
        assert onward(await come_back(other, "u-2", link=link)) == "/desk"
        link = await stage.account("wu", "operator")
        assert said(await come_back(other, "u-3", link=link)) == (403, "other")
        answer = await come_back(other, "u-1", "/account/oidc", csrf=await word_of(other))
        assert (said(answer), urlsplit(onward(answer)).path) == ((403, "taken"), "/account")
    assert sorted(stage.where.query("SELECT name, subject FROM bound_subject")) == [("li", "u-1"), ("wu", "u-2")]


async def test_an_administrator_unbinds_and_that_ends_sessions(stage: Stage) -> None:
    async with stage.browser() as admin, stage.browser() as browser:
        await come_back(admin, "root", link=await stage.account("root1", "admin"))
        await come_back(browser, "u-1", link=await stage.account("li", "operator"))
        word = {"csrf": await word_of(admin)}
        assert "解绑统一身份" in (await admin.get("/people/li")).text
        assert (await admin.post("/people/root1/unbind", data=word)).status_code == 400
        assert (await admin.post("/people/li/unbind", data=word)).status_code == 303
        assert (await admin.post("/people/li/unbind", data=word)).status_code == 303
        assert (await browser.get("/desk")).status_code == 303
        assert said(await come_back(browser, "u-1")) == (403, "unbound")
        assert "解绑统一身份" not in (await admin.get("/people/li")).text
        assert (await admin.get("/desk")).status_code == 200
    assert [what for _, what, _ in told(stage)].count("unbind-subject") == 1


async def test_whoever_is_ended_or_locked_does_not_come_in(stage: Stage) -> None:
    async with stage.browser() as admin, stage.browser() as browser:
        await stage.come_in(admin, "root1", "admin")
        await stage.come_in(browser, "li", "operator")
        await come_back(browser, "u-1", "/account/oidc", csrf=await word_of(browser))
        word = {"csrf": await word_of(admin)}
        await admin.post("/people/li/end", data=word)
        assert said(await come_back(browser, "u-1")) == (403, "closed")
        link = await stage.account("li", "operator")
        assert said(await come_back(browser, "u-1", link=link)) == (400, "link")
        await admin.post("/people/li/resume", data=word)
        for _ in range(FAILURES):
            stage.later(2)
            await browser.post("/login", data={"name": "li", "password": "wrong"})
        assert said(await come_back(browser, "u-1")) == (403, "closed")


async def test_a_bound_administrator_is_somebody_who_can_let_others_in(where: Where, provider: OpenId) -> None:
    now = int(time.time() * 1000)
    async with open_stage(where, oidc=provider.settings, now=now) as stage, stage.browser() as browser:
        await come_back(browser, "root", link=await stage.account("root1", "admin"))
    async with open_stage(where, now=now) as stage, stage.browser() as browser:
        assert stage.said == []
        # Nobody is sent out where the settings name no provider, and no page says that one could be.
        assert (await browser.post("/login/oidc")).status_code == 404
        assert said(await browser.get("/login/oidc/back")) == (400, "over")
        assert "/login/oidc" not in (await browser.get("/login")).text


async def test_what_comes_back_twice_late_or_from_another_browser_is_refused(stage: Stage) -> None:
    async with stage.browser() as browser, stage.browser() as thief:
        await come_back(browser, "u-1", link=await stage.account("li", "operator"))
        way = await at_provider(browser, await sent(browser), "u-1")
        # Somebody else's browser, with a trip of its own and without one.
        assert said(await thief.get(way)) == (400, "over")
        mine = await at_provider(thief, await sent(thief), "u-2")
        assert said(await thief.get(way)) == (400, "over")
        assert said(await browser.get(mine)) == (400, "over")
        # None of that uses anything up.
        kept = browser.cookies.get(TRIP)
        assert onward(await browser.get(way)) == "/desk"
        assert browser.cookies.get(TRIP) is None
        # Once, even for a browser that kept what it should have dropped.
        browser.cookies.set(TRIP, kept or "", domain="127.0.0.1", path="/login/oidc")
        assert said(await browser.get(way)) == (400, "over")
        late = await at_provider(browser, await sent(browser), "u-1")
        stage.later(TRIP_MS / 1000)
        assert said(await browser.get(late)) == (400, "over")
    assert [what for _, what, _ in told(stage)].count("come-in") == 2


async def test_what_is_put_into_another_answer_is_refused(stage: Stage) -> None:
    """A code of another sign-in, another issuer, none, a word of refusal, and none of all that."""
    async with stage.browser() as browser, stage.browser() as thief:
        await come_back(browser, "u-1", link=await stage.account("li", "operator"))
        stolen = parse_qs(urlsplit(await at_provider(browser, await sent(browser), "u-1")).query)["code"][0]
        for changed, word in (
            ({"code": stolen}, "untrue"),
            ({"code": "guess"}, "untrue"),
            ({"iss": "https://id.example"}, "untrue"),
            ({"iss": ""}, "untrue"),
            ({"code": ""}, "declined"),
            ({"error": "server_error"}, "declined"),
        ):
            way = httpx.URL(await at_provider(thief, await sent(thief), "u-2"))
            assert said(await thief.get(way.copy_merge_params(changed))) == (403, word), changed
        assert (await thief.get("/desk")).status_code == 303
    async with stage.browser() as browser:
        assert said(await come_back(browser, "")) == (403, "declined")


async def test_where_a_browser_is_led_is_the_citys_own(stage: Stage) -> None:
    async with stage.browser() as browser:
        await come_back(browser, "u-1", link=await stage.account("li", "operator"))
        for target in ("//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:x"):
            stage.later(30)
            assert onward(await come_back(browser, "u-1", next=target)) == "/desk", target
        # Where it comes back to stands in the settings, whatever name it asked by.
        way = await browser.post("/login/oidc", headers={"Host": f"localhost:{urlsplit(stage.address).port}"})
        back = parse_qs(urlsplit(onward(way)).query)["redirect_uri"][0]
        assert back == f"{stage.address}login/oidc/back"
        forged = await browser.post("/login/oidc", headers={"Sec-Fetch-Site": "cross-site"})
        assert forged.status_code == 403
        cookie = way.headers["Set-Cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/login/oidc", "Max-Age=600"))


async def test_a_link_that_is_used_again_stands_in_the_log_too(stage: Stage) -> None:
    async with stage.browser() as browser:
        await come_back(browser, "u-1", link=await stage.account("li", "operator"))
        await come_back(browser, "u-1", link=await stage.account("li", "operator"))
        await come_back(browser, "u-1", "/account/oidc", csrf=await word_of(browser))
    # By a session nothing is changed.
    assert [(what, body) for who, what, body in told(stage) if who == "li"] == [
        ("bind-subject", '{"how":"link"}'),
        ("come-in", '{"how":"oidc"}'),
        ("bind-subject", '{"how":"link","again":true}'),
        ("come-in", '{"how":"oidc"}'),
    ]


async def test_a_link_and_a_password_end_what_was_bound(stage: Stage) -> None:
    """Whoever held the account before, or bound their own identity at a desk that was left open, is out."""
    async with stage.browser() as admin, stage.browser() as browser, stage.browser() as holder:
        await stage.come_in(admin, "root1", "admin")
        await stage.come_in(browser, "li", "operator")
        await come_back(browser, "u-1", "/account/oidc", csrf=await word_of(browser))
        listed = (await admin.get("/people?as=csv")).text.splitlines()
        assert [line.split(",")[6] for line in listed] == ["统一身份", "已绑定", ""]
        await stage.come_in(holder, "li", "operator")
        assert said(await come_back(browser, "u-1")) == (403, "unbound")
        assert "已绑定" not in (await admin.get("/people")).text
        # Another identity may be bound now.
        assert onward(await come_back(holder, "u-2", "/account/oidc", csrf=await word_of(holder))) == "/account"
    ends = [(who, what, body) for who, what, body in told(stage) if what in {"unbind-subject", "set-password"}]
    assert ends == [
        ("root1", "set-password", "{}"),
        ("li", "set-password", "{}"),
        ("li", "unbind-subject", '{"how":"link"}'),
        ("li", "set-password", "{}"),
    ]


@shared
async def test_whoever_is_unbound_on_the_way_does_not_come_in(stage: Stage) -> None:
    async with stage.browser() as browser, await stage.where.open() as other:
        await come_back(browser, "u-1", link=await stage.account("li", "operator"))
        way = await at_provider(browser, await sent(browser), "u-1")
        async with other.writer.begin() as elsewhere:
            await accounts.hold(elsewhere, "li")
            await store.unbind(elsewhere, "li")
            await sessions.end_all(elsewhere, "li")
            coming = asyncio.ensure_future(browser.get(way))
            await waits(stage, coming)
        assert said(await coming) == (403, "unbound")
    assert stage.where.query("SELECT name FROM session") == []


@shared
async def test_unbinding_ends_a_session_that_opens_meanwhile(stage: Stage) -> None:
    async with stage.browser() as admin, stage.browser() as browser, await stage.where.open() as other:
        await stage.come_in(admin, "root1", "admin")
        await come_back(browser, "u-1", link=await stage.account("li", "operator"))
        word = {"csrf": await word_of(admin)}
        async with other.writer.begin() as elsewhere:
            await accounts.hold(elsewhere, "li")
            unbinding = asyncio.ensure_future(admin.post("/people/li/unbind", data=word))
            await waits(stage, unbinding)
            await sessions.begin(elsewhere, "d" * 64, "li", "csrf", stage.now, stage.now + 60_000)
            await changes.note(elsewhere, stage.now, "li", "come-in", "li", "city")
        assert (await unbinding).status_code == 303
    assert stage.where.query("SELECT name FROM session") == [("root1",)]


@shared
@pytest.mark.parametrize("ends", [True, False], ids=["account", "sessions"])
async def test_who_is_ended_on_the_way_binds_nobody(stage: Stage, ends: bool) -> None:  # noqa: FBT001
    async with stage.browser() as browser, await stage.where.open() as other:
        await stage.come_in(browser, "li", "operator")
        way = await at_provider(browser, await sent(browser, "/account/oidc", csrf=await word_of(browser)), "u-1")
        async with other.writer.begin() as elsewhere:
            await accounts.hold(elsewhere, "li")
            if ends:
                await accounts.end(elsewhere, "li", stage.now)
            await sessions.end_all(elsewhere, "li")
            coming = asyncio.ensure_future(browser.get(way))
            await waits(stage, coming)
        assert said(await coming) == (400, "over")
    assert stage.where.query("SELECT name FROM bound_subject") == []


async def test_a_provider_that_does_not_ask_anew_binds_nobody(stage: Stage) -> None:
    """At a desk that others use it knows the last one yet, and the browser is theirs to alter what it is asked."""
    async with stage.browser() as browser:
        link = await stage.account("li", "operator")
        assert said(await come_back(browser, "u-1")) == (403, "unbound")
        stage.later(120)
        for asked in ({}, {"max_age": "3600"}):
            way = httpx.URL(await sent(browser, link=link))
            way = way.copy_remove_param("prompt").copy_remove_param("max_age").copy_merge_params(asked)
            answer = await browser.get(await at_provider(browser, str(way), "u-1", known=True))
            assert said(answer) == (403, "stale"), asked
            assert "没有让您重新登录" in (await browser.get(onward(answer))).text
        stage.now -= 120_000
        # Nothing is half done.
        assert onward(await come_back(browser, "u-1", link=link)) == "/desk"


async def test_over_tls_no_other_host_can_put_the_cookie_of_a_trip(stage: Stage) -> None:
    tls = {"X-Forwarded-Proto": "https"}
    async with stage.browser() as browser:
        await come_back(browser, "u-1", link=await stage.account("li", "operator"))
        answer = await browser.post("/login/oidc", headers=tls)
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-manyi-trip=")
        kept = cookie.partition("=")[2].partition(";")[0]
        parts = {part.strip() for part in cookie.split(";")[1:]}
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=lax"} <= parts
        assert not any(part.startswith("Domain") for part in parts)
        way = await at_provider(browser, onward(answer), "u-1")
        # The name of the other kind of connection is not read.
        for name, headers in ((TRIP, tls), (TRIP_OVER_TLS, {})):
            browser.cookies.clear()
            refused = await browser.get(way, headers={**headers, "Cookie": f"{name}={kept}"})
            assert said(refused) == (400, "over"), name
        browser.cookies.clear()
        back = await browser.get(way, headers={**tls, "Cookie": f"{TRIP_OVER_TLS}={kept}"})
        assert onward(back) == "/desk"
        # A browser takes a cookie of that name back by nothing less.
        (dropped,) = [one for one in back.headers.get_list("Set-Cookie") if one.startswith("__Host-")]
        assert all(word in dropped for word in ("Max-Age=0", "Path=/;", "Secure"))


async def test_whoever_tries_too_often_waits(stage: Stage) -> None:
    async with stage.browser() as browser:
        tried = [await browser.post("/login/oidc") for _ in range(31)]
        assert [one.status_code for one in tried] == [200] * 30 + [429]
        assert said(tried[-1]) == (429, "patience")
        backs = [await browser.get("/login/oidc/back") for _ in range(31)]
        assert said(backs[-1]) == (429, "patience")


async def test_a_provider_that_is_down_is_said_and_passwords_go_on_working(
    where: Where, own_provider: OpenId, caplog: pytest.LogCaptureFixture
) -> None:
    provider = own_provider
    await provider.stop()
    async with open_stage(where, oidc=provider.settings, now=int(time.time() * 1000)) as stage, stage.browser() as li:
        await stage.come_in(li, "li", "operator")
        answer = await li.post("/login/oidc", data={"next": "/cases"})
        assert said(answer) == (503, "away")
        page = await li.get(onward(answer))
        assert "暂时无法使用" in page.text
        assert 'name="next" value="/cases"' in page.text
        assert "does not answer" in (await li.get(f"{onward(answer)}&lang=en")).text
        assert (await li.post("/login", data={"name": "li", "password": PASSWORD})).status_code == 303
        link = await stage.account("wu", "operator")
        answer = await li.post("/login/oidc", data={"link": link})
        assert "暂时无法使用" in (await li.get(f"{onward(answer)}&lang=zh")).text
        assert "passwords still let people in" in caplog.text

        await provider.start()
        assert onward(await come_back(li, "u-1", link=link)) == "/desk"
        way = await at_provider(li, await sent(li), "u-1")
        await provider.stop()
        assert said(await li.get(way)) == (503, "away")

        # It is there again, with other keys.
        await provider.start()
        assert onward(await come_back(li, "u-1")) == "/desk"
    for secret in (PASSWORD, "tests-only", parse_qs(urlsplit(way).query)["code"][0]):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"x" * 300_000, "more than 262144 bytes"),
        (b"no json", "no JSON"),
        (b'{"issuer": "https://id.example"}', "another issuer"),
        (None, "answered 302"),
    ],
    ids=["endless", "text", "another", "elsewhere"],
)
async def test_a_provider_that_answers_something_else_is_away(
    where: Where,
    tmp_path: Path,
    body: bytes | None,
    word: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "oidc.secret"
    file.touch(mode=0o600)
    with answering(body) as issuer:
        oidc = OidcSettings(issuer, "manyi", str(file), f"http://127.0.0.1:{free_port()}")
        async with open_stage(where, oidc=oidc) as stage, stage.browser() as browser:
            assert said(await browser.post("/login/oidc")) == (503, "away")
            assert word in caplog.text


async def test_a_secret_that_others_can_read_stops_the_city(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "oidc.secret"
    file.touch(mode=0o644)
    oidc = OidcSettings("https://id.example", "manyi", str(file), "https://city.example")
    with pytest.raises(SettingsError, match=r"oidc: client_secret_file: .* chmod 600"):
        Reception(database, now=int, monotonic=float, random_bits=secrets.randbits, oidc=oidc)
