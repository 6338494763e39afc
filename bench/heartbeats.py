"""What townships say besides ratings: how their devices are and what they keep, at the rates of a million windows.

Every minute a gateway tells how it and its nodes are, and says hello; every 20 s it passes on what its nodes said in
theirs. The city verifies each hello and keeps it, and welcomes the gateways.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import NamedTuple
from uuid import uuid4

from bench.load import TICK_S, WINDOWS_A_NODE, Node, Townships
from bench.wire import packet
from contract import topics
from contract.bundle import pack
from contract.codec import encode
from contract.hello import Hello, Stream
from contract.identity import EPOCH_BITS, epoch_text, township_of
from contract.signing import Signer
from contract.status import GatewayStatus, NodeHealth, NodeStatus
from contract.version import __version__
from gateway.post import HELLOS_S
from transport.greeting import EVERY_S

WINDOWS = 1_000_000
# A township of 60 windows, as Heze's are: docs/scale.md.
NODES_A_GATEWAY = 15
GATEWAYS = WINDOWS // WINDOWS_A_NODE // NODES_A_GATEWAY
# A node's hello comes once a minute: of so few nodes hardly ever two are passed on together.
NODES_A_BUNDLE = max(1, round(NODES_A_GATEWAY * HELLOS_S / EVERY_S))
_RETAIN = 1
_UP_MS = 864_000_000
_FREE = 24_000_000_000

Say = Callable[[str, bytes], None]


class Gateway(NamedTuple):
    """One gateway in one run of its process, and its nodes."""

    name: str
    epoch: str
    signer: Signer
    nodes: Sequence[Node]


def gateways_of(townships: Townships) -> list[Gateway]:
    """A gateway for each `NODES_A_GATEWAY` nodes of a township, of which there are more here than a real one has."""
    nodes: dict[str, list[Node]] = {}
    for node in townships.nodes:
        nodes.setdefault(township_of(node.name), []).append(node)
    return [
        Gateway(
            f"{code}-g{start // NODES_A_GATEWAY}",
            epoch_text(secrets.randbits(EPOCH_BITS)),
            Signer(secrets.token_bytes(32)),
            there[start : start + NODES_A_GATEWAY],
        )
        for code, there in nodes.items()
        for start in range(0, len(there), NODES_A_GATEWAY)
    ]


def status(gateway: Gateway, now: int) -> bytes:
    """Everybody is well: the usual case, and the shortest text."""
    windows = [f"{number + 1:02d}" for number in range(WINDOWS_A_NODE)]
    nodes = [
        NodeStatus(
            node.name,
            "up",
            version=__version__,
            epoch=node.epoch,
            config=1,
            windows=windows,
            disk_free=_FREE,
            clock_error_ms=4,
            settled=1234,
            ignored=12,
        )
        for node in gateway.nodes
    ]
    told = GatewayStatus(
        gateway.name,
        "up",
        version=__version__,
        epoch=gateway.epoch,
        config=1,
        disk_free=_FREE,
        clock_error_ms=2,
        nodes=[NodeHealth(node, now - _UP_MS) for node in nodes],
    )
    return encode(told)


def hello(who: Node | Gateway, last: int, kept: Sequence[Node], now: int) -> bytes:
    """A signed hello of `who` that keeps ratings 1 to `last` of each of `kept`."""
    said = Hello(
        v=1,
        node=who.name,
        epoch=who.epoch,
        last=last if isinstance(who, Node) else 0,
        nonce=f"{who.epoch}.1440",
        config=1,
        boot=str(uuid4()),
        boottime=secrets.randbelow(_UP_MS),
        wall=now,
        streams=[Stream(node.name, node.epoch, [(1, last)]) for node in kept],
        at=now,
        error=100,
    )
    return who.signer.entry(encode(said))


def statuses(gateways: Sequence[Gateway], now: int) -> Iterator[tuple[str, bytes]]:
    """By township, the payload of each gateway's status."""
    for gateway in gateways:
        yield township_of(gateway.name), status(gateway, now)


def greetings(gateways: Sequence[Gateway], now: int) -> Iterator[tuple[str, bytes]]:
    """By township, the payload of each gateway's hello."""
    for gateway in gateways:
        yield township_of(gateway.name), pack([hello(gateway, 1, gateway.nodes, now)])


def passed_on(gateways: Sequence[Gateway], now: int) -> Iterator[tuple[str, bytes]]:
    """By township, the payloads in which gateways pass on their nodes' hellos."""
    for gateway in gateways:
        hellos = [hello(node, 1, [node], now) for node in gateway.nodes]
        for start in range(0, len(hellos), NODES_A_BUNDLE):
            yield township_of(gateway.name), pack(hellos[start : start + NODES_A_BUNDLE])


def packet_on(leaf: topics.TownshipLeaf, code: str, payload: bytes) -> bytes:
    """The packet that carries `payload` on a topic of township `code`; a status is to be retained."""
    made = packet(topics.township(code, leaf), payload, 0)
    return bytes([made[0] | _RETAIN]) + made[1:] if leaf == "status" else made


class Heartbeats:
    """All of it, made before it is needed; each is said again and again, since the city looks at each anew."""

    def __init__(self, gateways: Sequence[Gateway], now: int) -> None:
        """`now` is the time in ms that they tell; without `gateways` nobody says anything."""
        kinds: tuple[tuple[topics.TownshipLeaf, Iterator[tuple[str, bytes]], float], ...] = (
            ("status", statuses(gateways, now), GATEWAYS / EVERY_S),
            ("live", greetings(gateways, now), GATEWAYS / EVERY_S),
            ("live", passed_on(gateways, now), GATEWAYS * NODES_A_GATEWAY / NODES_A_BUNDLE / EVERY_S),
        )
        self._turns = [
            (cycle([(code, packet_on(leaf, code, payload)) for code, payload in said]), a_second)
            for leaf, said, a_second in kinds
            if gateways
        ]

    async def run(self, say: Say) -> None:
        """Say what is due, until cancelled."""
        begin = time.perf_counter()
        said = [0] * len(self._turns)
        while self._turns:
            passed_s = time.perf_counter() - begin
            for kind, (turn, a_second) in enumerate(self._turns):
                while said[kind] < passed_s * a_second:
                    say(*next(turn))
                    said[kind] += 1
            await asyncio.sleep(TICK_S)
