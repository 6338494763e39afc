"""Tablets over HTTP: by a link they are set up, by their secret they deliver. Nobody else gets anything here."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Request, Response

from cloud.body import Unread, read_as
from cloud.door.allowance import Allowance
from cloud.openapi import answer, described, problem, problems, taken
from cloud.registry.snapshot import Registry
from cloud.tablet.desk import NotKnown, Patience, TabletDesk
from cloud.tablet.rules import Delivery, Refused, Why
from contract.errors import Unavailable

MOST_BYTES = 32 * 1024
# A hall's tablets at once, and then a city's in some hours.
BURST, EVERY_S = 60, 0.5
_Secret = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)")]
_SETUP, _RATINGS = "/api/tablet/setup", "/api/tablet/ratings"


class SetUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whoever has the `link` of `window` wants to be known by `secret`, which the tablet made."""

    window: Annotated[str, msgspec.Meta(max_length=60)]
    link: _Secret
    secret: _Secret


class Bound(msgspec.Struct, frozen=True):
    """The tablet is one of `window`, which people call so in Chinese and English."""

    window: str
    zh: str
    en: str


class Held(msgspec.Struct, frozen=True):
    """Of the epoch numbers up to `held` are on disk in the city, whose time is `now` (ms)."""

    held: int
    now: int


class NotHeld(msgspec.Struct, frozen=True):
    """Numbers beyond `held` will never be taken as these: give them anew in another epoch. `why` says what is wrong."""

    held: int
    why: Literal[Why]
    detail: str


ANSWERS = (SetUp, Bound, Delivery, Held, NotHeld)
_set_up = msgspec.json.Decoder(SetUp)
_delivery = msgspec.json.Decoder(Delivery)


def router(desk: TabletDesk, *, registry: Callable[[], Registry], monotonic: Callable[[], float]) -> APIRouter:
    """Return the routes; `monotonic` counts seconds."""
    tablets = APIRouter(tags=["tablets"])
    setting_up = Allowance(BURST, EVERY_S)
    refusals = problems(_400="Not what is taken here", _413="Too long", _429="Too often", _503="Again in a moment")

    @tablets.post(
        _SETUP,
        responses={**described(Bound, "What the tablet is"), **problems(_403="No such link is good"), **refusals},
        openapi_extra=taken(SetUp),
        response_class=Response,
    )
    async def set_up(request: Request) -> Response:
        """Set a tablet up by its one-time link. The same may be asked again, by the same secret."""
        if not setting_up.take(monotonic()):
            return _not_now(Patience())
        try:
            asked = await read_as(request, _set_up, MOST_BYTES)
            await desk.set_up(asked.window, asked.link, asked.secret)
        except NotKnown:
            return problem(403, "this link is used or over: ask the city for another one")
        except (Unread, Patience, Unavailable) as bad:
            return _not_now(bad)
        called = registry().called
        return answer(Bound(asked.window, called(asked.window, "zh"), called(asked.window, "en")))

    @tablets.post(
        _RATINGS,
        responses={
            **described(Held, "What is held"),
            409: {**described(NotHeld, "What will never be held as this")[200]},
            **problems(_401="No tablet in use shows this secret"),
            **refusals,
        },
        openapi_extra=taken(Delivery),
        response_class=Response,
    )
    async def deliver(request: Request) -> Response:
        """Take ratings of a tablet, which shows its secret as `Authorization: Bearer ...`."""
        try:
            held = await desk.take(_shown(request), await read_as(request, _delivery, MOST_BYTES))
        except NotKnown:
            return problem(401, "no tablet in use shows this secret: set it up anew by a link of the city")
        except Refused as bad:
            return answer(NotHeld(bad.held, bad.why, str(bad)), status=409)
        except (Unread, Patience, Unavailable) as bad:
            return _not_now(bad)
        return answer(Held(held, desk.now))

    return tablets


def _shown(request: Request) -> str:
    """The secret that the request shows; empty, which is nobody's, where it shows none."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _not_now(bad: Unread | Patience | Unavailable) -> Response:
    match bad:
        case Unread():
            return problem(bad.status, str(bad))
        case Patience():
            return problem(429, "too often; please send the same again in a minute")
        case _:
            return problem(503, "the database does not take this now; please send the same again in a moment")
