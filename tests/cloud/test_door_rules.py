"""Who may ask what, by the door's table alone: every route with every role, in their own place and in others'."""

import re
from pathlib import Path

import pytest

from cloud.door.rules import ANYBODY, TABLE, Rule, Verdict, Where, judge
from cloud.people.rules import ROLES, Person, Role

OWN: dict[Role, str] = {"clerk": "371721121-a1/01", "township": "371721121", "supervisor": "371721"}
FOREIGN = ["city", "371722", "371722101", "371722101-a1/01", "371721122-a1/01"]
SECURITY = (Path(__file__).parents[2] / "docs/security.md").read_text(encoding="utf-8")
CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def person(role: Role) -> Person:
    return Person("somebody", role, OWN.get(role, "city"))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("route", "rule"), TABLE.items(), ids=[" ".join(route) for route in TABLE])
def test_every_route_with_every_role_in_own_and_foreign_places(route: tuple[str, str], rule: Rule, role: Role) -> None:
    asker = person(role)
    own, elsewhere = judge(rule, asker, asker.place), {judge(rule, asker, place) for place in FOREIGN}
    if rule.roles == ANYBODY:
        assert (own, elsewhere) == (Verdict.GRANTED, {Verdict.GRANTED})
    elif role not in rule.roles:
        assert (own, elsewhere) == (Verdict.ROLE, {Verdict.ROLE})
    elif rule.place is None or asker.place == "city":
        assert (own, elsewhere) == (Verdict.GRANTED, {Verdict.GRANTED})
    elif role == "supervisor":
        # One of them lies in the supervisor's own county.
        assert own is Verdict.GRANTED
        assert [judge(rule, asker, place) for place in FOREIGN] == [*[Verdict.PLACE] * 4, Verdict.GRANTED]
    else:
        assert (own, elsewhere) == (Verdict.GRANTED, {Verdict.PLACE})
    assert judge(rule, None, asker.place) is (Verdict.GRANTED if rule.roles == ANYBODY else Verdict.UNKNOWN)


def test_what_does_not_exist_is_elsewhere() -> None:
    rule = Rule(frozenset({"operator"}), Where("place"))
    assert judge(rule, person("operator"), None) is Verdict.PLACE


def test_nobody_who_only_looks_may_change_anything() -> None:
    for (method, path), rule in TABLE.items():
        # Their own sessions and accounts are theirs to care for.
        if method in CHANGES and path not in {"/logout", "/account/oidc"}:
            assert not rule.roles & {"wall", "auditor"}, path


def test_whoever_did_not_come_in_gets_only_what_this_list_says() -> None:
    """Adding to it is a decision, so it stands here a second time."""
    assert {" ".join(route) for route, rule in TABLE.items() if rule.roles == ANYBODY} == {
        "POST /api/pki/enrol",
        "POST /api/pki/renew",
        "GET /health",
        "GET /metrics",
        "GET /static/wall/{name}",
        "GET /static/console/{name}",
        "GET /login",
        "POST /login",
        "GET /welcome",
        "POST /welcome",
        "POST /login/oidc",
        "GET /login/oidc/back",
        "GET /r/{node}/{window}",
        "POST /r/{node}/{window}",
        "POST /r/{node}/{window}/reason",
        "GET /window/worker.js",
        "GET /window/{node}/{window}",
        "GET /window/{node}/{window}/app.webmanifest",
        "GET /static/tablet/{name}",
        "POST /api/tablet/setup",
        "POST /api/tablet/ratings",
        "GET /visit/worker.js",
        "GET /visit/{node}/{window}",
        "GET /visit/{node}/{window}/app.webmanifest",
        "GET /static/homes/{name}",
        "POST /api/home/setup",
        "POST /api/home/visits",
    }


def test_below_supervisor_nobody_asks_about_the_whole_city() -> None:
    for role in ("clerk", "township"):
        for route, rule in TABLE.items():
            if rule.place is not None:
                assert judge(rule, person(role), "city") is not Verdict.GRANTED, route


def test_the_documented_table_is_the_doors() -> None:
    rows = re.findall(r"^\| `([A-Z]+) ([^`]+)` \| (.*?) \| (.*?) \|$", SECURITY, re.MULTILINE)
    written = {(method, path): (roles, place) for method, path, roles, place in rows}
    assert written == {route: (_roles(rule), _place(rule)) for route, rule in TABLE.items()}


def _roles(rule: Rule) -> str:
    if rule.roles == ANYBODY:
        return "anybody"
    return "every role" if rule.roles == frozenset(ROLES) else ", ".join(role for role in ROLES if role in rule.roles)


def _place(rule: Rule) -> str:
    if rule.place is None:
        return ""
    return f"`{rule.place.name}`" if isinstance(rule.place, Where) else f"where `{rule.place.name}` is"
