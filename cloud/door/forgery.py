"""Whether a request that changes something was made by the city's own page, and not by another site in its name.

By what browsers say of themselves (`Sec-Fetch-Site`, else `Origin`), and by the session's own word, which only the
city's pages hold: in the header `X-CSRF`, or as a form's field `csrf`.
"""

from hmac import compare_digest
from urllib.parse import parse_qs, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from cloud.body import TooLong, body_of
from cloud.door.turned import Turned
from cloud.openapi import problem
from cloud.people.visitors import Visitor

FIELD = "csrf"
MOST_FORM = 64 * 1024
_FORM = "application/x-www-form-urlencoded"
# A form with a file.
_PARTS = "multipart/form-data"


async def check_own(request: Request, visitor: Visitor | None, *, file: int = 0) -> None:
    """Raise `Turned` unless `request` of `visitor` is the city's own page's, or a program's with a token.

    `file`: how many bytes of a file may come with a form; 0 where there is none to come.
    """
    if file and _kind(request) == _PARTS:
        # Whoever sends it: from here on it is in memory, and no longer than this.
        await _hold(request, file + MOST_FORM)
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
    word = await _word(request, file=file)
    if visitor.csrf is None or word is None or not compare_digest(visitor.csrf.encode(), word.encode()):
        raise Turned(problem(403, "this page is too old: load it again, and then once more"))


async def _word(request: Request, *, file: int) -> str | None:
    """Return the word that the request brings; a form is read for it, and given to the route as it was."""
    if (given := request.headers.get(f"x-{FIELD}")) is not None:
        return given
    if file and _kind(request) == _PARTS:
        return await _of_parts(request)
    if _kind(request) != _FORM:
        return None
    body = await _hold(request, MOST_FORM)
    found = parse_qs(body.decode("utf-8", "replace")).get(FIELD)
    return found[0] if found else None


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _hold(request: Request, most: int) -> bytes:
    """Read the body, at most so many bytes, and put it back."""
    try:
        body = await body_of(request, most)
    except TooLong as bad:
        raise Turned(problem(413, str(bad))) from bad
    # Starlette has no other way to put a body back.
    request._receive = _again(body)  # noqa: SLF001
    return body


async def _of_parts(request: Request) -> str | None:
    """Return the word among the parts of a form with a file, which has been read already."""
    # A request of its own reads them: the first one's stream can be read once only.
    raw = await request.receive()
    try:
        async with Request(request.scope, _again(raw["body"])).form(max_files=1, max_fields=20) as form:
            found = form.get(FIELD)
    except HTTPException as bad:
        raise Turned(problem(400, f"this form cannot be read: {bad.detail}")) from bad
    request._receive = _again(raw["body"])  # noqa: SLF001
    return found if isinstance(found, str) else None


def _again(body: bytes) -> Receive:
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return parts.pop() if parts else {"type": "http.disconnect"}

    return receive
