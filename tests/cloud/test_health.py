"""From the gateways' words to the state of every device."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import cast

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from cloud.alerts import policy as alerts_policy
from cloud.board.picture import CITY, Ailing, Nodes, Trouble
from cloud.calendar import Calendar
from cloud.cases.casework import Casework
from cloud.cases.policy import shipped
from cloud.database import Database
from cloud.health.metrics import Ledger, Metrics, counties, fleet, gauges
from cloud.health.rules import GRACE_MS, LISTED, SILENT_MS, STUMBLE_MS, Device, Fleet, tile
from cloud.health.worker import Listener
from cloud.hours.holder import OfficesHolder
from cloud.ingest.charge import Shared, Whole
from cloud.ingest.worker import Ingest
from cloud.ingesting import Ingesting
from cloud.ledger.cells import number_of
from cloud.ledger.commit import Commit
from cloud.losses.rules import Loss
from cloud.registry.snapshot import Registry
from cloud.registry.store import seed_places
from cloud.registry.worker import RegistryHolder
from cloud.seals.worker import Sealer
from cloud.settings import NoticesSettings, Settings
from cloud.telling import Telling
from cloud.visits.visitwork import VisitWork
from contract import topics
from contract.bundle import pack
from contract.codec import encode
from contract.errors import Reason
from contract.signing import Signer
from contract.status import GatewayStatus, NodeHealth, NodeStatus
from tests.cloud.watching import CALENDAR, filter_of
from transport.broker import Broker

NOW = 1_795_370_494_364
GATEWAY = "371721121-g0"
NODE = "371721121-a1"
EPOCH = "BBBBBBBBBB"


def node(name: str = NODE, state: str = "up", **more: object) -> NodeStatus:
    fields: dict[str, object] = {"windows": ["01", "02"], "clock_error_ms": 3, **more}
    return NodeStatus(name, state, **fields)  # type: ignore[arg-type]


def gateway(*nodes: NodeHealth, state: str = "up", **more: object) -> GatewayStatus:
    return GatewayStatus(GATEWAY, state, nodes=list(nodes), **{"clock_error_ms": 5, **more})  # type: ignore[arg-type]


def seen(fleet: Fleet, now: int = NOW) -> dict[str, Device]:
    return {device.node: device for device in fleet.devices(now, (), (), {})}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (node(), "online"),
        (node(state="down"), "offline"),
        (node(full=True, stuck=["02/3"]), "full"),
        (node(stuck=["02/3"], clock_error_ms=None), "stuck"),
        (node(destroyed=2, stuck=["02/3"]), "stuck"),
        (node(destroyed=2, clock_error_ms=None), "damaged"),
        (node(clock_error_ms=None), "unsynced"),
    ],
)
def test_the_worst_of_a_node_is_its_state(status: NodeStatus, state: str) -> None:
    fleet = Fleet(NOW)
    fleet.hear(gateway(NodeHealth(status, NOW - 7)), NOW)
    device = seen(fleet)[NODE]
    assert (device.state, device.since, device.windows) == (state, NOW - 7, 2)


def test_what_a_damaged_disk_has_cost_is_listed_and_stands_on_the_wall() -> None:
    fleet = Fleet(NOW)
    fleet.hear(gateway(NodeHealth(node(destroyed=12), NOW - 7)), NOW)
    said = Ailing(NODE, "371721121", 2, "damaged", NOW - 7, destroyed=12)
    assert tile(seen(fleet).values(), NOW).worst == [said]
    old = Loss("AAAAAAAAAA", [(3, 9)], [(3, 4), (6, 6), (8, 9)])
    new = Loss(EPOCH, [(1, 1), (11, 14)], [(11, 11), (13, 14)])
    devices = fleet.devices(NOW, (), (), {}, {NODE: [old, new], "371721121-nobody": [old]})
    assert {device.node: device.losses for device in devices} == {NODE: [old, new], GATEWAY: []}
    told = msgspec.structs.replace(said, lost=8, numbers=[(3, 4), (6, 6), (8, 9), (11, 11)])
    assert tile(devices, NOW).worst == [told]
    spared = fleet.devices(NOW, (), (), {}, {NODE: [Loss(EPOCH, [(1, 12)], [])]})
    assert tile(spared, NOW).worst == [msgspec.structs.replace(said, lost=0)]


def test_a_device_that_lost_nothing_says_nothing_of_it() -> None:
    well = Ailing(NODE, "371721121", 2, "offline", NOW)
    assert msgspec.to_builtins(well).keys() == {"node", "township", "windows", "state", "since"}


def test_a_dead_gateway_takes_its_nodes_with_it_and_is_the_one_to_look_after() -> None:
    fleet = Fleet(NOW)
    fleet.hear(gateway(NodeHealth(node(queue=4, oldest_ms=1_000), NOW)), NOW)
    # A will says nothing but that.
    fleet.hear(GatewayStatus(GATEWAY, "down"), NOW + 500)
    devices = fleet.devices(NOW + 2_000, (), (), {})
    assert {device.state for device in devices} == {"offline"}
    shown = tile(devices, NOW + 2_000)
    assert (shown.online, shown.offline, shown.waiting) == (0, 1, 4)
    assert [(one.node, one.windows) for one in shown.worst] == [(GATEWAY, 2)]
    assert shown.oldest_ms == 1_000 + 1_500
    fleet.hear(gateway(NodeHealth(node(), NOW)), NOW + 3_000)
    assert {device.state for device in seen(fleet, NOW + 3_000).values()} == {"online"}


def test_silence_for_three_heartbeats_is_offline_since_it_was_last_heard() -> None:
    fleet = Fleet(NOW)
    fleet.hear(gateway(NodeHealth(node(), NOW)), NOW)
    assert seen(fleet, NOW + SILENT_MS)[NODE].state == "online"
    lost = seen(fleet, NOW + SILENT_MS + 1)
    assert lost[NODE].state == "offline"
    assert (lost[GATEWAY].state, lost[GATEWAY].since) == ("offline", NOW)


def test_since_stays_while_the_state_does() -> None:
    fleet = Fleet(NOW)
    fleet.hear(gateway(full=True), NOW)
    first = seen(fleet, NOW + 10)[GATEWAY].since
    fleet.hear(gateway(full=True), NOW + 60_000)
    assert seen(fleet, NOW + 60_010)[GATEWAY].since == first == NOW + 10


def test_what_is_registered_and_never_heard_is_offline_after_a_grace() -> None:
    fleet = Fleet(NOW)
    assert fleet.devices(NOW + GRACE_MS, [NODE], [GATEWAY], {}) == []
    late = fleet.devices(NOW + GRACE_MS + 1, [NODE], [GATEWAY], {})
    assert [(device.node, device.kind, device.state) for device in late] == [
        (NODE, "node", "offline"),
        (GATEWAY, "gateway", "offline"),
    ]


def test_the_tile_lists_the_worst_first_and_gives_a_fresh_node_time_to_learn_the_time() -> None:
    fleet = Fleet(NOW)
    names = [f"371721121-a{number}" for number in range(6)]
    states = [
        node(names[0], clock_error_ms=None),
        node(names[1], stuck=["01/1"]),
        node(names[2], full=True),
        node(names[3], "down"),
        node(names[4], "down"),
        node(names[5]),
    ]
    since = [NOW, NOW, NOW, NOW - 5, NOW - 9, NOW]
    fleet.hear(gateway(*map(NodeHealth, states, since)), NOW)
    now = NOW + GRACE_MS - 1
    shown = tile(fleet.devices(now, (), (), {}), now)
    # Who is full turns people away; then who has been gone longest.
    assert [one.node for one in shown.worst] == [names[2], names[4], names[3], names[1]]
    assert shown.full == 1
    assert (shown.online, shown.offline) == (4, 2)
    assert names[0] not in {one.node for one in tile([seen(fleet, now)[names[0]]], now).worst}
    later = NOW + GRACE_MS
    assert names[0] in {one.node for one in tile([seen(fleet, later)[names[0]]], later).worst}


def test_many_that_are_gone_do_not_hide_one_that_is_full() -> None:
    fleet = Fleet(NOW)
    gone = [NodeHealth(node(f"371721121-b{number}", "down"), NOW - 9) for number in range(LISTED + 1)]
    fleet.hear(gateway(*gone, NodeHealth(node(full=True), NOW), full=True), NOW)
    shown = tile(fleet.devices(NOW, (), (), {}), NOW)
    assert [(one.node, one.state) for one in shown.worst[:2]] == [(NODE, "full"), (GATEWAY, "full")]
    assert (shown.full, shown.offline) == (2, LISTED + 1)


def test_the_citys_own_trouble_comes_before_all_devices() -> None:
    fleet = Fleet(NOW)
    gone = [NodeHealth(node(f"371721121-b{number}", "down"), NOW - 9) for number in range(LISTED + 1)]
    fleet.hear(gateway(*gone, NodeHealth(node(full=True), NOW)), NOW)
    devices = fleet.devices(NOW, (), (), {})
    full = Ailing(CITY, "", 0, "full", NOW)
    assert tile(devices, NOW, full).worst[:2] == [full, *tile(devices, NOW).worst[:1]]
    assert len(tile(devices, NOW, full).worst) == LISTED
    stumbling = Ailing(CITY, "", 0, "failing", NOW)
    assert stumbling not in tile(devices, NOW + STUMBLE_MS - 1, stumbling).worst
    assert tile(devices, NOW + STUMBLE_MS, stumbling).worst[0] == stumbling


def test_since_when_the_city_takes_nothing_and_that_it_is_over() -> None:
    told: list[Nodes] = []
    now, trouble = NOW, cast("Trouble | None", "failing")
    heard = Listener(
        Broker("127.0.0.1", 1),
        client_id="test",
        registry=Registry,
        clock=lambda: now,
        tell=told.append,
        city=lambda: trouble,
    )
    for at, is_, seen_ in (
        (0, "failing", None),
        (STUMBLE_MS, "failing", (NOW, "failing")),
        (STUMBLE_MS + 1, "full", (NOW + STUMBLE_MS + 1, "full")),
        (STUMBLE_MS + 9000, "full", (NOW + STUMBLE_MS + 1, "full")),
        (STUMBLE_MS + 9001, None, None),
    ):
        now, trouble = NOW + at, cast("Trouble | None", is_)
        heard._look()
        found = next(((one.since, one.state) for one in told[-1].worst if one.node == CITY), None) if told else None
        assert found == seen_


def listener(
    told: list[Nodes], *, registry: Callable[[], Registry] = Registry, clock: Callable[[], int] = lambda: NOW
) -> Listener:
    broker = Broker("127.0.0.1", 1)
    return Listener(broker, client_id="test", registry=registry, clock=clock, tell=told.append, look_s=0.1)


async def of_a_second(heard: Listener) -> int:
    """How many statuses it was given in a second of its running, each with another queue than the one before."""
    running = asyncio.create_task(heard.run())
    until = asyncio.get_running_loop().time() + 1.0
    given = 0
    while asyncio.get_running_loop().time() < until:
        given += 1
        status = gateway(NodeHealth(node(queue=given), NOW))
        heard.receive(topics.township("371721121", "status"), pack([encode(status)]))
        await asyncio.sleep(0.002)
    heard.stop()
    await asyncio.wait_for(running, 1)
    return given


async def test_the_tile_is_told_at_its_own_pace_however_many_statuses_come() -> None:
    told: list[Nodes] = []
    given = await of_a_second(listener(told))
    assert 5 <= len(told) <= 10 < given
    assert [one.waiting for one in told] == sorted({one.waiting for one in told})


async def test_a_look_at_very_many_devices_takes_a_tenth_of_the_time() -> None:
    looks = 0

    def slow() -> Registry:
        nonlocal looks
        looks += 1
        time.sleep(0.03)
        return Registry()

    await of_a_second(listener([], registry=slow))
    assert 2 <= looks <= 4


async def test_silence_is_news_too() -> None:
    now = NOW
    told: list[Nodes] = []
    heard = listener(told, clock=lambda: now)
    heard.receive(topics.township("371721121", "status"), pack([encode(gateway(NodeHealth(node(), NOW)))]))
    running = asyncio.create_task(heard.run())
    async with asyncio.timeout(2):
        while not told or told[-1].online != 1:
            await asyncio.sleep(0.01)
        now += SILENT_MS + 1
        while told[-1].offline != 1:
            await asyncio.sleep(0.01)
    heard.stop()
    await asyncio.wait_for(running, 1)


def test_statuses_that_cannot_be_are_counted_and_change_nothing() -> None:
    heard = listener([])
    topic = topics.township("371721121", "status")
    for payload in (b"nonsense", b'{"kind":"gateway"}', pack([encode(node())])):
        heard.receive(topic, payload)
    heard.receive(topics.township("371721122", "status"), encode(gateway()))
    assert heard.refused == {Reason.UNDECODABLE: 3, Reason.WRONG_SENDER: 1}
    assert heard.devices() == []
    heard.receive(topic, pack([encode(gateway(NodeHealth(node(), NOW)))]))
    assert [device.node for device in heard.devices()] == [NODE, GATEWAY]


def test_metrics_follow_the_commits() -> None:
    ledger = Ledger()
    cells = {(f"{NODE}/01", 1): number_of((3, 1, 1)), (f"{NODE}/02", 1): number_of((0, 0, 2))}
    ledger.committed(
        Commit(
            5,
            9,
            NOW,
            cells,
            (),
            [4, 7_000],
            2,
            3,
            {Reason.UNSIGNED: 2},
            {Reason.FUTURE: 3, Reason.UNKNOWN_WINDOW: -1},
            seconds=0.004,
        )
    )
    refused = Counter({Reason.WRONG_SENDER: 6})
    damaged = Device(
        "a1", "node", "371721121", "online", NOW, NOW, "1", 1, 7, 0, 0, stuck=[], clock_error_ms=5, destroyed=2
    )
    metrics = Metrics(
        [
            ledger.families,
            lambda: gauges({"sse_clients": ("Open streams", 4)}),
            lambda: fleet([damaged, damaged], refused),
            lambda: counties({"371702", "371721"}, ["371721", "371722"]),
        ]
    )
    registry = CollectorRegistry()
    registry.register(metrics)
    text = generate_latest(registry).decode()
    for line in (
        "manyi_ledger_position 9.0",
        "manyi_ratings_counted_total 7.0",
        'manyi_quarantined_total{reason="unsigned"} 2.0',
        'manyi_uncounted_total{reason="future"} 3.0',
        'manyi_uncounted_total{reason="unknown_window"} 0.0',
        'manyi_delay_seconds_bucket{le="0.005"} 1.0',
        'manyi_delay_seconds_bucket{le="10.0"} 2.0',
        'manyi_status_refused_total{reason="wrong_sender"} 6.0',
        'manyi_devices{kind="node",state="online"} 2.0',
        "manyi_waiting_ratings 14.0",
        "manyi_destroyed_ratings 4.0",
        "manyi_sse_clients 4.0",
        'manyi_commit_seconds_bucket{le="0.002"} 0.0',
        'manyi_commit_seconds_bucket{le="0.005"} 1.0',
        'manyi_county_held{county="371702"} 1.0',
        'manyi_county_held{county="371721"} 1.0',
        'manyi_county_held{county="371722"} 0.0',
    ):
        assert line in text.split("\n")


def test_who_is_alone_tells_of_no_single_county() -> None:
    (family,) = counties({"+"}, ["371702", "371721"])
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"county": "+"}, 1)]


async def test_a_worker_tells_of_each_registered_county_whether_it_has_it(database: Database) -> None:
    await seed_places(database.writer)
    holder = RegistryHolder(database.reader, now=lambda: NOW)
    await holder.refresh()
    charge = Shared(database.writer, lambda: ["371702"]) if database.shared else Whole()
    ingest = Ingest(
        Settings("city.db", "city.key", Broker("127.0.0.1", 1)),
        database,
        holder,
        charge,
        signer=Signer(bytes(32)),
        name=lambda: "city-00001",
        now=lambda: NOW,
        calendar=Calendar("Asia/Shanghai"),
        monotonic=time.monotonic,
    )
    await charge.renew(able=True)
    offices = OfficesHolder(lambda: holder.current.offices, CALENDAR, now=lambda: NOW)
    sealer = Sealer(
        database,
        Signer(bytes(32)),
        CALENDAR,
        now=lambda: NOW,
        known=lambda: True,
        may_seal=lambda: True,
        monotonic=time.monotonic,
    )
    casework = Casework(database, policy=shipped(), calendar=CALENDAR, offices=offices.current, now=lambda: NOW)
    visits = VisitWork(
        database, enlists=True, pki=None, registry=lambda: holder.current, calendar=CALENDAR, now=lambda: NOW
    )
    telling = Telling(
        database,
        NoticesSettings(),
        policy=alerts_policy.shipped(),
        veil=shipped().veil,
        calendar=CALENDAR,
        registry=lambda: holder.current,
        now=lambda: NOW,
        known=lambda: True,
        on_duty=lambda: True,
    )
    ingesting = Ingesting(
        ingest, database, None, filter_of(database, NOW), casework, telling, sealer, offices, visits=visits
    )
    families = [family for source in ingesting.sources for family in source()]
    held = {
        sample.labels["county"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "manyi_county_held"
    }
    if database.shared:
        assert len(held) > 5
        assert [county for county, value in held.items() if value] == ["371702"]
    else:
        assert held == {"+": 1}
    assert "manyi_ingest_dropped_payloads_total" in {sample.name for family in families for sample in family.samples}
