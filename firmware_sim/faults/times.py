"""Clocks are wrong, are stepped, or nobody tells the time; and two weeks pass in which nobody can send anything."""

import asyncio
from collections import Counter
from contextlib import closing
from random import Random

from contract.bundle import Signed
from contract.codec import decode_as
from contract.hello import Hello
from contract.rating import Quality
from firmware_sim.faults.city import FaultyCity
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from firmware_sim.faults.lines import ingest_line, uplink_line
from firmware_sim.faults.nerve import Deafen, Skew
from proof import ledger

TEN_YEARS_MS = 3653 * 24 * 3600 * 1000
_STRIDE_MS = 2 * 24 * 3600 * 1000
_STRIDES = 7
# A crystal of a Pi goes wrong by so much, either way.
_PPM = 50.0
_LIGHTS = 10
_PARTED_S = 0.5
# One that a gateway could not pass on, since its own line was parted, comes again after a minute.
_HELLO_S = 90.0
_STEP_S = 0.15
_LASTS_S = 3.0
_ARRIVE_S = 90.0


class ClockStepped:
    """The wall clocks of all nodes, or of all gateways, are stepped and say so in their hellos."""

    seconds = 6.0

    def __init__(self, kind: str, skew: Skew) -> None:
        """Step them by `skew`."""
        self.kind = kind
        self._skew = skew

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Step, let everybody say hello, and step back."""
        house = random.choice(("gateways", "fleet"))
        patient, lit = city.patients[house], city.lit
        before = await patient.count("skewed")
        await patient.tell(self._skew)
        await _part_for_hellos(city)
        wrong = city.now_ms() - TEN_YEARS_MS // 2, city.now_ms() + TEN_YEARS_MS // 2
        seen = await patient.until("skewed", before + 1) and await city.until(
            lambda: any(not wrong[0] < wall < wrong[1] for wall in _walls(city)), within_s=_HELLO_S
        )
        told = sum(not wrong[0] < wall < wrong[1] for wall in _walls(city))
        await patient.tell(Skew())
        if not seen or not await city.until(lambda: city.lit >= lit + 1):
            raise NoEffect(f"{house}: {told} hellos with a clock years off came to the city")
        return Effect(self.kind, house, f"{told} hellos in the city tell a wall clock that is years off")


class ClockSteppedMidBatch:
    """The wall clocks of nodes and gateways jump by ten years to and fro while ratings gather, are cut and travel."""

    kind = "clock-stepped-mid-batch"
    seconds = 8.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Jump many times."""
        houses = [city.patients["fleet"], city.patients["gateways"]]
        lit, jumps = city.lit, 0
        await _part(city)
        for _ in range(round(_LASTS_S / _STEP_S)):
            for patient in houses:
                await patient.tell(Skew(by=random.choice((-1, 1)) * TEN_YEARS_MS))
                jumps += 1
            await asyncio.sleep(_STEP_S)
        for patient in houses:
            await patient.tell(Skew())
        if not await city.until(lambda: city.lit > lit):
            raise NoEffect("no light came on while clocks jumped")
        read = [await patient.count("skewed") for patient in houses]
        return Effect(self.kind, "nodes and gateways", f"{jumps} jumps, {city.lit - lit} lights meanwhile, read {read}")


class CityClockStepped:
    """The city's own clock is ten years off, and its kernel says that it is not synchronised."""

    kind = "city-clock-unsynchronised"
    seconds = 8.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Step it, let it tell nobody the time, and step it back."""
        patient, lit = city.patients["cloud"], city.lit
        await patient.tell(Skew(by=random.choice((-1, 1)) * TEN_YEARS_MS, unknown=True))
        await _part(city)
        await asyncio.sleep(_LASTS_S)
        told = await patient.count("unsynchronised")
        await patient.tell(Skew())
        await _part(city)
        if not told or not await city.until(lambda: city.lit > lit):
            raise NoEffect(f"the city was asked {told} times how right its clock is")
        return Effect(self.kind, "city", f"{told} times it did not know the time, years off")


class GatewayUnsynchronised:
    """Nodes and gateways boot without a time, and nobody tells them one for a while: what is pressed is dated later."""

    kind = "gateway-unsynchronised"
    seconds = 12.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Boot everything deaf, let people press, and let them hear."""
        del random
        for name in ("fleet", "gateways"):
            await city.child(name).kill()
            city.patients[name].power_up(reboot=True, deaf=name == "gateways")
        corrected = _qualities(city)[Quality.CORRECTED]
        for name in ("gateways", "fleet"):
            await city.revive(name)
        lit, gateways = city.lit, city.patients["gateways"]
        heard = await city.until(lambda: city.lit >= lit + _LIGHTS)
        unheard = await gateways.count("unheard")
        await gateways.tell(Deafen(deaf=False))
        gateways.power_up()  # nor is whoever is killed later
        await _part(city)
        if not heard or not unheard:
            raise NoEffect(f"{unheard} times the time was not heard, and {city.lit - lit} lights came on")
        if not await city.until(lambda: _qualities(city)[Quality.CORRECTED] >= corrected + _LIGHTS // 2):
            raise NoEffect("what was pressed without the time was not dated afterwards")
        later = _qualities(city)[Quality.CORRECTED] - corrected
        return Effect(self.kind, "gateways and nodes", f"{unheard} times unheard; {later} ratings dated afterwards")


class TwoWeeksOffline:
    """Nodes gather ratings alone while fourteen days pass for every clock, crystals as wrong as they may be."""

    kind = "two-weeks-offline"
    seconds = 14.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Part them, let the days pass, two at a time, and let them meet again."""
        ppm, begin = random.uniform(-_PPM, _PPM), _now_ms(city)
        before = _qualities(city)
        with city.township_line.barred(lambda name: not name.endswith("-nodes")):
            lit = city.lit
            for _ in range(_STRIDES):
                if not await city.until(lambda seen=city.lit: city.lit > seen):  # type: ignore[misc]
                    raise NoEffect("no light came on while the nodes were alone")
                # In this order nobody is ahead of the city.
                for name in ("cloud", "gateways", "fleet"):
                    await city.patients[name].leap(_STRIDE_MS, ppm=ppm if name == "fleet" else 0.0)
            waited = city.lit - lit
        city.allowed.adrift.append((begin - _STRIDE_MS, _now_ms(city) + _STRIDE_MS))
        wanted = before.total() + waited
        if not await city.until(lambda: _qualities(city).total() >= wanted, within_s=_ARRIVE_S):
            raise NoEffect(f"of {waited} ratings of two weeks only {_qualities(city).total() - before.total()} arrived")
        after = _qualities(city) - before
        told = ", ".join(f"{after[quality]} {quality.name.lower()}" for quality in Quality)
        seen = f"{waited} ratings waited up to {2 * _STRIDES} days, crystals {ppm:+.0f} ppm: {told}"
        return Effect(self.kind, "nodes", seen)


def _now_ms(city: FaultyCity) -> int:
    """The time in the city, whose machines have leapt ahead of this one, ms."""
    return city.now_ms() + city.patients["cloud"].machine.leapt_ms


async def _part(city: FaultyCity) -> None:
    """Part everybody from both brokers for a moment: who comes back says hello."""
    with city.township_line.barred(lambda _: True), city.city_line.barred(lambda _: True):
        await asyncio.sleep(_PARTED_S)


async def _part_for_hellos(city: FaultyCity) -> None:
    """Part everybody, and let nodes back last, so that their hellos come to the city."""
    onwards = [(line, line.standing) for line in (uplink_line(city), ingest_line(city))]
    with city.township_line.barred(lambda _: True):
        with city.city_line.barred(lambda _: True):
            await asyncio.sleep(_PARTED_S)
        # A hello that comes to a gateway before its own line is back goes no further, and the next is a minute away.
        for line, standing in onwards:
            await line.back(city, standing)


def _walls(city: FaultyCity) -> list[int]:
    """What the hellos that the city keeps say of their senders' wall clocks, ms."""
    with closing(ledger.connect(city.premises.database)) as connection:
        raws = [raw for (raw,) in connection.execute(ledger.HELLOS)]
    return [decode_as(Signed.of(raw).body, Hello).wall for raw in raws]


def _qualities(city: FaultyCity) -> Counter[Quality]:
    """How many ratings of each time quality are in the ledger."""
    return Counter(Quality(one.q) for one in ledger.read(city.premises.database))


FAULTS: tuple[Fault, ...] = (
    ClockStepped("clock-ten-years-ahead", Skew(by=TEN_YEARS_MS)),
    ClockStepped("clock-ten-years-behind", Skew(by=-TEN_YEARS_MS)),
    ClockStepped("clock-1970", Skew(to=1)),
    ClockSteppedMidBatch(),
    CityClockStepped(),
    GatewayUnsynchronised(),
    TwoWeeksOffline(),
)
