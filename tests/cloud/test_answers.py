"""Answers: streams together, payloads within bounds, and a welcome that fits however scattered the numbers."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.answers import Answers, welcome_to
from contract.ack import Ack, Refusal
from contract.batch import StreamKey
from contract.bundle import MAX_PAYLOAD, packed, unpack
from contract.codec import decode, encode
from contract.errors import Reason
from contract.hello import MAX_STREAMS, Clock, Hello, Stream
from contract.ranges import Ranges

NODE = "371721121-a1"
KEY = StreamKey(NODE, "AAAAAAAAAA")


def test_one_stream_is_one_ack_and_lanes_and_townships_stay_apart() -> None:
    answers = Answers()
    for first, last in ((4, 6), (1, 3), (9, 9)):
        answers.settled("371721121", "live", KEY, first, last)
    answers.settled("371721121", "backlog", KEY, 20, 21)
    answers.refused("371721121", "live", KEY, (7, 8), Reason.CONFLICT)
    answers.unreadable("371721122", "live", Refusal("0" * 16, Reason.UNDECODABLE))

    said = {(t, lane): [decode(e.body) for e in unpack(payload)] for t, lane, payload in answers.payloads()}

    assert said == {
        ("371721121", "live"): [Ack(*KEY, settled=[(1, 6), (9, 9)], refused=[(7, 8, Reason.CONFLICT)])],
        ("371721121", "backlog"): [Ack(*KEY, settled=[(20, 21)])],
        ("371721122", "live"): [Refusal("0" * 16, Reason.UNDECODABLE)],
    }


def test_very_many_ranges_are_told_in_several_payloads() -> None:
    answers = Answers()
    for number in range(1, 60_000, 2):
        answers.settled("371721121", "live", KEY, (1 << 50) + number, (1 << 50) + number)

    said = [payload for _, _, payload in answers.payloads()]

    acks = [decode(one.body) for payload in said for one in unpack(payload)]
    assert sum(len(ack.settled) for ack in acks if isinstance(ack, Ack)) == 30_000
    assert len(said) > 1


@given(st.lists(st.binary(min_size=1, max_size=90_000), max_size=12))
def test_bundles_hold_every_entry_in_order_within_the_bound(drawn: list[bytes]) -> None:
    entries = [b'{"x":"' + one.hex().encode() + b'"}' for one in drawn]

    bundles = [[one.raw for one in unpack(payload)] for payload in packed(entries)]

    assert [one for bundle in bundles for one in bundle] == entries
    assert all(len(b"\n".join(bundle)) <= MAX_PAYLOAD for bundle in bundles)


def test_the_largest_welcome_fits_a_payload_and_tells_the_longest_ranges() -> None:
    streams = [Stream(f"371721121-{number:016d}", "A" * 10, [(1, 9)]) for number in range(MAX_STREAMS)]
    base = 1 << 52
    scattered = Ranges([*((base + n * 2, base + n * 2) for n in range(500)), (base + 5000, base + 5999)])
    hello = Hello(1, "371721121-g0", "A" * 10, 0, "n", 0, "boot", 1, 1, streams)

    welcome = welcome_to(hello, {stream.key: scattered for stream in streams}, "B" * 10, Clock("boot", 1))

    assert len(encode(welcome)) <= MAX_PAYLOAD
    assert all((base + 5000, base + 5999) in ack.settled for ack in welcome.streams)
    assert [ack.settled == sorted(ack.settled) for ack in welcome.streams] == [True] * MAX_STREAMS
