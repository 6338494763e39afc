"""Whether a request that changes something was made by the city's own page, and not by another site in its name.

By what browsers say of themselves (`Sec-Fetch-Site`, else `Origin`), and by the session's own word, which only the
city's pages hold: in the header `X-CSRF`, or as a form's field `csrf`.
"""

from hmac import compare_digest
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.types import Message, Receive

from cloud.body import TooLong, body_of
from cloud.door.turned import Turned
from cloud.openapi import problem
from cloud.people.visitors import Visitor

FIELD = "csrf"
MOST_FORM = 64 * 1024
_FORM = "application/x-www-form-urlencoded"


async def check_own(request: Request, visitor: Visitor | None) -> None:
    """Raise `Turned` unless `request` of `visitor` is the city's own page's, or a program's with a token."""
    if visitor is not None and visitor.csrf is None and "authorization" in request.headers:
        # No browser sends a token by itself.
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if visitor is None and site is None and origin is None:
        # A device or a program, in nobody's name: no browser posts without saying where it is.
        return
    # Over plain HTTP browsers do not say the first.
    own = site == "same-origin" if site is not None else urlsplit(origin or "").netloc == request.headers.get("host")
    if not own:
        raise Turned(problem(403, "this was not sent by the city's own page"))
    if visitor is None:
        return
    word = await _word(request)
    if visitor.csrf is None or word is None or not compare_digest(visitor.csrf.encode(), word.encode()):
        raise Turned(problem(403, "this page is too old: load it again, and then once more"))


async def _word(request: Request) -> str | None:
    """Return the word that the request brings; a form is read for it, and given to the route as it was."""
    if (given := request.headers.get(f"x-{FIELD}")) is not None:
        return given
    if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
        return None
    try:
        body = await body_of(request, MOST_FORM)
    except TooLong as bad:
        raise Turned(problem(413, str(bad))) from bad
    # Starlette has no other way to put a body back.
    request._receive = _again(body)  # noqa: SLF001
    found = parse_qs(body.decode("utf-8", "replace")).get(FIELD)
    return found[0] if found else None


def _again(body: bytes) -> Receive:
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return parts.pop() if parts else {"type": "http.disconnect"}

    return receive
