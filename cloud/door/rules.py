"""The table of who may ask what, of which place. Pure; the only place where a role or a scope is asked for.

A route that is not in the table cannot be served. `docs/security.md` has the table as people read it, made from this.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from cloud.hours.rules import CITY
from cloud.people.rules import LEADERS, ROLES, Person, Role, within
from contract.enrolment import ENROL, RENEW

ANYBODY: frozenset[Role] = frozenset()
KNOWN: frozenset[Role] = frozenset(ROLES)
# People, who come in by a password; a wall is none.
PEOPLE = KNOWN - {"wall"}
CITY_WIDE: frozenset[Role] = frozenset({"operator", "auditor", "admin"})
BOARD: frozenset[Role] = CITY_WIDE | {"wall"}
PLACES: frozenset[Role] = CITY_WIDE | {"township", "supervisor"}
FLAGS: frozenset[Role] = CITY_WIDE | {"supervisor"}
OPERATORS: frozenset[Role] = frozenset({"operator", "admin"})
ADMIN: frozenset[Role] = frozenset({"admin"})
OWN = ""
# Of a table that is imported.
_MOST_TABLE = 10 * 1024 * 1024
# Of a case's attachment; a little more comes through, so that the page says that it is too long.
_MOST_ATTACHED = 10 * 1024 * 1024 + 1


class Where(NamedTuple):
    """The request names its place by the parameter `name`; without it, it is about all of `default`.

    `OWN`: about the asker's own place.
    """

    name: str
    default: str = CITY


class Held(NamedTuple):
    """The request names a thing by the parameter `name`; the room `room` knows where that is."""

    room: str
    name: str


class Rule(NamedTuple):
    """`roles`: who may; ANYBODY: also who did not come in. `place`: what must lie in the asker's own place.

    Without `place` a request is about no place, or its answer holds only what is the asker's. `hangs`: a page that a
    wall may come to by its key in the address. `file`: how many bytes of a file may come with its form.
    """

    roles: frozenset[Role]
    place: Where | Held | None = None
    hangs: bool = False
    file: int = 0


Route = tuple[str, str]

TABLE: Mapping[Route, Rule] = {
    # The devices' own: a signature is asked for there.
    ("POST", ENROL): Rule(ANYBODY),
    ("POST", RENEW): Rule(ANYBODY),
    # Of one process, on its own machine; nginx passes neither on.
    ("GET", "/health"): Rule(ANYBODY),
    ("GET", "/metrics"): Rule(ANYBODY),
    # Files of the program, the same for everybody.
    ("GET", "/static/wall/{name}"): Rule(ANYBODY),
    ("GET", "/static/console/{name}"): Rule(ANYBODY),
    ("GET", "/openapi.json"): Rule(KNOWN),
    # Coming in and going out: a password, or the secret of a link, is asked for there.
    ("GET", "/login"): Rule(ANYBODY),
    ("POST", "/login"): Rule(ANYBODY),
    ("GET", "/welcome"): Rule(ANYBODY),
    ("POST", "/welcome"): Rule(ANYBODY),
    # Citizens: a code that the hall shows is asked for there.
    ("GET", "/r/{node}/{window}"): Rule(ANYBODY),
    ("POST", "/r/{node}/{window}"): Rule(ANYBODY),
    ("POST", "/r/{node}/{window}/reason"): Rule(ANYBODY),
    # Tablets: a link of the city's is asked for there, and then the tablet's own secret. The page is everybody's.
    ("GET", "/window/worker.js"): Rule(ANYBODY),
    ("GET", "/window/{node}/{window}"): Rule(ANYBODY),
    ("GET", "/window/{node}/{window}/app.webmanifest"): Rule(ANYBODY),
    ("GET", "/static/tablet/{name}"): Rule(ANYBODY),
    ("POST", "/api/tablet/setup"): Rule(ANYBODY),
    ("POST", "/api/tablet/ratings"): Rule(ANYBODY),
    # Assistants' telephones, likewise.
    ("GET", "/visit/worker.js"): Rule(ANYBODY),
    ("GET", "/visit/{node}/{window}"): Rule(ANYBODY),
    ("GET", "/visit/{node}/{window}/app.webmanifest"): Rule(ANYBODY),
    ("GET", "/static/homes/{name}"): Rule(ANYBODY),
    ("POST", "/api/home/setup"): Rule(ANYBODY),
    ("POST", "/api/home/visits"): Rule(ANYBODY),
    # Out to the identity provider and back: which browser that was is asked there, and who it is.
    ("POST", "/login/oidc"): Rule(ANYBODY),
    ("GET", "/login/oidc/back"): Rule(ANYBODY),
    ("GET", "/account"): Rule(PEOPLE),
    ("POST", "/account/oidc"): Rule(PEOPLE),
    ("POST", "/people/{name}/unbind"): Rule(ADMIN),
    ("POST", "/logout"): Rule(PEOPLE),
    ("GET", "/"): Rule(KNOWN),
    ("GET", "/desk"): Rule(PEOPLE),
    ("GET", "/people"): Rule(ADMIN),
    ("POST", "/people"): Rule(ADMIN),
    ("GET", "/people/{name}"): Rule(ADMIN),
    ("POST", "/people/{name}/end"): Rule(ADMIN),
    ("POST", "/people/{name}/resume"): Rule(ADMIN),
    ("GET", "/keys"): Rule(ADMIN),
    ("POST", "/keys"): Rule(ADMIN),
    ("POST", "/keys/{name}/end"): Rule(ADMIN),
    ("GET", "/api/cases"): Rule(PEOPLE, Where("place", OWN)),
    ("GET", "/api/cases/{number}"): Rule(PEOPLE, Held("case", "number")),
    ("POST", "/api/cases/{number}/steps"): Rule(PEOPLE - {"auditor"}, Held("case", "number")),
    ("GET", "/cases"): Rule(PEOPLE, Where("place", OWN)),
    ("GET", "/cases/stream"): Rule(PEOPLE),
    # Each of its cases is judged as by the line of one alone (`cloud.door.several`).
    ("POST", "/cases/bulk"): Rule(PEOPLE - {"auditor"}),
    ("GET", "/cases/{number}"): Rule(PEOPLE, Held("case", "number")),
    ("POST", "/cases/{number}/act"): Rule(PEOPLE - {"auditor"}, Held("case", "number")),
    ("POST", "/cases/{number}/attach"): Rule(LEADERS, Held("case", "number"), file=_MOST_ATTACHED),
    ("GET", "/cases/{number}/files/{sha256}"): Rule(PEOPLE, Held("case", "number")),
    ("POST", "/cases/{number}/contact"): Rule(LEADERS, Held("case", "number")),
    ("POST", "/cases/{number}/contact/read"): Rule(LEADERS, Held("case", "number")),
    ("POST", "/cases/{number}/contact/delete"): Rule(LEADERS, Held("case", "number")),
    ("POST", "/api/cases/{number}/contact"): Rule(LEADERS, Held("case", "number")),
    ("DELETE", "/api/cases/{number}/contact"): Rule(LEADERS, Held("case", "number")),
    ("POST", "/api/cases/{number}/contact/read"): Rule(LEADERS, Held("case", "number")),
    ("GET", "/api/alerts"): Rule(PLACES, Where("place", OWN)),
    ("GET", "/api/alerts/{number}"): Rule(PLACES, Held("alert", "number")),
    ("POST", "/api/alerts/{number}/steps"): Rule(LEADERS, Held("alert", "number")),
    ("GET", "/alerts"): Rule(PLACES, Where("place", OWN)),
    ("GET", "/alerts/{number}"): Rule(PLACES, Held("alert", "number")),
    ("POST", "/alerts/{number}/act"): Rule(LEADERS, Held("alert", "number")),
    ("GET", "/rota"): Rule(PLACES, Where("place", OWN)),
    ("POST", "/rota"): Rule(LEADERS - {"township"}, Where("place", OWN)),
    ("POST", "/rota/end"): Rule(LEADERS - {"township"}, Where("place", OWN)),
    ("GET", "/notices"): Rule(CITY_WIDE),
    ("POST", "/notices/{number}/again"): Rule(OPERATORS),
    ("GET", "/devices"): Rule(PLACES, Where("place", OWN)),
    ("GET", "/devices/{node}"): Rule(PLACES, Held("node", "node")),
    ("POST", "/devices/{node}/times"): Rule(OPERATORS, Held("node", "node")),
    ("POST", "/devices/{node}/back"): Rule(OPERATORS, Held("node", "node")),
    ("GET", "/updates"): Rule(OPERATORS),
    ("POST", "/updates"): Rule(OPERATORS),
    ("GET", "/updates/{number}"): Rule(OPERATORS),
    ("POST", "/updates/{number}/act"): Rule(OPERATORS),
    ("GET", "/windows"): Rule(PLACES, Where("place", OWN)),
    ("GET", "/windows/{node}/{window}"): Rule(PLACES, Held("node", "node")),
    ("GET", "/codes"): Rule(PLACES, Where("place", OWN)),
    ("GET", "/codes/sheets"): Rule(PLACES, Where("place", OWN)),
    ("GET", "/tablets"): Rule(CITY_WIDE),
    ("POST", "/tablets"): Rule(OPERATORS),
    ("POST", "/tablets/{name}/end"): Rule(OPERATORS),
    ("GET", "/assistants"): Rule(CITY_WIDE),
    ("POST", "/assistants"): Rule(OPERATORS),
    ("POST", "/assistants/{name}/end"): Rule(OPERATORS),
    ("GET", "/homes"): Rule(PLACES, Where("place", OWN)),
    ("GET", "/heat"): Rule(PLACES | {"clerk"}, Where("place", OWN)),
    ("GET", "/search"): Rule(PEOPLE),
    ("GET", "/quarantine"): Rule(CITY_WIDE),
    ("GET", "/seals"): Rule(PEOPLE),
    ("GET", "/changes"): Rule(frozenset({"admin", "auditor"})),
    ("GET", "/duties"): Rule(PEOPLE, Where("place", OWN)),
    ("POST", "/desk/sit"): Rule(frozenset({"clerk"})),
    ("POST", "/desk/leave"): Rule(frozenset({"clerk"})),
    ("GET", "/closures"): Rule(PLACES, Where("place", OWN)),
    ("POST", "/closures"): Rule(OPERATORS | {"supervisor"}, Where("place", OWN)),
    ("POST", "/closures/end"): Rule(OPERATORS | {"supervisor"}, Where("place", OWN)),
    ("POST", "/closures/days"): Rule(OPERATORS),
    ("POST", "/closures/days/end"): Rule(OPERATORS),
    ("GET", "/imports"): Rule(OPERATORS),
    ("POST", "/imports"): Rule(OPERATORS, file=_MOST_TABLE),
    ("GET", "/imports/template/{kind}"): Rule(OPERATORS),
    ("POST", "/imports/old/drop"): Rule(OPERATORS),
    ("GET", "/imports/{number}"): Rule(OPERATORS),
    ("POST", "/imports/{number}/apply"): Rule(OPERATORS),
    ("POST", "/imports/{number}/drop"): Rule(OPERATORS),
    # Before the editions, whose period "appeals" would be.
    ("GET", "/reports"): Rule(PEOPLE),
    ("GET", "/reports/appeals"): Rule(PLACES, Where("place", OWN)),
    ("GET", "/reports/appeals/{number}"): Rule(PLACES, Held("appeal", "number")),
    ("POST", "/reports/appeals/{number}/withdraw"): Rule(LEADERS, Held("appeal", "number")),
    ("POST", "/reports/appeals/{number}/decide"): Rule(OPERATORS, Held("appeal", "number")),
    ("GET", "/reports/{period}/{number}"): Rule(PEOPLE, Where("place", OWN)),
    ("POST", "/reports/{period}/{number}/appeals"): Rule(LEADERS, Where("place", OWN)),
    ("GET", "/api/appeals"): Rule(PLACES, Where("place", OWN)),
    ("POST", "/api/appeals"): Rule(LEADERS, Where("place", OWN)),
    ("GET", "/api/appeals/{number}"): Rule(PLACES, Held("appeal", "number")),
    ("POST", "/api/appeals/{number}/withdrawal"): Rule(LEADERS, Held("appeal", "number")),
    ("POST", "/api/appeals/{number}/decision"): Rule(OPERATORS, Held("appeal", "number")),
    ("GET", "/wall"): Rule(BOARD, hangs=True),
    ("GET", "/far"): Rule(BOARD, hangs=True),
    ("GET", "/api/board"): Rule(BOARD),
    ("GET", "/api/stream"): Rule(BOARD),
    ("GET", "/api/places"): Rule(KNOWN),
    ("GET", "/api/seals"): Rule(KNOWN),
    ("GET", "/api/seals/{number}"): Rule(KNOWN),
    ("GET", "/api/windows"): Rule(PLACES, Where("place")),
    ("GET", "/api/nodes"): Rule(PLACES, Where("place")),
    ("GET", "/api/hours"): Rule(PLACES, Where("township")),
    ("GET", "/api/trends/{by}"): Rule(PLACES | {"clerk"}, Where("place")),
    ("GET", "/api/filtered/{by}"): Rule(PLACES, Where("place")),
    ("GET", "/api/ranking"): Rule(CITY_WIDE),
    ("GET", "/api/flags"): Rule(FLAGS, Where("place")),
    ("GET", "/api/quarantine"): Rule(CITY_WIDE),
    ("GET", "/api/estimates"): Rule(CITY_WIDE),
    ("GET", "/api/reports"): Rule(CITY_WIDE),
    ("GET", "/api/reports/{period}/{number}"): Rule(CITY_WIDE),
}


class Verdict(Enum):
    """What becomes of a request."""

    GRANTED = "granted"
    UNKNOWN = "come in first"
    ROLE = "not for this role"
    PLACE = "not of this place"


def judge(rule: Rule, person: Person | None, place: str | None) -> Verdict:
    """Whether `person` (None: nobody known) may ask under `rule` about `place`; None where there is no such thing.

    For what does not exist it is said that it is elsewhere: nobody learns what there is in other places.
    """
    if not rule.roles:
        return Verdict.GRANTED
    if person is None:
        return Verdict.UNKNOWN
    if person.role not in rule.roles:
        return Verdict.ROLE
    if rule.place is not None and (place is None or not within(place, person.place)):
        return Verdict.PLACE
    return Verdict.GRANTED
