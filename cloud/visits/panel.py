"""What the wall shows of who was asked today and who rated, through the veil: where one window asks, it is that one."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.board.picture import Turnout
from cloud.calendar import Calendar
from cloud.cases.veil import unseen_from
from cloud.visits import store
from contract.veil import Veil
from proof.scores import POINTS
from proof.turnout import said


class Panel:
    """Reads it again and again; `now` is the city's time in ms, `calendar` has its days."""

    def __init__(self, calendar: Calendar, now: Callable[[], int], veil: Veil) -> None:
        self._calendar = calendar
        self._now = now
        self._veil = veil

    async def read(self, connection: AsyncConnection) -> Turnout | None:
        """What is seen by now; None where nobody was to be asked yet today."""
        now = self._now()
        turnout = await store.of_day(connection, self._calendar.day(now), unseen_from(now, self._veil))
        found = said(turnout, POINTS)
        if found is None:
            return None
        return Turnout(turnout[0], sum(turnout[1:]), *found.bounds)
