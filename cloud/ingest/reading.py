"""Payloads to verified batches and refused input. Pure; run in threads, since libsodium releases the GIL.

One bad entry never blocks its neighbours: each is judged alone, and only a payload that is no bundle fails as a whole.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from cloud.clocks.rules import Word
from cloud.ledger.rules import Lane, Numbers, Verified
from cloud.quarantine.rules import Poison, poison
from cloud.registry.snapshot import Registry
from contract.ack import Refusal
from contract.batch import StreamKey
from contract.bundle import MAX_PAYLOAD, Signed, unpack
from contract.codec import decode_as, decode_batch, is_batch
from contract.errors import Reason, Refused
from contract.hello import Hello
from contract.identity import PROMPT, channel_of, township_of
from contract.keys import signed
from contract.rating import Quality
from proof.seals import Sealed, objection, opened

_MARK_BYTES = 16
_SEAL = b'{"kind":"seal"'


class Arrival(NamedTuple):
    """A payload on a lane, by the township its topic belongs to, and the city's time (ms) when it came."""

    lane: Lane
    township: str
    payload: bytes
    at: int


@dataclass(slots=True)
class Reading:
    """What was found in some payloads, in their order.

    `payload_bytes` came in, `kept_bytes` are held on to until the commit. `rows`: ratings, and streams that hellos ask
    about: what settling takes time for. `again`: batches whose very bytes are in the ledger, by township and lane.
    `unreadable` are the answers to what `poisons` holds. `words`: what was said of the time, by hellos and by live
    ratings. `seals`: those that townships hand back.
    """

    payload_bytes: int = 0
    kept_bytes: int = 0
    rows: int = 0
    batches: list[Verified] = field(default_factory=list)
    again: list[tuple[str, Lane, Numbers]] = field(default_factory=list)
    hellos: list[tuple[Hello, bytes, Lane]] = field(default_factory=list)
    poisons: list[Poison] = field(default_factory=list)
    unreadable: list[tuple[str, Lane, Refusal]] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    seals: list[Sealed] = field(default_factory=list)

    def extend(self, other: "Reading") -> None:
        """Add what was read after this."""
        self.payload_bytes += other.payload_bytes
        self.kept_bytes += other.kept_bytes
        self.rows += other.rows
        self.batches += other.batches
        self.again += other.again
        self.hellos += other.hellos
        self.poisons += other.poisons
        self.unreadable += other.unreadable

    def within(self, covers: Callable[[str], bool]) -> "Reading":
        """What of it comes from townships that `covers` takes; the bytes are counted all the same."""
        return Reading(
            self.payload_bytes,
            self.kept_bytes,
            self.rows,
            [verified for verified in self.batches if covers(verified.township)],
            [known for known in self.again if covers(known[0])],
            [greeting for greeting in self.hellos if covers(township_of(greeting[0].node))],
            [bad for bad in self.poisons if covers(bad.township)],
            [unread for unread in self.unreadable if covers(unread[0])],
        )


def mark_of(raw: bytes) -> bytes:
    """The short name of exact bytes that were verified once; long enough that nobody finds a second text for it."""
    return blake2b(raw, digest_size=_MARK_BYTES).digest()


def read(arrivals: Iterable[Arrival], registry: Registry, in_ledger: Mapping[bytes, Numbers], city: bytes) -> Reading:
    """Unpack, decode and verify `arrivals`; what is known byte for byte (`in_ledger`) is not verified again.

    `city` is the city's own key (32 raw bytes).
    """
    reading = Reading()
    for arrival in arrivals:
        reading.payload_bytes += len(arrival.payload)
        try:
            entries = unpack(arrival.payload)
        except Refused as refused:
            reading.kept_bytes += min(len(arrival.payload), MAX_PAYLOAD)
            _refuse(reading, arrival, refused, arrival.payload, "")
            continue
        for entry in entries:
            _read_entry(reading, arrival, entry, registry, in_ledger, city)
    return reading


def _read_entry(
    reading: Reading,
    arrival: Arrival,
    entry: Signed,
    registry: Registry,
    in_ledger: Mapping[bytes, Numbers],
    city: bytes,
) -> None:
    raw = entry.raw
    reading.kept_bytes += len(raw)
    mark = mark_of(raw)
    numbers = in_ledger.get(mark)
    if numbers is not None and township_of(numbers.stream.node) == arrival.township:
        reading.again.append((arrival.township, arrival.lane, numbers))
        return
    node = ""
    try:
        if entry.body.startswith(_SEAL):
            reading.seals.append(_handed_back(entry, city))
        elif is_batch(entry.body):
            batch = decode_batch(entry.body)
            node = batch.node
            check_sender(node, entry, arrival.township, registry, batch.t0)
            numbers = Numbers(StreamKey(node, batch.epoch), batch.first, batch.last)
            reading.batches.append(Verified(batch, numbers, raw, mark, arrival.township, arrival.lane))
            reading.rows += len(batch.rows)
            if arrival.lane == "live" and batch.q is Quality.SYNCHRONISED and channel_of(node) != PROMPT:
                reading.words.append(Word("rating", node, batch.t0 + batch.rows[-1].ms, 0, arrival.at))
        else:
            hello = decode_as(entry.body, Hello)
            node = hello.node
            check_sender(node, entry, arrival.township, registry, arrival.at)
            reading.hellos.append((hello, raw, arrival.lane))
            if hello.at is not None:
                order = (hello.boot, hello.boottime)
                reading.words.append(Word("hello", node, hello.at, hello.error, arrival.at, order))
            reading.rows += len(hello.streams)
    except Refused as refused:
        _refuse(reading, arrival, refused, raw, node)


def _handed_back(entry: Signed, city: bytes) -> Sealed:
    """The seal in `entry`; raises `Refused` unless the key `city` signed it."""
    one = opened(entry.raw)
    if (said := objection(one, city)) is not None:
        raise Refused(Reason.WRONG_SIGNATURE, f"seal {one.seal.number}: {said}")
    return one


def check_sender(node: str, entry: Signed, township: str, registry: Registry, at: int) -> None:
    """Raise `Refused` unless `node` belongs to `township`, is registered, and signed `entry`, which is of `at` (ms).

    A key that ended, since it was replaced or revoked, holds for what is from before.
    """
    if township_of(node) != township:
        raise Refused(Reason.WRONG_SENDER, f"{node} on the topic of township {township}")
    keys = registry.keys(node)
    if not keys:
        raise Refused(Reason.UNKNOWN_NODE, f"{node} is not registered")
    if not entry.signature:
        raise Refused(Reason.UNSIGNED, node)
    if not signed(entry, keys, at):
        raise Refused(Reason.WRONG_SIGNATURE, node)


def _refuse(reading: Reading, arrival: Arrival, refused: Refused, raw: bytes, node: str) -> None:
    """Answer by the digest, never by numbers: they may be true ones in a copy that was altered or forged on its way."""
    bad = poison(arrival.township, node, refused.reason, refused.detail, raw)
    reading.poisons.append(bad)
    reading.unreadable.append((arrival.township, arrival.lane, Refusal(bad.digest, refused.reason)))
