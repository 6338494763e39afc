"""How a node and a gateway are: birth, heartbeat and death, retained."""

from typing import Literal

import msgspec

from contract.batch import Count, EpochName, Millis, NodeName
from contract.errors import Reason

State = Literal["up", "down"]
Trouble = Literal["stuck", "full", "unsynced"]


class NodeStatus(msgspec.Struct, frozen=True, tag_field="kind", tag="node", omit_defaults=True):
    """Birth and heartbeat (`up`) or will (`down`) of one node.

    `queue`: ratings not yet known to be at the gateway; `oldest_ms`: age of the oldest of them; `disk_free`: bytes;
    `stuck`: "window/level" of buttons held for 60 s or more; `full`: the outbox refuses ratings; `clock_error_ms`: None
    while the node does not know the time. `ignored` counts presses in cooldowns, `settled` choices since start.
    `destroyed`: ratings that its disk has damaged, ever; its hellos say which.
    """

    node: NodeName
    state: State
    version: str = ""
    epoch: EpochName | None = None
    config: Count = 0
    windows: list[str] = []
    queue: Count = 0
    oldest_ms: Count = 0
    disk_free: Count = 0
    stuck: list[str] = []
    full: bool = False
    clock_error_ms: Count | None = None
    settled: Count = 0
    ignored: Count = 0
    destroyed: Count = 0


class NodeHealth(msgspec.Struct, frozen=True):
    """A node as its gateway sees it; `since` is when its state last changed (city time, ms), None if unknown."""

    status: NodeStatus
    since: Millis | None


class GatewayStatus(msgspec.Struct, frozen=True, tag_field="kind", tag="gateway", omit_defaults=True):
    """Birth, heartbeat or will of one gateway, with the health of its nodes.

    `queue` and `oldest_ms` are as in `NodeStatus`, towards the city. `quarantined` counts by reason what the gateway
    refused since its start.
    """

    node: NodeName
    state: State
    version: str = ""
    epoch: EpochName | None = None
    config: Count = 0
    queue: Count = 0
    oldest_ms: Count = 0
    disk_free: Count = 0
    full: bool = False
    clock_error_ms: Count | None = None
    quarantined: dict[Reason, Count] = {}
    nodes: list[NodeHealth] = []
