"""One deed in many cases: each by its own rules, its own place and its own version, and each is told."""

import re
from collections.abc import AsyncIterator
from unittest.mock import patch

import httpx
import pytest

from cloud.cases.bulk import MOST, seen_of
from cloud.cases.desk import CaseDesk
from cloud.database import write
from contract.errors import Unavailable
from tests.cloud.reception import Stage, open_stage
from tests.cloud.where import Where

NODE, FOREIGN = "371721121-a1", "371722101-a1"
UNKNOWN, CHANGED, STATE, ROLE = "没有这一件。", "别人刚改过这一件", "按现在的状态不能这样做。", "您的角色不能这样做。"


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    async with open_stage(where) as opened:
        await opened.open_cases(f"{NODE}/01", f"{FOREIGN}/01", f"{NODE}/02", f"{NODE}/03")
        yield opened


async def bulk(client: httpx.AsyncClient, *chosen: str, **form: str) -> httpx.Response:
    return await client.post("/cases/bulk", data={"action": "note", "text": "已约谈", "chosen": list(chosen), **form})


def outcomes(answer: httpx.Response) -> dict[int, tuple[str, str]]:
    """By each case's number what happened, and why."""
    found = re.findall(
        r'<a href="/cases/(\d+)">\1</a></td><td><span class="tone \w+">([^<]+)</span></td><td>([^<]*)</td>', answer.text
    )
    return {int(number): (outcome, why) for number, outcome, why in found}


async def deeds(client: httpx.AsyncClient, number: int) -> list[str]:
    return [step["action"] for step in (await client.get(f"/api/cases/{number}")).json()["steps"]]


async def test_many_are_assigned_at_once(stage: Stage) -> None:
    async with stage.program("operator") as client:
        answer = await bulk(client, "1:1", "2:1", "4:1", action="assign", assignee=" wang ", text="")
        assert (answer.status_code, "已办 3 件，未办 0 件" in answer.text) == (200, True)
        assert outcomes(answer) == dict.fromkeys((1, 2, 4), ("已办", ""))
        cases = (await client.get("/api/cases")).json()["cases"]
        assert {one["number"]: one["assignee"] for one in cases} == {1: "wang", 2: "wang", 3: None, 4: "wang"}
        page = (await client.get("/cases")).text
        assert re.findall(r'name="chosen" value="([^"]+)"', page) == ["4:2", "3:1", "2:2", "1:2"]


async def test_a_township_cannot_touch_anothers_case_nor_one_behind_the_veil_nor_learn_that_there_is_one(
    stage: Stage,
) -> None:
    async with await stage.where.open() as database, database.writer.begin() as connection:
        await write(connection, 'UPDATE case_rating SET seen_from = :at WHERE "case" = 4', [(stage.now + 60_000,)])
    async with stage.program("township") as client, stage.program("operator") as city:
        for form in ({}, {"action": "assign", "assignee": "wang"}):
            version = len(await deeds(client, 1))
            answer = await bulk(client, f"1:{version}", "2:1", "3:7", "4:1", "99:1", **form)
            told = outcomes(answer)
            assert (told[1], told[3][0]) == (("已办", ""), "未办")
            assert CHANGED in told[3][1]
            assert {told[number] for number in (2, 4, 99)} == {("未办", UNKNOWN)}
        assert [await deeds(city, number) for number in (2, 4)] == [["open"], ["open"]]
        assert await deeds(city, 1) == ["open", "note", "assign"]
    async with stage.program("supervisor") as county:
        assert {n: o for n, (o, _) in outcomes(await bulk(county, "1:3", "2:1")).items()} == {1: "已办", 2: "未办"}


async def test_each_case_goes_by_its_own_state_and_by_the_askers_role(stage: Stage) -> None:
    async with stage.program("operator") as client, stage.program("clerk") as clerk:
        for action in ("verify", "rectify", "reply", "close"):
            version = len(await deeds(client, 1))
            deed = {"action": action, "version": version, "text": "查过了，属实。"}
            assert (await client.post("/api/cases/1/steps", json=deed)).status_code == 200
        told = outcomes(await bulk(client, "1:5", "3:1", action="assign", assignee="wang", text=""))
        assert told == {1: ("未办", STATE), 3: ("已办", "")}
        told = outcomes(await bulk(clerk, "1:5", "3:2", action="assign", assignee="wang"))
        assert told == {1: ("未办", ROLE), 3: ("未办", UNKNOWN)}
        assert outcomes(await bulk(clerk, "1:5")) == {1: ("已办", "")}
        page = (await clerk.get("/cases?which=any")).text
        assert re.findall(r'<option value="(assign|note)">', page) == ["note"]
        assert outcomes(await bulk(client, "4:1", text=" "))[4][0] == "未办"
        assert outcomes(await bulk(client, "4:1", action="assign", assignee=" "))[4][0] == "未办"
        assert await deeds(client, 4) == ["open"]
    async with stage.program("auditor") as auditor:
        assert (await bulk(auditor, "1:6")).status_code == 403
        assert 'name="chosen"' not in (await auditor.get("/cases?which=any")).text


async def test_what_is_no_choice_is_refused_as_a_whole(stage: Stage) -> None:
    async with stage.program("operator") as client:
        for chosen, said in (
            ([], "没有选中"),
            (["x"], "没有选中"),
            (["1:1", "1"], "没有选中"),
            ([f"{number}:1" for number in range(MOST + 1)], "一次最多 200 件"),
        ):
            answer = await bulk(client, *chosen)
            assert (answer.status_code, said in answer.text) == (400, True), chosen
        assert (await bulk(client, "1:1", action="close")).status_code == 422
        assert await deeds(client, 1) == ["open"]
        answer = await bulk(client, *[f"{number}:1" for number in range(1, MOST + 1)])
        assert f"已办 4 件，未办 {MOST - 4} 件" in answer.text


async def test_what_was_done_before_the_database_went_is_told(stage: Stage) -> None:
    whole = CaseDesk.act

    async def failing(self: CaseDesk, number: int, *given: object, **named: object) -> object:
        if number == 3:
            raise Unavailable("away")
        return await whole(self, number, *given, **named)  # type: ignore[arg-type]

    async with stage.program("operator") as client:
        with patch.object(CaseDesk, "act", failing):
            told = outcomes(await bulk(client, "1:1", "3:1"))
        assert (told[1][0], told[3][0], "没有应答" in told[3][1]) == ("已办", "未办", True)


async def test_a_browser_needs_its_word(stage: Stage) -> None:
    async with stage.browser() as browser, stage.program("operator") as client:
        await stage.come_in(browser, "zhao", "operator")
        assert (await bulk(browser, "1:1")).status_code == 403
        word = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/cases")).text)
        assert word is not None
        assert (await bulk(browser, "1:1", csrf=word[1])).status_code == 200
        assert await deeds(client, 1) == ["open", "note"]


def test_of_two_versions_of_one_case_the_older_one_was_looked_at() -> None:
    assert seen_of(["12:3", "12:2", "7:1"]) == {12: 2, 7: 1}
    assert seen_of([]) == {}
    for wrong in ("12", "12:", ":1", "-1:1", "1:1 ", "１:1", "1" * 16 + ":1"):
        assert seen_of([wrong]) is None, wrong
