"""SD cards: one comes back as it was some time ago, or two nodes have each the other's."""

import shutil
from contextlib import closing
from pathlib import Path
from random import Random

from firmware_sim.evidence import gather
from firmware_sim.faults.city import FaultyCity
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from proof import ledger

_LIGHTS = 10
# The hello of every minute dates what had no time, and another one finds what was lost.
_ARRIVE_S = 130.0
_TAILS = ("", "-wal", "-shm")
_UNCUT = "SELECT s.node, s.epoch, r.seq FROM rating r JOIN stream s ON s.id = r.stream"


class OldImage:
    """An image of a node's card is taken, the node goes on, and then the image is written back."""

    kind = "old-image-restored"
    seconds = 14.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Take it, let all arrive that comes since, so that no only copy is on the card, and write it back."""
        store = random.choice(city.premises.nodes).parent / "outbox.db"
        image = city.folder / f"image-{random.getrandbits(64):x}"
        image.mkdir()
        await city.fleet.kill()
        _move(store, image / store.name, copy=True)
        await city.revive("fleet")
        taken, lit = _numbers(city, store), city.lit
        with_new = await city.until(lambda: city.lit >= lit + _LIGHTS and _numbers(city, store) > taken)
        arrived = await _empty(city)
        if not with_new or not arrived:
            await city.revive("fleet")
            raise NoEffect(f"{store.parent.name} gave {_numbers(city, store) - taken} numbers since the image")
        newer = _numbers(city, store) - taken
        with closing(ledger.connect(image / store.name)) as card:
            city.cuts.forget(card.execute(_UNCUT).fetchall())
        for tail in _TAILS:
            store.with_name(store.name + tail).unlink(missing_ok=True)
        _move(image / store.name, store)
        await city.revive("fleet")
        lit = city.lit
        if not await city.until(lambda: city.lit >= lit + _LIGHTS):
            raise NoEffect(f"no lights came on after the image of {store.parent.name} was written back")
        seen = f"its card is without the last {newer} ratings that it gave, and it goes on"
        return Effect(self.kind, store.parent.name, seen)


class CardsSwapped:
    """Two nodes run on each other's cards for a while, and then on their own again.

    What has not arrived when a card is taken out stays on it, under the name and signature of a node that it is no
    longer in; so all arrives first, as it does for whoever swaps cards by hand.
    """

    kind = "cards-swapped"
    seconds = 16.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Swap, let people press, and swap back."""
        one, other = (file.parent / "outbox.db" for file in random.sample(city.premises.nodes, 2))
        seen = []
        for _ in range(2):
            if not await _empty(city):
                await city.revive("fleet")
                raise NoEffect(f"what {one.parent.name} and {other.parent.name} had did not arrive")
            aside = one.with_name("swapped.db")
            _move(one, aside)
            _move(other, one)
            _move(aside, other)
            await city.revive("fleet")
            lit = city.lit
            if not await city.until(lambda lit=lit: city.lit >= lit + _LIGHTS):  # type: ignore[misc]
                raise NoEffect(f"only {city.lit - lit} lights came on with the cards swapped")
            seen.append(city.lit - lit)
        said = f"{seen[0]} lights in the city with their cards swapped, {seen[1]} with their own again"
        return Effect(self.kind, f"{one.parent.name} and {other.parent.name}", said)


def _move(store: Path, target: Path, *, copy: bool = False) -> None:
    for tail in _TAILS:
        part = store.with_name(store.name + tail)
        if part.exists():
            (shutil.copyfile if copy else shutil.move)(part, target.with_name(target.name + tail))


async def _empty(city: FaultyCity) -> bool:
    """Let nobody press until every light that was seen is in the ledger, and stop the nodes; False if it is not."""
    await city.hush(within_s=_ARRIVE_S)
    arrived = await city.until(lambda: not _missing(city), within_s=_ARRIVE_S)
    await city.fleet.kill()
    return arrived


def _missing(city: FaultyCity) -> int:
    return gather(city.log, city.premises.database, wall=None, allowed=city.allowed).lost


def _numbers(city: FaultyCity, store: Path) -> int:
    """How many ratings of the node of `store` are in the ledger."""
    return sum(one.node == store.parent.name for one in ledger.read(city.premises.database))


FAULTS: tuple[Fault, ...] = (OldImage(), CardsSwapped())
