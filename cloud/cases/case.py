"""The nouns of the closed loop: a case, a rating of it, and a step in it. Pure."""

from typing import Literal, NamedTuple, get_args

import msgspec

from contract.errors import ManyiError

State = Literal["new", "contacted", "verified", "rectified", "replied", "revisited", "closed", "unfounded"]
STATES: tuple[State, ...] = get_args(State)
ENDS: frozenset[State] = frozenset({"closed", "unfounded"})
# Who has to see to it, the nearest first.
Level = Literal["township", "county", "city"]
LEVELS: tuple[Level, ...] = get_args(Level)
# What people do in a case.
Action = Literal[
    "contact", "verify", "rectify", "reply", "revisit", "close", "call_unfounded", "uphold_unfounded",
    "reject_unfounded", "assign", "note", "attach",
]  # fmt: skip
ACTIONS: tuple[Action, ...] = get_args(Action)
# What else there is in a history: the opening and rises of level, by SYSTEM, and what was done with a contact.
Deed = Literal[Action, "open", "raise", "leave_contact", "read_contact", "delete_contact"]
SYSTEM = "system"

# role: whoever asks may not do that at all. state: not as the case is now. changed: somebody else was faster.
# content: what was given with it is missing or wrong. unknown: there is no such case, or not yet for who asks.
Kind = Literal["role", "state", "changed", "content", "unknown"]


class CaseRefused(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """What cannot be done in a case; `kind` is why, and the text says it plainly. Nothing has happened."""

    def __init__(self, kind: Kind, detail: str) -> None:
        """Keep the countable `kind` apart from the readable `detail`."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Attachment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that belongs to a case and is kept elsewhere, by its SHA-256 (64 hexadecimal digits); `size` in bytes."""

    name: str
    sha256: str
    media_type: str
    size: int


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step says beside who did what: only what was given or has changed by it.

    `rating`: how the citizen rated what was done (1..3). `level`: the case's from here on. `due_at`: the next
    obligation's deadline from here on, ms; 0: there is none any more.
    """

    text: str = ""
    rating: int | None = None
    assignee: str | None = None
    attachment: Attachment | None = None
    level: Level | None = None
    due_at: int | None = None


class Step(NamedTuple):
    """One step of the history, numbered from 1 in its case: `who` did what `at` (ms), and the state after it."""

    number: int
    at: int
    who: str
    action: Deed
    state: State
    body: Body


class Case(NamedTuple):
    """One case as it is now; times are ms.

    `opened_at`: city time. `first_at`: when the rating that opened it was pressed; `newest_at`: the one pressed last.
    `since`: from when its deadlines count. `due_at`: the deadline of what is next, None where nothing is due.
    `raise_at`: when its level rises next if nothing is done. `contact`: the citizen can be reached. `unfounded_by`:
    who called it unfounded. `closed_at`: when it ended. `steps`: how many there were, which numbers its versions.
    """

    number: int
    window: str
    township: str
    opened_at: int
    first_at: int
    newest_at: int
    state: State
    state_at: int
    since: int
    due_at: int | None
    raise_at: int | None
    level: Level
    assignee: str | None
    contact: bool
    unfounded_by: str | None
    closed_at: int | None
    steps: int

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.state not in ENDS

    def overdue(self, now: int) -> bool:
        """Whether what is next should have been done by `now` (ms)."""
        return self.due_at is not None and self.due_at <= now


class Rating(NamedTuple):
    """A dissatisfied rating of a case: its number (node, epoch, seq), its city-wide window, and when it was pressed.

    `position`, `received_at`: of its ledger entry. `others`: how many counted ratings came at its window after it, as
    long as that mattered. `seen_from`: from when on everybody sees it. Times are ms.
    """

    node: str
    epoch: str
    seq: int
    window: str
    at: int
    position: int
    received_at: int
    seen_from: int
    others: int
