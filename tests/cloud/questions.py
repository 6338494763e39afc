"""Everything that a city's OpenAPI document describes, asked as every role and as nobody, and what was wrong with it.

Schemathesis draws the questions, good ones and bad ones, always the same; half of the places and numbers in them are
those of `tests.cloud.canaries`. Every asker is asked the same question, one after the other.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cloud.door.rules import TABLE, Held, Rule, Verdict, Where, judge
from cloud.people.rules import ROLES, Person, Role
from tests.cloud import canaries
from tests.cloud.reception import OWN, Stage, key_of

GOOD, BAD = 10, 5
_DAYS = st.sampled_from(["0001-01-01", "1970-01-01", "2026-11-20", "2026-11-30", "9999-12-31"])
_AIMED: dict[str, st.SearchStrategy[Any]] = {
    "place": st.sampled_from(canaries.PLACES),
    "township": st.sampled_from([canaries.HOME, canaries.NEAR, canaries.FAR]),
    "number": st.sampled_from(list(canaries.CASES)),
    "which": st.just("all"),
    "first": _DAYS,
    "last": _DAYS,
    "version": st.just(1),
    "limit": st.just(50),
}
_NAMES = {"{name}": "operator-key", "{by}": "day", "{period}": "2026Q4"}
_CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


class Finding(NamedTuple):
    """What was wrong with an answer to `asker`."""

    kind: str
    route: str
    asker: str


class Asker(NamedTuple):
    """Somebody of `person`, or nobody."""

    name: str
    person: Person | None
    client: httpx.Client


@dataclass
class Answers:
    """What was found, with one example of each; which canaries were seen by whom; how many answers there were."""

    findings: dict[Finding, str] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    count: int = 0

    def judge(self, asker: Asker, route: tuple[str, str], answer: httpx.Response) -> None:
        """Look for what no answer of any route may be."""
        self.count += 1
        where = " ".join(route)
        # Of a city without a broker it is true that it is not well.
        if answer.status_code >= 500 and route != ("GET", "/health"):
            self.note("broken", where, asker, f"{answer.request.url}: {answer.status_code}")
        if answer.is_success and not _granted(TABLE[route], asker.person, answer.request):
            self.note("open", where, asker, f"{answer.request.url}: {answer.status_code}")
        told = answer.content + repr(answer.headers.raw).encode()
        for canary in canaries.ALL:
            if canary.word.encode() in told:
                self.seen.add((canary.word, asker.name))
                if asker.person is None or asker.person.role not in canary.roles:
                    self.note("leak", where, asker, f"{answer.request.url}: {canary.word}")

    def note(self, kind: str, where: str, asker: Asker, example: str) -> None:
        self.findings.setdefault(Finding(kind, where, asker.name), example)


def ask(stage: Stage, *, only: str = "") -> Answers:
    """Ask all that is described at addresses that begin with `only`, and go to every address; takes a while."""
    answers = Answers()
    with ExitStack() as stack:
        askers = [_asker(stage, role, stack) for role in (*ROLES, None)]
        document = next(asker.client for asker in askers if asker.name == "admin").get("/openapi.json").json()
        schema = schemathesis.openapi.from_dict(document)
        for found in schema.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()
            if operation.path.startswith(only):
                _ask(stage, askers, operation, GenerationMode.POSITIVE, GOOD, answers)
                if any((operation.path_parameters, operation.query, operation.body)):
                    _ask(stage, askers, operation, GenerationMode.NEGATIVE, BAD, answers)
        for (method, path), rule in TABLE.items():
            if method == "GET" and path.startswith(only):
                for address in _addresses(path, rule):
                    for asker in askers:
                        stage.ticks += 1
                        request = asker.client.build_request(method, address)
                        answers.judge(asker, (method, path), _sent(asker.client, request))
    return answers


def _asker(stage: Stage, role: Role | None, stack: ExitStack) -> Asker:
    headers = {"Accept-Encoding": "identity"}
    if role is not None:
        headers["Authorization"] = f"Bearer {key_of(role)}"
    client = httpx.Client(base_url=stage.address.rstrip("/"), headers=headers, trust_env=False, timeout=10)
    person = None if role is None else Person(f"{role}-key", role, OWN.get(role, "city"))
    return Asker(role or "nobody", person, stack.enter_context(client))


def _ask(
    stage: Stage,
    askers: Sequence[Asker],
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    examples: int,
    answers: Answers,
) -> None:
    route = operation.method.upper(), operation.path

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def each(source: st.DataObject) -> None:
        case = _drawn(source, operation, mode)
        for asker in askers:
            stage.ticks += 1
            kinds = case.as_transport_kwargs(base_url=str(asker.client.base_url).rstrip("/"))
            answer = _sent(asker.client, asker.client.build_request(**_known(kinds)))
            answers.judge(asker, route, answer)
            try:
                case.validate_response(answer, checks=_CHECKS)
            except FailureGroup as failed:
                for one in failed.exceptions:
                    answers.note(type(one).__name__, " ".join(route), asker, f"{answer.request.url}: {one}")

    each()


def _drawn(source: st.DataObject, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> Case[Any]:
    case: Case[Any] = source.draw(operation.as_strategy(generation_mode=mode))
    names = {one.name for one in operation.query}
    for name in _AIMED.keys() & names:
        if source.draw(st.booleans()):
            case.query[name] = source.draw(_AIMED[name])
    if "number" in case.path_parameters and source.draw(st.booleans()):
        case.path_parameters["number"] = source.draw(_AIMED["number"])
    if isinstance(case.body, dict) and "version" in case.body and source.draw(st.booleans()):
        case.body["version"] = 1
    return case


def _known(kinds: dict[str, Any]) -> dict[str, Any]:
    return {name: kinds[name] for name in ("method", "url", "params", "headers", "json", "content") if name in kinds}


def _sent(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """The answer; of a stream its first part."""
    answer = client.send(request, stream=True)
    try:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            body = b""
            for chunk in answer.iter_bytes():
                body += chunk
                if b"\n\n" in body:
                    break
        else:
            body = answer.read()
    finally:
        answer.close()
    whole = httpx.Response(answer.status_code, headers=answer.headers, content=body, request=request)
    whole.elapsed = timedelta(0)
    return whole


def _granted(rule: Rule, person: Person | None, request: httpx.Request) -> bool:
    match rule.place:
        case Where(name, default) if person is not None:
            asked = dict(parse_qsl(request.url.query.decode()))
            place: str | None = asked.get(name) or default or person.place
        case Held() if person is not None:
            number = re.search(r"/cases/([^/]*)", request.url.path)
            place = canaries.place_of("" if number is None else number[1], person.role)
        case _:
            place = None
    return judge(rule, person, place) is Verdict.GRANTED


def _addresses(path: str, rule: Rule) -> Iterator[str]:
    """Plain addresses of a route, described or not: of each case, and of each place where it is about a place."""
    for number in canaries.CASES if "{number}" in path else [0]:
        filled = path.replace("{number}", str(number))
        for name, value in _NAMES.items():
            filled = filled.replace(name, value)
        yield filled
        if isinstance(rule.place, Where):
            yield from (f"{filled}?{rule.place.name}={place}" for place in canaries.PLACES)
