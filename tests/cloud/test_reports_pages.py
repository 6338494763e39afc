"""Reports and appeals over HTTP: each role sees the lines of its own place, files, decides, and is refused with why."""

import re
from collections.abc import AsyncIterator

import httpx
import jsonschema
import pytest

from cloud.database import write
from cloud.people.rules import Role
from cloud.visits.worker import VisitFollower
from tests.cloud.editions import AHEAD_S, BESIDE, DAY_S, DAYS, FAR, WINDOW, published, rated
from tests.cloud.furnished import CALENDAR, NODE, TODAY
from tests.cloud.reception import Stage, open_stage
from tests.cloud.where import Where

EDITION = f"/reports/{TODAY}/1"
REASON = "两名工作人员代按"


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    await rated(where)
    await published(where)
    async with open_stage(where) as opened:
        opened.later(AHEAD_S + 60)
        yield opened


async def asked(stage: Stage, role: Role, path: str, **form: str) -> httpx.Response:
    async with stage.program(role) as client:
        return await (client.post(path, data=form) if form else client.get(path))


async def codes(stage: Stage, role: Role, query: str = "") -> set[str]:
    page = (await asked(stage, role, f"{EDITION}{query}")).text
    return set(re.findall(rf'href="{EDITION}\?place=([^"]+)"', page))


async def test_each_role_sees_the_lines_of_its_own_place(stage: Stage) -> None:
    window, township = {WINDOW}, {"371721121", WINDOW, f"{NODE}/02"}
    assert await codes(stage, "clerk") == window
    assert await codes(stage, "township") == township
    county = await codes(stage, "supervisor")
    assert township | {"371721", "371721122", BESIDE} <= county
    assert all(code.startswith("371721") for code in county)
    whole: tuple[Role, ...] = ("operator", "auditor", "admin")
    for role in whole:
        assert county | {"city", "371702", FAR} <= await codes(stage, role)
    assert await codes(stage, "operator", "?kind=window&sort=ratings&place=371721121") == {
        *window,
        f"{NODE}/02",
        "371721121",
    }
    foreign: list[tuple[Role, str]] = [
        ("clerk", "371721121"), ("township", "371721122"), ("township", "371721"), ("supervisor", FAR),
    ]  # fmt: skip
    for role, place in foreign:
        assert (await asked(stage, role, f"{EDITION}?place={place}")).status_code == 403
        assert (
            await asked(stage, role, f"{EDITION}/appeals?place={place}", kind="other", reason=REASON)
        ).status_code == 403


async def test_a_line_says_how_it_follows_and_where_it_can_be_computed_again(stage: Stage) -> None:
    page = (await asked(stage, "operator", f"{EDITION}?place=371721121&lang=en")).text
    for said in ("L = 60.4%, U = 73.2%", "T = 85%", "d = -0.11", "0.9500", "85.50", "most favourable estimate"):
        assert said in page, said
    assert f'href="/api{EDITION}"' in page
    below = (await asked(stage, "township", EDITION)).text
    assert "/api/reports" not in below
    assert "李敏" not in page
    lines = (await asked(stage, "operator", f"{EDITION}?as=csv&lang=en&kind=window&sort=ratings")).text.splitlines()
    assert lines[0].lstrip("\ufeff") == (
        "Level,Name,Ratings,Index,Satisfied,Dissatisfied,Interval,K,Assessed,Corrected"
    )
    assert [line.split(",")[2] for line in lines[1:]][:3] == ["0", "0", "0"]


async def test_who_was_asked_stands_beside_the_score(where: Where) -> None:
    """400 were asked at one window, of whom 90 rated satisfied and 10 dissatisfied."""
    await rated(where)
    insert = (
        'INSERT INTO visit (node, token, "window", day, asked, became, ratings, level) '
        "VALUES (:node, :token, :window, :day, :asked, 1, :ratings, :level)"
    )
    levels = [3] * 90 + [1] * 10 + [None] * 300
    rows = [
        (NODE, f"{number:010}", WINDOW, TODAY, CALENDAR.start(TODAY), int(level is not None), level)
        for number, level in enumerate(levels)
    ]
    async with await where.open() as database:
        # Published as what the ledger gave until then.
        await VisitFollower(database, calendar=CALENDAR).catch_up()
        async with database.writer.begin() as connection:
            await write(connection, insert, rows)
    await published(where)
    async with open_stage(where) as stage:
        stage.later(AHEAD_S + 60)
        page = (await asked(stage, "operator", f"{EDITION}?place=371721121&lang=en")).text
        assert "25% / 400" in page
        assert "22.5–97.5%" in page
        lines = (
            await asked(stage, "operator", f"{EDITION}?as=csv&lang=en&kind=window&place={WINDOW}")
        ).text.splitlines()
        assert lines[0].endswith(",K,Assessed,Corrected,Rated / asked,Score of all asked")
        assert lines[1].endswith(",25% / 400,22.5–97.5%")
        # Where nobody was asked nothing is said of it.
        assert "Rated / asked" not in (await asked(stage, "operator", f"{EDITION}?place={FAR}&lang=en")).text


async def test_editions_are_listed_and_compared(stage: Stage) -> None:
    stage.later(DAYS * DAY_S)
    await published(stage.where, at=stage.now, final=True, score="95")
    lines = (await asked(stage, "clerk", "/reports?as=csv&lang=en")).text.splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [[TODAY, "2", "final"], [TODAY, "1", "closed to appeals"]]
    page = " ".join((await asked(stage, "township", f"/reports/{TODAY}/2?lang=en")).text.split())
    assert "Assessed 90 → 95; Corrected 85.50 → 90.25" in page
    assert "Appeal against this line" not in page
    assert (await asked(stage, "township", f"/reports/{TODAY}/3")).status_code == 404
    assert (await asked(stage, "township", "/reports/x/1")).status_code == 422
    foreign = await asked(stage, "operator", f"{EDITION}?place=371721999&lang=en")
    assert "This edition has no line of it." in foreign.text


async def test_an_appeal_is_filed_and_decided_on_the_pages(stage: Stage) -> None:
    filed = await asked(stage, "township", f"{EDITION}/appeals?place={WINDOW}", kind="misuse", reason=REASON)
    assert (filed.status_code, filed.headers["Location"]) == (303, "/reports/appeals/1")
    twice = await asked(stage, "supervisor", f"{EDITION}/appeals?place={WINDOW}", kind="misuse", reason="另一个理由")
    assert twice.status_code == 409
    assert "另一个理由" in twice.text
    own = (await asked(stage, "township", "/reports/appeals/1")).text
    assert ("/withdraw" in own, "/decide" in own) == (True, False)
    other = (await asked(stage, "operator", "/reports/appeals/1")).text
    assert ("/withdraw" in other, "/decide" in other) == (False, True)
    lookers: tuple[Role, ...] = ("clerk", "auditor")
    for role in lookers:
        assert (
            await asked(stage, role, "/reports/appeals/1/decide", deed="grant", seen="1", text="属实")
        ).status_code == 403
    assert (await asked(stage, "clerk", "/reports/appeals/1")).status_code == 403
    short = await asked(stage, "operator", "/reports/appeals/1/decide", deed="grant", seen="1", text="短")
    assert (short.status_code, "4 至 4000" in short.text) == (400, True)
    done = await asked(stage, "operator", "/reports/appeals/1/decide", deed="grant", seen="1", text="已报两人会签")
    assert done.status_code == 303
    late = await asked(stage, "admin", "/reports/appeals/1/decide", deed="refuse", seen="1", text="查无此事")
    assert (late.status_code, "查无此事" in late.text) == (409, True)
    assert "已报两人会签" in (await asked(stage, "township", "/reports/appeals/1")).text
    log = (await asked(stage, "auditor", "/changes?as=csv&lang=en")).text
    assert "appeal granted" in log
    assert "appeal filed" in log


async def test_what_was_refused_is_sent_again_by_the_form_that_came_back(stage: Stage) -> None:
    short = await asked(stage, "township", f"{EDITION}/appeals?place={WINDOW}", kind="misuse", reason="短")
    assert short.status_code == 400
    (action,) = re.findall(r'<form method="post" action="([^"]+/appeals[^"]*)"', short.text)
    again = await asked(stage, "township", action, kind="misuse", reason=REASON)
    assert (again.status_code, again.headers["location"]) == (303, "/reports/appeals/1")
    twice = await asked(stage, "township", action, kind="misuse", reason=REASON)
    assert (twice.status_code, REASON in twice.text) == (409, True)
    for address in re.findall(r'<form class="filter" role="search" action="([^"]+)"', twice.text) + [
        export.replace("&amp;", "&") for export in re.findall(r'<a href="([^"]+)" download>', twice.text)
    ]:
        assert (await asked(stage, "township", address)).status_code == 200, address


async def test_what_was_typed_too_late_can_still_be_read(stage: Stage) -> None:
    stage.later(DAYS * DAY_S)
    late = await asked(stage, "township", f"{EDITION}/appeals?place={WINDOW}", kind="misuse", reason=REASON)
    assert (late.status_code, REASON in late.text) == (409, True)


async def test_appeals_are_listed_for_their_place_with_state_and_age(stage: Stage) -> None:
    for unit in (WINDOW, "371721122", FAR):
        await asked(stage, "operator", f"{EDITION}/appeals?place={unit}", kind="registration", reason=REASON)
    await asked(stage, "operator", "/reports/appeals/2/withdraw", seen="1")
    stage.later(2 * DAY_S)
    seen: dict[Role, list[str]] = {"township": ["1"], "supervisor": ["2", "1"], "auditor": ["3", "2", "1"]}
    for role, numbers in seen.items():
        lines = (await asked(stage, role, "/reports/appeals?as=csv&lang=en&state=")).text.splitlines()
        assert [line.split(",")[0] for line in lines[1:]] == numbers
    first = (await asked(stage, "township", "/reports/appeals?as=csv&lang=en")).text.splitlines()[1].split(",")
    assert (first[1], first[-1]) == ("undecided", "2")
    filtered = (await asked(stage, "operator", f"/reports/appeals?as=csv&state=withdrawn&period={TODAY}")).text
    assert [line.split(",")[0] for line in filtered.splitlines()[1:]] == ["2"]
    assert (await asked(stage, "township", "/reports/appeals?place=371721122")).status_code == 403
    assert (await asked(stage, "township", "/reports/appeals/3")).status_code == 403
    assert (await asked(stage, "operator", "/reports/appeals/9")).status_code == 403


async def test_after_its_time_nobody_appeals(stage: Stage) -> None:
    stage.later(DAYS * DAY_S)
    late = await asked(stage, "township", f"{EDITION}/appeals", kind="other", reason=REASON)
    assert (late.status_code, "不在申诉期内" in late.text) == (409, True)
    assert "/appeals?place=" not in (await asked(stage, "township", EDITION)).text.split("<main")[1].split("<form")[1]


async def test_the_desk_tells_of_open_editions_and_of_what_waits(stage: Stage) -> None:
    await asked(stage, "township", f"{EDITION}/appeals", kind="other", reason=REASON)
    told: dict[str, Role] = {"wang": "operator", "li": "township", "chen": "supervisor"}
    for name, role in told.items():
        async with stage.browser() as browser:
            await stage.come_in(browser, name, role)
            desk = (await browser.get("/desk?lang=en")).text
            assert f"{TODAY}, edition 1: open to appeals until" in desk
            assert "1 undecided" in desk
    async with stage.browser() as browser:
        await stage.come_in(browser, "zhou", "clerk")
        assert "open to appeals until" not in (await browser.get("/desk?lang=en")).text


async def test_a_program_files_and_decides(stage: Stage) -> None:
    form = {"period": TODAY, "edition": 1, "kind": "assessment", "reason": REASON}
    async with stage.program("township") as township, stage.program("operator") as operator:
        filed = (await township.post(f"/api/appeals?place={WINDOW}", json=form)).json()
        assert (filed["number"], filed["unit"], filed["state"]) == (1, WINDOW, "filed")
        assert (await township.post(f"/api/appeals?place={WINDOW}", json=form)).status_code == 409
        assert (await township.post(f"/api/appeals?place={FAR}", json=form)).status_code == 403
        for wrong in ({**form, "kind": "x"}, {**form, "reason": ""}, {**form, "period": "\0"}, {**form, "edition": 0}):
            answer = await township.post("/api/appeals", json=wrong)
            assert (answer.status_code, bool(answer.json()["detail"])) == (400, True)
        assert (await township.post("/api/appeals", json={**form, "edition": 7})).status_code == 404
        assert (await township.post("/api/appeals", json={**form, "reason": "x" * 60_000})).status_code == 413
        decision = {"deed": "refuse", "version": 1, "text": "考核分核对无误"}
        assert (await township.post("/api/appeals/1/decision", json=decision)).status_code == 403
        assert (await operator.post("/api/appeals/1/decision", json={**decision, "version": 2})).status_code == 409
        assert (await operator.post("/api/appeals/1/withdrawal", json={"version": 1})).status_code == 409
        decided = (await operator.post("/api/appeals/1/decision", json=decision)).json()
        assert (decided["state"], decided["decided_by"], decided["version"]) == ("refused", "operator-key", 2)
        again = (await township.post("/api/appeals", json={**form, "kind": "other"})).json()
        assert (await operator.get("/api/appeals/1")).json() == decided
        back = await township.post(f"/api/appeals/{again['number']}/withdrawal", json={"version": 1, "text": ""})
        assert back.json()["state"] == "withdrawn"
        page = (await township.get("/api/appeals?limit=1")).json()
        assert ([one["number"] for one in page["appeals"]], page["before"]) == ([2], 2)
        document = (await operator.get("/openapi.json")).json()
        schema = {"$ref": "#/components/schemas/AppealPage", "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(page)
