"""Puts together what the hall's screen shows, from papers, journal and time."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta

from contract.codes import code_at
from contract.errors import StoreDamaged, StoreFull
from contract.hall import Hall
from contract.signing import public_key
from contract.version import __version__
from gateway.hall import store
from gateway.hall.drawing import drawn
from gateway.hall.picture import Both, Code, Codes, Picture, Shown, Window
from gateway.hall.results import Day, Results
from gateway.hall.rules import minute_of, noticed, on_duty, quiet_since
from gateway.hall.view import View
from proof.scores import Counts, percent, plus
from proof.zone import zone_of

logger = logging.getLogger(__name__)

_NONE: Counts = (0, 0, 0)


class HallDesk:
    """`look` gives the gateway as it is, None before it is ready."""

    def __init__(self, look: Callable[[], View | None]) -> None:
        self._look = look
        self._results: Results | None = None
        self._last = 0
        self._reading = asyncio.Lock()
        self._failing = False
        self._codes: tuple[Hall, Codes] | None = None

    async def picture(self) -> Picture | None:
        """Return what the screen shows now; None before the city told this hall anything."""
        view = self._look()
        hall = None if view is None else view.papers.hall
        if view is None or hall is None:
            return None
        moment = view.timepiece.now()
        now = None if moment is None else moment.at
        seen: Mapping[str, Counts] = {} if now is None else await self._seen(view, hall, now)
        duties = {} if now is None else on_duty(hall.duties, now)
        total = _NONE
        windows = []
        for plate in hall.windows:
            counts = seen.get(plate.window, _NONE)
            total = plus(total, counts)
            duty = duties.get(plate.window)
            windows.append(
                Window(
                    plate.window,
                    plate.window.rpartition("/")[2],
                    Both(plate.zh, plate.en),
                    None if duty is None else Both(duty.zh, duty.en),
                    _shown(counts, hall.least),
                )
            )
        return Picture(
            version=__version__,
            name=Both(hall.zh, hall.en),
            zone=hall.zone,
            now=now,
            quiet_since=await self._quiet_since(view, now),
            by_phone=bool(hall.codes),
            minute=minute_of(moment) if hall.codes else None,
            block=hall.veil.others + 1,
            veil_minutes=hall.veil.minutes,
            least=hall.least,
            total=_shown(total, hall.least),
            windows=windows,
            notices=[Both(one.zh, one.en) for one in (noticed(hall.notices, now) if now is not None else ())],
        )

    def codes(self) -> Codes | None:
        """Return the codes of the minute with their pictures; None where there are none, or the time is not sure."""
        view = self._look()
        hall = None if view is None else view.papers.hall
        if view is None or hall is None or not hall.codes:
            return None
        minute = minute_of(view.timepiece.now())
        if minute is None:
            return None
        if self._codes is None or self._codes[0] is not hall or self._codes[1].minute != minute:
            key = public_key(hall.codes)
            self._codes = hall, Codes(minute, [_code(hall, plate.window, key, minute) for plate in hall.windows])
        return self._codes[1]

    async def _seen(self, view: View, hall: Hall, now: int) -> Mapping[str, Counts]:
        async with self._reading:
            day = _day(hall.zone, now)
            results, last, came = self._results, self._last, now
            if results is None or results.day != day or results.veil != hall.veil:
                # What is there already came at some time before.
                results, last, came = Results(day, hall.veil), 0, 0
            try:
                while some := await store.after(view.journal, last):
                    last = some[-1][0]
                    for _, batch in some:
                        results.take(batch, came)
            except (StoreFull, StoreDamaged) as bad:
                if not self._failing:
                    logger.error("the hall's results cannot be read: %s", bad)  # noqa: TRY400  (the cause is in the text)
                self._failing = True
                return {}
            self._results, self._last, self._failing = results, last, False
            return results.seen(now)

    async def _quiet_since(self, view: View, now: int | None) -> int | None:
        if now is None:
            return None if view.up else 0
        if view.heard_at is not None:
            then = view.timepiece.at(int(view.heard_at * 1000))
            return quiet_since(None if then is None else then.at, now, up=view.up)
        try:
            return quiet_since(await store.heard(view.journal), now, up=view.up)
        except (StoreFull, StoreDamaged):
            return 0


def _shown(counts: Counts, least: int) -> Shown:
    count = sum(counts)
    return Shown(count) if count < least else Shown(count, counts, percent(counts))


def _code(hall: Hall, window: str, key: bytes, minute: int) -> Code:
    code = code_at(key, window, minute)
    if not hall.site:
        return Code(window, code, 0, "")
    size, path = drawn(f"{hall.site}/r/{window}?c={code}")
    return Code(window, code, size, path)


def _day(zone: str, at: int) -> Day:
    """The day of `zone` that `at` (ms) falls on."""
    info = zone_of(zone)
    local = datetime.fromtimestamp(at // 1000, UTC).astimezone(info).date()

    def midnight(day: date) -> int:
        return int(datetime.combine(day, time(), info).timestamp()) * 1000

    return Day(local.isoformat(), midnight(local), midnight(local + timedelta(days=1)))
