"""Carriers over HTTP: by a link they are set up, by their secret they deliver. Nobody else gets anything here."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from fastapi import APIRouter, Request, Response

from cloud.body import Unread, read_as
from cloud.carriers.desk import Desk, NotKnown, Patience
from cloud.carriers.rules import Delivery, Refused, Why
from cloud.door.allowance import Allowance
from cloud.openapi import answer, described, problem, problems, taken
from cloud.registry.snapshot import Registry
from contract.errors import Unavailable

MOST_BYTES = 32 * 1024
# Those of a hall at once, and then a city's in some hours.
BURST, EVERY_S = 60, 0.5
_Secret = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)")]


class SetUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whoever has the `link` of `window` wants to be known by `secret`, which the carrier made."""

    window: Annotated[str, msgspec.Meta(max_length=60)]
    link: _Secret
    secret: _Secret


class Bound(msgspec.Struct, frozen=True):
    """The carrier is one of `window`, which people call so in Chinese and English."""

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


class At(NamedTuple):
    """Where a channel's carriers are heard: `called` in the API, set up at `set_up`, and at `deliver` by `delivery`."""

    called: str
    set_up: str
    deliver: str
    delivery: type[Delivery]


ANSWERS = (SetUp, Bound, Held, NotHeld)
_set_up = msgspec.json.Decoder(SetUp)


def router(
    desk: Desk[Any, Any], at: At, *, registry: Callable[[], Registry], monotonic: Callable[[], float]
) -> APIRouter:
    """Return the routes; `monotonic` counts seconds."""
    carriers = APIRouter(tags=[at.called])
    decoder = msgspec.json.Decoder(at.delivery)
    setting_up = Allowance(BURST, EVERY_S)
    refusals = problems(_400="Not what is taken here", _413="Too long", _429="Too often", _503="Again in a moment")

    @carriers.post(
        at.set_up,
        responses={**described(Bound, "What the carrier is"), **problems(_403="No such link is good"), **refusals},
        openapi_extra=taken(SetUp),
        response_class=Response,
    )
    async def set_up(request: Request) -> Response:
        """Set a carrier up by its one-time link. The same may be asked again, by the same secret."""
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

    @carriers.post(
        at.deliver,
        responses={
            **described(Held, "What is held"),
            409: {**described(NotHeld, "What will never be held as this")[200]},
            **problems(_401="No carrier in use shows this secret"),
            **refusals,
        },
        openapi_extra=taken(at.delivery),
        response_class=Response,
    )
    async def deliver(request: Request) -> Response:
        """Take what a carrier keeps, which shows its secret as `Authorization: Bearer ...`."""
        try:
            held = await desk.take(_shown(request), await read_as(request, decoder, MOST_BYTES))
        except NotKnown:
            return problem(401, "no carrier in use shows this secret: set it up anew by a link of the city")
        except Refused as bad:
            return answer(NotHeld(bad.held, bad.why, str(bad)), status=409)
        except (Unread, Patience, Unavailable) as bad:
            return _not_now(bad)
        return answer(Held(held, desk.now))

    return carriers


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
