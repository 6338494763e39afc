"""Enrolment and renewal over HTTP, for devices: nobody gets anything here but by an invitation or by their own key."""

import logging
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from cloud.body import TooLong, body_of
from cloud.door.allowance import Allowance
from cloud.openapi import answer, described, problem, problems
from cloud.pki.enrolment import Enrolment
from cloud.pki.renewal import Renewal
from contract.enrolment import ENROL, RENEW, Enrolled
from contract.errors import Reason, Refused

logger = logging.getLogger(__name__)

MOST_BYTES = 4096
# A township's devices at once, and then a city's in some hours.
BURST, EVERY_S = 60, 0.5
# Every device asks once a day, and after an outage all within some minutes.
RENEW_BURST, RENEW_EVERY_S = 600, 0.02
ANSWERS = (Enrolled,)


def router(enrolment: Enrolment, renewal: Renewal, *, monotonic: Callable[[], float]) -> APIRouter:
    """Return the routes; `monotonic` counts seconds."""
    pki = APIRouter(tags=["pki"])
    enrolling, renewing = Allowance(BURST, EVERY_S), Allowance(RENEW_BURST, RENEW_EVERY_S)
    refusals = problems(
        _400="Not a signed request", _403="Not to this device", _413="Too long", _429="Too many ask: again in a minute"
    )

    @pki.post(
        ENROL,
        responses={**described(Enrolled, "The certificate, sealed with the secret of the invitation"), **refusals},
        response_class=Response,
    )
    async def enrol(request: Request) -> Response:
        """Certify a device's key by its invitation and register it. The body: a line of JSON, a line of signature."""
        if not enrolling.take(monotonic()):
            return _patience()
        return await _served(request, enrolment.enrol, "not invited: ask the city for an invitation for this device")

    @pki.post(
        RENEW,
        responses={
            200: {"description": "The newest certificate: a line of JSON, a line of the city's signature"},
            **refusals,
        },
        response_class=Response,
    )
    async def renew(request: Request) -> Response:
        """Give a device the newest certificate of its key, a new one from half of the old one's life on."""
        if not renewing.take(monotonic()):
            return _patience()
        return await _served(request, renewal.renew, "nothing to renew: ask the city for an invitation")

    return pki


def _patience() -> Response:
    return problem(429, "too many devices ask at once; please ask again in a minute")


async def _served(request: Request, serve: Callable[[bytes], Awaitable[object]], refusal: str) -> Response:
    """What `serve` makes of the body. Who is refused learns `refusal` and no more; the person at the city does."""
    try:
        return answer(await serve(await body_of(request, MOST_BYTES)))
    except TooLong as bad:
        return problem(413, str(bad))
    except Refused as refused:
        logger.warning("%s was refused: %s", request.url.path, refused)
        if refused.reason is Reason.UNDECODABLE:
            return problem(400, "not a signed request")
        return problem(403, refusal)
