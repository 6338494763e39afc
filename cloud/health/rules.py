"""From the gateways' statuses to the state of every device. Pure.

A gateway that is down takes its nodes with it: nobody hears them, so they count as offline, though only the gateway is
listed as the one to look after.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

from cloud.board.picture import Ailing, Nodes, Trouble
from cloud.clocks.rules import Skew
from cloud.losses.rules import Loss
from contract.identity import township_of
from contract.status import GatewayStatus, NodeHealth, NodeStatus

State = Literal["online", "offline", "full", "stuck", "damaged", "skewed", "unsynced"]
# Three heartbeats missed: a broker that was killed sends no will for its clients.
SILENT_MS = 180_000
# Time to say the first word after the city started, and to learn the time after a node did.
GRACE_MS = 60_000
LISTED = 4
# Ranges of lost numbers that a wall is told of one device; all are in the list of devices.
_NUMBERS = 4
# Who is full turns people away this minute, however many others are merely offline.
_RANK: Mapping[State | Trouble, int] = {
    "failing": 0,
    "full": 1,
    "offline": 2,
    "stuck": 3,
    "damaged": 4,
    "skewed": 5,
    "unsynced": 6,
    "online": 7,
}
# A database that stumbles is no news before it has done so for this long.
STUMBLE_MS = 5_000


class Device(msgspec.Struct, frozen=True):
    """A node or gateway. `state` holds since `since` (ms); `heard`: when its gateway last reported it, null if never.

    `queue`: ratings waiting in it, the oldest `oldest_ms` old; `disk_free`: bytes; `stuck`: "window/level" of buttons
    held down; `clock_error_ms`: null while it does not know the time; `clock_off_ms`: by how much at least its time
    disagrees with the city's (negative: behind), null while it agrees or says nothing; `destroyed`: ratings that its
    disk damaged, ever, and `losses` which those are, as it signed. `config`: the version of its configuration that it
    has taken, 0 for none.
    """

    node: str
    kind: Literal["node", "gateway"]
    township: str
    state: State
    since: int
    heard: int | None
    version: str
    windows: int
    queue: int
    oldest_ms: int
    disk_free: int
    stuck: list[str]
    clock_error_ms: int | None
    clock_off_ms: int | None = None
    destroyed: int = 0
    losses: list[Loss] = []
    config: int = 0


class _Heard(NamedTuple):
    status: GatewayStatus
    at: int


class Fleet:
    """The newest status of every gateway, with since when each device has been as it is.

    `started` is the city's time (ms) when it began to listen.
    """

    def __init__(self, started: int) -> None:
        self._started = started
        self._heard: dict[str, _Heard] = {}
        self._since: dict[str, tuple[State, int]] = {}

    def hear(self, status: GatewayStatus, at: int) -> None:
        """Take in a gateway's `status` that arrived at `at` (ms); a will says no more than that it is down."""
        before = self._heard.get(status.node)
        if status.state == "down" and before is not None:
            status = msgspec.structs.replace(before.status, state="down")
        self._heard[status.node] = _Heard(status, at)

    def devices(
        self,
        now: int,
        nodes: Collection[str],
        gateways: Collection[str],
        skews: Mapping[str, Skew],
        losses: Mapping[str, Sequence[Loss]] = MappingProxyType({}),
    ) -> list[Device]:
        """Return all devices at `now` (ms): heard ones, and registered `nodes` and `gateways` never heard; by name.

        `skews`: those whose clock disagrees; `losses`: what those declare destroyed that do.
        """
        devices: dict[str, Device] = {}
        for name, heard in self._heard.items():
            down = heard.status.state == "down" or now - heard.at > SILENT_MS
            for health in heard.status.nodes:
                devices[health.status.node] = self._node(health, heard.at, now, lost=down)
            devices[name] = self._gateway(heard, now, lost=down)
        for names, silent in ((nodes, NodeStatus), (gateways, GatewayStatus)):
            for name in names:
                if name not in devices and now - self._started > GRACE_MS:
                    devices[name] = self._never(silent(name, "down"))
        for name in devices.keys() & skews.keys():
            devices[name] = self._skewed(devices[name], skews[name])
        for name in devices.keys() & losses.keys():
            devices[name] = msgspec.structs.replace(devices[name], losses=list(losses[name]))
        return [devices[name] for name in sorted(devices)]

    def _skewed(self, device: Device, skew: Skew) -> Device:
        """Say that a clock disagrees, unless something worse is to be said of `device`."""
        told = msgspec.structs.replace(device, clock_off_ms=skew.off_ms)
        if _RANK[device.state] <= _RANK["skewed"]:
            return told
        return msgspec.structs.replace(told, state="skewed", since=skew.since)

    def _node(self, health: NodeHealth, heard: int, now: int, *, lost: bool) -> Device:
        status = health.status
        state = "offline" if lost else _state(status, stuck=bool(status.stuck))
        since = self._held_since(status.node, state, None if lost else health.since, now)
        return _device(status, "node", state, since, heard, windows=len(status.windows), stuck=status.stuck)

    def _gateway(self, heard: _Heard, now: int, *, lost: bool) -> Device:
        status = heard.status
        state = "offline" if lost else _state(status, stuck=False)
        since = self._held_since(status.node, state, heard.at if lost and status.state != "down" else None, now)
        windows = sum(len(health.status.windows) for health in status.nodes)
        return _device(status, "gateway", state, since, heard.at, windows=windows, stuck=[])

    def _never(self, status: NodeStatus | GatewayStatus) -> Device:
        kind: Literal["node", "gateway"] = "node" if isinstance(status, NodeStatus) else "gateway"
        return _device(status, kind, "offline", self._started, None, windows=0, stuck=[])

    def _held_since(self, name: str, state: State, told: int | None, now: int) -> int:
        """Return since when `name` is in `state`: as its gateway `told`, else when the city first saw it."""
        before = self._since.get(name)
        if before is None or before[0] != state:
            before = self._since[name] = (state, told if told is not None else now)
        return before[1]


def tile(devices: Iterable[Device], now: int, city: Ailing | None = None) -> Nodes:
    """Return the wall's tile: how many nodes are online, what waits, and the worst few devices, longest first.

    `city`: what is wrong with the city's own ledger, which comes before all devices.
    """
    devices = list(devices)
    nodes = [device for device in devices if device.kind == "node"]
    waiting = [device for device in devices if device.queue]
    ages = [device.oldest_ms + (now - (device.heard or now) if device.state == "offline" else 0) for device in waiting]
    return Nodes(
        online=sum(device.state != "offline" for device in nodes),
        offline=sum(device.state == "offline" for device in nodes),
        waiting=sum(device.queue for device in waiting),
        oldest_ms=max(ages, default=None),
        full=sum(device.state == "full" for device in devices),
        worst=[*_told(city, now), *sorted(_ailing(devices, now), key=_urgency)][:LISTED],
    )


def _urgency(one: Ailing) -> tuple[int, int, str]:
    return _RANK[one.state], one.since, one.node


def _told(city: Ailing | None, now: int) -> list[Ailing]:
    passing = city is None or (city.state == "failing" and now - city.since < STUMBLE_MS)
    return [] if city is None or passing else [city]


def _ailing(devices: list[Device], now: int) -> Iterator[Ailing]:
    cut_off = {device.township for device in devices if device.kind == "gateway" and device.state == "offline"}
    for device in devices:
        state: State = device.state
        if state == "online" or (state == "unsynced" and now - device.since < GRACE_MS):
            continue
        if state == "offline" and device.kind == "node" and device.township in cut_off:
            continue
        trouble: Trouble = state
        one = Ailing(device.node, device.township, device.windows, trouble, device.since)
        yield _with_losses(one, device) if state == "damaged" else one


def _with_losses(one: Ailing, device: Device) -> Ailing:
    lost = [pair for loss in device.losses for pair in loss.lost]
    known = sum(hi - lo + 1 for lo, hi in lost) if device.losses else None
    return msgspec.structs.replace(one, destroyed=device.destroyed, lost=known, numbers=lost[:_NUMBERS])


def _state(status: NodeStatus | GatewayStatus, *, stuck: bool) -> State:
    if status.state == "down":
        return "offline"
    if status.full:
        return "full"
    if stuck:
        return "stuck"
    if isinstance(status, NodeStatus) and status.destroyed:
        return "damaged"
    return "unsynced" if status.clock_error_ms is None else "online"


def _device(
    status: NodeStatus | GatewayStatus,
    kind: Literal["node", "gateway"],
    state: State,
    since: int,
    heard: int | None,
    *,
    windows: int,
    stuck: list[str],
) -> Device:
    return Device(
        node=status.node,
        kind=kind,
        township=township_of(status.node),
        state=state,
        since=since,
        heard=heard,
        version=status.version,
        windows=windows,
        queue=status.queue,
        oldest_ms=status.oldest_ms,
        disk_free=status.disk_free,
        stuck=stuck,
        clock_error_ms=status.clock_error_ms,
        destroyed=status.destroyed if isinstance(status, NodeStatus) else 0,
        config=status.config,
    )
