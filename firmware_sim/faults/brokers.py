"""Faults of a broker: it is killed, it drops what it has acknowledged, it forbids without a word."""

import asyncio
from collections import Counter
from random import Random
from typing import NamedTuple

from firmware_sim.broker import Mosquitto
from firmware_sim.faults.city import COMES_BACK_S, FaultyCity
from firmware_sim.faults.door import Door, Passage, Way
from firmware_sim.faults.ear import carries_ratings
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from firmware_sim.faults.lines import Stretch, ingest_line, nodes_line, reception_line, uplink_line
from firmware_sim.faults.packets import PUBACK, PUBLISH, Packet

_LASTS_S = 3.0
# mosquitto reads its settings again within that.
_RELOADED_S = 0.5


class Place(NamedTuple):
    """A broker with its door, who sends ratings to it and who takes them from it."""

    name: str
    broker: Mosquitto
    door: Door
    senders: Stretch
    takers: Stretch


def places(city: FaultyCity) -> list[Place]:
    """Return both brokers of a city."""
    return [
        Place("the nodes' broker", city.township_broker, city.township_line, nodes_line(city), reception_line(city)),
        Place("the city's broker", city.city_broker, city.city_line, uplink_line(city), ingest_line(city)),
    ]


class BrokerRestarted:
    """A broker is killed or stopped and starts again with nothing of what it held."""

    kind = "broker-restarted"
    seconds = 6.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Do it to one of the two, under load."""
        _, broker, door, senders, takers = place = random.choice(places(city))
        standing = len(door.passages)
        killed = random.random() < 1 / 2
        if killed:
            broker.kill()
        else:
            await broker.stop()
        await asyncio.sleep(random.uniform(0, 2))
        gone = standing - len(door.passages)
        await broker.start()
        back = await city.until(lambda: senders.standing + takers.standing >= standing, within_s=COMES_BACK_S)
        if not gone or not back:
            there = senders.standing + takers.standing
            raise NoEffect(f"{place.name}: {gone} of {standing} connections went, {there} came back")
        return Effect(self.kind, place.name, f"{'killed' if killed else 'stopped'}, {gone} connections lost, all back")


class Tally:
    """A rule that counts payloads of ratings: taken by the broker, acknowledged by it, and handed to its takers.

    While `deaf`, no taker's PUBACK reaches the broker.
    """

    def __init__(self, place: Place) -> None:
        """Begin with nothing counted."""
        self.taken = self.acknowledged = self.handed = 0
        self.deaf = True
        self._place = place
        self._asked: set[tuple[Passage, int]] = set()
        self._held: list[tuple[Passage, bytes]] = []

    def __call__(self, passage: Passage, way: Way, packet: Packet) -> bytes:
        """Count, and hold the takers' PUBACKs."""
        if self._place.senders.who(passage.who):
            if way is Way.UP and carries_ratings(packet):
                self.taken += 1
                self._asked.add((passage, packet.number))
            elif way is Way.DOWN and packet.kind == PUBACK and (passage, packet.number) in self._asked:
                self._asked.discard((passage, packet.number))
                self.acknowledged += 1
        elif way is Way.DOWN:
            self.handed += carries_ratings(packet)
        elif self.deaf and packet.kind == PUBACK:
            self._held.append((passage, packet.raw))
            return b""
        return packet.raw

    def hear(self) -> None:
        """Let the takers' PUBACKs through."""
        self.deaf = False
        for passage, raw in self._held:
            passage.send(Way.UP, raw)


class QueueOverflow:
    """The broker's queues are small, its takers are slow: it acknowledges what it then drops."""

    kind = "queue-overflow"
    seconds = 12.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Give one broker queues for two, hold its takers' PUBACKs, and count what it acknowledged and dropped."""
        place = random.choice(places(city))
        standing = len(place.door.passages)
        await self._start_anew(city, place, standing, {"max_inflight_messages": "1", "max_queued_messages": "1"})
        await place.senders.flows(city)
        tally = Tally(place)
        with place.door.ruled(tally):
            await asyncio.sleep(_LASTS_S)
            # One is on its way to each taker, and counts as handed on; another one waits.
            await city.until(lambda: tally.acknowledged - tally.handed > place.takers.standing)
            tally.hear()
            dropped = tally.acknowledged - tally.handed
            await asyncio.sleep(_LASTS_S / 3)  # what still stands in the queues
            dropped = min(dropped, tally.acknowledged - tally.handed)
        await self._start_anew(city, place, standing, {})
        observed = f"{tally.acknowledged} payloads acknowledged, {tally.handed} handed on, {dropped} dropped"
        if dropped <= 0:
            raise NoEffect(f"{place.name}: {observed}")
        return Effect(self.kind, place.name, observed)

    async def _start_anew(self, city: FaultyCity, place: Place, standing: int, limits: dict[str, str]) -> None:
        """Start the broker with these `limits`: one that runs goes on without, whatever SIGHUP has it read."""
        await place.broker.stop()
        place.broker.configure(limits)
        await place.broker.start()
        if not await city.until(lambda: len(place.door.passages) >= standing, within_s=COMES_BACK_S):
            raise NoEffect(f"{place.name}: of {standing} connections {len(place.door.passages)} came back")


class AclDenial:
    """A broker's access list forbids, for a while, what must pass; in MQTT 3.1.1 nobody is told why.

    Who may not read is served with silence: its subscriptions are granted and bring nothing. Who may not write is
    acknowledged, and thrown out by mosquitto 2.0.
    """

    kind = "acl-denial"
    seconds = 8.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Forbid to read or to write ratings or acks, and count what is published and what is delivered."""
        place = random.choice(places(city))
        of_nodes = place.door is city.township_line
        standing = len(place.door.passages)
        leaf = random.choice(("ratings", "acks") if of_nodes else ("live", "acks"))
        left = random.choice(("read", "write"))
        leaves: tuple[str, ...] = ("ratings", "acks", "status", "config")
        if not of_nodes:
            leaves = ("live", "backlog", "acks", "status", "config", "hall")
        root = "manyi/1/+" if of_nodes else "manyi/1/+/+"
        rules = city.folder / "rules.acl"
        rules.write_text(
            "".join(f"topic {left if each == leaf else 'readwrite'} {root}/{each}\n" for each in leaves), "utf-8"
        )
        counts: Counter[Way] = Counter()

        def count(way: Way, packet: Packet) -> None:
            counts[way] += packet.kind == PUBLISH and packet.topic.endswith(f"/{leaf}")

        place.broker.configure({"acl_file": str(rules)})
        await asyncio.sleep(_RELOADED_S)
        with place.door.tapped(count):
            await asyncio.sleep(_LASTS_S)
            seen = await city.until(lambda: counts[Way.UP] > counts[Way.DOWN])
        place.broker.configure({})
        target = f"{place.name}, who may only {left} {leaf}"
        observed = f"{counts[Way.UP]} payloads published, {counts[Way.DOWN]} delivered"
        if not seen:
            raise NoEffect(f"{target}: {observed}")
        if not await city.until(lambda: len(place.door.passages) >= standing, within_s=COMES_BACK_S):
            raise NoEffect(f"{target}: {observed}; of {standing} connections {len(place.door.passages)} came back")
        return Effect(self.kind, target, observed)


FAULTS: tuple[Fault, ...] = (BrokerRestarted(), QueueOverflow(), AclDenial())
