"""A door that stands open: what is tested behind it is a room of its own. Whoever comes is the admin."""

from starlette.types import ASGIApp, Receive, Scope, Send

from cloud.people.rules import Person
from cloud.people.visitors import Visitor

ADMIN = Visitor(Person("admin", "admin", "city"), "Admin", "word", "digest")


def open_door(app: ASGIApp) -> ASGIApp:
    async def through(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["visitor"] = ADMIN
        await app(scope, receive, send)

    return through
