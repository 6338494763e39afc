"""What the tests of the misuse filter share: a node's weeks made of times, and the filter that judges them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from random import Random

from cloud.calendar import Calendar
from cloud.database import Database, fetch
from cloud.filtered import store as filtered
from cloud.hours.holder import offices_of
from cloud.hours.rules import NOTHING, Registered
from cloud.ledger.cells import ONE
from cloud.ledger.store import Entry, append
from cloud.misuse import policy
from cloud.misuse.diary import Diary
from cloud.misuse.rules import Flag, judge
from cloud.misuse.sight import Seen
from cloud.misuse.worker import Filter
from cloud.registry.snapshot import RegisteredWindow, Registry
from cloud.tallies import store as tallies
from contract.batch import MAX_ROWS, Batch
from contract.identity import township_of, window_id
from contract.rating import Quality, Row
from tests.cloud.filled import batch_entry

CALENDAR = Calendar("Asia/Shanghai")
NODE = "371721121-a1"
EPOCH = "q7Zk2wX0aB"
# A Wednesday in the middle of two months without a holiday.
DAY = "2026-11-18"
POLICY = policy.shipped()
ORDINARY = offices_of(NOTHING, CALENDAR)
# Who presses what is nobody's business here; every test gives its own.
Press = tuple[int, str, int]


def at(clock: str, day: str = DAY) -> int:
    """The moment (ms) at which the clocks show "HH:MM" or "HH:MM:SS" on `day`."""
    hours, minutes, *seconds = clock.split(":")
    return CALENDAR.moment(day, int(hours) * 60 + int(minutes)) + 1000 * int(seconds[0] if seconds else 0)


def one(moment: int, *, window: str = "01", epoch: str = EPOCH, number: int = 0, presses: int = 1) -> Seen:
    """A rating as the filter sees it; its number is its moment unless said."""
    return Seen(moment, window, epoch, number or moment, presses, sure=True)


def steady(day: str, *, seed: str = "", per_day: int = 60, window: str = "01", epoch: str = EPOCH) -> list[Seen]:
    """An ordinary day: people from 8:40 to 17:20, each served for at least some 70 seconds."""
    random = Random(f"{seed}/{window}/{day}")
    width = (at("17:20", day) - at("08:40", day)) // per_day
    starts = range(at("08:40", day), at("17:20", day), width)
    return [one(start + random.randrange(width // 2), window=window, epoch=epoch) for start in starts]


def weekdays(last: str, count: int) -> list[str]:
    """The `count` working days up to and including `last`."""
    days = (CALENDAR.later(last, -back) for back in range(count * 3))
    return sorted([day for day in days if ORDINARY.day(township_of(NODE), day).open][:count])


def diary_of(ratings: Iterable[Seen], registered: Registered = NOTHING) -> Diary:
    """A diary of the node with these ratings, whose windows always were registered."""
    days: dict[str, list[Seen]] = {}
    for rating in sorted(ratings):
        days.setdefault(CALENDAR.day(rating.at), []).append(rating)
    offices = ORDINARY if registered is NOTHING else offices_of(registered, CALENDAR)
    return Diary(
        days,
        calendar=CALENDAR,
        office=lambda day: offices.day(township_of(NODE), day),
        has_window=lambda _window, _at: True,
    )


def flags_of(
    ratings: Iterable[Seen], day: str = DAY, *, over: bool = True, registered: Registered = NOTHING
) -> dict[str, list[Flag]]:
    """The flags of the node on `day`, by rule."""
    flags = judge(NODE, day, diary_of(ratings, registered), POLICY, over=over)
    return {rule: list(found) for rule, found in groupby(flags, lambda flag: flag.rule)}


def batches(ratings: Sequence[Seen], levels: Sequence[int], *, rows: int = 7, node: str = NODE) -> list[Batch]:
    """Signed-to-be batches of a node's ratings, whose numbers count anew in each epoch, in the order of time."""
    made: list[Batch] = []
    firsts: dict[str, int] = {}
    graded = sorted(zip(ratings, levels, strict=True))
    for epoch, of_epoch in groupby(graded, lambda pair: pair[0].epoch):
        some = list(of_epoch)
        size = min(rows, MAX_ROWS)
        for begin in range(0, len(some), size):
            part = some[begin : begin + size]
            t0 = part[0][0].at
            content = [Row(seen.at - t0, seen.window, level, seen.presses) for seen, level in part]
            first = firsts.get(epoch, 1)
            made.append(Batch(1, node, epoch, first, t0, Quality.SYNCHRONISED, content))
            firsts[epoch] = first + len(part)
    return made


async def commit(database: Database, made: Sequence[Batch]) -> None:
    """Commit `made` in this order, with their tallies."""
    cells: dict[tuple[str, int], int] = {}
    for batch in made:
        for row in batch.rows:
            key = (window_id(batch.node, row.window), (batch.t0 + row.ms) // 60_000)
            cells[key] = cells.get(key, 0) + ONE[row.level]
    async with database.writer.begin() as connection:
        await append(connection, [batch_entry(batch) for batch in made])
        await tallies.add(connection, cells, CALENDAR)


async def enter(database: Database, entries: Sequence[Entry]) -> None:
    """Commit entries alone."""
    async with database.writer.begin() as connection:
        await append(connection, entries)


def registry_of(*windows: str, registered: Registered = NOTHING, node: str = NODE) -> Registry:
    """A registry in which these windows of the node always were."""
    return Registry(
        1, windows=[RegisteredWindow(window_id(node, name), 0, None) for name in windows], offices=registered
    )


def filter_of(
    database: Database,
    now: int,
    registry: Registry | None = None,
    *,
    may_judge: Callable[[], bool] = lambda: True,
) -> Filter:
    """A filter in a city whose time is `now` (ms)."""
    known = registry or registry_of("01", "02")
    return Filter(
        database,
        filtered,
        policy=POLICY,
        calendar=CALENDAR,
        offices=lambda: offices_of(known.offices, CALENDAR),
        registry=lambda: known,
        now=lambda: now,
        may_judge=may_judge,
        pace_s=0.01,
    )


async def kept(database: Database) -> Mapping[str, list[tuple[object, ...]]]:
    """Every flag and every flagged count."""
    async with database.reader.begin() as connection:
        return {
            "flags": await fetch(
                connection,
                'SELECT node, day, rule, "window", began, ended, version, size, ratings, figures FROM misuse_flag '
                'ORDER BY node, day, rule, "window", began',
            ),
            "counts": await fetch(connection, 'SELECT * FROM tally_flagged ORDER BY minute, "window"'),
        }
