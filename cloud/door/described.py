"""What OpenAPI says of the door: with what a request may be turned away before its route hears of it. Pure."""

from collections.abc import Mapping

from cloud.door.rules import TABLE, Route

_KNOWN: Mapping[str, str] = {
    "401": "Come in first: by a session, or by a token as `Authorization: Bearer ...`",
    "403": "Not for this role, or not of this place",
    "429": "Too many requests at once; again in a moment",
    "503": "What this needs does not answer now; again in a moment",
}


def refusals(route: Route) -> Mapping[str, str]:
    """Return why the door refuses some who ask for `route`, by status; nobody is refused what is anybody's."""
    return _KNOWN if route in TABLE and TABLE[route].roles else {}
