"""The topics, each written in one place. Plain MQTT 3.1.1; no shared subscriptions (not every broker delivers them)."""

from typing import Literal

from contract.identity import NODE, TOWNSHIP, county_of

ROOT = "manyi/1"
NodeLeaf = Literal["ratings", "acks", "status", "config", "prompt"]
TownshipLeaf = Literal["live", "backlog", "acks", "status", "config", "hall"]


def node(name: str, leaf: NodeLeaf) -> str:
    """Return a node's topic on the township's broker."""
    return f"{ROOT}/{name}/{leaf}"


def township(code: str, leaf: TownshipLeaf) -> str:
    """Return a gateway's topic on the city's broker."""
    return f"{ROOT}/{county_of(code)}/{code}/{leaf}"


def every_node(leaf: NodeLeaf) -> str:
    """Return what a gateway subscribes to for all its nodes."""
    return f"{ROOT}/+/{leaf}"


def every_township(leaf: TownshipLeaf, county: str = "+") -> str:
    """Return what the city subscribes to, for one county or for all."""
    return f"{ROOT}/{county}/+/{leaf}"


def writer(topic: str) -> str:
    """Whose a topic is: the node or township in it, or "" when it is none of ours (then nobody may speak there)."""
    match topic.removeprefix(f"{ROOT}/").split("/"):
        case [name, _] if topic.startswith(ROOT) and NODE.fullmatch(name):
            return name
        case [county, code, _] if topic.startswith(ROOT) and TOWNSHIP.fullmatch(code) and county == county_of(code):
            return code
    return ""
