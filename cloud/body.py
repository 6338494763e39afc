"""The body of a request that may be so long and no longer."""

from starlette.requests import Request


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
