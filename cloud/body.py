"""The body of a request that may be so long and no longer."""

from typing import TypeVar

from msgspec import DecodeError
from msgspec.json import Decoder
from starlette.requests import Request

T = TypeVar("T")


class TooLong(Exception):  # noqa: N818  (it says what is wrong)
    """It was longer, and was not read to its end; the text says what is allowed."""


async def body_of(request: Request, most: int) -> bytes:
    """Return the body of `request`; raises `TooLong` beyond `most` bytes."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            raise TooLong(f"a request here is at most {most} bytes")
    return bytes(raw)


class Unread(Exception):  # noqa: N818  (it says what is wrong)
    """A body that is not what a route takes; `status` is the answer's."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


async def read_as(request: Request, decoder: Decoder[T], most: int) -> T:
    """Return what `decoder` makes of the body of `request`. Raises `Unread`, also beyond `most` bytes."""
    try:
        return decoder.decode(await body_of(request, most))
    except TooLong as bad:
        raise Unread(413, str(bad)) from bad
    except DecodeError as bad:
        raise Unread(400, str(bad)) from bad
