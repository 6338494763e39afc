"""Structs to JSON and back; whatever else comes in is refused, never another error."""

import gzip
import random
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import codec
from contract.ack import Ack, Receipt, Refusal
from contract.batch import MAX_NUMBER, MAX_ROWS, Batch, StreamKey
from contract.bundle import MAX_ENTRIES, MAX_PAYLOAD, Signed, pack, unpack
from contract.config import NodeConfig, Roster, RosterNode, WindowPins
from contract.errors import Reason, Refused
from contract.hall import Catalogue, Hall, Notice, OnDuty, Plate, Question, Said, Service, Stage
from contract.hello import Clock, Hello, Stream, Welcome
from contract.prompt import Answer, Prompt
from contract.rating import MAX_PRESSES, Level, Quality, Row
from contract.seal import NOTHING, Seal
from contract.signing import Signer, public_key, verify
from contract.status import GatewayStatus, NodeHealth, NodeStatus
from contract.veil import Veil

NODE, EPOCH, BOOT = "371721121-a1", "q7Zk2wX0aB", "5f1c5a6e-8a0e-4c38-9d8b-0d5f5a3f2c11"
AT = 1_763_800_000_000

signer = Signer(bytes(range(32)))
key = public_key(signer.public)
batch = Batch(1, NODE, EPOCH, 1041, AT, Quality.SYNCHRONISED, [Row(0, "02", 3, 1), Row(5210, "01", 1, 2)])
ENTRIES: list[codec.Entry] = [
    Hello(1, NODE, EPOCH, 1042, "n1", 3, BOOT, 99, AT, [Stream(NODE, EPOCH, [(1, 1042)])]),
    Welcome(NODE, "n1", EPOCH, Clock(BOOT, 99, AT, 12), [Ack(NODE, EPOCH, held=[(1, 5)])]),
    Ack(NODE, EPOCH, [(1, 5)], [(1, 2)], [(6, 6, Reason.CONFLICT)]),
    Refusal("0123456789abcdef", Reason.UNDECODABLE),
    Receipt(NODE, EPOCH, [(1, 2)], AT),
    NodeStatus(NODE, "up", "0.1.0", EPOCH, 3, ["01"], 2, 40, 1 << 33, ["01/3"], full=True, clock_error_ms=7),
    GatewayStatus(
        "371721121-g0", "up", quarantined={Reason.UNSIGNED: 2}, nodes=[NodeHealth(NodeStatus(NODE, "down"), AT)]
    ),
    NodeConfig(NODE, 4, [WindowPins("01", 1, 2, 3, 4, 5, 6)], 800, 3000),
    Roster("371721121", 4, [RosterNode(NODE, signer.public)]),
    Prompt(NODE, "01", EPOCH, 20_000, AT, "3713-0042"),
    Answer(NODE, EPOCH, "silent"),
    Seal(1, 1, "2025-11-21", 1, 1041, "1a" * 32, NOTHING, AT, signer.public),
    Hall(
        "371721121",
        4,
        "大集镇",
        "Daji",
        "Asia/Shanghai",
        Veil(3, 5),
        20,
        [Plate(f"{NODE}/01", "社保", "Insurance", ["pension"]), Plate(f"{NODE}/02")],
        [OnDuty(f"{NODE}/01", "李敏", "Li Min", AT)],
        [Notice("停水", "No water", until=AT)],
        "https://manyi.example",
        signer.public,
    ),
    Catalogue(
        4,
        [
            Service(
                "pension", Said("养老", "Pension"), Said("登记", "Register"), [Stage("ticket", "取号", "Take a number")]
            )
        ],
        [Question(Said("几点？", "When?"), Said("九点", "At nine"), "pension")],
    ),
]


def decode(body: bytes) -> Batch | codec.Entry:
    return codec.decode_batch(body) if codec.is_batch(body) else codec.decode(body)


def refused(body: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        decode(body)
    assert caught.value.reason is Reason.UNDECODABLE
    return caught.value


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_every_kind_comes_back_and_begins_with_its_kind(entry: codec.Entry) -> None:
    body = codec.encode(entry)
    assert not codec.is_batch(body)
    assert codec.decode(body) == entry
    assert codec.decode_as(body, type(entry)) == entry
    assert codec.encode(codec.decode(body)) == body
    assert MAX_PAYLOAD // (len(body) + 1) < MAX_ENTRIES, "an honest payload never has too many entries"


def test_there_is_an_example_of_every_kind() -> None:
    assert {type(entry) for entry in ENTRIES} == set(codec.Entry.__args__)


def test_the_shortest_entries_still_fit_the_limit_of_entries() -> None:
    node, epoch = "371721121-a", EPOCH
    shortest: list[Batch | codec.Entry] = [
        Batch(1, node, epoch, 1, 0, Quality.SYNCHRONISED, [Row(0, "1", 1, 1)]),
        Ack(node, epoch),
        Refusal("0123456789abcdef", Reason.FUTURE),
        NodeStatus(node, "up"),
    ]
    assert all(MAX_PAYLOAD // (len(codec.encode(entry)) + 1) <= MAX_ENTRIES for entry in shortest)


def test_a_batch_is_the_line_of_the_design() -> None:
    body = (
        b'{"v":1,"node":"371721121-a1","epoch":"q7Zk2wX0aB","first":1041,"t0":1763800000000,"q":0,'
        b'"rows":[[0,"02",3,1],[5210,"01",1,2]]}'
    )
    assert codec.encode(batch) == body
    assert codec.is_batch(body)
    assert codec.decode_batch(body) == batch
    assert (batch.last, batch.stream) == (1042, StreamKey(NODE, EPOCH))


def test_streams_have_the_same_name_everywhere() -> None:
    stream = StreamKey(NODE, EPOCH)
    assert Ack(NODE, EPOCH).stream == Receipt(NODE, EPOCH, [], AT).stream == Stream(NODE, EPOCH, []).key == stream


def test_levels_and_qualities_are_numbers_on_the_wire() -> None:
    estimated = Batch(1, NODE, EPOCH, 1, AT, Quality.ESTIMATED, [Row(0, "02", Level.BASIC, 1)], bounds=(AT - 5, AT + 5))
    body = codec.encode(estimated)
    assert b'"q":2,"rows":[[0,"02",2,1]],"bounds":[1763799999995,1763800000005]' in body
    assert codec.decode_batch(body).q is Quality.ESTIMATED


def test_a_row_ends_before_what_it_does_not_say() -> None:
    rows = [
        Row(0, "01", 3, 1),
        Row(1, "01", 3, 1, "a-1"),
        Row(2, "01", 3, 1, None, EPOCH),
        Row(3, "01", 3, 1, "a-1", EPOCH),
    ]
    body = codec.encode(msgspec.structs.replace(batch, rows=rows))
    told = f'[[0,"01",3,1],[1,"01",3,1,"a-1"],[2,"01",3,1,null,"{EPOCH}"],[3,"01",3,1,"a-1","{EPOCH}"]]'
    assert body.endswith(f'"rows":{told}}}'.encode())
    assert codec.decode_batch(body).rows == rows


@pytest.mark.parametrize("field", ['"a b"', '"", null', 'null,"short"', f'null,"{EPOCH}\\n"', "5"])
def test_an_item_or_token_of_another_shape_is_refused(field: str) -> None:
    assert "batch" in refused(codec.encode(batch).replace(b"3,1]", f"3,1,{field}]".encode())).detail


def test_later_fields_are_ignored_by_version_1() -> None:
    body = codec.encode(batch).replace(b"3,1]", b'3,1,null,null,"duty"]').replace(b'"q":0', b'"q":0,"later":{"a":[1]}')
    assert codec.decode_batch(body) == batch


def test_of_a_key_given_twice_the_last_counts() -> None:
    assert codec.decode_batch(codec.encode(batch)[:-1] + b',"first":7}').first == 7


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"v":1,', b""),
        (b"a1", b"A1"),
        (b"a1", b"a1\\n"),
        (b"371721121", "３７１７２１１２１".encode()),
        (b"aB", b"a+"),
        (b"1041", b"0"),
        (b"1041", b"-1"),
        (b"1041", b"1041.0"),
        (b"1041", b'"1041"'),
        (b"1041", b"true"),
        (b"1041", b"null"),
        (b"1041", b"NaN"),
        (b"1041", b"1e999"),
        (b"1041", b"9" * 5000),
        (b"1041", b"9007199254740992"),
        (b"1763800000000", b"100000000000001"),
        (b'"q":0', b'"q":3'),
        (b'"q":0', b'"q":0,"prev":["q7Zk2wX0aB"]'),
        (b'"q":0', b'"q":0,"bounds":[1,-1]'),
        (b'[0,"02",3,1]', b'[0,"02",3]'),
        (b'[0,"02",3,1]', b'[0,"02",4,1]'),
        (b'[0,"02",3,1]', b'[0,"02",0,1]'),
        (b'[0,"02",3,1]', b'[0,"02",3,0]'),
        (b'[0,"02",3,1]', b'[0,"02",3,10001]'),
        (b'[0,"02",3,1]', b'[-1,"02",3,1]'),
        (b'[0,"02",3,1]', b'[315576000001,"02",3,1]'),
        (b'[0,"02",3,1]', b'[0,"",3,1]'),
        (b'[0,"02",3,1]', b'[0,"123456789",3,1]'),
        (b'[0,"02",3,1]', b'[0,"\xff",3,1]'),
        (b'[0,"02",3,1]', b'[0,"\xed\xa0\x80",3,1]'),
        (b'[0,"02",3,1]', b'[0,"\\ud800",3,1]'),
        (b'"q":0', b'"q":0,"later":"\xff"'),
        (b'"q":0', b'"q":0,"later":' + b"[" * 100_000),
        (b'"q":0', b'"q":0,"later":' + b'{"a":' * 100_000),
        (b"]]}", b"]]}}"),
        (b"]]}", b"]]"),
    ],
)
def test_a_wrong_batch_is_refused(old: bytes, new: bytes) -> None:
    body = codec.encode(batch)
    assert old in body
    assert refused(body.replace(old, new, 1)).detail.startswith("batch: ")


def test_a_batch_has_1_to_500_rows_and_its_last_row_a_number() -> None:
    first = MAX_NUMBER - MAX_ROWS + 1
    most = Batch(1, NODE, EPOCH, first, AT, Quality.SYNCHRONISED, [Row(0, "02", 3, MAX_PRESSES)] * MAX_ROWS)
    assert codec.decode_batch(codec.encode(most)).last == MAX_NUMBER
    refused(codec.encode(msgspec.structs.replace(most, first=first + 1)))
    refused(codec.encode(msgspec.structs.replace(most, rows=[*most.rows, *most.rows])))
    refused(codec.encode(msgspec.structs.replace(most, rows=[])))


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"nobody"}',
        b'{"kind":"ack"}',
        b'{"kind":"\xff"}',
        b'{"kind":"',
        b'{"kind":"ack","node":"371721121-a1","epoch":"q7Zk2wX0aB","kind":"refusal"}',
        b'{"kind":"ack","node":"371721121-a1","epoch":"q7Zk2wX0aB","held":[[5,3]]}',
        b'{"kind":"ack","node":"371721121-a1","epoch":"q7Zk2wX0aB","settled":[[5,3]]}',
        b'{"kind":"ack","node":"371721121-a1","epoch":"q7Zk2wX0aB","refused":[[5,3,"future"]]}',
        b'{"kind":"ack","node":"371721121-a1","epoch":"q7Zk2wX0aB","refused":[[3,5,"sadness"]]}',
        b'{"kind":"ack","node":"371721121-a1","epoch":"q7Zk2wX0aB","held":[[0,3]]}',
        b'{"kind":"ack","node":"371721121-a1","epoch":"q7Zk2wX0aB","held":[[1,2,3]]}',
        b'{"kind":"receipt","node":"371721121-a1","epoch":"q7Zk2wX0aB","settled":[[5,3]],"at":1}',
        b'{"kind":"refusal","digest":"0123456789abcdeF","reason":"future"}',
        b'{"kind":"refusal","digest":"0123456789abcdef\\n","reason":"future"}',
        b'{"kind":"roster","township":"371721121","version":1,"nodes":[{"node":"371721121-a1","key":"short"}]}',
        codec.encode(ENTRIES[0]).replace(b"[1,1042]", b"[1042,1]"),
        codec.encode(ENTRIES[7]).replace(b'"basic":2', b'"basic":1'),
    ],
)
def test_a_wrong_entry_is_refused(body: bytes) -> None:
    assert refused(body).detail.startswith("entry: ")


def test_a_kind_that_is_not_the_first_key_is_nobody() -> None:
    for body in (b'{"node":"371721121-a1","epoch":"q7Zk2wX0aB","kind":"ack"}', b'{ "kind":"ack"}', codec.encode(batch)):
        with pytest.raises(Refused, match="at its begin"):
            codec.decode(body)


def test_a_hello_names_at_most_500_streams() -> None:
    hello = Hello(1, NODE, EPOCH, 0, "n", 0, BOOT, 1, 1, [Stream(NODE, EPOCH, [])] * 501)
    refused(codec.encode(hello))


def test_another_kind_than_expected_is_refused() -> None:
    with pytest.raises(Refused, match="expected Hello, got Ack"):
        codec.decode_as(codec.encode(Ack(NODE, EPOCH)), Hello)


def read(payload: bytes) -> None:
    """Take `payload` as far as it goes; only `Refused` may stop it."""
    try:
        entries = unpack(payload)
    except Refused:
        return
    for entry in entries:
        verify(entry.body, entry.signature, key)
        with suppress(Refused):
            codec.encode(decode(entry.body))


VALID = [signer.entry(codec.encode(entry)) for entry in [batch, *ENTRIES]]
SNIPPETS = [b"\xff", b"\x00", b"\n", b'"', b"[", b"]", b"{", b"}", b",", b"\\u", b"1e9", b"-", b"NaN", b"9" * 400]
EDITS = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 9), st.sampled_from(SNIPPETS)), max_size=4)


@given(st.lists(st.sampled_from(VALID), min_size=1, max_size=4), EDITS, st.booleans())
def test_damaged_payloads_are_refused_and_nothing_worse(
    entries: list[bytes],
    edits: list[tuple[int, int, bytes]],
    squeezed: bool,  # noqa: FBT001 (hypothesis draws it)
) -> None:
    payload = pack(entries)
    plain = b"\n".join(entry.raw for entry in unpack(payload))
    for at, cut, put in edits:
        spot = at % (len(plain) + 1)
        plain = plain[:spot] + put + plain[spot + cut :]
    read(gzip.compress(plain) if squeezed else plain)


@pytest.mark.bulk
def test_thousands_of_flipped_bytes_raise_refused_and_nothing_worse() -> None:
    dice = random.Random(2)
    sound = pack(VALID)
    for payload in (sound, b"\n".join(VALID)):
        for _ in range(1500):
            damaged = bytearray(payload)
            for _ in range(dice.randint(1, 3)):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            read(bytes(damaged))


def test_a_signed_entry_survives_the_whole_way() -> None:
    for entry in unpack(pack(VALID)):
        assert isinstance(entry, Signed)
        assert verify(entry.body, entry.signature, key)


def test_a_batch_is_read_back_from_what_a_store_keeps() -> None:
    raw = signer.entry(codec.encode(batch))
    assert codec.stored_batch(raw) == batch
    with pytest.raises(Refused, match="batch: "):
        codec.stored_batch(b"{" + raw)
