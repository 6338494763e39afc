"""The nouns: an appeal against one line of a published edition, and what is asked for. Pure."""

from typing import Literal, NamedTuple, get_args

from contract.errors import ManyiError

# What the line is said to suffer from: ratings that nobody meant, a window or a day that was registered wrongly,
# another assessment than the assessors', or something else.
Kind = Literal["misuse", "registration", "assessment", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
State = Literal["filed", "granted", "refused", "withdrawn"]
STATES: tuple[State, ...] = get_args(State)
# What is done about one that was filed.
Decided = Literal["grant", "refuse"]
Deed = Literal[Decided, "withdraw"]
DEEDS: tuple[Deed, ...] = get_args(Deed)
# late: the edition is not open to appeals, or not any more. unknown: no such edition, line, or appeal. twice: one like
# it is undecided. own: who filed it asks to decide it. others: somebody else asks to withdraw it. content: a text is
# missing. state: it was ended before. changed: somebody else was faster.
Why = Literal["late", "unknown", "twice", "own", "others", "content", "state", "changed"]


class AppealRefused(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """What cannot be done about an appeal; `why` is countable, the text says it plainly. Nothing has happened."""

    def __init__(self, why: Why, detail: str) -> None:
        """Keep the countable `why` apart from the readable `detail`."""
        super().__init__(detail)
        self.why = why
        self.detail = detail


class Wish(NamedTuple):
    """An appeal to be filed: against the line of `unit` (its code) in edition `edition` of `period`, and the reason."""

    period: str
    edition: int
    unit: str
    kind: Kind
    reason: str


class Appeal(NamedTuple):
    """One appeal as it is now; times are ms.

    `answer`: what was said when it was decided or withdrawn, by `decided_by`. `version` is raised by every deed.
    """

    number: int
    period: str
    edition: int
    unit: str
    kind: Kind
    reason: str
    filed_by: str
    filed_at: int
    state: State
    answer: str
    decided_by: str | None
    decided_at: int | None
    version: int

    @property
    def undecided(self) -> bool:
        """Whether it waits to be heard."""
        return self.state == "filed"
