"""Where people begin a staged update, and decide about one that stopped."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import MINUTE_MS
from cloud.changes import store as changes
from cloud.configs.desk import LONGEST_REASON
from cloud.configs.rules import Timing
from cloud.database import Database
from cloud.health.rules import Device
from cloud.people.rules import within
from cloud.registry.snapshot import Registry
from cloud.registry.store import raise_version
from cloud.updates import store
from cloud.updates.giving import give_stage, take_back
from cloud.updates.rules import ACTS, Act, Update, excused, looked, staged
from cloud.updates.worker import sights_of

# place: no such place, or none of its nodes has a configuration of the city's; running: another update is at work
# there; content: times that no node takes, or minutes that make no sense; reason: nobody said why; changed:
# somebody has changed the update meanwhile; state: not as it stands now; unknown: there is none.
Kind = Literal["place", "running", "content", "reason", "changed", "state", "unknown"]
MOST_MINUTES = 7 * 24 * 60
_DEEDS: Mapping[Act, str] = {"stop": "stop-update", "go_on": "go-on-update", "roll_back": "roll-back-update"}


class UpdateRefused(Exception):  # noqa: N818  (a refusal, not an error of the city's)
    """`kind` says why nothing was done."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind: Kind = kind


class Plan(NamedTuple):
    """Set `timing` at all nodes of `place`. A stage's nodes must have it for `patience` minutes, within `limit`."""

    place: str
    timing: Timing
    patience: int
    limit: int
    reason: str


class UpdateDesk:
    """Changes what is in `database`; `devices` and `registry` are asked each time, `now` is the city's time in ms."""

    def __init__(
        self,
        database: Database,
        *,
        devices: Callable[[], list[Device]],
        registry: Callable[[], Registry],
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._devices = devices
        self._registry = registry
        self._now = now

    async def start(self, plan: Plan, by: str) -> int:
        """Begin with the first stage; the update's number. Raises `UpdateRefused`."""
        if plan.timing.wrong or not 0 <= plan.patience < plan.limit <= MOST_MINUTES:
            raise UpdateRefused("content")
        if not 0 < len(plan.reason) <= LONGEST_REASON:
            raise UpdateRefused("reason")
        nodes = [node for node in self._registry().configs if within(node, plan.place)]
        if not nodes:
            raise UpdateRefused("place")
        now, sights = self._now(), sights_of(self._devices())
        async with self._database.writer.begin() as connection:
            # Of two who begin at once the second waits here, and sees the first one's.
            version = await raise_version(connection, now)
            await _alone(connection, plan.place)
            number = await store.next_number(connection)
            spans = plan.patience * MINUTE_MS, plan.limit * MINUTE_MS
            update = Update(number, now, by, plan.place, plan.timing, *spans, plan.reason, stage=1, stage_at=now)
            members = staged(nodes, lambda node: node in sights and sights[node].online, f"{number} {now}")
            await store.add(connection, update, members)
            await store.put(connection, update, await give_stage(connection, update, members, version, now))
            times = plan.timing._asdict()
            told = {**times, "nodes": len(members), "patience": plan.patience, "limit": plan.limit}
            await changes.note(connection, now, by, "start-update", str(number), plan.place, **told, reason=plan.reason)
        return number

    async def act(self, number: int, act: Act, by: str, *, seen: int) -> list[str]:
        """Do `act` with the update as it was `seen` (its steps); nodes that were left as they are.

        Raises `UpdateRefused`.
        """
        async with self._database.writer.begin() as connection:
            update = await store.one(connection, number)
            if update is None:
                raise UpdateRefused("unknown")
            if act not in ACTS[update.state]:
                raise UpdateRefused("state")
            # Who stops it or takes it back wants that however far it is by now.
            if act == "go_on" and update.steps != seen:
                raise UpdateRefused("changed")
            return await self._act(connection, update, act, by)

    async def _act(self, connection: AsyncConnection, update: Update, act: Act, by: str) -> list[str]:
        now = self._now()
        if not await store.change(connection, _after(update, act, now)):
            raise UpdateRefused("changed")
        before = await store.members(connection, update.number)
        left: list[str] = []
        told: dict[str, object] = {}
        if act == "go_on":
            members = excused(update, looked(before, sights_of(self._devices()), now), now)
            await store.put(connection, update, members)
            told = {"without": [member.node for member in members if member.excused]}
        elif act == "roll_back":
            reason = f"{update.number}: {update.reason}"
            count, left = await take_back(connection, before, now, by=by, reason=reason)
            told = {"nodes": count, "left": left}
        await changes.note(connection, now, by, _DEEDS[act], str(update.number), update.place, **told)
        return left


def _after(update: Update, act: Act, now: int) -> Update:
    match act:
        case "stop":
            return update._replace(state="stopped")
        case "go_on":
            return update._replace(state="running", stage_at=now)
        case "roll_back":
            return update._replace(state="rolled_back")


async def _alone(connection: AsyncConnection, place: str) -> None:
    """Raise where another update is at work in `place`, in a part of it, or around it."""
    for other in await store.unfinished(connection):
        if within(place, other.place) or within(other.place, place):
            raise UpdateRefused("running")
