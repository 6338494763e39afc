"""Answers made by msgspec, described by the same structs: what OpenAPI says is what goes out.

FastAPI would send every answer through pydantic; a board of 167 townships is made four times a second, so ours goes out
as the bytes that msgspec made, and its schema is made from the struct that was encoded.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import StreamingResponse

REF = "#/components/schemas/{name}"
Told = dict[int | str, dict[str, Any]]
_encode = msgspec.json.Encoder().encode


class Problem(msgspec.Struct, frozen=True):
    """Why a request was not answered."""

    detail: str


def answer(content: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return `content` (structs, lists, or bytes that are JSON already) as a JSON response that nobody may keep."""
    body = content if isinstance(content, bytes) else _encode(content)
    return Response(body, status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def stream(events: AsyncIterator[bytes]) -> Response:
    """Return server-sent `events`, which nobody on the way may keep or hold back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, headers=headers, media_type="text/event-stream")


def problem(status: int, detail: str) -> Response:
    """Return an error that says what is wrong."""
    return answer(Problem(detail), status=status)


def described(type_: Any, what: str) -> Told:  # noqa: ANN401  (a struct, or a list of one)
    """Return FastAPI's `responses` for `type_` as the answer."""
    schema = msgspec.json.schema_components([type_], ref_template=REF)[0][0]
    return {200: {"description": what, "content": {"application/json": {"schema": schema}}}}


def taken(type_: type[msgspec.Struct]) -> dict[str, Any]:
    """Return FastAPI's `openapi_extra` for `type_` as what is sent along."""
    schema = {"$ref": REF.format(name=type_.__name__)}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def problems(**reasons: str) -> Told:
    """Return FastAPI's `responses` for errors: `_404="no such place"`."""
    schema = {"$ref": REF.format(name="Problem")}
    return {
        int(status.strip("_")): {"description": why, "content": {"application/json": {"schema": schema}}}
        for status, why in reasons.items()
    }


def publish(app: FastAPI, types: Sequence[Any], refusals: Callable[[tuple[str, str]], Mapping[str, str]]) -> None:
    """Make `app`'s OpenAPI document hold the schemas of `types`, and whatever they refer to.

    `refusals` tells of a route, by status, why it may not be answered at all; what the route itself says goes before.
    """
    _, components = msgspec.json.schema_components([*types, Problem], ref_template=REF)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            made.setdefault("components", {}).setdefault("schemas", {}).update(components)
            for path, methods in made.get("paths", {}).items():
                for method, operation in methods.items():
                    for status, why in refusals((method.upper(), path)).items():
                        operation["responses"].setdefault(status, problems(**{f"_{status}": why})[int(status)])
            app.openapi_schema = made
        return app.openapi_schema

    # FastAPI's documented way.
    app.openapi = document  # type: ignore[method-assign]
