"""Faults of a line as a whole: it is parted."""

import asyncio
from random import Random
from typing import NamedTuple

from firmware_sim.faults.city import FaultyCity
from firmware_sim.faults.door import Door, Who
from firmware_sim.faults.effect import Effect, Fault, NoEffect

_LASTS_S = 2.5


class Stretch(NamedTuple):
    """Some of those who come through one door: what a person calls them, and how they are known by name."""

    name: str
    door: Door
    who: Who


def stretches(city: FaultyCity) -> list[Stretch]:
    """Return the lines of a city that can be cut."""
    townships, lines = city.township_line, city.city_line
    return [
        Stretch("nodes and their broker", townships, lambda name: not name.endswith("-nodes")),
        Stretch("gateways and the nodes' broker", townships, lambda name: name.endswith("-nodes")),
        Stretch("gateways and the city's broker", lines, lambda name: not name.startswith("city-")),
        Stretch("city and its broker", lines, lambda name: name.startswith("city-")),
        Stretch("city and wall", city.wall_line, lambda _: True),
    ]


class Partition:
    """Connections are reset and new ones refused, for a while."""

    kind = "partition"
    seconds = 6.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Part two ends that are joined."""
        name, door, who = random.choice(stretches(city))
        standing = len(door.through(who))
        refused = door.refused
        with door.barred(who):
            await asyncio.sleep(_LASTS_S)
            if not standing or not await city.until(lambda: door.refused > refused):
                raise NoEffect(f"{name}: {standing} connections stood, nobody tried to come back")
            refused = door.refused - refused
        if not await city.until(lambda: len(door.through(who)) >= standing):
            raise NoEffect(f"{name}: of {standing} connections only {len(door.through(who))} came back")
        return Effect(self.kind, name, f"{standing} connections reset, {refused} refused, {standing} back")


FAULTS: tuple[Fault, ...] = (Partition(),)
