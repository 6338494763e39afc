"""Who asks, for the routes behind the door."""

from typing import cast

from starlette.requests import Request

from cloud.people.visitors import Visitor


def visitor_of(request: Request) -> Visitor | None:
    """Return who asks, as the door found it."""
    return cast("Visitor | None", request.state.visitor)


def asker_of(request: Request) -> Visitor:
    """Return who asks, of a page that nobody unknown comes to by the door's table."""
    visitor = visitor_of(request)
    if visitor is None:
        raise RuntimeError(f"{request.url.path} is open to anybody: the door's table is wrong")
    return visitor
