"""The board's JSON: one whole picture, and a diff that is the same object with only what changed. Pure structs.

A diff's `counties` and `townships` are merged by key into what a page holds; every other key replaces the whole part.
Moments are milliseconds since 1970 UTC, scores and shares are percent with one decimal.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from cloud.cases.case import Level, State
from contract.ack import Pair
from proof.scores import Counts

Trouble = Literal["failing", "full", "offline", "stuck", "damaged", "skewed", "unsynced"]
# The city itself among what is in trouble; its township is "".
CITY = "city"
# Start of the bucket, score (null where nobody rated), count.
Point = tuple[int, float | None, int]


class Unit(msgspec.Struct, frozen=True):
    """A place's day: counts (satisfied, basic, dissatisfied), score, and colour bin (null below `least` ratings)."""

    n: Counts
    score: float | None
    bin: int | None


class City(Unit, frozen=True):
    """The whole city, with the 95 % interval of the score and the shares of both outer levels; null without ratings.

    `week_change`: percentage points above the same weekday last week up to this minute of the day; null where either
    rests on fewer than `least` ratings.
    """

    low: float | None
    high: float | None
    top: float | None
    bottom: float | None
    week_change: float | None


class LowWindow(msgspec.Struct, frozen=True):
    """One of the worst windows of today; `number` is its own short name, as a number where it is one."""

    window: str
    township: str
    number: int | str
    n: Counts
    score: float
    low: float
    high: float


def short_name(window: str) -> int | str:
    """The own name in the city-wide one of a window, as a number where it is one."""
    name = window.partition("/")[2]
    return int(name) if name.isdecimal() and name.isascii() else name


class FeedItem(msgspec.Struct, frozen=True):
    """One rating, with its township only: a single rating is never shown with its window.

    `township` is the county's code (6 digits) where that township has one window alone. `late`: it came more than a
    minute after it was pressed; `estimated`: `at` is an estimate, between bounds.
    """

    at: int
    township: str
    level: int
    channel: str
    late: bool
    estimated: bool = False


class Estimated(msgspec.Struct, frozen=True):
    """How many ratings of a trend's buckets stand there by an estimate of their time: (start, count), where any do."""

    minute: list[tuple[int, int]] = []
    hour: list[tuple[int, int]] = []
    day: list[tuple[int, int]] = []


class Trends(msgspec.Struct, frozen=True):
    """The city's score over 60 minutes, 24 hours and 30 days; oldest first, without gaps."""

    minute: list[Point]
    hour: list[Point]
    day: list[Point]
    estimated: Estimated = Estimated()


class LastWeek(msgspec.Struct, frozen=True):
    """The city's score seven days before the buckets of `Trends`; null where fewer than `least` rated.

    `minute`: one score, of all the 60 minutes together; `hour` and `day`: one a bucket, in their order.
    """

    minute: float | None
    hour: list[float | None]
    day: list[float | None]


class Path(msgspec.Struct, frozen=True):
    """How ratings travel.

    `rate`: ratings counted in the last 60 s; `p50_ms`, `p99_ms`: from the press to the ledger, the time in which a
    choice settles included, of those that came live in the last 60 s (null if none); `quarantined`: entries today;
    `uncounted`: rows held uncounted now.
    """

    rate: int
    p50_ms: int | None
    p99_ms: int | None
    quarantined: int
    uncounted: int


class Ailing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device in trouble since `since`; `windows` is how many windows it serves. `CITY` is the city's own ledger.

    Of one that is `damaged`: how many ratings its disk `destroyed`, and how many of them are `lost` because nobody else
    had them (null while that is not known), with the first `numbers` of these as closed ranges.
    """

    node: str
    township: str
    windows: int
    state: Trouble
    since: int
    destroyed: int = 0
    lost: int | None = None
    numbers: list[Pair] = []


class Nodes(msgspec.Struct, frozen=True, rename={"worst": "list"}):
    """Devices: `waiting` ratings not yet in the ledger, the oldest `oldest_ms` old; `worst` is `list` in JSON.

    `full`: devices that take no ratings because they have no room.
    """

    online: int = 0
    offline: int = 0
    waiting: int = 0
    oldest_ms: int | None = None
    full: int = 0
    worst: list[Ailing] = []


class OpenCase(msgspec.Struct, frozen=True):
    """An open case: its number, the window it is about and that one's own short name in `number`.

    `opened_at`: to the hour, ms. `overdue`: what is next in it should have been done by now.
    """

    case: int
    window: str
    township: str
    number: int | str
    state: State
    level: Level
    opened_at: int
    overdue: bool


class Cases(msgspec.Struct, frozen=True, rename={"worst": "list"}):
    """The open cases that everybody may see by now: how many, how many of them `overdue`, how many in each state.

    `worst` is `list` in JSON: overdue ones before others, of either new ones first, then the oldest.
    """

    open: int = 0
    overdue: int = 0
    states: list[tuple[State, int]] = []
    worst: list[OpenCase] = []


class Turnout(msgspec.Struct, frozen=True):
    """Who was to be asked today: how many, how many of these `rated`, and between what the mean of all of them lies."""

    asked: int
    rated: int
    low: float
    high: float


class LastSeal(msgspec.Struct, frozen=True):
    """The newest seal: its number, the `day` it closed, its highest ledger position, and its `root` in hex."""

    number: int
    day: str
    last: int
    root: str


class Picture(msgspec.Struct, frozen=True):
    """All that the wall shows, including ledger position `position`, at the city's time `now`."""

    id: str
    position: int
    now: int
    day: str
    zone: str
    total: int
    weights: tuple[float, float, float]
    least: int
    bins: tuple[float, ...]
    city: City
    counties: dict[str, Unit]
    townships: dict[str, Unit]
    lowest: list[LowWindow]
    feed: list[FeedItem]
    trends: Trends
    last_week: LastWeek
    path: Path
    nodes: Nodes
    cases: Cases
    seal: LastSeal | None
    turnout: Turnout | None


class Diff(msgspec.Struct, frozen=True):
    """What changed since the diff before; numbers in `id` follow each other without a gap within one boot."""

    id: str
    position: int
    now: int
    day: str | UnsetType = UNSET
    total: int | UnsetType = UNSET
    city: City | UnsetType = UNSET
    counties: dict[str, Unit] | UnsetType = UNSET
    townships: dict[str, Unit] | UnsetType = UNSET
    lowest: list[LowWindow] | UnsetType = UNSET
    feed: list[FeedItem] | UnsetType = UNSET
    trends: Trends | UnsetType = UNSET
    last_week: LastWeek | UnsetType = UNSET
    path: Path | UnsetType = UNSET
    nodes: Nodes | UnsetType = UNSET
    cases: Cases | UnsetType = UNSET
    seal: LastSeal | UnsetType | None = UNSET
    turnout: Turnout | UnsetType | None = UNSET


class Tick(msgspec.Struct, frozen=True):
    """A sign of life every second: the city's time, and the id a page that missed nothing holds."""

    now: int
    id: str
