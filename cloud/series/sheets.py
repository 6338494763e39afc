"""Reading InfluxDB's points as sheets, to be compared, and deleting single ones."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cloud.calendar import Calendar
from cloud.series.difference import Cells, Difference, Key, Sheet
from cloud.series.influx import Influx
from cloud.series.lines import DAY_MS, FIELDS, MEASUREMENTS, NS_A_MS, TAGS, TagSet

DELETIONS_A_QUERY = 200

CELLS = """
SELECT count(n), sum(n), sum(presses), sum(seq) FROM raw.rating
WHERE township = $township AND time >= {begin} AND time < {end} GROUP BY *, time({width}ms, {offset}ms) fill(none)
"""

POINTS = "SELECT {fields} FROM {policy}.{measurement} WHERE {tags} time >= {begin} AND time < {end} GROUP BY *"

# As far as InfluxDB's time goes: left open, it ends now.
DAYS = """
SELECT count(*) FROM {policy}.{measurement}
WHERE time >= -9223372036854775806 AND time <= 9223372036854775806 GROUP BY time(1d) fill(none)
"""

DELETE = "DELETE FROM {measurement} WHERE {tags} time = {stamp}"


async def add_cells(influx: Influx, township: str, begin: int, end: int, calendar: Calendar, cells: Cells) -> None:
    """Add to `cells` the sums of a township's ratings from `begin` to before `end` (ms): whole days of one length."""
    width = DAY_MS if (end - begin) % DAY_MS == 0 else end - begin
    statement = CELLS.format(begin=begin * NS_A_MS, end=end * NS_A_MS, width=width, offset=begin % width)
    for rows in await influx.ask(statement, township=township):
        tags = _tags(rows.tags)
        for at, *sums in rows.values:
            cells[tags, calendar.day(at // NS_A_MS)] = tuple(value or 0 for value in sums)


async def sheet(influx: Influx, measurement: str, begin: int, end: int, **tags: str) -> Sheet:
    """The points of `measurement` with `tags` from `begin` to before `end` (ns)."""
    statement = POINTS.format(
        fields=", ".join(FIELDS[measurement]),
        policy=MEASUREMENTS[measurement],
        measurement=measurement,
        tags="".join(f'"{tag}" = ${tag} AND ' for tag in tags),
        begin=begin,
        end=end,
    )
    return {
        (_tags(rows.tags), at): tuple(values)
        for rows in await influx.ask(statement, **tags)
        for at, *values in rows.values
    }


async def days(influx: Influx, measurement: str, calendar: Calendar) -> set[str]:
    """The days on which `measurement` has points, and some beside them: InfluxDB's own days are those of UTC."""
    found = await influx.ask(DAYS.format(policy=MEASUREMENTS[measurement], measurement=measurement))
    starts = [row[0] // NS_A_MS for rows in found for row in rows.values]
    return {day for at in starts for day in calendar.between(calendar.day(at), calendar.day(at + DAY_MS - 1))}


async def delete(influx: Influx, measurement: str, keys: Sequence[Key]) -> None:
    """Delete the points at `keys` (tags and ns)."""
    by_tags: dict[TagSet, list[int]] = {}
    for tags, stamp in keys:
        by_tags.setdefault(tags, []).append(stamp)
    for tags, stamps in by_tags.items():
        # A tag that is not named matches any value: a foreign point without a window must not take a good one along.
        exactly = {**dict.fromkeys(TAGS[measurement], ""), **dict(tags)}
        where = "".join(f"{_quoted(tag)} = $v{index} AND " for index, tag in enumerate(exactly))
        values = {f"v{index}": value for index, value in enumerate(exactly.values())}
        statements = [DELETE.format(measurement=measurement, tags=where, stamp=stamp) for stamp in stamps]
        for begin in range(0, len(statements), DELETIONS_A_QUERY):
            await influx.ask(";".join(statements[begin : begin + DELETIONS_A_QUERY]), **values)


def names(measurement: str, found: Difference) -> Iterator[tuple[str, str]]:
    """Yield the kind of each difference and which point it is."""
    for kind, points in (("missing", found.missing), ("altered", found.altered)):
        for point in points:
            yield kind, _name(measurement, point.tags, point.stamp)
    for tags, stamp in found.foreign:
        yield "foreign", _name(measurement, tags, stamp)


def _quoted(tag: str) -> str:
    """Return a tag's key as InfluxQL has it: somebody else's may be any text."""
    escaped = tag.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _tags(tags: dict[str, Any]) -> TagSet:
    """Return what InfluxDB groups by; a tag that a series has not is an empty text there."""
    return tuple(sorted((tag, value) for tag, value in tags.items() if value != ""))


def _name(measurement: str, tags: TagSet, stamp: int) -> str:
    seconds, ns = divmod(stamp, 1_000_000_000)
    at = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{measurement} {','.join('='.join(tag) for tag in tags)} {at}.{ns:09d}Z"
