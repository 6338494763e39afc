"""Which digests are due, and what they say. Pure."""

from typing import Literal, NamedTuple

from cloud.calendar import Calendar
from cloud.console.words import Words
from cloud.notices.letter import Letter, Line
from cloud.notices.wording import both
from proof.scores import Counts, interval, percent, percent_interval
from proof.visits import Visits

# Before the windows open.
AT_MINUTE = 8 * 60
_WEEK = 7

Kind = Literal["day", "week"]
_words = Words()


class Period(NamedTuple):
    """The days from `first` to `last`, both included, ISO text."""

    kind: Kind
    first: str
    last: str


class Summary(NamedTuple):
    """How a place did in a time: its ratings `n`, cases `opened` and `closed`, and `alerts` that were raised.

    `open` and `overdue`: how many cases are so now. `visits`: who was to be asked, and what became of that.
    """

    n: Counts
    opened: int
    closed: int
    open: int
    overdue: int
    alerts: int
    visits: Visits = Visits()


def due(now: int, calendar: Calendar) -> list[Period]:
    """The newest periods of which people are to know at `now` (ms): the day before, and the last whole week.

    One that is over is told from 8 in the morning of the day after it on.
    """
    today = calendar.day(now)
    if now < calendar.moment(today, AT_MINUTE):
        today = calendar.later(today, -1)
    yesterday = calendar.later(today, -1)
    sunday = calendar.later(today, -1 - calendar.weekday(today))
    return [Period("day", yesterday, yesterday), Period("week", calendar.later(sunday, 1 - _WEEK), sunday)]


def letter_of(period: Period, called: Line, summary: Summary) -> Letter:
    """The letter on how the place that is `called` so did in `period`."""
    n = summary.n
    lines = [both("digest.none")]
    if any(n):
        bounds = percent_interval(interval(n))
        lines = [
            both("digest.rated", rated=sum(n), score=percent(n), low=bounds.low, high=bounds.high),
            both("digest.levels", satisfied=n[0], basic=n[1], dissatisfied=n[2]),
        ]
    asked = summary.visits.participation
    if asked is not None:
        low, high = asked.bounds
        rate = f"{float(asked.rate):.0%}".rstrip("%")
        lines.append(both("digest.asked", asked=summary.visits.asked, rate=rate, low=low, high=high))
    lines += [
        both("digest.cases", opened=summary.opened, closed=summary.closed),
        both("digest.waiting", open=summary.open, overdue=summary.overdue, alerts=summary.alerts),
    ]
    named = {"first": period.first, "last": period.last}
    title = Line(
        _words(f"digest.{period.kind}", "zh", place=called.zh, **named),
        _words(f"digest.{period.kind}", "en", place=called.en, **named),
    )
    return Letter(period.kind, title, lines, "/desk")
