"""Towards the gateway: what the outbox holds goes out; acks, the time and the configuration come in."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self

from contract import topics
from contract.ack import Ack
from contract.batch import StreamKey
from contract.bundle import Signed, unpack
from contract.codec import decode_as, encode
from contract.config import NodeConfig
from contract.errors import Reason, Refused, SettingsError
from contract.prompt import Answer, Prompt, Standing
from contract.ranges import Ranges
from contract.status import NodeStatus
from edge.config import city_config
from transport.broker import Broker
from transport.lanes import Item, Lane, Lanes
from transport.link import Link
from transport.outbox import Outbox, Settled
from transport.owner import Receipted
from transport.sender import Sender
from transport.station import Station
from transport.steps import passed

logger = logging.getLogger(__name__)


class Uplink:
    """`record` puts a settled choice on disk and on its way; `configured` is called with what the city signed.

    It may raise `SettingsError`: then the configuration is not taken. `prompted` is called with what the gateway asks.
    """

    def __init__(
        self,
        broker: Broker,
        station: Station,
        outbox: Outbox,
        *,
        monotonic: Callable[[], float],
        config_version: int,
        configured: Callable[[NodeConfig, bytes], None],
        prompted: Callable[[Prompt], None],
        on_up: Callable[[], None],
    ) -> None:
        """Send what `outbox` holds to the gateway behind `broker`."""
        self._station = station
        self._outbox = outbox
        self._config_version = config_version
        self._configured = configured
        self._prompted = prompted
        self._on_up = on_up
        self.sender = Sender(station, outbox, Lanes(), self, publish=self._publish, monotonic=monotonic)
        self._link = Link(
            broker,
            client_id=station.name,
            subscribe=[self._topic("acks"), self._topic("config"), self._topic("prompt")],
            on_receive=self._arrived,
            on_up=self._up,
            on_down=self.sender.link_down,
            will=(self._topic("status"), encode(NodeStatus(station.name, "down"))),
        )

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._link.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Say goodbye and disconnect."""
        self.report(NodeStatus(self._station.name, "down"))
        await self._link.__aexit__()

    async def record(self, choice: Settled) -> None:
        """Commit a settled choice; raises `StoreFull`. When the line is idle it leaves at once, else with the next."""
        items = await self._outbox.append(choice, cut=self.sender.lanes.idle)
        if items:
            passed("cut", items, who=self._station.name)
            self.sender.offer(items)
        else:
            self.sender.poke()

    @property
    def up(self) -> bool:
        """Whether the connection to the gateway's broker stands."""
        return self._link.up

    def report(self, status: NodeStatus) -> None:
        """Publish how the node is, retained."""
        self._link.publish(self._topic("status"), encode(status), retain=True)

    def answer(self, token: str, became: Standing) -> None:
        """Say what became of a prompt; what is lost on its way is asked for again."""
        body = encode(Answer(self._station.name, token, became))
        self._link.publish(self._topic("ratings"), self._station.signer.entry(body))

    def _topic(self, leaf: topics.NodeLeaf) -> str:
        return topics.node(self._station.name, leaf)

    def _up(self) -> None:
        self.sender.link_up()
        self._on_up()

    def _publish(self, _: Lane, payload: bytes) -> bool:
        return self._link.publish(self._topic("ratings"), payload)

    def _arrived(self, topic: str, payload: bytes) -> None:
        if topic == self._topic("acks"):
            self.sender.receive(payload)
            return
        what, take = ("prompt", self._prompt) if topic == self._topic("prompt") else ("configuration", self._configure)
        try:
            for entry in unpack(payload):
                take(entry)
        except (Refused, SettingsError) as bad:
            logger.warning("%s: a %s was not taken: %s", self._station.name, what, bad)

    def _prompt(self, entry: Signed) -> None:
        prompt = decode_as(entry.body, Prompt)
        if prompt.node != self._station.name:
            raise Refused(Reason.WRONG_SENDER, f"it is for {prompt.node}")
        self._prompted(prompt)

    def _configure(self, entry: Signed) -> None:
        config = city_config(entry, self._station.city_key, self._station.name)
        if config.version > self._config_version:
            self._configured(config, entry.raw)
            self._config_version = config.version

    # What the sender asks its owner:

    def last_number(self) -> int:
        """The highest number given in this epoch."""
        return self._outbox.last

    def config_version(self) -> int:
        """The configuration in force; 0 for that of the settings file."""
        return self._config_version

    async def replenish(self) -> Iterable[Item]:
        """Cut what has gathered."""
        items = await self._outbox.cut()
        passed("cut", items, who=self._station.name)
        return items

    async def welcomed(self, missing: Mapping[StreamKey, Ranges]) -> None:
        """Date what was pressed without the time."""
        if missing:
            logger.info("%s: %d streams are to be sent again", self._station.name, len(missing))
        if self._outbox.undated:
            while await self._outbox.date(self._station.timepiece.later(await self._outbox.boots())):
                pass

    def answered(self, ack: Ack) -> None:
        """Nothing more to do: the lanes have taken it in."""

    async def receipted(self, receipts: Sequence[Receipted]) -> None:
        """Nothing more to do: the shelf has been marked."""

    async def refused(self, items: Iterable[Item], reason: Reason) -> None:
        """Say so: the reason may lie with the other side (a roster, a key)."""
        for item in items:
            logger.error(
                "%s: numbers %d to %d of epoch %s were refused: %s; trying again in an hour",
                *(self._station.name, item.first, item.last, item.stream.epoch, reason),
            )
