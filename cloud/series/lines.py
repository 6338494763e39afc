"""Ratings and their sums as points of a time series, and as lines of line protocol. Pure.

`rating` (kept 400 days) has one point for each counted rating: tags channel, county, level, township, window; fields
n = 1, presses, seq. `rating_1h` and `rating_1d` (kept for ever) are the tallies by township and hour, and by window and
day: fields satisfied, basic, dissatisfied. All fields are whole numbers; tags stand in the order of the alphabet.

A point is known by its tags and its nanosecond, and writing it again replaces it, so whatever is written twice counts
once. Its millisecond is the press; the rest keeps two presses of one window in one millisecond apart.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from contract.batch import Batch, StreamKey
from contract.identity import channel_of, counter_of, county_of, township_of, window_id

DAY_MS = 86_400_000
RAW_DAYS = 400
# A point must still be within the retention when it arrives.
_MARGIN_MS = 3_600_000
NS_A_MS = 1_000_000
NS_A_MINUTE = 60_000 * NS_A_MS

RATING, HOURLY, DAILY = "rating", "rating_1h", "rating_1d"
RAW, FOREVER = "raw", "forever"
# Measurement and its retention policy.
MEASUREMENTS = {RATING: RAW, HOURLY: FOREVER, DAILY: FOREVER}

# (minute number of an hour's start, township, channel) or (minute number of a day's start, window, channel), and its
# counts: satisfied, basic, dissatisfied.
RollupRow = tuple[int, str, str, int, int, int]


# The tags of one series, each with its value, in the order of the alphabet.
TagSet = tuple[tuple[str, str], ...]
TAGS = {
    RATING: ("channel", "county", "level", "township", "window"),
    HOURLY: ("channel", "county", "township"),
    DAILY: ("channel", "county", "township", "window"),
}
FIELDS = {
    RATING: ("n", "presses", "seq"),
    HOURLY: ("basic", "dissatisfied", "satisfied"),
    DAILY: ("basic", "dissatisfied", "satisfied"),
}


class Point(NamedTuple):
    """One point of a measurement: `stamp` in ns since 1970, `values` in the order of its `FIELDS`."""

    tags: TagSet
    stamp: int
    values: tuple[int, int, int]


def floor_of(now: int) -> int:
    """Return the first moment (ms) whose ratings the series keeps one by one at `now` (ms)."""
    return now - RAW_DAYS * DAY_MS + _MARGIN_MS


@lru_cache(maxsize=16_384)
def salt_of(stream: StreamKey) -> int:
    """Return what tells the ratings of two runs of a node apart within a millisecond."""
    return crc32(f"{stream.node}/{stream.epoch}".encode())


def stamp_of(at: int, number: int, salt: int) -> int:
    """Return the nanosecond of rating `number` pressed at `at` (ms)."""
    return at * NS_A_MS + (number + salt) % NS_A_MS


@lru_cache(maxsize=65_536)
def rating_tags(window: str, channel: str, level: int) -> TagSet:
    """Return the tags of the ratings of `level` at a window, by its city-wide name."""
    place = (("county", county_of(window)), ("level", str(level)), ("township", township_of(window)))
    return (("channel", channel), *place, ("window", window))


@lru_cache(maxsize=65_536)
def sum_tags(measurement: str, place: str, channel: str) -> TagSet:
    """Return the tags of the sums of `place`: a township's by hour (`HOURLY`), or a window's by day (`DAILY`)."""
    tags = (("channel", channel), ("county", county_of(place)), ("township", township_of(place)))
    return (*tags, ("window", place)) if measurement == DAILY else tags


def rating_points(batch: Batch, indexes: Iterable[int]) -> Iterator[Point]:
    """Yield the points of the rows at `indexes`, one by one."""
    salt = salt_of(batch.stream)
    for index in indexes:
        row = batch.rows[index]
        number = batch.first + index
        tags = _tags_of(batch.node, row.window, row.level)
        yield Point(tags, stamp_of(batch.t0 + row.ms, number, salt), (1, row.presses, number))


def sum_points(measurement: str, rows: Iterable[RollupRow]) -> Iterator[Point]:
    """Yield the points of tally rows."""
    for minute, place, channel, satisfied, basic, dissatisfied in rows:
        tags = sum_tags(measurement, place, channel)
        yield Point(tags, minute * NS_A_MINUTE, (basic, dissatisfied, satisfied))


def line_of(measurement: str, point: Point) -> str:
    """Return the line of `point`."""
    fields = ",".join(f"{field}={value}i" for field, value in zip(FIELDS[measurement], point.values, strict=True))
    return f"{_head(measurement, point.tags)} {fields} {point.stamp}"


def rating_lines(batch: Batch, indexes: Sequence[int]) -> list[str]:
    """Return the lines of `rating_points`, at a fraction of their price: the feeder's innermost loop."""
    rows, t0, first = batch.rows, batch.t0, batch.first
    salted = first + salt_of(batch.stream)
    chosen = enumerate(rows) if len(indexes) == len(rows) else ((index, rows[index]) for index in indexes)
    heads = _rating_heads(batch.node)
    lines = []
    for index, row in chosen:
        key = (row.window, row.level)
        head = heads.get(key)
        if head is None:
            tags = _tags_of(batch.node, row.window, row.level)
            head = heads[key] = f"{_head(RATING, tags)} n=1i,presses="
        stamp = (t0 + row.ms) * NS_A_MS + (salted + index) % NS_A_MS
        lines.append(f"{head}{row.presses}i,seq={first + index}i {stamp}")
    return lines


def sum_lines(measurement: str, rows: Iterable[RollupRow]) -> list[str]:
    """Return the lines of tally rows."""
    return [line_of(measurement, point) for point in sum_points(measurement, rows)]


def _tags_of(node: str, window: str, level: int) -> TagSet:
    return rating_tags(window_id(counter_of(node), window), channel_of(node), level)


@lru_cache(maxsize=16_384)
def _rating_heads(_node: str) -> dict[tuple[str, int], str]:
    """Return a node's own cache: how a line begins, by window and level; filled where it is used."""
    return {}


@lru_cache(maxsize=65_536)
def _head(measurement: str, tags: TagSet) -> str:
    return ",".join([measurement, *(f"{tag}={_escaped(value)}" for tag, value in tags)])


def _escaped(text: str) -> str:
    return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def cut(lines: Sequence[str], most: int) -> Iterator[list[str]]:
    """Yield `lines` in runs of at most `most`."""
    for begin in range(0, len(lines), most):
        yield list(lines[begin : begin + most])
