"""Sending digests when they are due: once each, to whoever is on duty then."""

from collections.abc import Callable

from cloud.calendar import Calendar
from cloud.database import Database, unavailable
from cloud.digests import store
from cloud.digests.rules import Period, due, letter_of
from cloud.hours.rules import CITY
from cloud.notices.letter import Letter, Line
from cloud.notices.outbox import Outbox
from cloud.notices.wording import both
from cloud.people import accounts
from cloud.registry.snapshot import Registry
from cloud.rota import store as rota
from cloud.rota.rules import able, by_place, on_duty
from cloud.rounds import Rounds

LOOK_S = 60.0
_AHEAD_DAYS = 7


class Digests(Rounds):
    """Works on `database` as long as `may_send()` says so; `now` is the city's time in ms.

    Letters go into `outbox`, which names places by `registry`. What was due while the city was away goes out late, the
    newest of each kind.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        calendar: Calendar,
        registry: Callable[[], Registry],
        now: Callable[[], int],
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(LOOK_S, stopped="no digest goes out")
        self._database = database
        self._outbox = outbox
        self._calendar = calendar
        self._registry = registry
        self._now = now
        self._may_send = may_send

    async def look(self) -> None:
        """Send what is due by now, if that is our duty. Raises `Unavailable`."""
        now = self._now()
        with unavailable():
            for period in due(now, self._calendar):
                if self._may_send():
                    await self._send(period, now)

    async def _send(self, period: Period, now: int) -> None:
        # A clock may go back a little; one that ran ahead by more has told of days that are still to come.
        farthest = self._calendar.later(self._calendar.day(now), _AHEAD_DAYS)
        async with self._database.reader.begin() as connection:
            if await store.is_out(connection, period, farthest):
                return
            letters: list[tuple[str, Letter]] = []
            known = able(await rota.coming(connection, now), await accounts.holders(connection))
            for place, turns in by_place(known).items():
                turn = on_duty(turns, now)
                if turn is None:
                    continue
                letter = letter_of(
                    period, self._called(place), await store.summary(connection, place, period, self._calendar, now)
                )
                letters += [(name, letter) for name in (turn.a, turn.b) if name is not None]
        async with self._database.writer.begin() as connection:
            if await store.move(connection, period, farthest):
                for name, letter in letters:
                    await self._outbox.put(connection, name, letter, now)

    def _called(self, place: str) -> Line:
        if place == CITY:
            return both("desk.city")
        registry = self._registry()
        return Line(registry.called(place, "zh"), registry.called(place, "en"))
