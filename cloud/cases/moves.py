"""The one table of what may be done in a case, in which state and by whom. Pure."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from cloud.cases.case import ACTIONS, ENDS, STATES, Action, State
from cloud.people.rules import Role

# A text that says what was done has so many characters at least.
LEAST_TEXT = 4

# Nobody has looked into it yet.
FIRST: frozenset[State] = frozenset({"new", "contacted"})
_DOUBTFUL: frozenset[State] = frozenset({"new", "contacted", "verified"})
_ALL = frozenset(STATES)
_OPEN = _ALL - ENDS

# What becomes of the first signature on "unfounded": it stays, it is put, or it goes.
Signature = Literal["stays", "put", "gone"]


class Move(NamedTuple):
    """What `action` does in a case that is in one of `before`; `after`: its state then, None: the same.

    The conditions hold either way where they are None. `contact`: the citizen left one. `signed`: somebody has called
    the case unfounded, who is not the one that asks. `dissatisfied`: the citizen is so with what was done.
    `text`: how long it has to be. `anew`: deadlines count from now on.
    """

    action: Action
    before: frozenset[State]
    after: State | None = None
    text: int = 0
    contact: bool | None = None
    signed: bool | None = None
    dissatisfied: bool | None = None
    signature: Signature = "stays"
    anew: bool = False


def _in(*states: State) -> frozenset[State]:
    return frozenset(states)


# Who rectifies takes it for founded, so a call that it is not ends there.
MOVES: tuple[Move, ...] = (
    Move("contact", _in("new"), "contacted", LEAST_TEXT, contact=True),
    Move("verify", _in("new"), "verified", LEAST_TEXT, contact=False),
    Move("verify", _in("contacted"), "verified", LEAST_TEXT),
    Move("rectify", _in("verified"), "rectified", LEAST_TEXT, signature="gone"),
    Move("reply", _in("rectified"), "replied", LEAST_TEXT),
    Move("revisit", _in("replied"), "revisited", contact=True, dissatisfied=False),
    Move("revisit", _in("replied"), "verified", contact=True, dissatisfied=True, anew=True),
    Move("close", _in("replied"), "closed", contact=False),
    Move("close", _in("revisited"), "closed"),
    Move("call_unfounded", _DOUBTFUL, None, LEAST_TEXT, signed=False, signature="put"),
    Move("uphold_unfounded", _DOUBTFUL, "unfounded", signed=True),
    Move("reject_unfounded", _DOUBTFUL, None, signed=True, signature="gone"),
    Move("assign", _OPEN),
    Move("note", _ALL, None, 1),
    Move("attach", _ALL),
)

_TOWNSHIP = frozenset[Action]({"contact", "verify", "rectify", "reply", "note", "attach", "assign", "call_unfounded"})
MAY: Mapping[Role, frozenset[Action]] = {
    "clerk": frozenset({"note"}),
    "township": _TOWNSHIP,
    "supervisor": _TOWNSHIP | {"revisit", "close", "uphold_unfounded", "reject_unfounded"},
    "operator": frozenset(ACTIONS),
    "admin": frozenset(ACTIONS),
    "auditor": frozenset(),
    "wall": frozenset(),
}
