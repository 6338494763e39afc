"""A door that stands open: what is tested behind it is a room of its own. Whoever comes is the auditor."""

from starlette.types import ASGIApp, Receive, Scope, Send

from cloud.people.rules import Person
from cloud.people.visitors import Visitor

AUDITOR = Visitor(Person("auditor", "auditor", "city"), "Auditor", "word", "digest")


def open_door(app: ASGIApp) -> ASGIApp:
    async def through(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["visitor"] = AUDITOR
        await app(scope, receive, send)

    return through
