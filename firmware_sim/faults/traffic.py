"""Faults of single packets: they come twice, overtake each other, answers come late or out of another time."""

import asyncio
from collections import Counter, defaultdict
from random import Random

from contract.bundle import unpack
from contract.codec import decode
from contract.hello import Welcome
from firmware_sim.faults.city import FaultyCity
from firmware_sim.faults.door import Passage, Way
from firmware_sim.faults.ear import Ear, carries_acks
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from firmware_sim.faults.lines import ingest_line, nodes_line, reception_line, uplink_line
from firmware_sim.faults.packets import PUBACK, PUBLISH, Packet, publish

_LASTS_S = 3.0
_DUP = 0b0000_1000
_LINES = (nodes_line, reception_line, uplink_line, ingest_line)


class Duplicates:
    """Every publish on a line arrives twice or three times, both ways, as a resend of MQTT's own or as a new one."""

    kind = "duplicates"
    seconds = 4.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Double what passes, and count what was acknowledged as often."""
        stretch = random.choice(_LINES)(city)
        doubled = 0
        answered: Counter[tuple[Passage, Way, int]] = Counter()

        def double(passage: Passage, way: Way, packet: Packet) -> bytes:
            nonlocal doubled
            if not stretch.who(passage.who):
                return packet.raw
            if packet.kind == PUBACK:
                answered[passage, way, packet.number] += 1
            if packet.kind != PUBLISH or not packet.number:
                return packet.raw
            doubled += 1
            again = bytes([packet.raw[0] | random.choice((0, _DUP))]) + packet.raw[1:]
            return packet.raw + again * random.choice((1, 2))

        with stretch.door.ruled(double):
            await asyncio.sleep(_LASTS_S)
            seen = await city.until(lambda: any(count > 1 for count in answered.values()))
        extra = sum(count - 1 for count in answered.values())
        observed = f"{doubled} publishes sent on more than once, {extra} more PUBACKs than publishes"
        if not seen:
            raise NoEffect(f"{stretch.name}: {observed}")
        return Effect(self.kind, stretch.name, observed)


class Shuffle:
    """A rule: publishes of one connection and direction are held for a while and let go in another order."""

    def __init__(self, random: Random, *, window_s: float) -> None:
        """Begin with nothing held."""
        self.overtaken = 0
        self._random = random
        self._window_s = window_s
        self._held: defaultdict[tuple[Passage, Way], list[bytes]] = defaultdict(list)

    def __call__(self, passage: Passage, way: Way, packet: Packet) -> bytes:
        """Hold a publish back; let everything else overtake it."""
        if packet.kind != PUBLISH:
            return packet.raw
        held = self._held[passage, way]
        if not held:
            asyncio.get_running_loop().call_later(self._window_s, self._let_go, passage, way)
        held.append(packet.raw)
        return b""

    @property
    def holds(self) -> bool:
        """Whether anything is held."""
        return any(self._held.values())

    def _let_go(self, passage: Passage, way: Way) -> None:
        held = self._held.pop((passage, way))
        order = self._random.sample(range(len(held)), len(held))
        self.overtaken += sum(any(later < one for later in order[at + 1 :]) for at, one in enumerate(order))
        passage.send(way, b"".join(held[one] for one in order))


class Reordering:
    """What was sent one after the other arrives in another order."""

    kind = "reordering"
    seconds = 5.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Shuffle what passes a door within some hundred milliseconds."""
        stretch = random.choice((reception_line, uplink_line))(city)
        shuffle = Shuffle(random, window_s=random.uniform(0.3, 1.2))
        with stretch.door.ruled(shuffle):
            await asyncio.sleep(_LASTS_S)
            seen = await city.until(lambda: shuffle.overtaken > 0)
        # What comes now overtakes what is still held: once more another order.
        await city.until(lambda: not shuffle.holds)
        if not seen:
            raise NoEffect(f"{stretch.name} and its other end: no publish overtook another")
        return Effect(
            self.kind, f"{stretch.name}, both ends", f"{shuffle.overtaken} publishes came before earlier ones"
        )


class DelayedAcks:
    """Answers are held for longer than anybody waits for them, and then arrive all the same."""

    kind = "delayed-acks"
    seconds = 9.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Hold acks, welcomes and receipts until what they answer has been sent again."""
        stretch = random.choice((nodes_line, uplink_line))(city)
        await stretch.flows(city)
        held: list[tuple[Passage, bytes]] = []
        ear = Ear()

        def hold(passage: Passage, way: Way, packet: Packet) -> bytes:
            if way is Way.UP or not carries_acks(packet):
                return packet.raw
            held.append((passage, packet.raw))
            return b""

        with stretch.door.tapped(ear), stretch.door.ruled(hold):
            await asyncio.sleep(_LASTS_S)
            seen = await city.until(lambda: bool(held) and ear.again > 0, within_s=city.sends_again_s)
        for passage, raw in held:
            passage.send(Way.DOWN, raw)
        observed = f"{len(held)} answers came late, {ear.again} batches had been sent again meanwhile"
        if not seen:
            raise NoEffect(f"{stretch.name}: {observed}")
        return Effect(self.kind, stretch.name, observed)


class StaleAcks:
    """Answers of another time come again: after the gateways started anew, all that their last run had said."""

    kind = "stale-acks"
    seconds = 12.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Record answers, kill who gave them, and give them again to whom they were for."""
        stretch = random.choice((nodes_line, uplink_line))(city)
        answerer = city.gateways if stretch.door is city.township_line else city.cloud
        recorded: list[tuple[str, Packet]] = []

        def record(passage: Passage, way: Way, packet: Packet) -> bytes:
            if way is Way.DOWN and carries_acks(packet) and stretch.who(passage.who):
                recorded.append((passage.who, packet))
            return packet.raw

        with stretch.door.ruled(record):
            # So that there are welcomes among the answers.
            for passage in stretch.door.through(stretch.who):
                passage.cut()
            await asyncio.sleep(_LASTS_S)
            enough = await city.until(lambda: any(_welcomes(packet) for _, packet in recorded))
        await answerer.kill()
        await city.revive(answerer.name)
        await asyncio.sleep(_LASTS_S)  # whoever greets the new process has done so
        ear, given = Ear(), 0
        with stretch.door.tapped(ear):
            for who, packet in random.sample(recorded, len(recorded)):
                for passage in stretch.door.through(lambda name, who=who: name == who):  # type: ignore[misc]
                    passage.send(Way.DOWN, publish(packet.topic, packet.payload).raw)
                    given += 1
            # Word of a process that is gone makes whoever hears it ask anew.
            seen = enough and await city.until(lambda: ear.hellos > 0)
        observed = f"{given} answers of a {answerer.name} process that was gone, {ear.hellos} hellos after them"
        if not seen or not given:
            raise NoEffect(f"{stretch.name}: {observed}")
        return Effect(self.kind, stretch.name, observed)


def _welcomes(answer: Packet) -> bool:
    return any(isinstance(decode(entry.body), Welcome) for entry in unpack(answer.payload))


FAULTS: tuple[Fault, ...] = (Duplicates(), Reordering(), DelayedAcks(), StaleAcks())
