"""A case goes by the table of moves, whoever asks for what, and a rating joins the case that it belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError

from cloud.cases.case import ACTIONS, ENDS, STATES, Action, Attachment, Body, Case, CaseRefused, Step
from cloud.cases.policy import read
from cloud.cases.request import MOST_TEXT, Request
from cloud.cases.rules import act, allowed, home
from cloud.people.rules import ROLES, Role
from tests.cloud.docket import DAY_MS, FILE, MINUTE_MS, NOON, POLICY, TERMS, fresh, person, request, walked

# Spelled out once more: from which state, with or without a contact, an action leads where.
WAYS: dict[tuple[str, str, bool], str] = {
    ("new", "contact", True): "contacted",
    ("new", "verify", False): "verified",
    ("contacted", "verify", True): "verified",
    ("contacted", "verify", False): "verified",
    ("verified", "rectify", True): "rectified",
    ("verified", "rectify", False): "rectified",
    ("rectified", "reply", True): "replied",
    ("rectified", "reply", False): "replied",
    ("replied", "revisit", True): "revisited",
    ("replied", "close", False): "closed",
    ("revisited", "close", True): "closed",
    ("revisited", "close", False): "closed",
}
TOWNSHIPS = {"contact", "verify", "rectify", "reply", "note", "attach", "assign", "call_unfounded"}
MAY: dict[str, set[str]] = {
    "wall": set(),
    "auditor": set(),
    "clerk": {"note"},
    "township": TOWNSHIPS,
    "supervisor": TOWNSHIPS | {"revisit", "close", "uphold_unfounded", "reject_unfounded"},
    "operator": set(ACTIONS),
    "admin": set(ACTIONS),
}
NAMES = ["li", "wang", "zhao"]


# An action by name, or by its place among those that are possible: by names alone few walks get far.
DEEDS = st.tuples(
    st.one_of(st.sampled_from(ACTIONS), st.integers(0, 20)),
    st.sampled_from(ROLES),
    st.sampled_from(NAMES),
    st.sampled_from([None, 1, 2, 3]),
    st.integers(0, 9 * DAY_MS),
)


def expected(case: Case, action: str, role: str, name: str, rating: int | None) -> str | None:
    """The state after an action, by the spelled-out ways; None where it is refused."""
    if action not in MAY[role]:
        return None
    doubtful = case.state in {"new", "contacted", "verified"}
    by_another = case.unfounded_by is not None and case.unfounded_by != name
    if action in {"note", "attach"} or (action == "assign" and case.state not in ENDS):
        return case.state
    if action == "call_unfounded":
        return case.state if doubtful and case.unfounded_by is None else None
    if action in {"uphold_unfounded", "reject_unfounded"}:
        after = "unfounded" if action == "uphold_unfounded" else case.state
        return after if doubtful and by_another else None
    after_it = WAYS.get((case.state, action, case.contact))
    return "verified" if after_it == "revisited" and rating == 1 else after_it


@given(st.sampled_from([fresh(), fresh(contact=True)]), st.lists(DEEDS, max_size=40))
def test_no_sequence_of_actions_leaves_the_table(
    case: Case, deeds: list[tuple[Action | int, Role, str, int | None, int]]
) -> None:
    moment = NOON
    history: list[Step] = []
    for named, role, name, rating, gap in deeds:
        moment += gap
        possible = allowed(case, person(name=name))
        action = possible[named % len(possible)] if isinstance(named, int) else named
        who = person(role, name)
        wanted = expected(case, action, role, name, rating)
        assert (action in allowed(case, who)) == (wanted is not None)
        if wanted is None:
            with pytest.raises(CaseRefused):
                act(case, request(action, rating=rating), who, moment, TERMS)
            continue
        before = case
        case, steps = act(case, request(action, rating=rating), who, moment, TERMS)
        history += steps
        assert case.state == wanted
        assert case.state in STATES
        assert [step.number for step in steps] == list(range(before.steps + 1, case.steps + 1))
        assert (steps[-1].who, steps[-1].action, steps[-1].state, steps[-1].at) == (name, action, case.state, moment)
        assert (case.closed_at is not None) == (case.state in ENDS)
        if case.state == "unfounded" and before.state != "unfounded":
            called = [step for step in history if step.action == "call_unfounded"][-1]
            assert called.who not in {name, None}
        if case.state != before.state:
            assert case.state_at == moment
        # What a case is about never changes.
        assert case[:6] == before[:6]


def test_every_way_of_the_spelled_out_table_is_walked() -> None:
    assert walked(["contact", "verify", "rectify", "reply", "revisit", "close"], contact=True).state == "closed"
    assert walked(["verify", "rectify", "reply", "close"]).state == "closed"
    assert walked(["call_unfounded", "uphold_unfounded"]).state == "unfounded"


@pytest.mark.parametrize("role", ROLES)
def test_who_calls_it_unfounded_never_decides_alone(role: Role) -> None:
    case, _ = act(fresh(), request("call_unfounded"), person(name="li"), NOON, TERMS)
    for action in ("uphold_unfounded", "reject_unfounded"):
        assert action not in allowed(case, person(role, "li"))
        with pytest.raises(CaseRefused):
            act(case, request(action), person(role, "li"), NOON, TERMS)
    again, _ = act(case, request("reject_unfounded"), person("supervisor", "wang"), NOON, TERMS)
    assert (again.state, again.unfounded_by) == ("new", None)
    # The second signature is the second one on the call that stands.
    called, _ = act(again, request("call_unfounded"), person(name="wang"), NOON, TERMS)
    with pytest.raises(CaseRefused, match="wang has called it unfounded, so another has to decide"):
        act(called, request("uphold_unfounded"), person(name="wang"), NOON, TERMS)


def test_a_call_stands_while_the_case_is_looked_into_and_ends_with_its_rectification() -> None:
    assert walked(["contact", "call_unfounded", "verify"], contact=True).unfounded_by == "li"
    rectified = walked(["contact", "call_unfounded", "verify", "rectify", "reply", "revisit"], contact=True, rating=1)
    assert (rectified.state, rectified.unfounded_by) == ("verified", None)


@pytest.mark.parametrize(
    ("kind", "told", "of", "asked", "role"),
    [
        ("role", "not for the role clerk", [], request("verify"), "clerk"),
        ("role", "not for the role auditor", [], request("note"), "auditor"),
        ("state", "the case is new", [], request("close"), "admin"),
        ("state", "the citizen left no contact", [], request("contact"), "township"),
        ("state", "the citizen left no contact", ["verify", "rectify", "reply"], request("revisit"), "admin"),
        ("state", "nobody has called it unfounded", [], request("uphold_unfounded"), "admin"),
        ("state", "li has called it unfounded already", ["call_unfounded"], request("call_unfounded"), "township"),
        ("content", "a text of 4 to", [], request("verify", " 查过 "), "township"),
        ("content", "a text of 1 to", [], request("note", "  "), "township"),
        ("content", "a text of 0 to", [], request("assign", "x" * (MOST_TEXT + 1)), "township"),
        ("content", "a name to assign to", [], Request("assign"), "township"),
        ("content", "a name to assign to", [], Request("note", "说清楚了", assignee="li"), "township"),
        ("content", "a name to assign to", [], Request("assign", assignee=""), "township"),
        ("content", "a rating is 1, 2 or 3", [], Request("note", "说清楚了", 3), "township"),
        ("content", "a file goes with attach", [], Request("attach"), "township"),
        ("content", "a file goes with attach", [], Request("note", "说清楚了", attachment=FILE), "township"),
    ],
)
def test_what_is_refused_says_why(kind: str, told: str, of: list[Action], asked: Request, role: str) -> None:
    with pytest.raises(CaseRefused, match=told) as refused:
        act(walked(of), asked, person(role, "zhao"), NOON, TERMS)
    assert refused.value.kind == kind
    assert str(refused.value).startswith(asked.action)


def test_a_citizen_who_can_be_reached_is_asked_before_the_case_is_closed() -> None:
    replied = walked(["contact", "verify", "rectify", "reply"], contact=True)
    with pytest.raises(CaseRefused, match="left a contact, so that comes first"):
        act(replied, request("close"), person(), NOON, TERMS)
    with pytest.raises(CaseRefused, match="a rating is 1, 2 or 3"):
        act(replied, Request("revisit", rating=4), person(), NOON, TERMS)
    assert act(replied, Request("revisit"), person(), NOON, TERMS)[0].state == "revisited"


@pytest.mark.parametrize(
    "file",
    [
        Attachment("../照片.jpg", "0" * 64, "image/jpeg", 5),
        Attachment("照\n片.jpg", "0" * 64, "image/jpeg", 5),
        Attachment("", "0" * 64, "image/jpeg", 5),
        Attachment("照片.jpg", "0" * 63, "image/jpeg", 5),
        Attachment("照片.jpg", "0" * 64, "jpeg", 5),
        Attachment("照片.jpg", "0" * 64, "image/jpeg", -1),
    ],
)
def test_a_file_that_is_none_is_refused(file: Attachment) -> None:
    with pytest.raises(CaseRefused, match="a plain name, a SHA-256"):
        act(fresh(), Request("attach", attachment=file), person(), NOON, TERMS)


def test_what_was_given_with_a_step_is_kept_with_it() -> None:
    case, (step,) = act(fresh(), Request("assign", assignee="wang"), person(), NOON, TERMS)
    assert (case.assignee, step.body) == ("wang", Body(assignee="wang"))
    case, (step,) = act(case, Request("attach", " 现场 ", attachment=FILE), person(), NOON, TERMS)
    assert (case.assignee, step.body) == ("wang", Body("现场", attachment=FILE))


@given(st.lists(st.tuples(st.sampled_from(STATES), st.integers(-600, 600)), max_size=8), st.integers(-600, 600))
def test_a_rating_joins_the_newest_case_near_it_that_nobody_has_looked_into(
    known: list[tuple[str, int]], minute: int
) -> None:
    cases = [
        fresh(number=number)._replace(state=state, first_at=NOON + first * MINUTE_MS)  # type: ignore[arg-type]
        for number, (state, first) in enumerate(known, 1)
    ]
    near = [
        number
        for number, (state, first) in enumerate(known, 1)
        if state in {"new", "contacted"} and first - 240 <= minute <= first + 240
    ]
    found = home(cases, NOON + minute * MINUTE_MS, POLICY.join_minutes)
    assert (None if found is None else found.number) == (near[-1] if near else None)


def test_the_policy_that_is_shipped_says_what_was_decided() -> None:
    assert (POLICY.join_minutes, POLICY.veil.others, POLICY.veil.minutes) == (240, 3, 5)
    days = POLICY.days
    assert (days.contact, days.verify, days.rectify, days.to_city) == (1, 5, 15, 3)
    with pytest.raises(ValidationError):
        read('version = "x"\njoin_minutes = -1')
