"""The wire as an AsyncAPI 3.0 document, made from the structs and topics themselves. Pure: `docs/build.py` writes it.

Source of the form: AsyncAPI Specification 3.0.0, with its MQTT bindings 0.2.0. Schemas are in its default dialect, a
superset of JSON Schema draft 7.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from contract.ack import Ack, Receipt, Refusal
from contract.batch import Batch
from contract.bundle import GZIP_ABOVE, MAX_ENTRIES, MAX_PAYLOAD
from contract.codec import Entry
from contract.config import NodeConfig, Roster
from contract.hall import Catalogue, Hall
from contract.hello import Hello, Welcome
from contract.identity import NODE, TOWNSHIP
from contract.prompt import Answer, Prompt
from contract.seal import Seal
from contract.status import GatewayStatus, NodeStatus
from contract.topics import ROOT

_CITY, _GATEWAY, _NODE = "city", "gateway", "node"


class Kind(NamedTuple):
    """One kind of entry, and who signs it ("" where nobody does)."""

    struct: type[Batch | Entry]
    signer: str


class Channel(NamedTuple):
    """One topic: on whose broker, who writes it, who reads it, what stands there."""

    address: str
    broker: str
    writer: str
    reader: str
    kinds: tuple[str, ...]
    retained: bool
    says: str


KINDS = {
    "batch": Kind(Batch, _NODE),
    "hello": Kind(Hello, "its sender"),
    "welcome": Kind(Welcome, ""),
    "ack": Kind(Ack, ""),
    "refusal": Kind(Refusal, ""),
    "receipt": Kind(Receipt, _CITY),
    "node": Kind(NodeStatus, ""),
    "gateway": Kind(GatewayStatus, ""),
    "config": Kind(NodeConfig, _CITY),
    "roster": Kind(Roster, _CITY),
    "prompt": Kind(Prompt, ""),
    "answer": Kind(Answer, _NODE),
    "seal": Kind(Seal, _CITY),
    "hall": Kind(Hall, _CITY),
    "catalogue": Kind(Catalogue, _CITY),
}

_ANSWERS = ("welcome", "ack", "refusal", "receipt")


def _by_node(leaf: str, writer: str, kinds: tuple[str, ...], says: str, *, retained: bool = False) -> Channel:
    reader = _GATEWAY if writer == _NODE else _NODE
    return Channel(f"{ROOT}/{{node}}/{leaf}", "township", writer, reader, kinds, retained, says)


def _by_township(leaf: str, writer: str, kinds: tuple[str, ...], says: str, *, retained: bool = False) -> Channel:
    reader = _CITY if writer == _GATEWAY else _GATEWAY
    return Channel(f"{ROOT}/{{county}}/{{township}}/{leaf}", "city", writer, reader, kinds, retained, says)


CHANNELS = {
    "node_ratings": _by_node(
        *("ratings", _NODE, ("hello", "batch", "answer")),
        "Hellos and ratings of one node, and what became of the prompts it was given.",
    ),
    "node_acks": _by_node("acks", _GATEWAY, _ANSWERS, "Answers to one node; receipts are the city's, passed through."),
    "node_status": _by_node("status", _NODE, ("node",), "Birth, heartbeat, and death as the will.", retained=True),
    "node_config": _by_node("config", _GATEWAY, ("config",), "The node's set-up, passed through.", retained=True),
    "node_prompt": _by_node("prompt", _GATEWAY, ("prompt",), "Please rate: a service was finished at a window."),
    "township_live": _by_township(
        *("live", _GATEWAY, ("hello", "batch", "seal")),
        "The gateway's and its nodes' hellos, the newest ratings, and seals that the city lost.",
    ),
    "township_backlog": _by_township(
        "backlog", _GATEWAY, ("batch",), "Ratings being caught up, one payload in flight, on a connection of its own."
    ),
    "township_acks": _by_township("acks", _CITY, _ANSWERS, "Answers to one township."),
    "township_status": _by_township(
        "status", _GATEWAY, ("gateway",), "Birth, heartbeat with the health of the nodes, and death.", retained=True
    ),
    "township_config": _by_township(
        *("config", _CITY, ("roster", "config", "seal")),
        "Who the township's nodes are, and their set-ups; the city's newest seals, which gateways keep.",
        retained=True,
    ),
    "township_hall": _by_township(
        *("hall", _CITY, ("hall", "catalogue")),
        "What the screen of the township's hall shows, the key of its codes among it, and what its kiosk answers.",
        retained=True,
    ),
}

_PARAMETERS = {
    "node": {"description": f"A node's name, {NODE.pattern}.", "examples": ["371721121-a1"]},
    "township": {"description": f"National statistics code, {TOWNSHIP.pattern}.", "examples": ["371721121"]},
    "county": {"description": "The first 6 digits of the township's code.", "examples": ["371721"]},
}
_SERVERS = {
    "township": {
        "host": "gateway.example:1883",
        "protocol": "mqtt",
        "protocolVersion": "3.1.1",
        "description": "The broker in a township: nodes and their gateway.",
    },
    "city": {
        "host": "city.example:1883",
        "protocol": "mqtt",
        "protocolVersion": "3.1.1",
        "description": "The city's broker: gateways and the city.",
    },
}
_ABOUT = (
    "Manyi (满意) takes citizens' ratings from three buttons at a service window to the city's ledger. Every "
    "payload is a bundle: entries one after the other, each one line of JSON and, where it is signed, a second "
    f"line with the base64url Ed25519 signature of exactly those bytes. Above {GZIP_ABOVE} bytes it is gzipped. At "
    f"most {MAX_PAYLOAD} bytes and {MAX_ENTRIES} entries, before and after gunzip. The messages below are single "
    "entries; protocol.md has the rules of the conversation."
)


def document() -> dict[str, Any]:
    """Return the whole document, ready for JSON."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Manyi",
            "version": ROOT.rpartition("/")[2],
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": {name: _channel(channel) for name, channel in CHANNELS.items()},
        "operations": dict(_operation(name, role) for name in CHANNELS for role in ("writer", "reader")),
        "components": {"messages": {name: _message(name) for name in KINDS}, "schemas": schemas()},
    }


def schemas() -> dict[str, Any]:
    """Return the JSON schema of every struct on the wire, by its name."""
    _, components = msgspec.json.schema_components(
        [kind.struct for kind in KINDS.values()], ref_template="#/components/schemas/{name}"
    )
    return {name: _dialect(schema) for name, schema in sorted(components.items())}


def _dialect(part: Any) -> Any:  # noqa: ANN401 (JSON)
    """Return msgspec's JSON Schema 2020-12 as draft 7, which calls the parts of a tuple `items`."""
    if isinstance(part, list):
        return [_dialect(inner) for inner in part]
    if not isinstance(part, Mapping):
        return part
    changed = {name: _dialect(inner) for name, inner in part.items()}
    if "prefixItems" in changed:
        changed["additionalItems"] = changed.get("items", True)
        changed["items"] = changed.pop("prefixItems")
    if isinstance(changed.get("pattern"), str):
        changed["pattern"] = changed["pattern"].removesuffix(r"(?!\n)")
    if isinstance(changed.get("description"), str):
        changed["description"] = re.sub(r"\s+", " ", changed["description"])
    return changed


def _channel(channel: Channel) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", channel.address)
    return {
        "address": channel.address,
        "description": f"{channel.says} Written by the {channel.writer}, read by the {channel.reader}.",
        "servers": [{"$ref": f"#/servers/{channel.broker}"}],
        "parameters": {name: _PARAMETERS[name] for name in names},
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in channel.kinds},
    }


def _operation(name: str, role: str) -> tuple[str, dict[str, Any]]:
    """Return one end's operation on a channel; `role` is writer or reader."""
    channel = CHANNELS[name]
    sends = role == "writer"
    binding: dict[str, Any] = {"qos": 1, "bindingVersion": "0.2.0"}
    if sends:
        binding["retain"] = channel.retained
    who = channel.writer if sends else channel.reader
    return f"{who}_{'sends' if sends else 'receives'}_{name}", {
        "action": "send" if sends else "receive",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": channel.says,
        "bindings": {"mqtt": binding},
        "messages": [{"$ref": f"#/channels/{name}/messages/{kind}"} for kind in channel.kinds],
    }


def _message(name: str) -> dict[str, Any]:
    kind = KINDS[name]
    signed = f"Signed by {kind.signer}." if kind.signer else "Not signed."
    return {
        "name": name,
        "title": kind.struct.__name__,
        "summary": signed,
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{kind.struct.__name__}"},
    }
