"""What the board starts from, read from the tallies in one transaction.

Measured with a year of days and a day of minutes of 10,000 windows in SQLite: see docs/performance.md.
"""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.board.loaded import Loaded
from cloud.board.picture import FeedItem
from cloud.board.rules import FEED
from cloud.board.trends import first_day, first_estimate, first_minute
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.cases.veil import unseen_from
from cloud.ledger.rules import LATE_MS
from contract.codec import stored_batch
from contract.identity import channel_of, township_of
from contract.rating import Quality
from contract.veil import Veil
from proof.scores import Counts, plus

HEAD = text("SELECT position, commits FROM ledger_head")

# Today's windows, and those of a later day that a rating was dated into.
WINDOWS = text("""
SELECT day, "window", SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_day
WHERE day >= :today AND channel = 'button' GROUP BY day, "window"
""")

# By when they were pressed, since nothing here says when they came: for who watches a window it is the same.
FRESH = text("""
SELECT "window", SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_minute
WHERE minute >= :first AND minute < :next AND channel = 'button' GROUP BY "window"
""")

# The whole city's minutes serve the trends by minute, hour and day alike, and last week beside them.
MINUTES = text("""
SELECT minute, SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_city
WHERE minute >= :first AND channel = 'button' GROUP BY minute
""")

ESTIMATED = text("""
SELECT minute, SUM(ratings) FROM tally_estimated WHERE minute >= :first AND channel = 'button' GROUP BY minute
""")

TOTAL = text("SELECT COALESCE(SUM(satisfied + basic + dissatisfied), 0) FROM tally_city WHERE channel = 'button'")

# The hour is what the table has an index on.
QUARANTINED = text("SELECT COALESCE(SUM(count), 0) FROM quarantine WHERE hour >= :hour AND at >= :since")

UNCOUNTED = text("SELECT COUNT(*) FROM uncounted WHERE admitted IS NULL AND refused IS NULL")

NEWEST = text("""
SELECT position, received_at, raw FROM ledger_entry WHERE kind = 'batch' ORDER BY position DESC LIMIT :most
""")

HELD = text('SELECT position, "row" FROM uncounted WHERE position >= :first AND admitted IS NULL')


async def load(reader: AsyncEngine, calendar: Calendar, now: int, veil: Veil) -> Loaded:
    """Read all that the board needs at `now` (ms), as of one ledger position; `veil` says what is not seen yet."""
    today = calendar.day(now)
    since = calendar.start(today)
    async with reader.begin() as connection:
        head = (await connection.execute(HEAD)).first()
        ahead: defaultdict[str, dict[str, Counts]] = defaultdict(dict)
        for day, window, *n in await connection.execute(WINDOWS, {"today": today}):
            ahead[day][window] = _counts(*n)
        first_of_days = calendar.start(first_day(calendar, now)) // MINUTE_MS
        minutes = {minute: _counts(*n) for minute, *n in await connection.execute(MINUTES, {"first": first_of_days})}
        first = first_minute(calendar, now)
        return Loaded(
            position=head.position if head else 0,
            commits=head.commits if head else 0,
            ahead=ahead,
            fresh={
                window: _counts(*n)
                for window, *n in await connection.execute(
                    FRESH,
                    {
                        "first": max(since, unseen_from(now, veil)) // MINUTE_MS,
                        "next": calendar.end(today) // MINUTE_MS,
                    },
                )
            },
            minutes={minute: counts for minute, counts in minutes.items() if minute >= first},
            days=_by_day(minutes, calendar),
            estimated={
                minute: int(ratings)
                for minute, ratings in await connection.execute(ESTIMATED, {"first": first_estimate(calendar, now)})
            },
            total=int((await connection.execute(TOTAL)).scalar_one()),
            quarantined=int(
                (await connection.execute(QUARANTINED, {"hour": since // HOUR_MS, "since": since})).scalar_one()
            ),
            uncounted=(await connection.execute(UNCOUNTED)).scalar_one(),
            feed=await _feed(connection),
        )


async def _feed(connection: AsyncConnection) -> list[FeedItem]:
    """Read the newest counted ratings out of the newest entries."""
    entries = (await connection.execute(NEWEST, {"most": FEED})).all()
    if not entries:
        return []
    held = {(position, row) for position, row in await connection.execute(HELD, {"first": entries[-1][0]})}
    items = []
    for position, received_at, raw in entries:
        batch = stored_batch(bytes(raw))
        for number, row in enumerate(batch.rows):
            if (position, number) not in held:
                at = batch.t0 + row.ms
                late = received_at - at > LATE_MS
                guessed = batch.q is Quality.ESTIMATED
                items.append(FeedItem(at, township_of(batch.node), row.level, channel_of(batch.node), late, guessed))
    return sorted(items, key=lambda item: -item.at)[:FEED]


def _by_day(minutes: Mapping[int, Counts], calendar: Calendar) -> dict[str, Counts]:
    days: dict[str, Counts] = {}
    for minute, n in minutes.items():
        day = calendar.day(minute * MINUTE_MS)
        days[day] = plus(days.get(day, (0, 0, 0)), n)
    return days


def _counts(satisfied: int, basic: int, dissatisfied: int) -> Counts:
    """PostgreSQL sums whole numbers to decimals."""
    return int(satisfied), int(basic), int(dissatisfied)
