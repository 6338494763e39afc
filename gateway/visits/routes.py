"""The visits over HTTP, for the queue's system: what was finished, and what became of it. No grade is in any answer.

It answers out of the township alone: whether the line to the city stands makes no difference.
"""

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Request, Response

from contract.errors import StoreFull
from gateway.visits.desk import Elsewhere, Visits
from gateway.visits.visit import Finished, told

MOST_BYTES = 4096
_finished = msgspec.json.Decoder(Finished)


class Refusal(Exception):  # noqa: N818  (it says what is wrong)
    """A request that is not done; `status` and `detail` are the answer's."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Routes:
    """The routes for whoever says `secret`; `visits` is None while the gateway has not opened them."""

    def __init__(self, visits: Callable[[], Visits | None], secret: str) -> None:
        self._visits = visits
        self._expected = f"Bearer {secret}".encode()

    def router(self) -> APIRouter:
        """Return the routes."""
        routes = APIRouter()
        routes.add_api_route("/visits", self.take, methods=["POST"])
        routes.add_api_route("/visits/{token}", self.look)
        return routes

    async def take(self, request: Request) -> Response:
        """Take a visit: 201, or 200 where its transaction was told before."""
        return await _answered(self._taken(request))

    async def look(self, request: Request, token: Annotated[str, Path(max_length=64)]) -> Response:
        """Say what became of the visit of a transaction."""
        return await _answered(self._found(request, token))

    async def _taken(self, request: Request) -> Response:
        desk = self._entered(request)
        finished = await _read(request)
        try:
            visit, new = await desk.take(finished)
        except ValueError as bad:
            raise Refusal(422, str(bad)) from bad
        except Elsewhere as known:
            raise Refusal(409, str(known)) from known
        return _answer(201 if new else 200, told(visit))

    async def _found(self, request: Request, token: str) -> Response:
        visit = await self._entered(request).of(token)
        if visit is None:
            raise Refusal(404, "no visit of this token, or it was told more than a day ago")
        return _answer(200, told(visit))

    def _entered(self, request: Request) -> Visits:
        """Where visits are told, for who may; raises `Refusal`."""
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), self._expected):
            raise Refusal(401, "say who you are: Authorization: Bearer, and the secret of [visits]")
        desk = self._visits()
        if desk is None:
            raise Refusal(503, "the gateway is starting or stopping: say it again in a moment")
        return desk


async def _answered(work: Coroutine[None, None, Response]) -> Response:
    try:
        return await work
    except Refusal as why:
        return _refused(why)
    except StoreFull:
        return _refused(Refusal(507, "the gateway's disk is full: nothing was done, say it again later"))


async def _read(request: Request) -> Finished:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refusal(413, f"a visit is at most {MOST_BYTES} bytes")
    try:
        return _finished.decode(body)
    except msgspec.DecodeError as bad:
        raise Refusal(422, f"{bad}; expected JSON with window, token, and if you like item and because") from bad


def _answer(status: int, content: msgspec.Struct | dict[str, str]) -> Response:
    body = msgspec.json.encode(content)
    return Response(body, status, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _refused(why: Refusal) -> Response:
    answer = _answer(why.status, {"detail": why.detail})
    if why.status == 401:  # noqa: PLR2004  (HTTP's own)
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
