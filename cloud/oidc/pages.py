"""Going out to the provider and coming back.

The session's cookie is sent by the city's own pages alone (`SameSite=Strict`), so whoever comes back from elsewhere is
answered with a page that goes on by itself: from there on the browser sends it. The same page leads out, since a form
may be answered by nobody but the city (`form-action`).
"""

from collections.abc import Callable
from typing import Annotated, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Request, Response

from cloud.console.screens import Screens
from cloud.door.allowances import Allowances
from cloud.door.asker import asker_of
from cloud.door.door import SESSION, set_cookie
from cloud.oidc.coming import Coming
from cloud.oidc.rules import TRIP_MS, Said, Stopped
from cloud.oidc.store import Trip
from cloud.oidc.trips import Answer, Trips
from cloud.openapi import problem
from cloud.people.entry import FIRST, Entry
from cloud.people.pages import BURST, EVERY_S, HOME, own
from cloud.people.rules import LONGEST_MS
from cloud.people.secret import digest

OUT = "/login/oidc"
BACK = "/login/oidc/back"
ACCOUNT = "/account"
# A browser takes the second from this very host alone, over TLS: no other host of the domain can put its own in place.
TRIP, TRIP_OVER_TLS = "manyi-trip", "__Host-manyi-trip"
# As in an address that a browser is led to otherwise.
_SAFE = ":/%#?=@[]!$&'()*+,;"
_STATUS: dict[Said, int] = {"patience": 429, "away": 503, "over": 400, "link": 400}

Text = Annotated[str, Form(max_length=300)]


class _Kept(NamedTuple):
    """How a browser keeps the secret of its trip."""

    name: str
    path: str
    secure: bool


class Pages:
    """`trips`: None where the settings name no provider. `monotonic` counts seconds."""

    def __init__(
        self,
        trips: Trips | None,
        coming: Coming,
        entry: Entry,
        screens: Screens,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._trips = trips
        self._coming = coming
        self._entry = entry
        self._screens = screens
        self._out = Allowances(monotonic, burst=BURST, every_s=EVERY_S)
        self._back = Allowances(monotonic, burst=BURST, every_s=EVERY_S)

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route(OUT, self.go_out, methods=["POST"])
        pages.add_api_route(BACK, self.come_back)
        pages.add_api_route(f"{ACCOUNT}/oidc", self.bind, methods=["POST"])
        return pages

    async def go_out(self, request: Request, next: Text = HOME, link: Text = "") -> Response:  # noqa: A002  (as at the login)
        """Send out whoever wants to come in, or to bind by their one-time `link`."""
        target = own(next)
        if not link:
            return await self._send(request, Trip("enter", "", target), "/login", next=target)
        owner = await self._entry.linked(link)
        if owner is None or owner == FIRST:
            return self._stopped(request, "link", "/welcome", link=link)
        return await self._send(request, Trip("link", digest(link), HOME), "/welcome", link=link)

    async def bind(self, request: Request) -> Response:
        """Send out who has come in, to bind their account."""
        return await self._send(request, Trip("session", asker_of(request).digest, ACCOUNT), ACCOUNT)

    async def come_back(self, request: Request) -> Response:
        """Take back who was sent out, and let in or bind."""
        if self._trips is None:
            return self._stopped(request, "over", "/login")
        if not _patient(self._back, request):
            return self._stopped(request, "patience", "/login")
        kept = _kept(request)
        given, secret = request.query_params, request.cookies.get(kept.name, "")
        trip = session = None
        try:
            trip = await self._trips.take(secret, given.get("state", ""))
            answer = Answer(given.get("code", ""), given.get("iss", ""), "error" in given)
            subject = await self._trips.subject(secret, trip, answer)
            match trip.purpose:
                case "enter":
                    session = await self._coming.enter(subject)
                case "link":
                    session = await self._coming.by_link(trip.whom, subject)
                case "session":
                    await self._coming.by_session(trip.whom, subject)
        except Stopped as stopped:
            bound = trip is not None and trip.purpose == "session"
            return self._stopped(request, stopped.said, ACCOUNT if bound else "/login")
        onward = self._onward(request, trip.target)
        if session is not None:
            set_cookie(request, onward, SESSION, session, LONGEST_MS // 1000)
        onward.delete_cookie(kept.name, path=kept.path, secure=kept.secure)
        return onward

    async def _send(self, request: Request, trip: Trip, path: str, **query: str) -> Response:
        """Send a browser out for `trip`, or back to where it came from, `path` with `query`, with why not."""
        if self._trips is None:
            return problem(404, "nobody comes in by another provider here")
        if not _patient(self._out, request):
            return self._stopped(request, "patience", path, **query)
        try:
            out = await self._trips.begin(trip)
        except Stopped as stopped:
            return self._stopped(request, stopped.said, path, **query)
        onward = self._onward(request, out.address)
        # Lax: it is to come along when the provider leads back, and for nothing else.
        kept = _kept(request)
        onward.set_cookie(
            kept.name,
            out.secret,
            max_age=TRIP_MS // 1000,
            path=kept.path,
            httponly=True,
            samesite="lax",
            secure=kept.secure,
        )
        return onward

    def _stopped(self, request: Request, said: Said, path: str, **query: str) -> Response:
        return self._onward(request, f"{path}?{urlencode({**query, 'said': said})}", status=_STATUS.get(said, 403))

    def _onward(self, request: Request, to: str, *, status: int = 200) -> Response:
        return self._screens.page(request, "onward.html", status=status, here="/login", to=quote(to, safe=_SAFE))


def _kept(request: Request) -> _Kept:
    return _Kept(TRIP_OVER_TLS, "/", secure=True) if request.url.scheme == "https" else _Kept(TRIP, OUT, secure=False)


def _patient(allowed: Allowances, request: Request) -> bool:
    return allowed.take(request.client.host if request.client else "")
