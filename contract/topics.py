"""The topics, each written in one place. Plain MQTT 3.1.1; no shared subscriptions (not every broker delivers them)."""

from contract.identity import county_of

ROOT = "manyi/1"


def node(name: str, leaf: str) -> str:
    """A node's topic on the township's broker; `leaf` is ratings, acks, status, config or prompt."""
    return f"{ROOT}/{name}/{leaf}"


def township(code: str, leaf: str) -> str:
    """A gateway's topic on the city's broker; `leaf` is live, backlog, acks, status or config."""
    return f"{ROOT}/{county_of(code)}/{code}/{leaf}"


def every_node(leaf: str) -> str:
    """What a gateway subscribes to for all its nodes."""
    return f"{ROOT}/+/{leaf}"


def every_township(leaf: str, county: str = "+") -> str:
    """What the city subscribes to, for one county or for all."""
    return f"{ROOT}/{county}/+/{leaf}"


def writer(topic: str) -> str:
    """Who a topic belongs to: the node or township level of it, or "" when it is none of ours."""
    levels = topic.split("/")
    return levels[-2] if len(levels) in {4, 5} and topic.startswith(f"{ROOT}/") else ""
