"""What the city says of its own API is true for every role, and nobody reads what is not theirs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import APIRouter, FastAPI, Response

from cloud import city
from cloud.app import create_app
from cloud.door.rules import ADMIN, ANYBODY, KNOWN, TABLE, Route, Rule
from cloud.openapi import Problem, answer, described, problem
from cloud.people.rules import ROLES
from tests.cloud import canaries
from tests.cloud.questions import ask
from tests.cloud.reception import Stage, key_of, open_stage
from tests.cloud.where import InFile

pytestmark = [
    pytest.mark.timeout(400),
    # The city's own thread waits for random times while a question is drawn.
    pytest.mark.filterwarnings("ignore:Do not use the `random` module"),
]


@pytest.fixture
async def full(tmp_path: Path, upgraded_file: Path) -> AsyncIterator[Stage]:
    """A city with canaries."""
    where = InFile(tmp_path, upgraded_file)
    await canaries.plant(where)
    async with open_stage(where) as stage:
        await canaries.plant_later(stage)
        yield stage


async def test_everything_described_asked_as_every_role(full: Stage) -> None:
    answers = await asyncio.to_thread(ask, full)
    assert answers.findings == {}
    assert answers.count > 3000
    # Whoever may read a canary has, so the others could have; walls hang where no device is.
    reached = {(canary.word, role) for canary in canaries.ALL for role in canary.roles - {"wall"}}
    assert reached - answers.seen == set()


DEFECTS: dict[str, set[tuple[str, str]]] = {
    "breaks": {(kind, role) for kind in ("broken", "UndefinedStatusCode") for role in ROLES},
    "odd": {("JsonSchemaError", role) for role in ROLES},
    "text": {("UndefinedContentType", role) for role in ROLES},
    "made": {("UndefinedStatusCode", role) for role in ROLES},
    "leaks": {("leak", role) for role in ROLES if role not in {"operator", "admin"}},
    "tells": {("leak", who) for who in (*ROLES, "nobody")},
    "open": {("open", role) for role in ROLES if role != "admin"},
}


def planted() -> APIRouter:
    """A route for each thing that may be wrong with one; all of them say that they answer with a `Problem`."""
    routes = APIRouter()
    wrong: dict[str, Callable[[], Response]] = {
        "breaks": lambda: problem(500, "broken"),
        "odd": lambda: answer({"detail": 5}),
        "text": lambda: Response("plain", media_type="text/plain"),
        "made": lambda: problem(201, "made"),
        "leaks": lambda: problem(200, "a canary behind the veil sings"),
        "tells": lambda: answer(Problem(""), headers={"X-Key": key_of("wall")}),
        "open": lambda: problem(200, ""),
    }
    for name, answered in wrong.items():
        routes.add_api_route(f"/planted/{name}", answered, responses=described(Problem, "x"), response_class=Response)
    return routes


@pytest.fixture
def with_defects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The city that is begun next has those routes, and a door that knows them."""
    table = cast("dict[Route, Rule]", TABLE)
    for name in DEFECTS:
        monkeypatch.setitem(table, ("GET", f"/planted/{name}"), Rule(ANYBODY if name == "tells" else KNOWN))

    def create(routers: Sequence[APIRouter], **others: Any) -> FastAPI:  # noqa: ANN401  (as they are)
        return create_app([*routers, planted()], **others)

    monkeypatch.setattr(city, "create_app", create)


async def test_whatever_is_wrong_with_a_route_is_found(
    with_defects: None, full: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with full.program("admin") as client:
        assert (await client.get("/openapi.json")).status_code == 200
    # The door has its table by now, and goes by what was wrong in it.
    monkeypatch.setitem(cast("dict[Route, Rule]", TABLE), ("GET", "/planted/open"), Rule(ADMIN))
    answers = await asyncio.to_thread(partial(ask, full, only="/planted"))
    found = {(finding.route.rpartition("/")[2], finding.kind, finding.asker) for finding in answers.findings}
    assert found == {(name, kind, who) for name, wanted in DEFECTS.items() for kind, who in wanted}
