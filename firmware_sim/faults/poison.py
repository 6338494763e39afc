"""Bad input between good: damaged on its way, too large, forged. It is counted where it arrives, and stops nothing."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random

import msgspec

from contract import topics
from contract.ack import Ack
from contract.batch import Batch
from contract.bundle import MAX_PAYLOAD, Signed, pack, unpack
from contract.codec import decode_batch, encode, is_batch
from contract.errors import Reason
from contract.identity import township_of
from contract.rating import Quality, Row
from contract.signing import Signer
from edge.settings import read
from firmware_sim.faults.city import PATIENCE_S, FaultyCity
from firmware_sim.faults.door import Passage, Way
from firmware_sim.faults.ear import Ear, carries_ratings
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from firmware_sim.faults.lines import Stretch, nodes_line, uplink_line
from firmware_sim.faults.packets import Packet, publish
from transport.keys import read_key

_LASTS_S = 3.0
_TRIES = 3
_EPOCH = "FORGEDxxxx"


def ratings_topic(who: str) -> str:
    """Return where the client `who` may send ratings: a node at its broker, a gateway at the city's."""
    node = who.removesuffix("-live").removesuffix("-backlog")
    return topics.node(node, "ratings") if node == who else topics.township(township_of(node), "live")


async def _refused(
    city: FaultyCity, before: Counter[str], least: int, reasons: frozenset[Reason], *, within_s: float = PATIENCE_S
) -> str | None:
    """Wait until at least so many more were refused for one of `reasons`; say how many, or None if that never comes."""
    values = {reason.value for reason in reasons}

    def more() -> Counter[str]:
        return Counter({reason: count for reason, count in (city.quarantined - before).items() if reason in values})

    if not await city.until(lambda: more().total() >= least, within_s=within_s):
        return None
    return ", ".join(f"{count} {reason}" for reason, count in sorted(more().items()))


class Corrupt:
    """Bytes are altered on their way, which TCP's checksum did not see."""

    kind = "corrupt"
    seconds = 7.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Alter some bytes in every other payload of ratings."""
        stretch = random.choice((nodes_line, uplink_line))(city)
        before, corrupted, ear = city.quarantined, 0, Ear()

        def corrupt(passage: Passage, way: Way, packet: Packet) -> bytes:
            nonlocal corrupted
            if way is Way.UP and stretch.who(passage.who) and carries_ratings(packet) and random.random() < 1 / 2:
                corrupted += 1
                payload = bytearray(packet.payload)
                for _ in range(random.randint(1, 3)):
                    payload[random.randrange(len(payload))] ^= 1 << random.randrange(8)
                return packet.carrying(bytes(payload)).raw
            return packet.raw

        with stretch.door.tapped(ear), stretch.door.ruled(corrupt):
            await asyncio.sleep(_LASTS_S)
            await city.until(lambda: corrupted > 1)
        reasons = frozenset(Reason) - {Reason.UNKNOWN_WINDOW, Reason.FUTURE}
        refused = await _refused(city, before, 1, reasons)
        if refused is None:
            raise NoEffect(f"{stretch.name}: {corrupted} payloads altered, nothing was refused")
        return Effect(self.kind, stretch.name, f"{corrupted} payloads altered; refused: {refused}")


class Oversized:
    """A device sends more than anybody may: as it is, or small and growing when it is unzipped."""

    kind = "oversized"
    seconds = 5.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Let some who are connected send it beside what they have to say."""
        stretch = random.choice((nodes_line, uplink_line))(city)
        before, sent, inside = city.quarantined, 0, 0
        for _ in range(_TRIES):
            for _ in range(random.randint(2, 5)):
                lengths = await self._send(stretch, random)
                sent, inside = sent + lengths[0], inside + lengths[1]
                await asyncio.sleep(random.uniform(0, 0.5))
            # Who was just coming back has lost it with the connection.
            refused = await _refused(city, before, 1, frozenset({Reason.OVERSIZED}), within_s=PATIENCE_S / _TRIES)
            if refused is not None:
                return Effect(self.kind, stretch.name, f"{sent} bytes that stand for {inside}; refused: {refused}")
        raise NoEffect(f"{stretch.name}: {sent} bytes sent, nothing was refused")

    async def _send(self, stretch: Stretch, random: Random) -> tuple[int, int]:
        """Have one guest send too much; how many bytes, and for how many they stand."""
        guests = [passage for passage in stretch.door.through(stretch.who) if not passage.who.endswith("-backlog")]
        if not guests:
            return 0, 0
        passage = random.choice(guests)
        growing = random.random() < 1 / 2
        large = b'{"x":"' + b"y" * MAX_PAYLOAD * (8 if growing else 1) + b'"}'
        payload = pack([large]) if growing else random.randbytes(MAX_PAYLOAD + 1)
        passage.send(Way.UP, publish(ratings_topic(passage.who), payload).raw)
        return len(payload), len(large)


class Forger:
    """Somebody with a key of their own, who writes what others might have."""

    def __init__(self, city: FaultyCity, random: Random) -> None:
        """Write for the windows of `city`."""
        self._city = city
        self._random = random
        self._signer = Signer(random.randbytes(32))

    def invented(self, node: str, now: int) -> list[bytes]:
        """Return entries for `node` that it did not make: under a strange key, unsigned, a stranger's, another's."""
        home = township_of(node)
        body = self._batch(node, now)
        stranger = encode(msgspec.structs.replace(self._batch(node, now), node=f"{home}-zz"))
        other = self._random.choice([each for each in self._nodes() if township_of(each) != home])
        return [self._signer.entry(encode(body)), encode(body), self._signer.entry(stranger), self._true(other, now)]

    def altered(self, payload: bytes) -> bytes | None:
        """Return the batches in `payload` with every level turned round, under their old signatures."""
        turned = []
        for entry in unpack(payload):
            if is_batch(entry.body):
                whole = json.loads(entry.body)
                whole["rows"] = [[ms, window, 4 - level, *rest] for ms, window, level, *rest in whole["rows"]]
                turned.append(Signed(json.dumps(whole, separators=(",", ":")).encode(), entry.signature).raw)
        return pack(turned) if turned else None

    def _nodes(self) -> list[str]:
        return [node.name for township in self._city.plan for node in township.nodes]

    def _batch(self, node: str, now: int) -> Batch:
        return Batch(1, node, _EPOCH, 1, now - 1000, Quality.SYNCHRONISED, [Row(0, "01", 1, 1)])

    def _true(self, node: str, now: int) -> bytes:
        """Return what `node` would sign itself, to be sent from where it does not belong."""
        (file,) = [each for each in self._city.premises.nodes if each.parent.name == node]
        settings = read(file)
        return read_key(Path(settings.key)).entry(encode(self._batch(node, now)))


class Forged:
    """Ratings that nobody gave, and true ones with the level turned round, ahead of the true ones."""

    kind = "forged"
    seconds = 6.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Send them from where true ones come from."""
        stretch = random.choice((nodes_line, uplink_line))(city)
        before, forger, sent = city.quarantined, Forger(city, random), 0

        def forge(passage: Passage, way: Way, packet: Packet) -> bytes:
            nonlocal sent
            if way is Way.UP and stretch.who(passage.who) and carries_ratings(packet):
                turned = forger.altered(packet.payload)
                if turned is not None:
                    sent += 1
                    return publish(packet.topic, turned).raw + packet.raw
            return packet.raw

        with stretch.door.ruled(forge):
            for passage in self._some(stretch, random):
                node = passage.who.removesuffix("-live").removesuffix("-backlog")
                for entry in forger.invented(node, city.now_ms()):
                    passage.send(Way.UP, publish(ratings_topic(passage.who), pack([entry])).raw)
                    sent += 1
            await asyncio.sleep(_LASTS_S)
            await city.until(lambda: sent > 0)
        reasons = frozenset({Reason.WRONG_SIGNATURE, Reason.UNSIGNED, Reason.UNKNOWN_NODE, Reason.WRONG_SENDER})
        refused = await _refused(city, before, sent // 2, reasons)
        if refused is None:
            raise NoEffect(f"{stretch.name}: {sent} forgeries sent, refused: {city.quarantined - before}")
        return Effect(self.kind, stretch.name, f"{sent} forgeries; refused: {refused}")

    def _some(self, stretch: Stretch, random: Random) -> list[Passage]:
        guests = [passage for passage in stretch.door.through(stretch.who) if not passage.who.endswith("-backlog")]
        return random.sample(guests, min(2, len(guests)))


class ForgedAcks:
    """Ratings are swallowed and their sender is thanked for them: only the next welcome can tell it the truth."""

    kind = "forged-acks"
    seconds = 7.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Acknowledge what never reaches the receiver; then let connections end, so that hello is said."""
        stretch = random.choice((nodes_line, uplink_line))(city)
        swallowed: Counter[str] = Counter()

        def thank(passage: Passage, way: Way, packet: Packet) -> bytes:
            if way is not Way.UP or not stretch.who(passage.who) or not carries_ratings(packet):
                return packet.raw
            acks = [
                encode(Ack(batch.node, batch.epoch, held=[(batch.first, batch.last)]))
                for batch in map(decode_batch, (e.body for e in unpack(packet.payload) if is_batch(e.body)))
            ]
            if not acks:
                return packet.raw
            swallowed[passage.who] += len(acks)
            answers = packet.topic.rpartition("/")[0] + "/acks"
            for guest in stretch.door.through(lambda name: name.removesuffix("-live") in passage.who):
                guest.send(Way.DOWN, publish(answers, pack(acks)).raw)
            return b""

        ear = Ear()
        with stretch.door.ruled(thank):
            await asyncio.sleep(_LASTS_S)
            await city.until(lambda: swallowed.total() > 0)
        with stretch.door.tapped(ear):
            for passage in stretch.door.through(stretch.who):
                passage.cut()
            seen = await city.until(lambda: len(ear.batches) >= swallowed.total())
        observed = (
            f"{swallowed.total()} batches swallowed and thanked for, {len(ear.batches)} sent after the next welcome"
        )
        if not seen or not swallowed:
            raise NoEffect(f"{stretch.name}: {observed}")
        return Effect(self.kind, stretch.name, observed)


FAULTS: tuple[Fault, ...] = (Corrupt(), Oversized(), Forged(), ForgedAcks())
