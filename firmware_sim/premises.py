"""A planned city on disk: keys, settings files and the registration, as an installer would leave them."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from firmware_sim.cityplan import GATEWAY, NodePlan, TownshipPlan
from firmware_sim.servers.daemon import HOST
from transport.keys import new_key

Scalar = str | int | float | bool
Table = Mapping[str, Scalar | Sequence[Scalar]]


class Wires(NamedTuple):
    """TCP ports: the city's broker, the townships' one (they share it), the city's pages, which are on 127.0.0.1.

    `also`: where else the city's broker is, if it is a cluster (`host:port`). The brokers are on this machine, or on
    hosts of these names as the houses see them.
    """

    city_broker: int
    node_broker: int
    http: int
    also: tuple[str, ...] = ()
    city_host: str = HOST
    node_host: str = HOST


class Stores(NamedTuple):
    """Where the city keeps what it counts: a file beside its settings, or a URL; `series` is that section, if any."""

    database: str = "manyi.db"
    password_file: Path | None = None
    series: Table | None = None


FILES = Stores()


class Habits(NamedTuple):
    """What all nodes and the city are told alike; seconds. Below `least` ratings a tile stays grey."""

    settle_s: float = 0.8
    cooldown_s: float = 3.0
    heartbeat_s: float = 10.0
    least: int = 20


USUAL = Habits()


class Keys(NamedTuple):
    """By which a wall and a program come in at the city; the program sees all that an operator does."""

    wall: str
    operator: str

    @property
    def header(self) -> dict[str, str]:
        """Return the header that lets the program in."""
        return {"Authorization": f"Bearer {self.operator}"}

    def registered(self) -> list[dict[str, str]]:
        """Return what the registration says of them."""
        return [
            {"name": f"{role}-1", "role": role, "digest": sha256(key.encode()).hexdigest()}
            for role, key in self._asdict().items()
        ]


class Premises(NamedTuple):
    """The files that were written, and the one that the city writes if it keeps its ledger in a file."""

    cloud: Path
    database: Path
    registration: Path
    gateways: tuple[Path, ...]
    nodes: tuple[Path, ...]
    keys: Keys


def build(
    plan: Sequence[TownshipPlan],
    folder: Path,
    *,
    wires: Wires,
    habits: Habits = USUAL,
    stores: Stores = FILES,
    key_of: Callable[[str], str] | None = None,
) -> Premises:
    """Write everything that `plan` needs into the new or empty `folder`; nothing in it points outside.

    `key_of`: the public keys of nodes that somebody else looks after; then none has files here.
    """
    city = _new_folder(folder / "cloud")
    city_key = new_key(city / "city.key")
    gateways: list[Path] = []
    nodes: list[Path] = []
    registered_nodes: list[dict[str, object]] = []
    registered_gateways: list[dict[str, object]] = []
    for township in plan:
        roster = []
        for node in township.nodes:
            if key_of is None:
                file, key = _node(node, _new_folder(folder / "nodes" / node.name), city_key, wires, habits)
                nodes.append(file)
            else:
                key = key_of(node.name)
            roster.append({"node": node.name, "key": key})
            windows = [pins.id for pins in node.wiring]
            registered_nodes.append({"node": node.name, "key": key, "windows": windows})
        file, key = _gateway(
            township, _new_folder(folder / "gateways" / township.code), city_key, wires, habits, roster
        )
        gateways.append(file)
        registered_gateways.append({"node": township.gateway, "key": key})
    keys = Keys(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    registered = {"nodes": registered_nodes, "gateways": registered_gateways, "tokens": keys.registered()}
    registration = city / "registration.json"
    registration.write_text(json.dumps(registered, indent=1), encoding="utf-8")
    settings = city / "cloud.toml"
    settings.write_text(cloud(wires, habits, stores), encoding="utf-8")
    return Premises(settings, city / "manyi.db", registration, tuple(gateways), tuple(nodes), keys)


def cloud(wires: Wires, habits: Habits, stores: Stores = FILES) -> str:
    """Return the settings of a process of the city that serves at `wires.http`; they belong beside the city's key."""
    top: dict[str, Scalar] = {
        "database": stores.database,
        "key": "city.key",
        # A box in a room dates by its own clock, whether or not its kernel is synchronised.
        "clock": "trusted",
        "least": habits.least,
        "heartbeat_s": habits.heartbeat_s,
    }
    if stores.password_file is not None:
        top["database_password_file"] = str(stores.password_file.resolve())
    series = {} if stores.series is None else {"series": stores.series}
    return toml(top, broker=_city_broker(wires), http=_address(HOST, wires.http), **series)


def _gateway(
    township: TownshipPlan,
    folder: Path,
    city_key: str,
    wires: Wires,
    habits: Habits,
    roster: Sequence[Table],
) -> tuple[Path, str]:
    key = new_key(folder / "gateway.key")
    file = folder / "gateway.toml"
    file.write_text(
        toml(
            {
                "township": township.code,
                "name": GATEWAY,
                "store": "journal.db",
                "key": "gateway.key",
                "city_key": city_key,
                "shared_broker": True,
                "heartbeat_s": habits.heartbeat_s,
            },
            node_broker=_address(wires.node_host, wires.node_broker),
            city_broker=_city_broker(wires),
            roster=roster,
        ),
        encoding="utf-8",
    )
    return file, key


def _node(node: NodePlan, folder: Path, city_key: str, wires: Wires, habits: Habits) -> tuple[Path, str]:
    key = new_key(folder / "node.key")
    file = folder / "edge.toml"
    file.write_text(
        toml(
            {
                "node": node.name,
                "store": "outbox.db",
                "key": "node.key",
                "city_key": city_key,
                "pins": "mock",
                "heartbeat_s": habits.heartbeat_s,
            },
            broker=_address(wires.node_host, wires.node_broker),
            timing={"settle_s": habits.settle_s, "cooldown_s": habits.cooldown_s},
            window=[msgspec.to_builtins(pins) for pins in node.wiring],
        ),
        encoding="utf-8",
    )
    return file, key


def _city_broker(wires: Wires) -> Table:
    also = {"also": wires.also} if wires.also else {}
    return {**_address(wires.city_host, wires.city_broker), **also}


def _address(host: str, port: int) -> Table:
    return {"host": host, "port": port}


def toml(top: Table, **sections: Table | Sequence[Table]) -> str:
    """Write TOML: the keys of `top`, then a `[name]` for each table and a `[[name]]` for each of a list of tables."""
    blocks = [_lines(top)]
    for name, section in sections.items():
        if isinstance(section, Mapping):
            blocks.append(f"[{name}]\n{_lines(section)}")
        else:
            blocks.extend(f"[[{name}]]\n{_lines(table)}" for table in section)
    return "\n".join(blocks)


def _lines(table: Table) -> str:
    # A JSON string, number, boolean or list of those is TOML too.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def _new_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path
