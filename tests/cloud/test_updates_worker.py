"""Staged updates by an injected clock: through all stages, stopped by one node, rolled back, and over a restart."""

import json
from dataclasses import dataclass, field

import msgspec
import pytest

from cloud.changes import store as changes
from cloud.configs import store as configs
from cloud.configs.desk import ConfigDesk, Wish
from cloud.configs.rules import Timing, same
from cloud.database import Database
from cloud.health.rules import Device
from cloud.registry import store as registry
from cloud.registry.load import register
from cloud.updates import store
from cloud.updates.desk import Plan, UpdateDesk, UpdateRefused
from cloud.updates.rules import Update
from cloud.updates.worker import Updater
from contract.config import NodeConfig
from contract.signing import Signer
from tests.cloud.conftest import NOW

MINUTE = 60_000
NODES = [f"3717211{town}-a{n}" for town in (21, 22) for n in range(1, 7)]
PLAN = Plan("city", Timing(500, None), 10, 60, "按键太慢")


def device(node: str, config: int, state: str = "online") -> Device:
    return Device(node, "node", node[:9], state, NOW, NOW, "1", 1, 0, 0, 0, [], 5, config=config)  # type: ignore[arg-type]


@dataclass
class Land:
    """Nodes that take what they are given, but those in `deaf`; those in `dead` are offline."""

    database: Database
    now: int = NOW
    hears: bool = True
    deaf: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    taken: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.desk = UpdateDesk(
            self.database, devices=self.devices, registry=lambda: self.registry, now=lambda: self.now
        )
        self.restart()

    def restart(self) -> None:
        self.worker = Updater(self.database, devices=self.devices, hears=lambda: self.hears, now=lambda: self.now)

    def devices(self) -> list[Device]:
        return [device(node, self.taken.get(node, 0), "offline" if node in self.dead else "online") for node in NODES]

    async def open(self) -> "Land":
        documents = [
            {"node": node, "key": Signer(node.encode().ljust(32, b".")).public, "windows": ["01"],
             "config": {"windows": [{"id": "01", "satisfied": 17, "basic": 27, "dissatisfied": 22}]}}
            for node in NODES
        ]  # fmt: skip
        await register(self.database.writer, json.dumps({"nodes": documents}), NOW)
        await self.later(0)
        return self

    async def later(self, minutes: int) -> None:
        """Let so many minutes pass: each node takes what it has been given, and the worker looks."""
        for _ in range(minutes or 1):
            self.now += MINUTE if minutes else 0
            async with self.database.reader.begin() as connection:
                self.registry = await registry.load(connection, self.now)
            for node, config in self.registry.configs.items():
                if node not in self.deaf | self.dead:
                    self.taken[node] = config.version
            await self.worker.look()

    async def given(self) -> dict[str, NodeConfig]:
        async with self.database.reader.begin() as connection:
            found = {node: await configs.newest(connection, node) for node in NODES}
        return {node: one.config for node, one in found.items() if one is not None}

    async def changed(self) -> set[str]:
        return {node for node, config in (await self.given()).items() if config.settle_ms == 500}

    async def update(self, number: int = 1) -> Update:
        async with self.database.reader.begin() as connection:
            found = await store.one(connection, number)
        assert found is not None
        return found

    async def log(self) -> list[str]:
        async with self.database.reader.begin() as connection:
            return [f"{one.who} {one.what}" for one in reversed(await changes.page(connection, 1 << 53, 50))]


@pytest.fixture
async def land(database: Database) -> Land:
    return await Land(database).open()


async def test_one_node_then_a_tenth_then_all_and_each_change_is_written_down(land: Land) -> None:
    number = await land.desk.start(PLAN, "li")
    sizes = []
    for _ in range(40):
        await land.later(1)
        sizes.append(len(await land.changed()))
    assert (sizes[0], sizes[10], sizes[11], sizes[21], sizes[22], sizes[39]) == (1, 2, 2, 12, 12, 12)
    assert (await land.update(number)).state == "done"
    assert await land.log() == [
        "li start-update",
        "system advance-update",
        "system advance-update",
        "system finish-update",
    ]
    newest = await land.given()
    assert {config.cooldown_ms for config in newest.values()} == {3000}
    async with land.database.reader.begin() as connection:
        given = await configs.newest(connection, NODES[0])
    assert given is not None
    assert (given.who, given.reason) == ("li", "按键太慢")


async def test_a_node_that_does_not_take_it_stops_the_update_and_a_person_goes_on(land: Land) -> None:
    await land.desk.start(PLAN, "li")
    await land.later(5)
    (first,) = await land.changed()
    land.deaf = set(NODES) - {first}
    await land.later(10)
    (second,) = await land.changed() - {first}
    await land.later(55)
    assert (await land.update()).state == "running"
    await land.later(5)
    update = await land.update()
    assert (update.state, update.stage) == ("stopped", 2)
    async with land.database.reader.begin() as connection:
        (noted,) = await changes.page(connection, 1 << 53, 1)
    assert (noted.what, noted.body) == ("stop-update", {"nodes": [second]})
    await land.later(60)
    assert len(await land.changed()) == 2
    with pytest.raises(UpdateRefused, match="changed"):
        await land.desk.act(1, "go_on", "wang", seen=update.steps - 1)
    land.deaf = {second}
    await land.desk.act(1, "go_on", "wang", seen=update.steps)
    await land.later(13)
    assert (await land.update()).state == "done"
    assert await land.changed() == set(NODES)


async def test_going_on_does_not_leave_behind_who_has_taken_it_meanwhile(land: Land) -> None:
    land.deaf = set(NODES)
    await land.desk.start(PLAN, "li")
    await land.later(60)
    assert (await land.update()).state == "stopped"
    land.deaf = set()
    await land.later(1)
    await land.desk.act(1, "go_on", "wang", seen=(await land.update()).steps)
    async with land.database.reader.begin() as connection:
        assert not any(member.excused for member in await store.members(connection, 1))
    await land.later(9)
    assert (await land.update()).stage == 1
    await land.later(2)
    assert (await land.update()).stage == 2


async def test_rolling_back_gives_the_former_content_as_a_new_version(land: Land) -> None:
    before = await land.given()
    await land.desk.start(PLAN, "li")
    await land.later(15)
    touched = await land.changed()
    assert len(touched) == 2
    # Somebody gives one of them something else meanwhile: that is not taken back.
    other = min(touched)
    other_version = (await land.given())[other].version
    await ConfigDesk(land.database, now=lambda: land.now).set_times(
        Wish(other, "zhou", "另有用处", other_version), Timing(900, None)
    )
    left = await land.desk.act(1, "roll_back", "wang", seen=(await land.update()).steps)
    assert left == [other]
    after = await land.given()
    for node in NODES:
        if node == other:
            assert after[node].settle_ms == 900
            continue
        assert same(after[node], before[node])
        assert (after[node].version > before[node].version) == (node in touched)
    assert (await land.update()).state == "rolled_back"
    await land.later(120)
    assert await land.given() == after
    for act in ("go_on", "stop", "roll_back"):
        with pytest.raises(UpdateRefused, match="state"):
            await land.desk.act(1, act, "wang", seen=(await land.update()).steps)


async def test_a_restart_takes_nothing_back_and_begins_no_patience_anew(land: Land) -> None:
    await land.desk.start(PLAN, "li")
    await land.later(8)
    land.restart()
    heard = land.devices
    land.worker._devices = list  # at first nobody was heard
    await land.worker.look()
    land.worker._devices = heard
    await land.later(2)
    assert len(await land.changed()) == 1
    await land.later(1)
    assert len(await land.changed()) == 2


async def test_a_process_that_hears_nobody_leaves_the_nodes_as_others_see_them(land: Land) -> None:
    await land.desk.start(PLAN, "li")
    await land.later(1)
    async with land.database.reader.connect() as connection:
        before = await store.members(connection, 1)
    land.hears, land.dead = False, set(NODES)
    await land.later(3)
    async with land.database.reader.connect() as connection:
        assert await store.members(connection, 1) == before
    land.hears, land.dead = True, set()
    await land.later(40)
    assert (await land.update()).state == "done"


async def test_two_processes_begin_a_stage_once(land: Land) -> None:
    await land.desk.start(PLAN, "li")
    await land.later(10)
    land.now += 5 * MINUTE
    other = Updater(land.database, devices=land.devices, hears=lambda: True, now=lambda: land.now)
    before = await land.update()
    await land.worker.look()
    # The other one read the update before that.
    async with land.database.writer.begin() as connection:
        await other._take_on(connection, before, {})
    await other.look()
    assert (await land.update()).stage == 2
    assert (await land.log()).count("system advance-update") == 1


async def test_nodes_that_have_the_times_already_are_left_as_they_are(land: Land) -> None:
    before = await land.given()
    await land.desk.start(PLAN._replace(timing=Timing(800, None)), "li")
    await land.later(40)
    assert (await land.update()).state == "done"
    await land.desk.act(1, "roll_back", "li", seen=(await land.update()).steps)
    assert await land.given() == before


@pytest.mark.parametrize(
    ("plan", "kind"),
    [
        (PLAN._replace(place="371702"), "place"),
        (PLAN._replace(place="x' OR 1"), "place"),
        (PLAN._replace(timing=Timing(None, None)), "content"),
        (PLAN._replace(patience=60), "content"),
        (PLAN._replace(limit=10_081), "content"),
        (PLAN._replace(reason=""), "reason"),
    ],
)
async def test_what_cannot_be_begun_is_refused(land: Land, plan: Plan, kind: str) -> None:
    with pytest.raises(UpdateRefused, match=kind):
        await land.desk.start(plan, "li")
    assert await land.log() == []


async def test_one_update_at_a_time_in_a_place(land: Land) -> None:
    await land.desk.start(PLAN._replace(place="371721121"), "li")
    for place in ("city", "371721", "371721121"):
        with pytest.raises(UpdateRefused, match="running"):
            await land.desk.start(PLAN._replace(place=place), "li")
    await land.desk.start(PLAN._replace(place="371721122"), "li")
    await land.later(40)
    await land.desk.start(PLAN._replace(timing=Timing(None, 5000)), "li")
    with pytest.raises(UpdateRefused, match="unknown"):
        await land.desk.act(9, "stop", "li", seen=0)


async def test_a_person_stops_it_and_goes_on_before_the_limit_is_over(land: Land) -> None:
    await land.desk.start(PLAN, "li")
    await land.later(2)
    await land.desk.act(1, "stop", "li", seen=(await land.update()).steps)
    await land.later(20)
    assert len(await land.changed()) == 1
    await land.desk.act(1, "go_on", "li", seen=(await land.update()).steps)
    await land.later(1)
    assert len(await land.changed()) == 2
    assert await land.log() == ["li start-update", "li stop-update", "li go-on-update", "system advance-update"]


def test_a_device_says_its_configuration_over_http() -> None:
    assert msgspec.to_builtins(device("371721121-a1", 7))["config"] == 7
