"""Adding a closure or a special day, and taking one back, as a registration that is written down in the log."""

from collections.abc import Callable
from datetime import date
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.changes import store as changes
from cloud.database import Database, unavailable
from cloud.hours import store
from cloud.hours.forms import WITHDRAWN, ClosureForm, DayForm
from cloud.hours.rules import CITY, Kind
from cloud.registry import store as registry
from cloud.registry.load import Registration, enter

Why = Literal["twice", "backwards", "none"]


class Unchanged(Exception):  # noqa: N818  (it says what happened)
    """Nothing was changed: there is one already, it ends before it begins, or there is none to take back."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why


class Changing:
    """`now` is the city's time in ms. Whether a person may is the door's to say."""

    def __init__(self, database: Database, *, now: Callable[[], int]) -> None:
        self._database = database
        self._now = now

    async def close(self, place: str, first: date, last: date, reason: str, by: str) -> None:
        """Close `place` from `first` to `last`. Raises `Unchanged`, `SettingsError` and `Unavailable`."""
        if last < first:
            raise Unchanged("backwards")
        with unavailable():
            async with self._database.writer.begin() as connection:
                if first.isoformat() in await _closures(connection, place):
                    raise Unchanged("twice")
                await enter(connection, Registration(closures=[ClosureForm(place, first, last, reason)]), self._now())
                subject = f"{first} – {last}"
                await changes.note(connection, self._now(), by, "add-closure", subject, place, reason=reason)

    async def reopen(self, place: str, first: date, by: str) -> None:
        """Take back the closure of `place` that begins on `first`. Raises `Unchanged` and `Unavailable`."""
        with unavailable():
            async with self._database.writer.begin() as connection:
                reason = (await _closures(connection, place)).get(first.isoformat())
                if reason is None:
                    raise Unchanged("none")
                form = ClosureForm(place, first, first, reason, withdrawn=True)
                await enter(connection, Registration(closures=[form]), self._now())
                await changes.note(connection, self._now(), by, "end-closure", str(first), place, reason=reason)

    async def set_day(self, day: date, kind: Kind, reason: str, by: str) -> None:
        """Say what `day` is in the whole city. Raises `Unchanged` and `Unavailable`."""
        with unavailable():
            async with self._database.writer.begin() as connection:
                if day.isoformat() in await _days(connection):
                    raise Unchanged("twice")
                await enter(connection, Registration(days=[DayForm(day, kind, reason)]), self._now())
                await changes.note(connection, self._now(), by, "set-day", str(day), CITY, kind=kind, reason=reason)

    async def unset_day(self, day: date, by: str) -> None:
        """Let the published calendar hold for `day` again. Raises `Unchanged` and `Unavailable`."""
        with unavailable():
            async with self._database.writer.begin() as connection:
                reason = (await _days(connection)).get(day.isoformat())
                if reason is None:
                    raise Unchanged("none")
                await enter(connection, Registration(days=[DayForm(day, "published", reason)]), self._now())
                await changes.note(connection, self._now(), by, "end-day", str(day), CITY, reason=reason)


async def _closures(connection: AsyncConnection, place: str) -> dict[str, str]:
    """By the first day, the reasons of the closures of `place` itself that stand; nobody changes them meanwhile."""
    await registry.hold(connection)
    held = await store.load(connection)
    return {one.first: one.reason for one in held.closures if one.place == place and one.last != WITHDRAWN}


async def _days(connection: AsyncConnection) -> dict[str, str]:
    """By the day, the reasons of the special days that stand; nobody changes them meanwhile."""
    await registry.hold(connection)
    held = await store.load(connection)
    return {one.day: one.reason for one in held.days if one.kind != "published"}
