"""What a receiver makes of what arrives: verified batches and hellos, refusals, and the answers. Pure.

Input that is not what it should be is refused with its reason and stops nothing beside or behind it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from contract.ack import Ack, Pair, Refusal
from contract.batch import Batch, StreamKey
from contract.bundle import Signed, digest, unpack
from contract.codec import decode, decode_batch, encode, is_batch
from contract.errors import Reason, Refused
from contract.hello import Clock, Hello, Welcome
from contract.keys import Key, signed
from contract.prompt import Answer
from contract.ranges import Ranges

Verified = tuple[Batch, bytes]


class Quarantined(NamedTuple):
    """Input that was refused: on whose topic, why, and the bytes."""

    sender: str
    refused: Refused
    raw: bytes


class Group(NamedTuple):
    """What one commit is about: `batches`, `hellos` and `said` are verified; `refusals` holds answers by sender.

    `said`: what became of prompts, as nodes say.
    """

    batches: list[Verified]
    hellos: list[tuple[Hello, bytes]]
    quarantined: list[Quarantined]
    refusals: dict[str, list[bytes]]
    said: list[Answer]


def gather(arrivals: list[tuple[str, bytes]], keys_of: Callable[[str], Sequence[Key]], now: int) -> Group:
    """Read `arrivals`, pairs of sender and payload; `keys_of` knows the public keys of the roster.

    `now` (ms; 0 where the time is not known): a hello is of now, a batch of when it was pressed.
    """
    group = Group([], [], [], {}, [])
    for sender, payload in arrivals:
        try:
            entries = unpack(payload)
        except Refused as refused:
            _refuse(group, Quarantined(sender, refused, payload))
            continue
        for entry in entries:
            try:
                if is_batch(entry.body):
                    batch = decode_batch(entry.body)
                    _check(sender, batch.node, entry, keys_of, batch.t0)
                    group.batches.append((batch, entry.raw))
                else:
                    told = _told(entry.body)
                    _check(sender, told.node, entry, keys_of, now)
                    if isinstance(told, Answer):
                        group.said.append(told)
                    else:
                        group.hellos.append((told, entry.raw))
            except Refused as refused:
                _refuse(group, Quarantined(sender, refused, entry.raw))
    return group


def _told(body: bytes) -> Hello | Answer:
    told = decode(body)
    if isinstance(told, Hello | Answer):
        return told
    raise Refused(Reason.UNDECODABLE, f"expected Hello, got {type(told).__name__}")


def _check(sender: str, node: str, entry: Signed, keys_of: Callable[[str], Sequence[Key]], at: int) -> None:
    if node != sender:
        raise Refused(Reason.WRONG_SENDER, f"{node} on the topic of {sender}")
    keys = keys_of(node)
    if not keys:
        raise Refused(Reason.UNKNOWN_NODE, f"{node} is not on the roster")
    if not entry.signature:
        raise Refused(Reason.UNSIGNED, node)
    if not signed(entry, keys, at):
        raise Refused(Reason.WRONG_SIGNATURE, node)


def _refuse(group: Group, bad: Quarantined) -> None:
    """Answer by the digest, never by numbers: they may be true ones in a copy that was altered or forged on its way."""
    group.quarantined.append(bad)
    answer = encode(Refusal(digest(bad.raw), bad.refused.reason))
    group.refusals.setdefault(bad.sender, []).append(answer)


def held(batches: list[Verified]) -> dict[str, list[bytes]]:
    """By node, the acks of batches that are on disk."""
    numbers: dict[StreamKey, list[Pair]] = {}
    for batch, _ in batches:
        numbers.setdefault(batch.stream, []).append((batch.first, batch.last))
    acks: dict[str, list[bytes]] = {}
    for stream, pairs in numbers.items():
        acks.setdefault(stream.node, []).append(encode(Ack(*stream, held=list(Ranges(pairs).pairs))))
    return acks


def welcome(hello: Hello, *, by: str, clock: Clock, standing: Callable[[StreamKey], tuple[Ranges, Ranges]]) -> Welcome:
    """The answer to `hello`; `standing` tells what is held and what is settled of a stream, of its own streams only."""
    streams = []
    for stream in hello.streams:
        here, settled = standing(stream.key) if stream.node == hello.node else (Ranges(), Ranges())
        streams.append(Ack(*stream.key, held=list(here.pairs), settled=list(settled.pairs)))
    return Welcome(hello.node, hello.nonce, by, clock, streams)
