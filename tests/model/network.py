"""Two brokers in the model and the wires to them: what is published arrives, is lost, doubled, late or torn as told.

`ModelLink` stands where the product's MQTT link does. What arrives late goes to whoever listens then, so that an answer
can outlive the process that gave it, on either side.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from functools import lru_cache
from typing import NamedTuple, Self

from contract.bundle import pack, unpack
from contract.codec import is_batch
from tests.model.host import HOST, Host
from tests.model.loop import VirtualLoop
from transport.broker import Broker

LATENCY_S = 0.01
# The level in a row of a batch's JSON: [0,"01",3,1]
_LEVEL = re.compile(rb'("[0-9]+"),[13],')
CONNECT_S = 0.05


class Fate(NamedTuple):
    """What becomes of one payload: a delay in seconds for each copy that arrives, and whether its end is torn off.

    With `forged`, one with other levels under the same signatures arrives before it.
    """

    copies: tuple[float, ...] = (LATENCY_S,)
    torn: bool = False
    forged: bool = False


FINE = Fate()


class Wire:
    """One direction between two houses. `fates` are those of the next payloads; `mute`: all are lost."""

    def __init__(self) -> None:
        self.fates: deque[Fate] = deque()
        self.mute = False
        self.carried = 0

    def next(self) -> Fate:
        self.carried += 1
        if self.mute:
            return Fate(())
        return self.fates.popleft() if self.fates else FINE


class Network:
    """`cut` holds the names of links that are down. `told` hears of each payload before anything befalls it."""

    def __init__(self, loop: VirtualLoop, wires: Sequence[str]) -> None:
        self.loop = loop
        self.wires = {name: Wire() for name in wires}
        self.cut: set[str] = set()
        self.told: Callable[[str, Host, str, bytes], None] = lambda _wire, _from, _topic, _payload: None
        self._links: list[ModelLink] = []
        self._retained: dict[tuple[str, str], bytes] = {}

    def add(self, link: "ModelLink") -> None:
        self._links.append(link)
        self.loop.call_later(CONNECT_S, link.rise)

    def remove(self, link: "ModelLink") -> None:
        with suppress(ValueError):
            self._links.remove(link)

    def down(self, name: str) -> None:
        self.cut.add(name)
        for link in list(self._links):
            if link.name == name:
                link.fall()

    def up(self, name: str) -> None:
        self.cut.discard(name)
        for link in self._links:
            if link.name == name:
                self.loop.call_later(CONNECT_S, link.rise)

    def silence(self, host: Host) -> None:
        """The process on `host` has died: its connections end, and its brokers tell its will."""
        for link in [link for link in self._links if link.host is host]:
            self._links.remove(link)
            if link.up and link.will is not None:
                self._route(link.broker, *link.will)
            link.up = False

    def publish(self, link: "ModelLink", topic: str, payload: bytes, *, retain: bool) -> None:
        if retain:
            self._retained[link.broker, topic] = payload
        wire = wire_of(topic)
        fate = FINE
        if wire in self.wires:
            self.told(wire, link.host, topic, payload)
            fate = self.wires[wire].next()
        if fate.forged:
            self.loop.call_later(0, self._route, link.broker, topic, forged(payload))
        if fate.torn:
            payload = payload[:-1] + b"\x00\nwhat no line may begin with"
        for delay in fate.copies:
            self.loop.call_later(delay, self._route, link.broker, topic, payload)

    def _route(self, broker: str, topic: str, payload: bytes) -> None:
        for link in list(self._links):
            if link.broker == broker and link.hears(topic):
                link.context.copy().run(link.on_receive, topic, payload)

    def retained(self, link: "ModelLink", pattern: str) -> None:
        for (broker, topic), payload in self._retained.items():
            if broker == link.broker and matches(pattern, topic):
                self.loop.call_later(LATENCY_S, self._hand, link, topic, payload)

    def _hand(self, link: "ModelLink", topic: str, payload: bytes) -> None:
        if link.up:
            link.context.copy().run(link.on_receive, topic, payload)


class ModelLink:
    """The product's `Link`, on the network of the host that makes it."""

    network: Network

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        subscribe: Sequence[str],
        on_receive: Callable[[str, bytes], None],
        on_up: Callable[[], None],
        on_down: Callable[[], None],
        on_carried: Callable[[], None] | None = None,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.up = False
        self.host = HOST.get()
        self.context: Context = copy_context()
        self.broker = broker.host
        # Which cable it is: the city's two links have the name of their process in theirs.
        self.name = "city" if client_id.startswith("city") else client_id
        self.will = will
        self.on_receive = on_receive
        self._topics = list(subscribe)
        self._on_up = on_up
        self._on_down = on_down
        self._on_carried = on_carried

    async def __aenter__(self) -> Self:
        self.network.add(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.up = False
        self.network.remove(self)

    def hears(self, topic: str) -> bool:
        return self.up and any(matches(pattern, topic) for pattern in self._topics)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        if self.up:
            self.network.publish(self, topic, payload, retain=retain)
            if self._on_carried is not None:
                self.network.loop.call_later(2 * LATENCY_S, self._granted, self._on_carried)
        return self.up

    def subscribe(self, topics: Sequence[str], granted: Callable[[], None] = lambda: None) -> None:
        new = [topic for topic in topics if topic not in self._topics]
        self._topics += new
        if self.up:
            for topic in new:
                self.network.retained(self, topic)
            self.network.loop.call_later(LATENCY_S, self._granted, granted)

    def _granted(self, granted: Callable[[], None]) -> None:
        if self.up:
            self.context.copy().run(granted)

    def unsubscribe(self, topics: Sequence[str]) -> None:
        self._topics = [topic for topic in self._topics if topic not in topics]

    def rise(self) -> None:
        if not self.up and self in self.network._links and self.name not in self.network.cut:
            self.up = True
            self.context.copy().run(self._on_up)
            for topic in self._topics:
                self.network.retained(self, topic)

    def fall(self) -> None:
        if self.up:
            self.up = False
            self.context.copy().run(self._on_down)


def forged(payload: bytes) -> bytes:
    """`payload` with the levels of its batches changed and its signatures left."""
    entries = [
        entry._replace(body=_LEVEL.sub(rb"\1,2,", entry.body)).raw if is_batch(entry.body) else entry.raw
        for entry in unpack(payload)
    ]
    return pack(entries)


@lru_cache(maxsize=4096)
def matches(pattern: str, topic: str) -> bool:
    """Whether `topic` is one that `pattern`, with its plus signs, means."""
    wanted, found = pattern.split("/"), topic.split("/")
    return len(wanted) == len(found) and all(w in {"+", f} for w, f in zip(wanted, found, strict=True))


@lru_cache(maxsize=4096)
def wire_of(topic: str) -> str:
    """The wire that a topic's payloads go by; "" for statuses and papers, which nothing befalls."""
    match topic.split("/")[2:]:
        case [node, "ratings"]:
            return f"{node[10:]} up"
        case [node, "acks"]:
            return f"{node[10:]} down"
        case [_, _, "live" | "backlog" | "acks" as leaf]:
            return {"live": "live", "backlog": "backlog", "acks": "answers"}[leaf]
    return ""
