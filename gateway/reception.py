"""Towards the nodes: their ratings come into the journal, the acks and the city's word go out."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Self

from contract import topics
from contract.batch import StreamKey
from contract.bundle import packed
from contract.codec import decode_as, encode
from contract.errors import Reason, Refused
from contract.hello import Hello, Welcome
from contract.keys import Key
from contract.prompt import Answer, Prompt
from contract.ranges import Ranges
from contract.status import NodeStatus
from gateway.health import Health
from gateway.papers import Papers
from gateway.settings import Settings
from transport.intake import Quarantined, Verified
from transport.lanes import Item
from transport.link import Link
from transport.receiver import Receiver
from transport.shelf import Shelf
from transport.station import Station

logger = logging.getLogger(__name__)


class Reception:
    """`recorded` hands new batches to the forwarder; `changed` tells that a node's condition did.

    `became` is told what nodes say of prompts, `met` who said hello.
    """

    def __init__(
        self,
        settings: Settings,
        station: Station,
        journal: Shelf,
        papers: Papers,
        health: Health,
        *,
        recorded: Callable[[list[Item], list[Verified]], None],
        changed: Callable[[], None],
        became: Callable[[Answer], None],
        met: Callable[[str], None],
    ) -> None:
        """Take ratings from the nodes on the roster in `papers`."""
        self.counts: Counter[Reason] = Counter()
        self.recorded = recorded
        self._settings = settings
        self._station = station
        self._papers = papers
        self._health = health
        self._changed = changed
        self._became = became
        self._meet = met
        self._hellos: dict[str, bytes] = {}
        self._invited: set[str] = set()
        # Who said hello to this process.
        self._met: set[str] = set()
        self.receiver = Receiver(station, journal, self, answer=self._answer)
        self._link = Link(
            settings.node_broker,
            client_id=f"{station.name}-nodes",
            subscribe=self._topics(),
            on_receive=self._arrived,
            on_up=self._up,
            on_down=lambda: None,
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._stack.enter_async_context(self._link)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._stack.aclose()

    @property
    def up(self) -> bool:
        """Whether the connection to the nodes' broker stands."""
        return self._link.up

    def _topics(self) -> list[str]:
        if not self._settings.shared_broker:
            return [topics.every_node("ratings"), topics.every_node("status")]
        return [topics.node(node, leaf) for node in self._papers.nodes for leaf in ("ratings", "status")]

    def _up(self) -> None:
        self._invited.clear()
        self.configured(self._papers.configs)

    def configured(self, configs: Mapping[str, bytes]) -> None:
        """Pass these configurations on, retained; listen to the roster as it is now, and invite who is new on it."""
        self._link.subscribe(self._topics())
        self._invite()
        for node, raw in configs.items():
            self._link.publish(topics.node(node, "config"), raw, retain=True)

    def timed(self) -> None:
        """The time became known: those here may ask for it. Who is not will when it comes."""
        self._invited -= self._met
        self._invite()

    def _invite(self) -> None:
        """Tell every node, once, that this process is here for it: it says hello and is welcomed anew."""
        for node in self._papers.nodes:
            nobody = Welcome(node, "-", self._station.epoch, self._station.timepiece.clock(), [])
            if node not in self._invited and self._link.publish(topics.node(node, "acks"), encode(nobody)):
                self._invited.add(node)

    def tell(self, node: str, entries: list[bytes]) -> None:
        """Pass the city's word on to a node."""
        for payload in packed(entries):
            self._answer(node, payload)

    def prompt(self, prompt: Prompt) -> bool:
        """Give a node a prompt, which it answers; False while there is no connection."""
        return self._link.publish(topics.node(prompt.node, "prompt"), encode(prompt))

    def hellos(self) -> list[bytes]:
        """The newest hello of each node since the last call, for the city."""
        taken = list(self._hellos.values())
        self._hellos.clear()
        return taken

    def _answer(self, node: str, payload: bytes) -> None:
        if node:
            self._link.publish(topics.node(node, "acks"), payload)

    def _arrived(self, topic: str, payload: bytes) -> None:
        node = topics.writer(topic)
        if topic.endswith("/ratings"):
            self.receiver.receive(node, payload)
        else:
            self._status(node, payload)

    def _status(self, node: str, payload: bytes) -> None:
        try:
            status = decode_as(payload, NodeStatus)
        except Refused as refused:
            self.quarantined(Quarantined(node, refused, payload))
            return
        if status.node != node:
            stranger = Refused(Reason.WRONG_SENDER, f"status of {status.node} on the topic of {node}")
            self.quarantined(Quarantined(node, stranger, payload))
            return
        now = self._station.timepiece.now()
        if self._health.heard(status, now.at if now else None):
            self._changed()

    # What the receiver asks its owner:

    def keys_of(self, node: str) -> Sequence[Key]:
        """The public keys of a node on the roster, newest first."""
        return self._papers.keys_of(node)

    def settled_of(self, stream: StreamKey) -> Ranges:
        """What is known to be in the ledger."""
        return self._papers.settled_of(stream)

    def greeted(self, hello: Hello, raw: bytes) -> Iterable[bytes]:
        """Keep the hello for the city; answer with the receipts that the node may have missed."""
        self._hellos[hello.node] = raw
        self._met.add(hello.node)
        self._meet(hello.node)
        receipts = (self._papers.receipt_of(stream.key) for stream in hello.streams if stream.node == hello.node)
        return [receipt for receipt in receipts if receipt is not None]

    def became(self, answer: Answer) -> None:
        """Pass on what a node says of a prompt."""
        self._became(answer)

    def quarantined(self, bad: Quarantined) -> None:
        """Count it and say so, ever more seldom: a flood of rubbish must not become a flood of lines."""
        self.counts[bad.refused.reason] += 1
        count = self.counts[bad.refused.reason]
        if count & (count - 1) == 0:
            logger.warning("%s: from %s: %s (%d so far)", self._station.name, bad.sender, bad.refused, count)
