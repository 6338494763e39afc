"""What the wall shows of open cases, through the veil of somebody who sees nothing at once."""

from collections import Counter
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.board.picture import Cases, OpenCase, short_name
from cloud.calendar import Calendar
from cloud.cases import reading
from cloud.cases.case import STATES, Case, State
from cloud.cases.latest import Latest
from cloud.cases.veil import Viewer
from cloud.hours.rules import CITY
from cloud.registry.snapshot import names_of

WORST = 6


async def panel(connection: AsyncConnection, viewer: Viewer, calendar: Calendar) -> Cases:
    """The open cases of the city as `viewer` sees them."""
    open_, overdue = Counter[State](), 0
    for count in await reading.counts(connection, names_of(CITY), viewer, calendar):
        open_[count.state] += count.cases
        overdue += count.overdue
    worst = await reading.worst(connection, viewer, WORST, calendar)
    states = [(state, open_[state]) for state in STATES if open_[state]]
    return Cases(open_.total(), overdue, states, [_open(case, viewer.now) for case in worst])


class Panel:
    """Reads them again and again; `now` is the city's time in ms.

    They are read anew when something about a case has changed, and with every minute: it is at full minutes that a
    rating comes to be seen by the passing of time, and that a case comes to be overdue.
    """

    def __init__(self, calendar: Calendar, now: Callable[[], int]) -> None:
        self._calendar = calendar
        self._now = now
        self._latest: Latest[Cases] = Latest()

    async def read(self, connection: AsyncConnection) -> Cases:
        """What is open now."""
        now = self._now()
        viewer = Viewer(at_once=False, now=now)
        return await self._latest.of(connection, now, CITY, lambda: panel(connection, viewer, self._calendar))


def _open(case: Case, now: int) -> OpenCase:
    return OpenCase(
        case=case.number,
        window=case.window,
        township=case.township,
        number=short_name(case.window),
        state=case.state,
        level=case.level,
        opened_at=case.opened_at,
        overdue=case.overdue(now),
    )
