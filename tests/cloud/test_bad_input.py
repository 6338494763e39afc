"""Each kind of bad input: refused with its reason, kept, answered, and its neighbours counted all the same."""

import json
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.reading import Arrival, check_sender, read
from cloud.registry import store
from cloud.registry.load import end_keys, register
from cloud.registry.papers import papers
from cloud.registry.snapshot import RegisteredNode, Registry
from contract.ack import Refusal
from contract.batch import Batch
from contract.bundle import GZIP_ABOVE, MAX_PAYLOAD, Signed, digest, pack, unpack
from contract.codec import decode_as, encode
from contract.config import Roster
from contract.errors import Reason, Refused
from contract.rating import Quality, Row
from contract.signing import Signer, public_key
from contract.status import NodeStatus
from proof.ledger import read as read_ledger
from tests.cloud.conftest import CITY, EPOCH, NODE, NOW, SIGNERS, TOWNSHIP, Desk, entry, hello, ranges, registry_of

GOOD = entry(100, ("01", 3), ("02", 1))
ELSEWHERE = "371721122-b2"
STRANGER = "371721121-x9"


def resigned(change: Callable[[dict[str, object]], None], signer: Signer = SIGNERS[NODE]) -> bytes:
    fields = json.loads(entry(1, ("01", 3)).partition(b"\n")[0])
    change(fields)
    return signer.entry(json.dumps(fields, separators=(",", ":")).encode())


def body_of(signed: bytes) -> bytes:
    return signed.partition(b"\n")[0]


class Bad(NamedTuple):
    """One bad entry and the reason it must get."""

    raw: bytes
    reason: Reason


BAD = {
    "not JSON": Bad(b'{"v":1,', Reason.UNDECODABLE),
    "not a batch": Bad(b'{"v":1,"node":"371721121-a1"}', Reason.UNDECODABLE),
    "a kind that does not belong": Bad(SIGNERS[NODE].entry(encode(NodeStatus(NODE, "up", "0"))), Reason.UNDECODABLE),
    "a later version": Bad(resigned(lambda fields: fields.update(v=2)), Reason.UNDECODABLE),
    "no rows": Bad(resigned(lambda fields: fields.update(rows=[])), Reason.UNDECODABLE),
    "level 4": Bad(resigned(lambda fields: fields.update(rows=[[0, "01", 4, 1]])), Reason.UNDECODABLE),
    "unsigned": Bad(body_of(entry(1, ("01", 3))), Reason.UNSIGNED),
    "signed by another": Bad(SIGNERS[ELSEWHERE].entry(body_of(entry(1, ("01", 3), ("01", 2)))), Reason.WRONG_SIGNATURE),
    "one byte changed": Bad(entry(1, ("01", 3)).replace(b",3,1]", b",1,1]"), Reason.WRONG_SIGNATURE),
    "a signature that is none": Bad(body_of(entry(1, ("01", 3))) + b"\nabc", Reason.WRONG_SIGNATURE),
    "nobody registered it": Bad(entry(1, ("01", 3), node=STRANGER), Reason.UNKNOWN_NODE),
    "another township's": Bad(entry(1, ("01", 3), node=ELSEWHERE), Reason.WRONG_SENDER),
    "a hello signed by another": Bad(SIGNERS[ELSEWHERE].entry(body_of(hello(NODE))), Reason.WRONG_SIGNATURE),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
async def test_it_is_quarantined_answered_and_blocks_nobody(desk: Desk, bad: Bad) -> None:
    answers = await desk.exchange(GOOD, bad.raw, entry(102, ("01", 2)))

    # By its digest, never by numbers: a copy that was altered or forged on its way may bear true ones.
    assert ranges(answers) == ([(100, 102)], [], [bad.reason.value])
    assert Refusal(digest(bad.raw), bad.reason) in answers
    assert desk.query("SELECT township, reason, digest, size, raw, count FROM quarantine") == [
        (TOWNSHIP, bad.reason.value, digest(bad.raw), len(bad.raw), bad.raw, 1)
    ]
    assert desk.tallied == (1, 1, 1)
    assert [(c.quarantined, dict(c.reasons)) for c in desk.commits] == [(1, {bad.reason: 1})]


PAYLOADS = {
    "noise": (b"\x00\xff\x13noise", Reason.UNDECODABLE),
    "gzip cut short": (pack([b'{"x":"' + b"y" * GZIP_ABOVE + b'"}'])[:-9], Reason.UNDECODABLE),
    "too large": (b"{" + b" " * MAX_PAYLOAD, Reason.OVERSIZED),
    "too large when unzipped": (pack([b'{"x":"' + b"y" * MAX_PAYLOAD + b'"}']), Reason.OVERSIZED),
}


@pytest.mark.parametrize(("payload", "reason"), PAYLOADS.values(), ids=PAYLOADS.keys())
async def test_a_payload_that_is_no_bundle_is_refused_by_its_digest(desk: Desk, payload: bytes, reason: Reason) -> None:
    desk.intake.receive("live", f"manyi/1/371721/{TOWNSHIP}/live", payload)
    desk.send(GOOD)

    assert ranges(await desk.settled()) == ([(100, 101)], [], [reason.value])
    assert desk.query("SELECT digest, size, length(raw) FROM quarantine") == [
        (digest(payload), len(payload), min(len(payload), MAX_PAYLOAD))
    ]


async def test_a_topic_that_is_nobodys_is_quarantined_and_answered_nowhere(desk: Desk) -> None:
    desk.intake.receive("live", f"manyi/1/371722/{TOWNSHIP}/live", pack([GOOD]))

    assert await desk.settled() == []
    assert desk.query("SELECT township, reason FROM quarantine") == [("", "wrong_sender")]
    assert desk.tallied == (0, 0, 0)


async def test_a_known_batch_on_another_townships_topic_is_not_agreed(desk: Desk) -> None:
    await desk.exchange(GOOD)

    answers = await desk.exchange(GOOD, township="371721122")

    assert ranges(answers) == ([], [], ["wrong_sender"])


async def test_a_conflict_is_refused_and_the_first_stays(desk: Desk) -> None:
    await desk.exchange(GOOD)
    other = entry(100, ("01", 1), ("02", 1))

    assert ranges(await desk.exchange(other)) == ([], [(100, 101, "conflict")], [])
    assert desk.query("SELECT reason, raw FROM quarantine") == [("conflict", other)]
    assert desk.tallied == (1, 0, 1)


async def test_an_unknown_window_and_the_future_enter_the_ledger_uncounted_and_are_settled(desk: Desk) -> None:
    answers = await desk.exchange(entry(1, ("01", 3), ("77", 3), ("\x00'", 1)), entry(4, ("01", 3), t0=NOW + 60_001))

    assert ranges(answers) == ([(1, 4)], [], [])
    assert [rating.counted for rating in read_ledger(desk.path)] == [True, False, False, False]
    assert desk.query('SELECT reason, "window" FROM uncounted ORDER BY position, "row"') == [
        ("unknown_window", f"{NODE}/77"),
        ("unknown_window", ""),
        ("future", f"{NODE}/01"),
    ]
    (commit,) = desk.commits
    assert (commit.uncounted, dict(commit.held)) == (3, {Reason.UNKNOWN_WINDOW: 2, Reason.FUTURE: 1})
    assert desk.query("SELECT count(*) FROM quarantine") == [(0,)]


def test_an_earlier_key_holds_for_ratings_from_before_it_was_replaced() -> None:
    old, new = Signer(b"o" * 32), Signer(b"n" * 32)
    registry = Registry(
        nodes=[
            RegisteredNode(NODE, "node", TOWNSHIP, public_key(old.public), 0, NOW),
            RegisteredNode(NODE, "node", TOWNSHIP, public_key(new.public), NOW, None),
        ]
    )

    def check(signer: Signer, at: int) -> None:
        (one,) = unpack(signer.entry(b"{}"))
        check_sender(NODE, one, TOWNSHIP, registry, at)

    check(old, NOW - 1)
    check(new, NOW - 1)
    check(new, NOW)
    with pytest.raises(Refused) as refused:
        check(old, NOW)
    assert refused.value.reason is Reason.WRONG_SIGNATURE


REGISTRY = registry_of("01")
damage = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4)


@given(damage, st.binary(max_size=40), st.booleans())
def test_whatever_arrives_is_read_or_refused_and_never_raises(
    changes: list[tuple[int, int]],
    tail: bytes,
    whole: bool,  # noqa: FBT001  (drawn)
) -> None:
    payload = bytearray(b"\n".join([GOOD, hello(NODE)]))
    for at, value in changes:
        payload[at % len(payload)] = value
    arrivals = [Arrival("live", TOWNSHIP, bytes(payload) + tail, NOW), Arrival("live", TOWNSHIP, tail, NOW)]

    reading = read(arrivals[: 1 + whole], REGISTRY, {}, public_key(CITY.public))

    assert len(reading.poisons) == len(reading.unreadable)
    for verified in reading.batches:
        assert verified.raw == GOOD
    for poison in reading.poisons:
        poison.detail.encode()
        assert poison.detail.isprintable()


def test_a_row_may_carry_more_fields_than_we_know() -> None:
    rows = [Row(0, "01", 3, 1)]
    body = encode(Batch(1, NODE, EPOCH, 1, NOW, Quality.SYNCHRONISED, rows))
    body = body.replace(b",3,1]", b',3,1,null,null,"duty",7]')
    reading = read([Arrival("live", TOWNSHIP, SIGNERS[NODE].entry(body), NOW)], REGISTRY, {}, public_key(CITY.public))

    assert [verified.batch.rows for verified in reading.batches] == [rows]
    assert reading.batches[0].raw == Signed(*unpack(SIGNERS[NODE].entry(body))[0]).raw


async def test_a_key_that_ended_holds_for_what_was_pressed_before(desk: Desk) -> None:
    """Whoever has a revoked key: what the node signed before still counts when it comes, and nothing after."""
    form = f'{{"nodes": [{{"node": "{NODE}", "key": "{SIGNERS[NODE].public}", "windows": ["01"]}}]}}'
    await register(desk.database.writer, form, NOW - 1)
    assert await end_keys(desk.database.writer, [SIGNERS[NODE].public, CITY.public], b"list", NOW) == [NODE]
    assert await end_keys(desk.database.writer, [SIGNERS[NODE].public], b"list", NOW + 5) == []
    async with desk.database.reader.connect() as connection:
        desk.registry = await store.load(connection, NOW)
    assert desk.registry.keys(NODE)[0].until == NOW
    (roster,) = [decode_as(unpack(payload)[0].body, Roster) for _, payload in papers(desk.registry, CITY)]
    assert [(one.key, one.until) for one in roster.nodes if one.node == NODE] == [(SIGNERS[NODE].public, NOW)]

    await desk.exchange(entry(1, ("01", 3), t0=NOW - 1000))
    await desk.exchange(entry(2, ("01", 3), t0=NOW))
    await desk.exchange(hello(NODE, last=9))

    assert desk.tallied == (1, 0, 0)
    assert [reason for (reason,) in desk.query("SELECT reason FROM quarantine ORDER BY id")] == ["wrong_signature"] * 2
    assert desk.query("SELECT count(*) FROM hello") == [(0,)]
