"""The nouns: an alert, and a step in its history. Pure."""

from typing import Literal, NamedTuple, get_args

import msgspec

from cloud.cases.case import Level
from cloud.rota.rules import Rank
from contract.errors import ManyiError

# case: nobody has looked into it yet, or it is overdue. rate: too many dissatisfied at a window.
Kind = Literal["case", "rate"]
State = Literal["open", "acknowledged", "closed"]
STATES: tuple[State, ...] = get_args(State)
# What people do about an alert.
Action = Literal["acknowledge", "comment", "close"]
ACTIONS: tuple[Action, ...] = get_args(Action)
# What else there is in a history, by `cloud.cases.case.SYSTEM`; it closes alerts too.
Deed = Literal[Action, "raise", "tell", "nobody"]
# role: whoever asks may not. state: not as it is now. changed: somebody else was faster. content: a text is missing.
# unknown: there is no such alert.
Why = Literal["role", "state", "changed", "content", "unknown"]


class AlertRefused(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """What cannot be done about an alert; `why` is countable, the text says it plainly. Nothing has happened."""

    def __init__(self, why: Why, detail: str) -> None:
        """Keep the countable `why` apart from the readable `detail`."""
        super().__init__(detail)
        self.why = why
        self.detail = detail


class Figures(msgspec.Struct, frozen=True):
    """What a window's ratings of the last `minutes` were on one `channel` when it became an alert."""

    channel: str
    minutes: int
    satisfied: int
    basic: int
    dissatisfied: int

    @property
    def counts(self) -> tuple[int, int, int]:
        """By level, the best first."""
        return self.satisfied, self.basic, self.dissatisfied


class Step(NamedTuple):
    """One step of the history, numbered from 1 in its alert: `who` did what `at` (ms), and said `text`.

    Of "tell" `holder` is who was told.
    """

    number: int
    at: int
    who: str
    action: Deed
    text: str = ""
    holder: str | None = None


class Alert(NamedTuple):
    """One alert as it is now; times are ms.

    `case`: the number of its case, and `cause` that of the step in it which made it an alert; None for a rate.
    `channel`: a rate's, else "". `level`: at which place's leaders it begins. `place` and `rank`: whose leader was told
    last, and `holder` who that is; None while there is nobody on duty. `pass_at`: when the next one is told if nobody
    answers, None: there is no next one. `breached_at`: when a rate was last as bad as that. `steps` numbers versions.
    """

    number: int
    kind: Kind
    case: int | None
    cause: int | None
    window: str
    channel: str
    level: Level
    figures: Figures | None
    raised_at: int
    breached_at: int
    state: State
    place: str | None
    rank: Rank | None
    holder: str | None
    pass_at: int | None
    closed_at: int | None
    steps: int
