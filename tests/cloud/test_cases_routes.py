"""Cases over HTTP: what a program sees and does, refusals with why, and nothing of other places."""

from collections.abc import AsyncIterator

import httpx
import jsonschema
import pytest

from tests.cloud.reception import Stage, open_stage
from tests.cloud.where import Where

NODE = "371721121-a1"


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    async with open_stage(where) as opened:
        await opened.open_cases(f"{NODE}/01", "371722101-a1/01", f"{NODE}/02")
        yield opened


async def post(client: httpx.AsyncClient, number: int, **deed: object) -> httpx.Response:
    return await client.post(f"/api/cases/{number}/steps", json=deed)


async def test_a_program_works_a_case_to_its_end(stage: Stage) -> None:
    async with stage.program("operator") as client:
        case = (await client.get("/api/cases/1")).json()
        assert case["allowed"] == ["verify", "call_unfounded", "assign", "note", "attach"]
        for action, state in (
            ("verify", "verified"),
            ("rectify", "rectified"),
            ("reply", "replied"),
            ("close", "closed"),
        ):
            version = case["case"]["version"]
            answer = await post(client, 1, action=action, version=version, text="查过了，属实。")
            assert answer.status_code == 200, answer.text
            case = answer.json()
            assert case["case"]["state"] == state
        assert [step["action"] for step in case["steps"]] == ["open", "verify", "rectify", "reply", "close"]
        assert {step["who"] for step in case["steps"][1:]} == {"operator-key"}
        numbers = [one["number"] for one in (await client.get("/api/cases")).json()["cases"]]
        assert numbers == [3, 2]


async def test_what_cannot_be_done_is_refused_with_why_and_nothing_has_happened(stage: Stage) -> None:
    refused: dict[int, list[dict[str, object]]] = {
        400: [
            {"action": "verify", "text": "x"},
            {"action": "verify", "text": "四个字吧", "rating": 3},
            {"action": "x"},
        ],
        409: [
            {"action": "close"},
            {"action": "verify", "text": "查过了吧", "version": 7},
            {"action": "uphold_unfounded"},
        ],
        413: [{"action": "note", "text": "x" * 50_000}],
    }
    async with stage.program("operator") as client:
        before = (await client.get("/api/cases/1")).json()
        for status, deeds in refused.items():
            for deed in deeds:
                answer = await post(client, 1, **{"version": 1, **deed})
                assert (answer.status_code, bool(answer.json()["detail"])) == (status, True), deed
        assert (await client.post("/api/cases/1/steps", content=b"{")).status_code == 400
        assert (await client.get("/api/cases/1")).json() == before
    async with stage.program("clerk") as clerk, stage.program("auditor") as auditor:
        assert (await post(clerk, 1, action="verify", version=1, text="查过了吧")).status_code == 403
        assert (await post(clerk, 1, action="note", version=1, text="记下")).status_code == 200
        assert (await post(auditor, 1, action="note", version=2, text="记下")).status_code == 403
        assert (await auditor.get("/api/cases/1")).status_code == 200


@pytest.mark.parametrize(
    ("role", "numbers"), [("clerk", [1]), ("township", [3, 1]), ("supervisor", [3, 1]), ("operator", [3, 2, 1])]
)
async def test_everybody_sees_the_cases_of_their_own_place(stage: Stage, role: str, numbers: list[int]) -> None:
    async with stage.program(role) as client:  # type: ignore[arg-type]
        found = (await client.get("/api/cases")).json()
        assert [one["number"] for one in found["cases"]] == numbers
        for number in (1, 2, 3):
            assert ((await client.get(f"/api/cases/{number}")).status_code == 200) == (number in numbers)
        assert (await client.get("/api/cases", params={"place": "371722101"})).status_code == (
            200 if role == "operator" else 403
        )
        assert (await client.get("/api/cases/99")).status_code == 403
        for wrong in ("371721121_9", "371721x", "３７１７２１", "3717", "city/01", "371721999999"):
            for path in ("/api/cases", "/cases"):
                refused = await client.get(path, params={"place": wrong})
                assert refused.status_code == (422 if role == "operator" else 403), wrong
        assert (await client.get("/api/cases/" + "1" * 5000)).status_code == 403
        at_once = role == "operator"
        case = (await client.get("/api/cases/1")).json()
        assert (case["ratings"][0]["seq"] == 1) == at_once
        assert (case["case"]["first_at"] % 3_600_000 == 0) == (not at_once)


async def test_pages_go_on_where_the_one_before_ended_and_fit_what_openapi_says(stage: Stage) -> None:
    async with stage.program("operator") as client:
        document = (await client.get("/openapi.json")).json()
        seen: list[int] = []
        before: int | None = 1 << 53
        while before:
            page = (await client.get(f"/api/cases?limit=1&before={before}")).json()
            schema = {"$ref": "#/components/schemas/CasePage", "components": document["components"]}
            jsonschema.Draft202012Validator(schema).validate(page)
            seen += [one["number"] for one in page["cases"]]
            before = page["before"]
        assert seen == [3, 2, 1]
        schema = {"$ref": "#/components/schemas/WholeCase", "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate((await client.get("/api/cases/1")).json())
        for wrong in ("which=half", "limit=0", "before=x", "overdue=perhaps"):
            assert (await client.get(f"/api/cases?{wrong}")).status_code == 422
