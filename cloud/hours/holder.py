"""The offices of the registry's present snapshot, made anew when it changes."""

from collections.abc import Callable

from cloud.calendar import Calendar
from cloud.hours.public import edition, missing, public_day
from cloud.hours.rules import Offices, Registered


class OfficesHolder:
    """Gives the `Offices` of what is registered now, the same ones as long as that stays."""

    def __init__(self, registered: Callable[[], Registered], calendar: Calendar, *, now: Callable[[], int]) -> None:
        """Take a way to the present registration; `now` is the city's time in ms."""
        self._registered = registered
        self._calendar = calendar
        self._now = now
        self._made = (registered(), offices_of(registered(), calendar))

    def current(self) -> Offices:
        """Return them."""
        registered = self._registered()
        if registered is not self._made[0]:
            self._made = registered, offices_of(registered, self._calendar)
        return self._made[1]

    @property
    def trouble(self) -> str | None:
        """Why days of now, or of the near future, are not known."""
        return missing(self._calendar.day(self._now()), self.current().registered_years)


def offices_of(registered: Registered, calendar: Calendar) -> Offices:
    """Return the offices of `registered` over China's public holidays."""
    return Offices(calendar, public_day, edition=edition(), registered=registered)
