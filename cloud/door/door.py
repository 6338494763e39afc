"""The door itself: ASGI in front of every route. It knows by the table what a request needs, and refuses the rest.

Whoever comes in brings a session's cookie, a wall's cookie, or a token in the header.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.door.allowances import Allowances
from cloud.door.forgery import check_own
from cloud.door.rules import TABLE, Held, Rule, Verdict, Where, judge
from cloud.door.turned import Turned
from cloud.openapi import problem
from cloud.people.rules import Person, Role
from cloud.people.visitors import Visitor, Visitors
from contract.errors import Unavailable

SESSION, WALL = "manyi", "manyi-wall"
LOGIN = "/login"
SAFE = frozenset({"GET", "HEAD"})
# An open stream is asked so often whether its visitor may still see it.
AGAIN_S = 15.0
_YEAR_S = 366 * 86_400
_WALL: Role = "wall"
_WHY = {
    Verdict.ROLE: "this is not for your role",
    Verdict.PLACE: "this is not in your place, or there is no such thing",
}

# By the name of a thing, which place it is in; None where there is no such thing that the person may know of.
Find = Callable[[str, Person], Awaitable[str | None]]


class _Gate(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    rule: Rule


class Door:
    """Lets requests through to `app` by the table. `rooms` find the place of what is asked for by name (`rules.Held`).

    Behind it a route finds who asks as `request.state.visitor`, None where that was not asked for.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        visitors: Visitors,
        stay: Callable[[Visitor], Awaitable[None]],
        monotonic: Callable[[], float],
        rooms: Mapping[str, Find],
    ) -> None:
        """`stay` notes that a visitor is there still; `monotonic` counts seconds."""
        self._app = app
        self._stay = stay
        self._visitors = visitors
        self._monotonic = monotonic
        self._rooms = rooms
        self._allowances = Allowances(monotonic)
        self._gates = [_Gate(method, compile_path(path)[0], rule) for (method, path), rule in TABLE.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or say why not."""
        if scope["type"] != "http":
            # Nothing else is spoken here.
            return
        request = Request(scope, receive)
        try:
            visitor = await self._let_in(request)
        except Turned as turned:
            await turned.answer(scope, receive, send)
            return
        except Unavailable:
            away = problem(503, "who you are cannot be looked up now; please ask again in a moment")
            await away(scope, receive, send)
            return
        scope.setdefault("state", {})["visitor"] = visitor
        await self._app(scope, request.receive, send if visitor is None else self._watched(request, visitor, send))

    async def _let_in(self, request: Request) -> Visitor | None:
        """Return who asks. Raises `Turned` with what is answered instead, and `Unavailable`."""
        rule, named = self._gate(request)
        if rule.hangs and (key := request.query_params.get("key")):
            raise Turned(await self._hung(request, key))
        # Who asks for what is anybody's is not looked up: /health answers while the database does not.
        visitor = await self._visitor(request) if rule.roles else None
        person = place = None
        if visitor is not None:
            if not self._allowances.take(f"{visitor.digest} {request.client.host if request.client else ''}"):
                raise Turned(problem(429, "too many requests at once; please ask again in a moment"))
            person = visitor.person
            place = await self._place(request, rule, named, person)
        verdict = judge(rule, person, place)
        if verdict is Verdict.UNKNOWN:
            raise Turned(_come_in(request))
        if verdict is not Verdict.GRANTED:
            raise Turned(problem(403, _WHY[verdict]))
        if request.method not in SAFE:
            await check_own(request, visitor, file=rule.file)
        if visitor is not None:
            with suppress(Unavailable):
                await self._stay(visitor)
        return visitor

    def _gate(self, request: Request) -> tuple[Rule, dict[str, str]]:
        method = "GET" if request.method == "HEAD" else request.method
        elsewhere = []
        if not request.scope["path"].isprintable():
            # A pattern's end is also before a last line's end: what nginx took for another address would match.
            raise Turned(problem(404, "there is nothing at this address"))
        for gate in self._gates:
            if (matched := gate.pattern.match(request.scope["path"])) is not None:
                if gate.method == method:
                    return gate.rule, matched.groupdict()
                elsewhere.append(gate.method)
        if elsewhere:
            refusal = problem(405, f"only {', '.join(sorted(elsewhere))} here")
            refusal.headers["Allow"] = ", ".join(sorted(elsewhere))
            raise Turned(refusal)
        raise Turned(problem(404, "there is nothing at this address"))

    async def _visitor(self, request: Request) -> Visitor | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if token:
            return await self._visitors.find(token.strip(), session=False) if scheme.lower() == "bearer" else None
        if (secret := request.cookies.get(SESSION)) and (found := await self._visitors.find(secret, session=True)):
            return found
        if key := request.cookies.get(WALL):
            return await self._visitors.find(key, session=False)
        return None

    async def _place(self, request: Request, rule: Rule, named: Mapping[str, str], person: Person) -> str | None:
        match rule.place:
            case Where(name, default):
                return request.query_params.get(name) or default or person.place
            case Held(room, name):
                find = self._rooms.get(room)
                return None if find is None else await find(named[name], person)
            case None:
                return None

    async def _hung(self, request: Request, key: str) -> Response:
        """Let a wall in by the key in its address, which from then on its browser keeps."""
        visitor = await self._visitors.find(key, session=False)
        if visitor is None or visitor.person.role != _WALL:
            return problem(403, "this key opens no wall: ask the city for another one")
        rest = request.url.remove_query_params("key")
        answer = RedirectResponse(f"{rest.path}?{rest.query}" if rest.query else rest.path, 303)
        set_cookie(request, answer, WALL, key, _YEAR_S)
        return answer

    def _watched(self, request: Request, visitor: Visitor, send: Send) -> Send:
        """Return a `send` that ends a stream whose visitor may not see it any more."""
        looked = self._monotonic()

        async def watched(part: Message) -> None:
            nonlocal looked
            if part.get("more_body") and self._monotonic() - looked > AGAIN_S:
                looked = self._monotonic()
                if not await self._stays(request, visitor):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    # To the stream it is as if whoever watched had gone.
                    raise BrokenPipeError
            await send(part)

        return watched

    async def _stays(self, request: Request, visitor: Visitor) -> bool:
        try:
            now = await self._visitor(request)
        except Unavailable:
            return True
        return now is not None and now.person == visitor.person


def set_cookie(request: Request, answer: Response, name: str, secret: str, seconds: int) -> None:
    """Let the browser keep `secret`: for this city alone, out of reach of scripts, over TLS wherever there is TLS."""
    secure = request.url.scheme == "https"
    answer.set_cookie(name, secret, max_age=seconds, path="/", httponly=True, samesite="strict", secure=secure)


def _come_in(request: Request) -> Response:
    if request.method in SAFE and "text/html" in request.headers.get("accept", ""):
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{LOGIN}?next={quote(target, safe='')}", 303)
    answer = problem(401, "come in first: by a session, or by a token as `Authorization: Bearer ...`")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
