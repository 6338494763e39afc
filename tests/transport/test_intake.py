"""Each bad input is refused with its reason, and nothing beside or behind it suffers."""

import gzip
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ack import Ack, Refusal
from contract.batch import Batch, StreamKey
from contract.bundle import MAX_ENTRIES, MAX_PAYLOAD, Signed, digest, pack, unpack
from contract.codec import decode, encode
from contract.errors import Reason
from contract.hello import Clock, Hello, Stream, Welcome
from contract.keys import Key
from contract.prompt import Answer
from contract.ranges import Ranges
from contract.rating import Quality, Row
from contract.signing import Signer, public_key
from contract.status import NodeStatus
from transport.intake import Group, gather, held, welcome

NODE, OTHER, STRANGER = "371721121-a1", "371721121-a2", "371721121-x9"
EPOCH = "AAAAAAAAAA"
SIGNERS = {NODE: Signer(b"1" * 32), OTHER: Signer(b"2" * 32), STRANGER: Signer(b"3" * 32)}
FORMER = Signer(b"4" * 32)
UNTIL = 1_790_000_050_000
ROSTER = {
    NODE: (Key(public_key(SIGNERS[NODE].public)), Key(public_key(FORMER.public), UNTIL)),
    OTHER: (Key(public_key(SIGNERS[OTHER].public)),),
}


def batch(first: int = 1, count: int = 1, node: str = NODE) -> Batch:
    return Batch(1, node, EPOCH, first, 1_790_000_000_000, Quality.SYNCHRONISED, [Row(0, "01", 3, 1)] * count)


def raw(what: Batch | Hello, node: str = NODE) -> bytes:
    return SIGNERS[node].entry(encode(what))


def hello(nonce: str = "n1", node: str = NODE, *streams: Stream) -> Hello:
    return Hello(1, node, EPOCH, 5, nonce, 0, "boot", 7, 8, list(streams))


def taken(*arrivals: tuple[str, bytes], now: int = 0) -> Group:
    return gather(list(arrivals), lambda node: ROSTER.get(node, ()), now)


def answers(group: Group, node: str = NODE) -> list[object]:
    return [decode(answer) for answer in group.refusals.get(node, [])]


def test_a_key_that_was_replaced_holds_for_what_was_pressed_before() -> None:
    before, after = batch(), msgspec.structs.replace(batch(2), t0=UNTIL)
    group = taken(*((NODE, FORMER.entry(encode(one))) for one in (before, after)))
    assert [one for one, _ in group.batches] == [before]
    assert [bad.refused.reason for bad in group.quarantined] == [Reason.WRONG_SIGNATURE]
    assert not taken((OTHER, FORMER.entry(encode(batch(node=OTHER))))).batches


@pytest.mark.parametrize(("now", "heard"), [(0, True), (UNTIL - 1, True), (UNTIL, False)])
def test_a_hello_by_a_key_that_was_replaced_counts_until_it_ends_or_where_nobody_knows_the_time(
    now: int, *, heard: bool
) -> None:
    assert len(taken((NODE, FORMER.entry(encode(hello()))), now=now).hellos) == heard


def test_what_a_node_says_of_a_prompt_is_signed_and_of_its_own() -> None:
    said = Answer(NODE, EPOCH, "silent")
    body = encode(said)
    group = taken(
        (NODE, SIGNERS[NODE].entry(body)),
        (NODE, body),
        (NODE, SIGNERS[OTHER].entry(body)),
        (OTHER, SIGNERS[NODE].entry(body)),
    )
    assert group.said == [said]
    assert [bad.refused.reason for bad in group.quarantined] == [
        Reason.UNSIGNED, Reason.WRONG_SIGNATURE, Reason.WRONG_SENDER,
    ]  # fmt: skip


def test_batches_and_hellos_of_several_nodes_in_their_order() -> None:
    group = taken(
        (NODE, pack([raw(batch(1)), raw(hello()), raw(batch(2, 3))])),
        (OTHER, raw(batch(1, node=OTHER), OTHER)),
    )

    assert group.batches == [
        (batch(1), raw(batch(1))),
        (batch(2, 3), raw(batch(2, 3))),
        (batch(1, node=OTHER), raw(batch(1, node=OTHER), OTHER)),
    ]
    assert group.hellos == [(hello(), raw(hello()))]
    assert group.quarantined == []
    assert group.refusals == {}


BAD: dict[str, tuple[Callable[[], bytes], Reason]] = {
    "no JSON": (lambda: b'{"v":1,' + SIGNERS[NODE].sign(b"x"), Reason.UNDECODABLE),
    "no batch": (lambda: b'{"v":2}', Reason.UNDECODABLE),
    "unsigned": (lambda: encode(batch(7)), Reason.UNSIGNED),
    "signed by another": (lambda: raw(batch(7), OTHER), Reason.WRONG_SIGNATURE),
    "signature of other bytes": (
        lambda: encode(batch(7)) + b"\n" + SIGNERS[NODE].sign(encode(batch(8))),
        Reason.WRONG_SIGNATURE,
    ),
    "another's batch": (lambda: raw(batch(7, node=OTHER), OTHER), Reason.WRONG_SENDER),
    "unsigned hello": (lambda: encode(hello("bad")), Reason.UNSIGNED),
    "another's hello": (lambda: raw(hello("bad", OTHER), OTHER), Reason.WRONG_SENDER),
    "no hello": (lambda: encode(NodeStatus(NODE, "up")), Reason.UNDECODABLE),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_between_good_neighbours(name: str) -> None:
    bad, reason = BAD[name][0](), BAD[name][1]

    group = taken((NODE, pack([raw(batch(1)), bad, raw(batch(2))])))

    assert [good.first for good, _ in group.batches] == [1, 2]
    assert group.hellos == []
    [refused] = group.quarantined
    assert (refused.sender, refused.refused.reason, refused.raw) == (NODE, reason, bad)
    # Whoever altered or forged it may have put true numbers in it, and those must not rest.
    assert answers(group) == [Refusal(digest(bad), reason)]


def test_who_looks_at_the_quarantine_reads_who_it_was_about() -> None:
    forged = [raw(batch(7, node=OTHER), OTHER), encode(batch(7)), raw(batch(7), OTHER)]
    group = taken((NODE, pack(forged)), (STRANGER, raw(batch(7, node=STRANGER), STRANGER)))

    assert [bad.refused.detail for bad in group.quarantined] == [
        f"{OTHER} on the topic of {NODE}",
        NODE,
        NODE,
        f"{STRANGER} is not on the roster",
    ]


def test_an_unknown_node_is_told_so() -> None:
    entries = [raw(batch(3, 2, STRANGER), STRANGER), raw(hello("n", STRANGER), STRANGER)]
    group = taken((STRANGER, pack(entries)))

    assert not group.batches
    assert not group.hellos
    assert [bad.refused.reason for bad in group.quarantined] == [Reason.UNKNOWN_NODE] * 2
    assert answers(group, STRANGER) == [Refusal(digest(entry), Reason.UNKNOWN_NODE) for entry in entries]


BUNDLES: dict[str, tuple[bytes, Reason]] = {
    "nothing like a bundle": (b"rubbish", Reason.UNDECODABLE),
    "oversized": (b"{" * (MAX_PAYLOAD + 1), Reason.OVERSIZED),
    "a gzip bomb": (gzip.compress(b"{}\n" * MAX_PAYLOAD), Reason.OVERSIZED),
    "half a gzip": (gzip.compress(encode(batch()))[:-9], Reason.UNDECODABLE),
    "too many entries": (b"{}\n" * (MAX_ENTRIES + 1), Reason.OVERSIZED),
}


@pytest.mark.parametrize("name", BUNDLES)
def test_a_payload_that_is_no_bundle_is_refused_by_its_digest(name: str) -> None:
    payload, reason = BUNDLES[name]

    group = taken((NODE, payload), (NODE, raw(batch(1))), (OTHER, raw(batch(1, node=OTHER), OTHER)))

    assert len(group.batches) == 2
    assert [(bad.sender, bad.refused.reason, bad.raw) for bad in group.quarantined] == [(NODE, reason, payload)]
    assert answers(group) == [Refusal(digest(payload), reason)]
    assert answers(group, OTHER) == []


def test_a_payload_of_rubbish_entries_costs_one_refusal_each() -> None:
    group = taken((NODE, b"{}\n" * 1000))

    assert len(group.quarantined) == 1000
    assert len(group.refusals[NODE]) == 1000


def test_an_empty_payload_is_nothing() -> None:
    assert taken((NODE, b""), (NODE, b"\n\n")) == Group([], [], [], {}, [])


@given(st.lists(st.binary(max_size=200) | st.sampled_from([raw(batch(n)) for n in range(1, 9)]), max_size=12))
def test_whatever_arrives_good_batches_come_through(payloads: list[bytes]) -> None:
    group = taken(*((NODE, payload) for payload in payloads))

    good = [payload for payload in payloads if payload.startswith(b'{"v":1,"node"')]
    assert [each for _, each in group.batches] == good
    assert all(bad.raw for bad in group.quarantined)


def test_acks_are_ranges_by_stream_and_go_to_their_node() -> None:
    later = Batch(1, NODE, "BBBBBBBBBB", 4, 5, Quality.SYNCHRONISED, [Row(0, "01", 3, 1)])
    verified = [(batch(1, 2), b""), (batch(9, node=OTHER), b""), (later, b""), (batch(3), b""), (batch(7), b"")]

    acks = {node: [decode(ack) for ack in told] for node, told in held(verified).items()}

    assert acks == {
        NODE: [Ack(NODE, EPOCH, held=[(1, 3), (7, 7)]), Ack(NODE, "BBBBBBBBBB", held=[(4, 4)])],
        OTHER: [Ack(OTHER, EPOCH, held=[(9, 9)])],
    }
    assert held([]) == {}


def test_a_welcome_tells_the_standing_of_its_own_streams_only() -> None:
    asked = hello(
        "n5", NODE, Stream(NODE, EPOCH, [(1, 9)]), Stream(OTHER, EPOCH, [(1, 9)]), Stream(NODE, "CCCCCCCCCC", [])
    )
    clock = Clock("boot", 5, 1_790_000_000_000, 3)
    held_and_settled = (Ranges([(1, 4)]), Ranges([(1, 2)]))
    known = {StreamKey(NODE, EPOCH): held_and_settled, StreamKey(OTHER, EPOCH): held_and_settled}

    told = welcome(asked, by="GGGGGGGGGG", clock=clock, standing=lambda key: known.get(key, (Ranges(), Ranges())))

    assert told == Welcome(
        NODE,
        "n5",
        "GGGGGGGGGG",
        clock,
        [
            Ack(NODE, EPOCH, held=[(1, 4)], settled=[(1, 2)]),
            Ack(OTHER, EPOCH),
            Ack(NODE, "CCCCCCCCCC"),
        ],
    )
    assert decode(encode(told)) == told


def test_a_resend_is_taken_again_byte_for_byte() -> None:
    payload = pack([raw(batch(n)) for n in range(1, 40)])

    group = taken((NODE, payload), (NODE, payload))

    assert [each for _, each in group.batches[:39]] == [each for _, each in group.batches[39:]]
    assert [Signed.of(each) for _, each in group.batches[:39]] == unpack(payload)
