"""What may be done in a case now, and what follows from it, by the table of moves. Pure.

A case annotates its ratings and no more: they count whatever is found here.
"""

from collections.abc import Iterable

from cloud.calendar import MINUTE_MS
from cloud.cases.case import ACTIONS, ENDS, SYSTEM, Action, Body, Case, CaseRefused, Deed, Step
from cloud.cases.deadlines import Terms, dated, risen
from cloud.cases.moves import FIRST, MAY, MOVES, Move
from cloud.cases.request import Request, body_of
from cloud.people.rules import Person
from contract.identity import township_of
from contract.rating import Level


def allowed(case: Case, person: Person) -> list[Action]:
    """What `person` can do in `case` now, if its place is theirs."""
    return [
        action
        for action in ACTIONS
        if action in MAY[person.role]
        and any(_fits(move, case, person, dissatisfied=move.dissatisfied or False) for move in _moves(action))
    ]


def act(case: Case, request: Request, person: Person, at: int, terms: Terms) -> tuple[Case, list[Step]]:
    """`case` after `request` of `person` at `at` (ms), and the steps for its history; the request's is the last.

    Rises of level that were due by then come before it. Raises `CaseRefused`. That the case lies in the person's place
    is looked at elsewhere.
    """
    if request.action not in MAY[person.role]:
        raise CaseRefused("role", f"{request.action}: not for the role {person.role}")
    dissatisfied = request.rating == Level.DISSATISFIED
    moves = [move for move in _moves(request.action) if _fits(move, case, person, dissatisfied=dissatisfied)]
    if not moves:
        raise CaseRefused("state", f"{request.action}: {_why_not(case, request.action, person)}")
    (move,) = moves
    body = body_of(request, move)
    case, steps = risen(case, at, terms)
    after = dated(_moved(case, move, person, at), at, terms)._replace(steps=case.steps + 1)
    if request.action == "assign":
        after = after._replace(assignee=body.assignee)
    return after, [*steps, _step(case, after, person.name, request.action, at, body)]


def opened(number: int, window: str, pressed: int, at: int, terms: Terms) -> tuple[Case, Step]:
    """The case of this `number` that a rating opens which was `pressed` at `window`, at city time `at`; ms."""
    case = Case(
        number,
        window,
        township_of(window),
        opened_at=at,
        first_at=pressed,
        newest_at=pressed,
        state="new",
        state_at=at,
        since=at,
        due_at=None,
        raise_at=None,
        level="township",
        assignee=None,
        contact=False,
        unfounded_by=None,
        closed_at=None,
        steps=1,
    )
    after = dated(case, at, terms)
    return after, _step(case, after, SYSTEM, "open", at, Body())


def contact_left(case: Case, who: str, at: int, terms: Terms) -> tuple[Case, list[Step]]:
    """`case` when `who` wrote down a contact of the citizen at `at` (ms), in place of one that was there.

    Its deadlines count from where they did. Raises `CaseRefused` where it has ended.
    """
    if not case.open:
        raise CaseRefused("state", f"leave_contact: the case is {case.state}")
    case, steps = contact_deleted(case, who, "", at, terms) if case.contact else risen(case, at, terms)
    after = dated(case._replace(contact=True), at, terms)._replace(steps=case.steps + 1)
    return after, [*steps, _step(case, after, who, "leave_contact", at, Body())]


def contact_read(case: Case, who: str, why: str, at: int) -> tuple[Case, list[Step]]:
    """`case` when `who` read the contact at `at` (ms); raises `CaseRefused` where there is none."""
    _needs_contact(case, "read_contact")
    after = case._replace(steps=case.steps + 1)
    return after, [_step(case, after, who, "read_contact", at, Body(why))]


def contact_deleted(case: Case, who: str, why: str, at: int, terms: Terms) -> tuple[Case, list[Step]]:
    """`case` when `who` deleted the contact at `at` (ms): it goes on as one without; raises as `contact_read`."""
    _needs_contact(case, "delete_contact")
    case, steps = risen(case, at, terms)
    after = dated(case._replace(contact=False), at, terms)._replace(steps=case.steps + 1)
    return after, [*steps, _step(case, after, who, "delete_contact", at, Body(why))]


def home(cases: Iterable[Case], at: int, join_minutes: int) -> Case | None:
    """Which of the `cases` of one window a rating pressed at `at` (ms) joins; None: it opens one.

    The newest that nobody has looked into yet, and whose first rating was pressed within `join_minutes` of it.
    """
    near = join_minutes * MINUTE_MS
    joinable = (case for case in cases if case.state in FIRST and abs(case.first_at - at) <= near)
    return max(joinable, key=lambda case: case.number, default=None)


def _needs_contact(case: Case, deed: Deed) -> None:
    if not case.contact:
        raise CaseRefused("state", f"{deed}: the citizen left no contact, or it was deleted")


def _moves(action: Action) -> Iterable[Move]:
    return (move for move in MOVES if move.action == action)


def _fits(move: Move, case: Case, person: Person, *, dissatisfied: bool) -> bool:
    return (
        case.state in move.before
        and move.contact in {None, case.contact}
        and move.dissatisfied in {None, dissatisfied}
        and move.signed in {None, case.unfounded_by is not None}
        # Two signatures are two people's.
        and not (move.signed and case.unfounded_by == person.name)
    )


def _why_not(case: Case, action: Action, person: Person) -> str:
    """Why none of the moves of `action` fits, plainly."""
    moves = [move for move in _moves(action) if case.state in move.before]
    if not moves:
        return f"the case is {case.state}"
    if any(move.contact not in {None, case.contact} for move in moves):
        return "the citizen left a contact, so that comes first" if case.contact else "the citizen left no contact"
    if case.unfounded_by is None:
        return "nobody has called it unfounded"
    if action == "call_unfounded":
        return f"{case.unfounded_by} has called it unfounded already"
    return f"{person.name} has called it unfounded, so another has to decide"


def _moved(case: Case, move: Move, person: Person, at: int) -> Case:
    """`case` after `move`, without its deadline."""
    if move.signature != "stays":
        case = case._replace(unfounded_by=person.name if move.signature == "put" else None)
    if move.anew:
        case = case._replace(since=at)
    if move.after is None:
        return case
    return case._replace(state=move.after, state_at=at, closed_at=at if move.after in ENDS else None)


def _step(before: Case, after: Case, who: str, action: Deed, at: int, body: Body) -> Step:
    level = None if after.level == before.level else after.level
    due_at = None if after.due_at == before.due_at else after.due_at or 0
    return Step(
        after.steps,
        at,
        who,
        action,
        after.state,
        Body(body.text, body.rating, body.assignee, body.attachment, level, due_at),
    )
