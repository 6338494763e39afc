"""Where people act on alerts: what they ask for is done in one transaction, or refused and nothing has happened."""

from collections.abc import Callable

from cloud.alerts import store
from cloud.alerts.alert import Action, Alert, AlertRefused
from cloud.alerts.rules import act
from cloud.database import Database, unavailable
from cloud.people.rules import Person


class AlertDesk:
    """Acts on `database`; `now` is the city's time in ms."""

    def __init__(self, database: Database, *, now: Callable[[], int]) -> None:
        self._database = database
        self._now = now

    async def act(self, number: int, action: Action, text: str, person: Person, *, seen: int | None = None) -> Alert:
        """Do what `person` asks for about alert `number`, which is theirs by place; the alert as it is then.

        `seen`: how many steps it had when they looked; where it has others by now that is refused. Raises
        `AlertRefused`, and `Unavailable`.
        """
        with unavailable():
            async with self._database.writer.begin() as connection:
                before = await store.load(connection, number)
                if before is None:
                    raise AlertRefused("unknown", f"there is no alert {number}")
                after, step = act(before, action, text, person, self._now())
                if seen not in {None, before.steps} or not await store.change(connection, before, after, [step]):
                    raise AlertRefused("changed", f"alert {number} was changed meanwhile: look again")
        return after
