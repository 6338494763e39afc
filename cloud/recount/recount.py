"""Every tally counted again from the ledger and compared with what the city keeps; repaired where asked.

All of a recount reads one snapshot, so that it is exact while the city runs. It goes through the counts hour by hour:
what it holds is an hour of the windows' minutes, a day of the windows' days, and one stream of the ledger.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import MINUTE_MS, Calendar
from cloud.database import Database, fetch, fetch_value, unavailable, write
from cloud.judgements import store as judgements
from cloud.ledger.cells import by_channel
from cloud.recount import ledger
from cloud.recount.spill import Difference, Spill, spilling
from cloud.recount.tally import (
    CITY,
    DAY,
    ESTIMATED,
    MINUTE,
    TALLIES,
    TOWNSHIP,
    UPHELD,
    Key,
    Tally,
    keyed,
    next_span,
    repair,
    stored,
)
from cloud.tallies.rules import city_rows, day_rows, minute_rows, township_rows
from contract.errors import Refused
from contract.identity import BUTTON, channel_of, counter_of
from proof.judgement import Judgement, opened
from proof.ledger import HEAD
from proof.scores import Counts
from proof.upheld import Upheld

HOUR_MINUTES = 60
# Differences of a table, and entries that cannot be read, that are told one by one.
SHOWN = 20
PAGE = 5_000
# Behind every day.
_EVER = 1 << 53

POSITIONS = "SELECT count(*), coalesce(min(position), 1), coalesce(max(position), 0) FROM ledger_entry"
# Takes the ledger's lock until the commit, and the number of a commit that nobody is told of: whoever follows the
# numbers misses one, and loads anew what it made of the tallies.
LOCK = "UPDATE ledger_head SET commits = commits + 1"


@dataclass(frozen=True, slots=True)
class Account:
    """What a recount found: ratings that count, differing cells by table, the first of them as lines of text.

    `gapless`: the ledger's positions run from 1 to its head. `unreadable`: entries that are no batch any more and
    count for nothing here; the first of them stand in front of the lines.
    """

    counted: int
    gapless: bool
    unreadable: int
    differing: Mapping[str, int]
    lines: Sequence[str]

    @property
    def equal(self) -> bool:
        """Whether every tally follows from a ledger that is whole."""
        return not self.damaged and not any(self.differing.values())

    @property
    def damaged(self) -> bool:
        """Whether the ledger itself lacks something, which no tally can be set right by."""
        return not self.gapless or self.unreadable > 0


async def recount(database: Database, calendar: Calendar, tell: ledger.Tell) -> Account:
    """Compare; `tell` hears how many ledger entries are done, of how many. Raises `Unavailable`."""
    with unavailable(), spilling() as spill:
        return await _account(database, calendar, spill, tell)


async def mend(database: Database, calendar: Calendar, tell: ledger.Tell) -> tuple[Account, Account]:
    """Compare, repair what differs in one transaction, and compare again; what was found before and after.

    Where the ledger is damaged nothing is repaired: of what is lost from it only the tallies still tell.

    Raises `Unavailable`; then the repair has happened as a whole or not at all.
    """
    with unavailable(), spilling() as spill:
        before = await _account(database, calendar, spill, tell)
        if before.damaged or before.equal:
            return before, before
        async with database.writer.begin() as connection:
            await write(connection, LOCK)
            for tally in TALLIES:
                found = spill.differences(tally.name)
                while page := list(islice(found, PAGE)):
                    await repair(connection, tally, page)
    return before, await recount(database, calendar, tell)


async def _account(database: Database, calendar: Calendar, spill: Spill, tell: ledger.Tell) -> Account:
    async with database.reader.begin() as connection:
        whole = await gapless(connection)
        counted = await ledger.count(connection, spill, tell)
        await _Comparison(connection, calendar, spill).run()
    differing = {tally.name: sum(1 for _ in spill.differences(tally.name)) for tally in TALLIES}
    lines = list(islice(spill.damages(), SHOWN))
    lines += [line for tally in TALLIES for line in islice(_told(tally, spill.differences(tally.name)), SHOWN)]
    return Account(counted, whole, sum(1 for _ in spill.damages()), differing, lines)


async def gapless(connection: AsyncConnection) -> bool:
    """Whether the ledger's positions run from 1 to its head without a gap."""
    head = await fetch_value(connection, HEAD)
    count, lowest, highest = (await fetch(connection, POSITIONS))[0]
    return bool(lowest == 1 and count == highest == head)


def _told(tally: Tally, differences: Iterator[Difference]) -> Iterator[str]:
    for span, place, channel, kept, given in differences:
        where = f"{place or 'city'} at {span}" + ("" if channel == BUTTON else f" ({channel})")
        yield f"{tally.name}: {where}: tally {_text(kept)}, ledger {_text(given)}"


def _text(counts: Counts | None) -> str:
    return "none" if counts is None else "/".join(map(str, counts))


class _Comparison:
    """Walks through ledger counts and tallies together, in the order of time."""

    def __init__(self, connection: AsyncConnection, calendar: Calendar, spill: Spill) -> None:
        self._connection = connection
        self._calendar = calendar
        self._spill = spill
        # The day under way: what the ledger gives by window, and the day up to which all is compared.
        self._day = ""
        self._days: dict[Key, Counts] = {}
        self._compared = ""

    async def run(self) -> None:
        """Leave every difference in the spill."""
        at = 0
        while (minute := await self._next(at)) is not None:
            begin = max(at, self._calendar.hour(minute * MINUTE_MS) // MINUTE_MS)
            at = begin + HOUR_MINUTES
            guesses = [
                (minute, counter_of(window), channel_of(window), n, 0, 0)
                for minute, window, n in self._spill.guesses(begin, at)
            ]
            minutes, townships, city, days = [], [], [], []
            for channel, cells in by_channel(self._spill.cells(begin, at)).items():
                minutes += minute_rows(cells, channel)
                townships += township_rows(cells, channel, self._calendar.hour)
                city += city_rows(cells, channel)
                days += day_rows(cells, channel, self._calendar.day)
            for tally, rows in ((MINUTE, minutes), (TOWNSHIP, townships), (CITY, city), (ESTIMATED, guesses)):
                self._compare(tally, keyed(tally, rows), await stored(self._connection, tally, begin, at))
            for key, counts in sorted(keyed(DAY, days).items()):
                await self._count_day(key, counts)
        await self._finish_day()
        await self._compare_upheld()
        while isinstance(day := await next_span(self._connection, DAY, self._compared), str):
            self._compare(DAY, {}, await stored(self._connection, DAY, day, day))
            self._compared = day

    async def _compare_upheld(self) -> None:
        """Compare what the ledger's judgements take out of reports, as far as they and their ratings can be read."""
        filed: list[tuple[int, Judgement]] = []
        for position, raw in await judgements.raw(self._connection):
            try:
                filed.append((position, opened(raw).judgement))
            except Refused as bad:
                self._spill.damage(position, f"ledger position {position} cannot be read: {bad.detail}")
        # Of a damaged batch all that counts was told already, and nothing is repaired then.
        with suppress(Refused):
            found = await judgements.counting(self._connection, Upheld(filed).numbers)
            cells = judgements.cells(found)
            self._compare(
                UPHELD, {(*key,): n for key, n in cells.items()}, await stored(self._connection, UPHELD, 0, _EVER)
            )

    async def _next(self, at: int) -> int | None:
        """The first minute from `at` on of which ledger or tallies tell anything."""
        spans = [await next_span(self._connection, tally, at) for tally in (MINUTE, TOWNSHIP, CITY, ESTIMATED)]
        return min((span for span in (*spans, self._spill.next_minute(at)) if isinstance(span, int)), default=None)

    async def _count_day(self, key: Key, counts: Counts) -> None:
        day = str(key[0])
        if day != self._day:
            await self._finish_day()
            self._day = day
        before = self._days.get(key, (0, 0, 0))
        self._days[key] = (before[0] + counts[0], before[1] + counts[1], before[2] + counts[2])

    async def _finish_day(self) -> None:
        """Compare the day under way, and the days before it of which the ledger tells nothing."""
        if not self._day:
            return
        while (day := await next_span(self._connection, DAY, self._compared)) is not None and str(day) < self._day:
            self._compare(DAY, {}, await stored(self._connection, DAY, day, day))
            self._compared = str(day)
        self._compare(DAY, self._days, await stored(self._connection, DAY, self._day, self._day))
        self._compared, self._days = self._day, {}

    def _compare(self, tally: Tally, given: Mapping[Key, Counts], kept: Mapping[Key, Counts]) -> None:
        if given != kept:
            self._spill.differ(
                tally.name,
                [
                    Difference(*key, kept.get(key), given.get(key, (0, 0, 0)))
                    for key in sorted(given.keys() | kept.keys(), key=lambda key: (f"{key[0]:0>12}", *key[1:]))
                    if given.get(key) != kept.get(key)
                ],
            )
