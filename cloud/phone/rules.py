"""Whether a code of the minute (`contract.codes`) that somebody typed is good, there and now. Pure.

A code is good for one rating: as many come by telephone from a window as there are minutes, whoever has its codes.
"""

import hmac
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from contract.codes import MINUTE_MS, code_at
from contract.errors import ManyiError
from contract.identity import township_of

# Of this minute and the two before it: who reads a code off the screen has two minutes to use it.
GOOD = 3
# For so many minutes more it is told that a code was good, and is not any longer.
OVER = 60

Why = Literal["forged", "over", "elsewhere", "used", "patience"]


class NotTaken(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """A rating by telephone that does not count; nothing has happened. `why` is the countable reason.

    forged: no code of this hall. over: its minutes are over. elsewhere: another window's. used: somebody has rated by
    it. patience: too many wrong ones were tried at this window.
    """

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


class Code(NamedTuple):
    """A code that is good, and the minute (ms since 1970 UTC // 60000) that it is of."""

    text: str
    minute: int


def checked(key: bytes, window: str, text: str, now: int, neighbours: Iterable[str] = ()) -> Code:
    """Return the code that somebody typed as `text` at `window` at city time `now` (ms).

    Raises `NotTaken` where it is not good there and now; `neighbours` are the other windows it may be of.
    """
    typed = "".join(unicodedata.normalize("NFKC", text).split())
    if not (typed.isascii() and typed.isdigit()):
        raise NotTaken("forged")
    this = now // MINUTE_MS
    for minute in range(this, this - GOOD, -1):
        if hmac.compare_digest(typed, code_at(key, window, minute)):
            return Code(typed, minute)
    good, over = range(this, this - GOOD, -1), range(this - GOOD, this - GOOD - OVER, -1)
    if any(hmac.compare_digest(typed, code_at(key, window, minute)) for minute in over):
        raise NotTaken("over")
    if any(hmac.compare_digest(typed, code_at(key, other, minute)) for other in neighbours for minute in good):
        raise NotTaken("elsewhere")
    raise NotTaken("forged")


def neighbours_of(window: str, windows: Iterable[str]) -> Iterator[str]:
    """Yield those of `windows` that are of the same township as `window`, without itself."""
    return (one for one in windows if township_of(one) == township_of(window) and one != window)
