"""Where a clerk signs in at the own window and out again, and who is seen there."""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import Calendar
from cloud.changes import store as changes
from cloud.database import Database, fetch, unavailable, write
from cloud.people import accounts
from cloud.people.rules import Person
from cloud.registry import store as registry
from cloud.registry.snapshot import Registry
from cloud.staffing import store
from cloud.staffing.rules import Named, Staff, Tenure
from cloud.staffing.sitting import Held, Unseated, check_person, leave, next_minute, sit, sitting

# It changes nothing; of two who sign in at one window at once the second sees the first.
HOLD = 'UPDATE "window" SET valid_to = valid_to WHERE id = :window'
# What ended long ago is nobody's concern here; a sign-in is one as long as the duty reads as it was written.
HELD = """
SELECT duty."window", duty.valid_from, duty.valid_to, duty.person, duty_signed.account IS NOT NULL
FROM duty LEFT JOIN duty_signed ON duty_signed."window" = duty."window" AND duty_signed.valid_from = duty.valid_from
    AND duty_signed.valid_to = duty.valid_to AND duty_signed.person = duty.person
WHERE duty."window" = :window AND (duty.valid_to IS NULL OR duty.valid_to >= :since) ORDER BY duty.valid_from
"""
NAMED = "SELECT code, zh, en FROM person WHERE code = :code"
SIGN = """
INSERT INTO duty_signed ("window", valid_from, valid_to, person, account)
VALUES (:window, :valid_from, :valid_to, :person, :account)
ON CONFLICT ("window", valid_from) DO UPDATE
    SET valid_to = excluded.valid_to, person = excluded.person, account = excluded.account
"""


class Seat(NamedTuple):
    """Who sits at a window: until when (ms; None: until further notice), and whether it is who asks."""

    who: Named
    since: int
    until: int | None
    own: bool


class Seats:
    """`now` is the city's time in ms."""

    def __init__(
        self, database: Database, *, registry: Callable[[], Registry], calendar: Calendar, now: Callable[[], int]
    ) -> None:
        self._database = database
        self._registry = registry
        self._calendar = calendar
        self._now = now

    async def at(self, clerk: Person) -> Seat | None:
        """Who sits at the window of `clerk`, or will from the next minute on."""
        async with self._database.reader.connect() as connection:
            found = sitting(await _held(connection, clerk.place, self._now()), self._now())
            account = await accounts.named(connection, clerk.name)
            return None if found is None else await self.seat(connection, found.tenure, account and account.person)

    async def seat(self, connection: AsyncConnection, one: Tenure, person: str | None = None) -> Seat:
        """Who has the duty `one`; `person` is who asks."""
        rows = await fetch(connection, NAMED, (one.code,))
        who = Named(*rows[0]) if rows else Named(one.code, one.code, one.code)
        return Seat(who, one.valid_from, one.valid_to, one.code == person)

    async def named(self, one: Tenure) -> Seat:
        """Who has the duty `one`."""
        async with self._database.reader.connect() as connection:
            return await self.seat(connection, one)

    async def sit(self, clerk: Person) -> None:
        """Begin a duty of `clerk` at the own window. Raises `Unseated` and `Unavailable`."""
        window, now = clerk.place, self._now()
        begin = next_minute(now)
        midnight = self._calendar.end(self._calendar.day(begin))
        with unavailable():
            async with self._database.writer.begin() as connection:
                # Whoever imports duties meanwhile is waited for, and then their duties are seen.
                await registry.hold(connection)
                person, called = await _who(connection, clerk)
                if not self._registry().has_window(window, begin):
                    raise Unseated("no_window")
                changed = sit(await _held_still(connection, window, now), window, person, begin, midnight)
                own = changed[-1]
                known = await fetch(connection, NAMED, (person,))
                people = [] if known else [Named(person, called, called)]
                await store.put(connection, Staff([], [], people, changed), {window})
                # Who had signed in there did so yet, until now.
                signed = [(*one[:4], clerk.name) for one in changed if one is own]
                await write(connection, SIGN, signed)
                others = [one.code for one in changed[:-1]]
                await changes.note(
                    connection,
                    now,
                    clerk.name,
                    "add-duty",
                    person,
                    window,
                    begin=begin,
                    until=own.valid_to,
                    ended=others,
                )

    async def leave(self, clerk: Person) -> None:
        """End the duty that `clerk` has at the own window. Raises `Unseated` and `Unavailable`."""
        window, now = clerk.place, self._now()
        end = next_minute(now)
        with unavailable():
            async with self._database.writer.begin() as connection:
                await registry.hold(connection)
                person, _ = await _who(connection, clerk)
                ended = leave(await _held_still(connection, window, now), person, end)
                await store.put(connection, Staff([], [], [], [ended]), {window})
                await changes.note(connection, now, clerk.name, "end-duty", person, window, end=end)


async def _who(connection: AsyncConnection, clerk: Person) -> tuple[str, str]:
    """The code of `clerk` among those on duty, and how they are called."""
    account = await accounts.named(connection, clerk.name)
    person = check_person(None if account is None else account.person, clerk.place)
    return person, clerk.name if account is None else account.called


async def _held_still(connection: AsyncConnection, window: str, now: int) -> list[Held]:
    await write(connection, HOLD, [(window,)])
    return await _held(connection, window, now)


async def _held(connection: AsyncConnection, window: str, now: int) -> list[Held]:
    """The duties at `window` that end at `now` (ms) or later."""
    rows = await fetch(connection, HELD, (window, now))
    return [Held(Tenure(*row[:4]), bool(row[4])) for row in rows]
