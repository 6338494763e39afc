"""Where people act in cases: what they ask for is done in one transaction, or refused and nothing has happened."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import Calendar
from cloud.cases import reading, store
from cloud.cases.case import Case, CaseRefused, Step
from cloud.cases.deadlines import Terms, terms_of
from cloud.cases.policy import Policy
from cloud.cases.request import Request
from cloud.cases.rules import act
from cloud.cases.veil import viewer_of
from cloud.database import Database, unavailable
from cloud.hours.rules import Offices
from cloud.people.rules import Person

# Hears of a case as it is after a step. Neither is veiled: who passes it on has to ask what may be seen of it.
Listener = Callable[[Case, Step], None]
# What becomes of a case at a moment (ms), and the steps that say so.
Turn = Callable[[Case, int, Terms], tuple[Case, list[Step]]]
# Writes about a case as it was before its turn, at a moment (ms).
Beside = Callable[[AsyncConnection, Case, int], Awaitable[None]]


class CaseDesk:
    """Acts on `database`; `now` is the city's time in ms.

    `listeners` hear of every step that was made here, after its commit and in order.
    """

    def __init__(
        self,
        database: Database,
        *,
        policy: Policy,
        calendar: Calendar,
        offices: Callable[[], Offices],
        now: Callable[[], int],
    ) -> None:
        self.listeners: list[Listener] = []
        self._database = database
        self._policy = policy
        self._calendar = calendar
        self._offices = offices
        self._now = now

    async def act(self, number: int, request: Request, person: Person, *, seen: int | None = None) -> Case:
        """Do what `person` requests in case `number`, which is theirs by place; the case as it is then.

        `seen`: how many steps it had when they looked; where it has others by now that is refused. Raises
        `CaseRefused`, and `Unavailable`.
        """

        def turn(case: Case, at: int, terms: Terms) -> tuple[Case, list[Step]]:
            return act(case, request, person, at, terms)

        return await self.take(number, turn, person, seen=seen)

    async def take(
        self,
        number: int,
        turn: Turn,
        person: Person | None,
        *,
        seen: int | None = None,
        beside: Beside | None = None,
    ) -> Case:
        """Let case `number` take a `turn` that `person` asks for, None: the city itself; and raises as `act`.

        `beside` writes what belongs to it in the same transaction, before its steps; it may refuse as well.
        """
        now = self._now()
        with unavailable():
            async with self._database.writer.begin() as connection:
                before = await store.load(connection, number)
                if before is None or not await _is_seen(connection, number, person, now):
                    raise CaseRefused("unknown", f"there is no case {number}")
                if seen not in {None, before.steps}:
                    raise _changed(number)
                after, steps = turn(before, now, self._terms(before))
                if beside is not None:
                    await beside(connection, before, now)
                await _change(connection, before, after, steps)
        return self._told(after, steps)

    def _terms(self, case: Case) -> Terms:
        return terms_of(self._policy, self._calendar, self._offices(), case.township)

    def _told(self, after: Case, steps: list[Step]) -> Case:
        for step in steps:
            for listener in self.listeners:
                listener(after, step)
        return after


async def _is_seen(connection: AsyncConnection, number: int, person: Person | None, now: int) -> bool:
    return person is None or await reading.window_of(connection, number, viewer_of(person, now)) is not None


async def _change(connection: AsyncConnection, before: Case, after: Case, steps: list[Step]) -> None:
    if steps and not await store.change(connection, before, after, steps):
        raise _changed(before.number)


def _changed(number: int) -> CaseRefused:
    return CaseRefused("changed", f"case {number} was changed meanwhile: look again")
