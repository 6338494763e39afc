"""Faults of a line as a whole: it is parted, one end forgets the other, one direction is lost, it is slow."""

import asyncio
from collections import defaultdict
from random import Random
from typing import NamedTuple

from firmware_sim.faults.city import COMES_BACK_S, FaultyCity
from firmware_sim.faults.door import Door, Passage, Way, Who
from firmware_sim.faults.ear import Ear
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from firmware_sim.faults.packets import PUBACK, PUBLISH, Packet

_LASTS_S = 2.5
_TICK_S = 1e-6


class Stretch(NamedTuple):
    """Some of those who come through one door: what a person calls them, and how they are known by name."""

    name: str
    door: Door
    who: Who

    @property
    def standing(self) -> int:
        """How many of their connections stand."""
        return len(self.door.through(self.who))

    async def flows(self, city: FaultyCity) -> None:
        """Wait until ratings travel here: who has not been welcomed since it connected says hello, and nothing else."""
        ear = Ear()
        with self.door.tapped(ear):
            await city.until(lambda: bool(ear.batches))

    async def back(self, city: FaultyCity, standing: int) -> None:
        """Wait until so many of their connections stand again; `NoEffect` where they do not come."""
        if not await city.until(lambda: self.standing >= standing, within_s=COMES_BACK_S):
            raise NoEffect(f"{self.name}: of {standing} connections only {self.standing} came back")


def nodes_line(city: FaultyCity) -> Stretch:
    """Return the line between the nodes and their broker."""
    return Stretch("nodes and their broker", city.township_line, lambda name: not name.endswith("-nodes"))


def reception_line(city: FaultyCity) -> Stretch:
    """Return the line between the nodes' broker and the gateways."""
    return Stretch("gateways and the nodes' broker", city.township_line, lambda name: name.endswith("-nodes"))


def uplink_line(city: FaultyCity) -> Stretch:
    """Return the line between the gateways and the city's broker."""
    return Stretch("gateways and the city's broker", city.city_line, lambda name: not name.startswith("city-"))


def ingest_line(city: FaultyCity) -> Stretch:
    """Return the line between the city and its broker."""
    return Stretch("city and its broker", city.city_line, lambda name: name.startswith("city-"))


def wall_line(city: FaultyCity) -> Stretch:
    """Return the line between the city and whoever looks at its wall."""
    return Stretch("city and wall", city.wall_line, lambda _: True)


class Partition:
    """Connections are reset and new ones refused, for a while."""

    kind = "partition"
    seconds = 6.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Part two ends that are joined."""
        lines = (nodes_line, reception_line, uplink_line, ingest_line, wall_line)
        stretch = random.choice(lines)(city)
        door, standing, refused = stretch.door, stretch.standing, stretch.door.refused
        with door.barred(stretch.who):
            await asyncio.sleep(_LASTS_S)
            if not standing or not await city.until(lambda: door.refused > refused):
                raise NoEffect(f"{stretch.name}: {standing} connections stood, nobody tried to come back")
            refused = door.refused - refused
        await stretch.back(city, standing)
        return Effect(self.kind, stretch.name, f"{standing} connections reset, {refused} refused, {standing} back")


class HalfOpen:
    """The server has lost its guests and they do not know: what they send goes nowhere, until it is answered by RST."""

    kind = "half-open"
    seconds = 8.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Let a broker forget those who send the most to it, or the city forget its wall."""
        stretch = random.choice((nodes_line, uplink_line, wall_line))(city)
        if stretch.door.framed:
            await stretch.flows(city)
        door, standing, swallowed = stretch.door, stretch.standing, stretch.door.swallowed
        looks, ear = city.onlooker.connections, Ear()
        with door.tapped(ear):
            gone = door.through(stretch.who)
            for passage in gone:
                passage.forget()
            if door.framed:
                seen = await city.until(
                    lambda: door.swallowed > swallowed and ear.again > 0, within_s=city.sends_again_s
                )
                observed = (
                    f"{door.swallowed - swallowed} bytes of {standing} connections swallowed, {ear.again} resends"
                )
            else:
                # A page sends nothing: what it sees is silence.
                seen = await city.until(lambda: city.onlooker.connections > looks)
                observed = f"the wall saw silence on {standing} connection and came anew"
            for passage in gone:
                passage.cut()
        if not standing or not seen:
            raise NoEffect(f"{stretch.name}: {observed}")
        await stretch.back(city, standing)
        return Effect(self.kind, stretch.name, observed)


class OneWayLoss:
    """Every publish and every PUBACK in one direction is lost; the other direction is whole."""

    kind = "one-way-loss"
    seconds = 7.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Lose one direction of a line for as long as it takes until somebody sends again what was lost."""
        stretch = random.choice((nodes_line, reception_line, uplink_line, ingest_line))(city)
        lossy = random.choice((*Way,))
        await stretch.flows(city)
        lost, ear = 0, Ear()

        def lose(passage: Passage, way: Way, packet: Packet) -> bytes:
            nonlocal lost
            if way is lossy and packet.kind in {PUBLISH, PUBACK} and stretch.who(passage.who):
                lost += 1
                return b""
            return packet.raw

        with stretch.door.tapped(ear), stretch.door.ruled(lose):
            await asyncio.sleep(_LASTS_S)
            seen = await city.until(lambda: lost > 0 and ear.again > 0, within_s=city.sends_again_s)
        observed = f"{lost} packets lost on their way {lossy}, {ear.again} resends"
        if not seen:
            raise NoEffect(f"{stretch.name}: {observed}")
        return Effect(self.kind, stretch.name, observed)


class Slow:
    """A rule: a delay, and then so many bytes a second, each connection and direction for itself, in order."""

    def __init__(self, who: Who, *, delay_s: float, bytes_per_s: float) -> None:
        """Begin with nothing held."""
        self.held = 0
        self.passed = 0
        self.slowest_s = 0.0
        self._who = who
        self._delay_s = delay_s
        self._per_byte_s = 1 / bytes_per_s
        self._free_at: defaultdict[tuple[Passage, Way], float] = defaultdict(float)
        self._due: defaultdict[tuple[Passage, Way], float] = defaultdict(float)

    def __call__(self, passage: Passage, way: Way, packet: Packet) -> bytes:
        """Hold the packet back for as long as the line takes."""
        if not self._who(passage.who):
            return packet.raw
        loop = asyncio.get_running_loop()
        now = loop.time()
        begin = max(now, self._free_at[passage, way])
        free_at = self._free_at[passage, way] = begin + len(packet.raw) * self._per_byte_s
        # Behind the one before, also where the line has become faster since; a loop keeps no order of equal times.
        due = self._due[passage, way] = max(free_at + self._delay_s, self._due[passage, way] + _TICK_S)
        self.held += 1
        self.slowest_s = max(self.slowest_s, due - now)
        loop.call_at(due, self._arrive, passage, way, packet.raw)
        return b""

    def hurry(self) -> None:
        """Take no more time for what comes from now on, but for waiting behind what is held."""
        self._delay_s = self._per_byte_s = 0.0

    def _arrive(self, passage: Passage, way: Way, raw: bytes) -> None:
        self.held -= 1
        self.passed += 1
        passage.send(way, raw)


class SlowLink:
    """A line of some thousand bytes a second, with a delay."""

    kind = "slow-link"
    seconds = 6.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Slow a line down, both ways; nothing on it is lost or reordered."""
        stretch = random.choice((nodes_line, reception_line, uplink_line, ingest_line))(city)
        slow = Slow(stretch.who, delay_s=random.uniform(0.2, 0.8), bytes_per_s=random.choice((1000, 2000, 4000)))
        with stretch.door.ruled(slow):
            await asyncio.sleep(2 * _LASTS_S)
            slow.hurry()
            if not await city.until(lambda: slow.held == 0) or not slow.passed:
                raise NoEffect(f"{stretch.name}: {slow.passed} packets passed, {slow.held} still held")
        took = f"{slow.passed} packets, the slowest took {slow.slowest_s:.1f} s"
        return Effect(self.kind, stretch.name, took)


FAULTS: tuple[Fault, ...] = (Partition(), HalfOpen(), OneWayLoss(), SlowLink())
