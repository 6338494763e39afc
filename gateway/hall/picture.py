"""What the hall's screen is told, as JSON. Both languages travel, so that a page changes over without asking again."""

import msgspec

from proof.scores import Counts


class Both(msgspec.Struct, frozen=True):
    """A text in both languages."""

    zh: str
    en: str


class Shown(msgspec.Struct, frozen=True):
    """How many ratings are seen; with too few of them neither their levels nor a score is told."""

    count: int
    counts: Counts | None = None
    score: float | None = None


class Window(msgspec.Struct, frozen=True):
    """A window by its city-wide name, with the number on its plate; `duty`: who sits there."""

    window: str
    number: str
    plate: Both
    duty: Both | None
    shown: Shown


class Picture(msgspec.Struct, frozen=True):
    """The screen at `now` (ms; None: the time is not known, and then nothing that goes by it is told).

    `quiet_since`: since when (ms) the city is not heard, 0 where that is not known; None: it is. `minute`: that of the
    codes which may be fetched, None for none. `by_phone`: whether this hall has any. `version` is the software's.
    """

    version: str
    name: Both
    zone: str
    now: int | None
    quiet_since: int | None
    by_phone: bool
    minute: int | None
    block: int
    veil_minutes: int
    least: int
    total: Shown
    windows: list[Window]
    notices: list[Both]


class Code(msgspec.Struct, frozen=True):
    """The code of a window, and the picture of its address: a `path` in a square of `size` units; "" for none."""

    window: str
    code: str
    size: int
    path: str


class Codes(msgspec.Struct, frozen=True):
    """The codes of a minute."""

    minute: int
    codes: list[Code]
