"""Listens to the gateways' statuses and keeps the wall's tile of devices up to date."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from cloud.board.picture import CITY, Ailing, Nodes, Trouble
from cloud.clocks.rules import Skew
from cloud.health.rules import Device, Fleet, tile
from cloud.losses.rules import Loss
from cloud.registry.snapshot import Registry
from contract import topics
from contract.bundle import unpack
from contract.codec import decode_as
from contract.errors import Reason, Refused
from contract.identity import township_of
from contract.status import GatewayStatus
from transport.broker import Broker
from transport.link import Link

logger = logging.getLogger(__name__)

LOOK_S = 1.0
# Of its loop's time a look may take a tenth: it goes through every device, some 4 us each, and walls wait meanwhile.
_SHARE = 10


class Listener:
    """One connection for all statuses. `clock` gives the city's time in ms, `tell` takes each new tile.

    `skews` tells whose clocks disagree, `losses` what devices declare destroyed, `city` what keeps the city's own
    ledger from taking anything. `damaged`: the nodes that say that they have lost something to their disk.

    It looks at all devices every `look_s`, whatever came and whether anything did, since silence is news too; with so
    many that a look takes a tenth of that, less often.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        registry: Callable[[], Registry],
        clock: Callable[[], int],
        tell: Callable[[Nodes], None],
        skews: Callable[[], Mapping[str, Skew]] = dict,
        losses: Callable[[], Mapping[str, Sequence[Loss]]] = dict,
        city: Callable[[], Trouble | None] = lambda: None,
        look_s: float = LOOK_S,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._tell = tell
        self._skews = skews
        self._losses = losses
        self.damaged: frozenset[str] = frozenset()
        self._city = city
        self._ailing: Ailing | None = None
        self._fleet = Fleet(clock())
        self._look_s = look_s
        self._stop = asyncio.Event()
        self._shown = Nodes()
        self.refused: Counter[Reason] = Counter()
        self._link = Link(
            broker,
            client_id=client_id,
            subscribe=[topics.every_township("status")],
            on_receive=self.receive,
            on_up=lambda: None,
            on_down=lambda: None,
        )

    @property
    def up(self) -> bool:
        """Whether the connection stands."""
        return self._link.up

    def stop(self) -> None:
        """End `run`."""
        self._stop.set()

    async def run(self) -> None:
        """Listen and look until stopped."""
        loop = asyncio.get_running_loop()
        async with self._link:
            while not self._stop.is_set():
                began = loop.time()
                self._look()
                took_s = loop.time() - began
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(self._look_s, _SHARE * took_s) - took_s):
                        await self._stop.wait()

    def receive(self, topic: str, payload: bytes) -> None:
        """Take in what arrived on a status topic; what cannot be read is counted and logged, and changes nothing."""
        try:
            for entry in unpack(payload):
                self._fleet.hear(_status(topic, entry.body), self._clock())
        except Refused as refused:
            self.refused[refused.reason] += 1
            logger.warning("status on %s refused: %s", topic, refused)

    def devices(self) -> list[Device]:
        """Return every device as it is now."""
        registry = self._registry()
        return self._fleet.devices(
            self._clock(), registry.nodes.keys(), registry.gateways.keys(), self._skews(), self._losses()
        )

    def _look(self) -> None:
        now, trouble = self._clock(), self._city()
        if trouble is None:
            self._ailing = None
        elif self._ailing is None or self._ailing.state != trouble:
            self._ailing = Ailing(CITY, "", 0, trouble, now)
        devices = self.devices()
        self.damaged = frozenset(device.node for device in devices if device.destroyed)
        shown = tile(devices, now, self._ailing)
        if shown != self._shown:
            self._shown = shown
            self._tell(shown)


def _status(topic: str, body: bytes) -> GatewayStatus:
    status = decode_as(body, GatewayStatus)
    if township_of(status.node) != topics.writer(topic):
        raise Refused(Reason.WRONG_SENDER, f"status of {status.node} on {topic}")
    return status
