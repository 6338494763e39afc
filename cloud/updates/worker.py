"""Takes staged updates on, as the nodes take their configurations.

It works in every process that hears the devices, of which there may be several: what one of them has changed, the
others find changed, and look again. So each stage is begun once, and a process that dies holds up nothing.
"""

from collections.abc import Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.changes import store as changes
from cloud.database import Database, unavailable
from cloud.health.rules import Device
from cloud.registry.store import raise_version
from cloud.rounds import Rounds
from cloud.updates import store
from cloud.updates.giving import give_stage
from cloud.updates.rules import Member, Sight, Update, Verdict, heard, looked, verdict

LOOK_S = 2.0
_WHO = "system"


class Updater(Rounds):
    """Works on `database`; `devices` are as they are heard while it `hears`, `now` is the city's time in ms."""

    def __init__(
        self,
        database: Database,
        *,
        devices: Callable[[], list[Device]],
        hears: Callable[[], bool],
        now: Callable[[], int],
    ) -> None:
        super().__init__(LOOK_S, stopped="staged updates do not go on")
        self._database = database
        self._devices = devices
        self._hears = hears
        self._now = now

    async def look(self) -> None:
        """Take every update that runs as far as it can go now. Raises `Unavailable`."""
        if not self._hears():
            # Whoever hears nobody would see nodes go that another process sees stand.
            return
        with unavailable():
            async with self._database.reader.begin() as connection:
                running = [one for one in await store.unfinished(connection) if one.state == "running"]
            if not running:
                return
            sights = sights_of(self._devices())
            for update in running:
                async with self._database.writer.begin() as connection:
                    await self._take_on(connection, update, sights)

    async def _take_on(self, connection: AsyncConnection, update: Update, sights: Mapping[str, Sight]) -> None:
        now = self._now()
        before = await store.members(connection, update.number)
        members = looked(before, sights, now)
        found = verdict(update, members, now)
        if found.what in {"next", "done"} and not heard(update, before, sights):
            found = Verdict("wait")
        changed = [member for member, was in zip(members, before, strict=True) if member != was]
        if found.what == "wait" and not changed:
            return
        after = _after(update, found, now)
        if not await store.change(connection, after):
            return
        if found.what == "next":
            version = await raise_version(connection, now)
            changed = _merged(changed, await give_stage(connection, after, members, version, now))
        await store.put(connection, update, changed)
        await _note(connection, update, found, now)


def sights_of(devices: list[Device]) -> dict[str, Sight]:
    """What the nodes among `devices` say of themselves."""
    return {one.node: Sight(one.config, one.state != "offline") for one in devices if one.kind == "node"}


def _after(update: Update, found: Verdict, now: int) -> Update:
    match found.what:
        case "next":
            return update._replace(stage=update.stage + 1, stage_at=now)
        case "done":
            return update._replace(state="done")
        case "stop":
            return update._replace(state="stopped")
        case "wait":
            return update


def _merged(first: list[Member], then: list[Member]) -> list[Member]:
    return list({member.node: member for member in (*first, *then)}.values())


async def _note(connection: AsyncConnection, update: Update, found: Verdict, now: int) -> None:
    subject, place = str(update.number), update.place
    match found.what:
        case "next":
            await changes.note(connection, now, _WHO, "advance-update", subject, place, stage=update.stage + 1)
        case "done":
            await changes.note(connection, now, _WHO, "finish-update", subject, place)
        case "stop":
            await changes.note(connection, now, _WHO, "stop-update", subject, place, nodes=list(found.late))
        case "wait":
            pass
