"""What is known of one number of a node, each fact as one source tells it. Times are the city's, in ms."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from contract.ranges import Ranges

State = Literal["counted", "admitted", "refused", "conflict", "held"]


class Rating(msgspec.Struct, frozen=True):
    """A rating in the ledger.

    `at`: when it was pressed; `bounds`: the earliest and the latest of that, where it is an estimate. `state`: counted;
    admitted, or refused for good, after it was held; a conflict, or held for another `reason`. `tallied`: how many
    ratings its window's minute counts. `in_series`: whether the series has been fed the entry that let it count; None
    where it does not count, and where the tallies are the series.
    """

    position: int
    epoch: str
    first: int
    last: int
    received_at: int
    lane: str
    at: int
    quality: int
    window: str
    level: int
    presses: int
    state: State
    reason: str | None
    admitted: int | None
    tallied: int
    in_series: bool | None
    bounds: tuple[int, int] | None = None


class Refused(NamedTuple):
    """The city has its batch in quarantine."""

    epoch: str
    first: int
    last: int
    at: int
    reason: str


class Greeting(NamedTuple):
    """A hello that the city keeps: `by` said at `at` that it gave numbers to `last`, and whether it has ours.

    `epoch` is of the node that is asked about, also where a gateway speaks.
    """

    by: str
    epoch: str
    last: int
    at: int
    has: bool


class Kept(NamedTuple):
    """What the store of `by` says: `settled_at` by a receipt; a number `beyond` was not given there, up to `last`.

    One that is `destroyed` was, with those from `first` to `last`.
    """

    by: str
    house: Literal["edge", "gateway"]
    epoch: str
    state: Literal["undated", "uncut", "cut", "deleted", "destroyed", "beyond"]
    first: int
    last: int
    settled_at: int | None


class Destroyed(NamedTuple):
    """In a hello that came at `at`, `by` declares that its disk destroyed `numbers` of this epoch, ours among them."""

    by: str
    epoch: str
    numbers: Ranges
    at: int


class Said(NamedTuple):
    """A step in a log; `at` by the clock of who said it."""

    step: str
    at: int
    house: str
    who: str
    epoch: str
    first: int
    last: int
    lane: str | None
    position: int | None


class Facts(NamedTuple):
    """Everything that was found, from wherever it was looked for; each list in the order of its source."""

    ratings: Sequence[Rating] = ()
    refused: Sequence[Refused] = ()
    greetings: Sequence[Greeting] = ()
    destroyed: Sequence[Destroyed] = ()
    kept: Sequence[Kept] = ()
    said: Sequence[Said] = ()
