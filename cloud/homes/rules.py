"""What an assistant's telephone sends: visits, each under its number, with the citizen's rating or without one. Pure.

A visit that was kept is never turned away for its words, since a rating may stand in it: the page refuses what is not
to be written, and what comes all the same is written without it.
"""

import re
import unicodedata
from typing import Annotated, Literal, NamedTuple

import msgspec

from cloud.calendar import HOUR_MS
from cloud.carriers.rules import Delivery, Mono, Press, Run
from cloud.contacts.rules import has_number
from contract.batch import Millis
from contract.rating import MAX_PRESSES

# Of one delivery.
MOST_VISITS = 40
MOST_NAME, MOST_NOTE = 40, 100
# So long after it came a visit's place, item, time and note are forgotten; that there was one is not.
KEEP_MS = 365 * 24 * HOUR_MS
_DIGITS = re.compile(r"\d+")
_CONTROLS = frozenset({"Cc", "Cf", "Cs", "Cn", "Co"})

Name = Annotated[str, msgspec.Meta(max_length=MOST_NAME)]
Kind = Literal["station", "home"]
# As the assistant set it: the telephone's own day and minute, which nobody vouches for.
Said = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$(?!\n)")]


class Visit(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """`[run, mono, date, level, presses, kind, place, item, said, note]`; level 0 and no presses: it was not rated.

    The clocks are those of the moment at which it was kept: of a rating, when that was chosen.
    """

    run: Run
    mono: Mono
    date: Millis
    level: Annotated[int, msgspec.Meta(ge=0, le=3)]
    presses: Annotated[int, msgspec.Meta(ge=0, le=MAX_PRESSES)]
    kind: Kind
    place: Name
    item: Name
    said: Said
    note: Annotated[str, msgspec.Meta(max_length=MOST_NOTE)]

    @property
    def key(self) -> "Key":
        """What tells it from every other one under its number."""
        return Key(self.run, self.mono, self.date, self.press)

    @property
    def press(self) -> Press | None:
        """The rating, if there is one."""
        if not self.level:
            return None
        return Press(self.run, self.mono, self.date, self.level, max(1, self.presses))


class Visits(Delivery, frozen=True, forbid_unknown_fields=True):
    """Visits as a telephone kept them."""

    visits: Annotated[list[Visit], msgspec.Meta(max_length=MOST_VISITS)]


class Key(NamedTuple):
    """When a visit was kept, and its rating: enough to know it again when its words are forgotten."""

    run: int
    mono: int
    date: int
    press: Press | None


def plain(text: str) -> str:
    """Return `text` without what is no letter; where a telephone may stand in it, without its digits."""
    letters = "".join(one for one in unicodedata.normalize("NFC", text) if unicodedata.category(one) not in _CONTROLS)
    return (_DIGITS.sub("…", letters) if has_number(letters) else letters).strip()
