"""What everybody's desk begins with: how the own place stands, and which cases wait there."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.alerts.store import waiting as waiting_for
from cloud.calendar import Calendar
from cloud.cases import reading
from cloud.cases.case import State
from cloud.cases.veil import viewer_of
from cloud.people.rules import Person
from cloud.registry.snapshot import names_of
from cloud.series.embedded import Embedded
from proof.scores import Counts, Interval, interval, percent, percent_interval, plus

DAYS = 30


class Glance(NamedTuple):
    """`today`: how many ratings came today. `score` (percent), `bounds` and `rated` are of the `DAYS` days before.

    Today's grades are not among them: whoever looks again and again would see each single one as it comes. `waiting`:
    open cases by state; `overdue`: how many of them are. `alerts`: how many wait for an answer of the person's.
    """

    today: int
    rated: int
    score: float | None
    bounds: Interval | None
    waiting: Mapping[State, int]
    overdue: int
    alerts: int

    @property
    def open(self) -> int:
        """How many cases have not ended."""
        return sum(self.waiting.values())


async def glance(reader: AsyncEngine, person: Person, calendar: Calendar, now: int) -> Glance:
    """Return what `person` sees of their place at `now` (ms)."""
    today = calendar.day(now)
    days = await Embedded(reader, calendar).days(person.place, calendar.later(today, -DAYS), today)
    before: Counts = (0, 0, 0)
    for day, n in days.items():
        if day < today:
            before = plus(before, n)
    async with reader.connect() as connection:
        counts = await reading.counts(connection, names_of(person.place), viewer_of(person, now), calendar)
        alerts = await waiting_for(connection, person.name)
    waiting: Counter[State] = Counter()
    for one in counts:
        waiting[one.state] += one.cases
    return Glance(
        sum(days.get(today, (0, 0, 0))),
        sum(before),
        percent(before),
        percent_interval(interval(before)) if any(before) else None,
        waiting,
        sum(one.overdue for one in counts),
        alerts,
    )
