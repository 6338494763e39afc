"""What is heard at a door while a fault is on: batches that are sent again, acks, how the gateways say they are."""

from collections import Counter
from collections.abc import Iterable

from contract.batch import Batch
from contract.bundle import digest, unpack
from contract.codec import decode_as, decode_batch, is_batch
from contract.errors import Refused
from contract.hello import Hello
from contract.status import GatewayStatus
from firmware_sim.faults.door import Way
from firmware_sim.faults.packets import PUBACK, PUBLISH, Packet

# Where signed batches travel: from nodes, and from gateways.
RATINGS = ("/ratings", "/live", "/backlog")


def carries_ratings(packet: Packet) -> bool:
    """Tell whether `packet` is a publish of signed batches or hellos."""
    return packet.kind == PUBLISH and packet.topic.endswith(RATINGS)


def carries_acks(packet: Packet) -> bool:
    """Tell whether `packet` is a publish of answers."""
    return packet.kind == PUBLISH and packet.topic.endswith("/acks")


class Ear:
    """A tap that counts what guests send: whole batches by their bytes, hellos, and the server's PUBACKs to them."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.batches: Counter[str] = Counter()
        self.hellos = 0
        self.pubacks = 0
        self.publishes = 0

    def __call__(self, way: Way, packet: Packet) -> None:
        """Take a packet in."""
        if way is Way.DOWN:
            self.pubacks += packet.kind == PUBACK
            return
        if not carries_ratings(packet):
            return
        self.publishes += 1
        try:
            for entry in unpack(packet.payload):
                if is_batch(entry.body):
                    decode_batch(entry.body)
                    self.batches[digest(entry.raw)] += 1
                else:
                    decode_as(entry.body, Hello)
                    self.hellos += 1
        except Refused:
            return  # a fault's own poison

    @property
    def again(self) -> int:
        """How often a batch was sent that had been sent before."""
        return sum(count - 1 for count in self.batches.values())


class Cuts:
    """A tap before the rules that compares every sending of a batch with its first: law 4."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.changed: list[str] = []
        self._first: dict[tuple[str, str, int], str] = {}

    def __call__(self, way: Way, packet: Packet) -> None:
        """Take a packet in."""
        if way is Way.DOWN or not carries_ratings(packet):
            return
        try:
            for entry in unpack(packet.payload):
                if is_batch(entry.body):
                    self._compare(decode_batch(entry.body), digest(entry.raw))
        except Refused:
            return  # a fault's own poison

    def forget(self, numbers: Iterable[tuple[str, str, int]]) -> None:
        """Take the next sending of `numbers` (node, epoch, number) for their first.

        They were not cut yet on a card that is written back, which knows nothing of how that was done since.
        """
        for number in numbers:
            self._first.pop(number, None)

    def _compare(self, batch: Batch, name: str) -> None:
        for number in range(batch.first, batch.last + 1):
            first = self._first.setdefault((*batch.stream, number), name)
            if first != name:
                self.changed.append(f"{batch.stream.batch(batch.first)} was sent in other bytes than before")


class Bulletin:
    """A tap at the city's broker that keeps what each run of each gateway said last."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self._newest: dict[tuple[str, str | None], GatewayStatus] = {}
        self._now: dict[str, GatewayStatus] = {}

    def __call__(self, way: Way, packet: Packet) -> None:
        """Take a packet in."""
        if way is Way.UP and packet.kind == PUBLISH and packet.topic.endswith("/status"):
            try:
                status = decode_as(packet.payload, GatewayStatus)
            except Refused:
                return
            if status.state == "up":
                self._newest[status.node, status.epoch] = self._now[status.node] = status

    @property
    def waiting(self) -> int:
        """How many ratings wait for an ack, as far as nodes and gateways have said."""
        return sum(status.queue + sum(node.status.queue for node in status.nodes) for status in self._now.values())

    @property
    def quarantined(self) -> Counter[str]:
        """What all gateways refused so far, by reason."""
        counts: Counter[str] = Counter()
        for status in self._newest.values():
            counts.update({reason.value: count for reason, count in status.quarantined.items()})
        return counts
