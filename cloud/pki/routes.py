"""Enrolment over HTTP, for devices that have nothing to show but an invitation."""

import logging
from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from cloud.openapi import answer, described, problem, problems
from cloud.pki.allowance import Allowance
from cloud.pki.enrolment import Enrolment
from contract.enrolment import ENROL, Enrolled
from contract.errors import Reason, Refused

logger = logging.getLogger(__name__)

MOST_BYTES = 4096
# A township's devices at once, and then a city's in some hours.
BURST, EVERY_S = 60, 0.5
ANSWERS = (Enrolled,)


def router(enrolment: Enrolment, *, monotonic: Callable[[], float]) -> APIRouter:
    """Return the route; `monotonic` counts seconds."""
    pki = APIRouter(tags=["pki"])
    allowance = Allowance(BURST, EVERY_S)

    @pki.post(
        ENROL,
        responses={
            **described(Enrolled, "The device's certificate, sealed with the secret of its invitation"),
            **problems(
                _400="Not a signed request", _403="Not invited", _413="Too long", _429="Too many ask: again in a minute"
            ),
        },
        response_class=Response,
    )
    async def enrol(request: Request) -> Response:
        """Certify a device's key by its invitation and register it. The body: a line of JSON, a line of signature."""
        if not allowance.take(monotonic()):
            return problem(429, "too many devices ask at once; please ask again in a minute")
        raw = bytearray()
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MOST_BYTES:
                return problem(413, f"a request is at most {MOST_BYTES} bytes")
        try:
            return answer(await enrolment.enrol(bytes(raw)))
        except Refused as refused:
            # Who asks learns no more than that; the person at the city does.
            logger.warning("enrolment was refused: %s", refused)
            if refused.reason is Reason.UNDECODABLE:
                return problem(400, "not a signed request to enrol")
            return problem(403, "not invited: ask the city for an invitation for this device")

    return pki
