"""What the city tells a township: who its nodes are, and how each is set up. Signed by the city; versions only rise."""

from typing import Annotated

import msgspec

from contract.batch import Count, NodeName
from contract.identity import TOWNSHIP, WINDOW

TownshipCode = Annotated[str, msgspec.Meta(pattern=f"^{TOWNSHIP.pattern}$")]
WindowName = Annotated[str, msgspec.Meta(pattern=f"^{WINDOW.pattern}$")]
# Broadcom numbers of a 40-pin Pi header.
Pin = Annotated[int, msgspec.Meta(ge=0, le=27)]


class WindowPins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One window's wiring, in BCM pin numbers; lights may be left out where a window has none."""

    id: WindowName
    satisfied: Pin
    basic: Pin
    dissatisfied: Pin
    light_satisfied: Pin | None = None
    light_basic: Pin | None = None
    light_dissatisfied: Pin | None = None


class NodeConfig(msgspec.Struct, frozen=True, tag_field="kind", tag="config"):
    """A node's set-up. `settle_ms` and `cooldown_ms` as in the design's section on the button."""

    node: NodeName
    version: Count
    windows: list[WindowPins]
    settle_ms: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    cooldown_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)]


class RosterNode(msgspec.Struct, frozen=True):
    """A node that the gateway takes ratings from, with its public key (base64url)."""

    node: NodeName
    key: str


class Roster(msgspec.Struct, frozen=True, tag_field="kind", tag="roster"):
    """All nodes of a township."""

    township: TownshipCode
    version: Count
    nodes: list[RosterNode]
