"""Whether an office is open at a moment, by hours, closures and the kind of the day. Pure.

Days are ISO text in the city's zone, minutes are counted from the day's midnight by its clocks.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec

from cloud.calendar import Calendar
from contract.identity import county_of

# working: what most people work on, also a Saturday made up for a holiday; rest: an ordinary weekend; holiday: public.
Kind = Literal["working", "rest", "holiday"]
# Said of a special day: it is none, and what is published holds after all.
Published = Literal["published"]
# "city", a county (6 digits) or a township (9 digits).
CITY = "city"
# (begin, end) in minutes of the day, within 0 to 1440, in order and apart.
Stretches = tuple[tuple[int, int], ...]
# (begin, end) in ms; open from `begin` until before `end`.
Span = tuple[int, int]

NEW_YEAR = "-01-01"
_SATURDAY = 5
# So many days of offices are remembered before all are forgotten: a year of all townships of a city.
_REMEMBERED = 100_000


class Hours(NamedTuple):
    """The hours of `place` from the day `first` on, to the day `last` (included) or until further notice.

    Of several that hold on a day the one that began last does, so summer hours end by themselves.
    """

    place: str
    first: str
    last: str | None
    working: Stretches
    saturday: Stretches = ()
    sunday: Stretches = ()
    holiday: Stretches = ()


class Closure(NamedTuple):
    """`place` and all in it is closed from the day `first` to the day `last`, both included, for `reason`."""

    place: str
    first: str
    last: str
    reason: str


class SpecialDay(NamedTuple):
    """What the city says `day` is, whatever the published calendar says."""

    day: str
    kind: Kind | Published
    reason: str


class Registered(NamedTuple):
    """All that is registered on the time of offices."""

    hours: tuple[Hours, ...] = ()
    closures: tuple[Closure, ...] = ()
    days: tuple[SpecialDay, ...] = ()


NOTHING = Registered()


class PublicDay(NamedTuple):
    """What the published calendar says of a day; `name`: of its holiday, also on a day made up for one."""

    kind: Kind
    name: str


class OfficeDay(NamedTuple):
    """One day of an office: when it is open. `known`: somebody said whether this day is a holiday.

    `why`: the reason of a closure or a special day, or the holiday's name; "" on an ordinary day.
    """

    open: tuple[Span, ...]
    kind: Kind
    known: bool
    why: str

    @property
    def open_ms(self) -> int:
        """For how long it is open."""
        return sum(end - begin for begin, end in self.open)


# Where nothing is registered: the hours of most service halls, served through noon.
USUAL = Hours(CITY, "", None, working=((8 * 60 + 30, 17 * 60 + 30),))


class Offices:
    """Everything registered on hours, closures and special days, over the published calendar `public`.

    `public(day)` is None for a day that nobody has published yet; then weekdays are taken for working days, and unless
    the city has registered that year's days itself, `known` says that this is a guess. `edition` names what `public`
    knows. Any thread may ask.
    """

    def __init__(
        self,
        calendar: Calendar,
        public: Callable[[str], PublicDay | None],
        *,
        edition: str = "",
        registered: Registered = NOTHING,
    ) -> None:
        self._calendar = calendar
        self._public = public
        self._edition = edition
        self._hours: dict[str, list[Hours]] = {}
        for one in sorted(registered.hours, key=lambda row: row.first, reverse=True):
            self._hours.setdefault(one.place, []).append(one)
        self._closures: dict[str, list[Closure]] = {}
        for closure in sorted(registered.closures):
            self._closures.setdefault(closure.place, []).append(closure)
        self._days: Mapping[str, SpecialDay] = {one.day: one for one in registered.days}
        # Whoever registers a year's special days begins with New Year's Day; the others are then as they look.
        said = (day for day, one in self._days.items() if one.kind != "published")
        self._years = frozenset(day[:4] for day in said if day.endswith(NEW_YEAR))
        self._remembered: dict[tuple[str, str], OfficeDay] = {}

    @property
    def registered_years(self) -> frozenset[str]:
        """The years whose special days the city has registered."""
        return self._years

    def day(self, township: str, day: str) -> OfficeDay:
        """Return the `day` of the office of `township` (9 digits)."""
        found = self._remembered.get((township, day))
        if found is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            found = self._remembered[township, day] = self._of(township, day)
        return found

    def is_open(self, township: str, at: int) -> bool:
        """Whether the office of `township` is open at `at` (ms)."""
        return any(begin <= at < end for begin, end in self.day(township, self._calendar.day(at)).open)

    def basis(self, township: str) -> str:
        """Return a short text that changes with whatever may change any day of that office."""
        places = _around(township)
        rows = (
            self._edition,
            self._calendar.zone,
            [self._hours.get(place, []) for place in places],
            [self._closures.get(place, []) for place in places],
            sorted(self._days.values()),
        )
        return sha256(msgspec.json.encode(rows)).hexdigest()[:16]

    def _of(self, township: str, day: str) -> OfficeDay:
        public = self._public(day)
        special = self._days.get(day)
        weekend = self._calendar.weekday(day) >= _SATURDAY
        kind: Kind
        if special is not None and special.kind != "published":
            kind, why = special.kind, special.reason
        elif public is not None:
            kind, why = public
        else:
            kind, why = ("rest" if weekend else "working"), ""
        known = public is not None or why != "" or day[:4] in self._years
        closure = self._closure(township, day)
        if closure is not None:
            return OfficeDay((), kind, known, closure.reason)
        stretches = _stretches(self._holding(township, day), kind, self._calendar.weekday(day))
        moment = self._calendar.moment
        return OfficeDay(tuple((moment(day, begin), moment(day, end)) for begin, end in stretches), kind, known, why)

    def _holding(self, township: str, day: str) -> Hours:
        for place in _around(township):
            for hours in self._hours.get(place, ()):
                if hours.first <= day and (hours.last is None or day <= hours.last):
                    return hours
        return USUAL

    def _closure(self, township: str, day: str) -> Closure | None:
        for place in _around(township):
            for closure in self._closures.get(place, ()):
                if closure.first <= day <= closure.last:
                    return closure
        return None


def _around(township: str) -> Sequence[str]:
    """Return the places whose rows hold for `township`, the nearest first."""
    return township, county_of(township), CITY


def _stretches(hours: Hours, kind: Kind, weekday: int) -> Stretches:
    if kind == "working":
        # A Saturday that is made up for a holiday is worked as any other day is.
        return hours.working
    if kind == "holiday":
        return hours.holiday
    return hours.saturday if weekday == _SATURDAY else hours.sunday if weekday > _SATURDAY else ()
