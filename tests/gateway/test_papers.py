"""What the city signed: versions only rise, one bad paper stops nothing, receipts are the newest."""

import pytest

from contract.ack import Receipt
from contract.batch import Batch, StreamKey
from contract.bundle import Signed, pack
from contract.codec import Entry, encode
from contract.config import FormerKey, NodeConfig, Roster, RosterNode, WindowPins
from contract.errors import Reason, Refused
from contract.hall import Catalogue, Hall, Plate
from contract.hello import Clock, Hello, Welcome
from contract.keys import Key
from contract.ranges import Ranges
from contract.rating import Quality, Row
from contract.seal import NOTHING, Seal
from contract.signing import Signer, public_key, verify
from contract.veil import Veil
from gateway.papers import News, Papers, receipt_name, seal_name
from transport.intake import gather

TOWNSHIP = "371721121"
A1, A2 = f"{TOWNSHIP}-a1", f"{TOWNSHIP}-a2"
CITY, MALLORY = Signer(b"9" * 32), Signer(b"6" * 32)
KEYS = {name: Signer(name.encode()[-2:] * 16) for name in (A1, A2)}
STREAM = StreamKey(A1, "AAAAAAAAAA")


def papers(*names: str) -> Papers:
    return Papers(TOWNSHIP, public_key(CITY.public), [RosterNode(name, KEYS[name].public) for name in names])


def signed(entry: Entry, by: Signer = CITY) -> bytes:
    return by.entry(encode(entry))


def roster(version: int, *names: str, township: str = TOWNSHIP) -> Roster:
    return Roster(township, version, [RosterNode(name, KEYS[name].public) for name in names])


def config(version: int, node: str = A1) -> NodeConfig:
    return NodeConfig(node, version, [WindowPins("01", 2, 3, 4)], 800, 3000)


def receipt(at: int, last: int, node: str = A1) -> Receipt:
    return Receipt(node, STREAM.epoch, [(1, last)], at)


def test_the_settings_roster_serves_until_the_citys_arrives() -> None:
    known = papers(A1)
    assert known.nodes == [A1]
    assert known.keys_of(A1) == (Key(public_key(KEYS[A1].public)),)
    assert known.keys_of(A2) == ()
    assert known.version == 0

    news = known.read(signed(roster(1, A2)))

    assert news.papers == {"roster": signed(roster(1, A2))}
    assert news.refused == []
    assert (known.nodes, known.version) == ([A2], 1)
    assert known.keys_of(A1) == ()


def test_a_node_may_have_had_keys_before() -> None:
    former = FormerKey(KEYS[A2].public, 5)
    known = papers()
    known.read(signed(Roster(TOWNSHIP, 1, [RosterNode(A1, KEYS[A1].public, [former])])))
    assert known.keys_of(A1) == (Key(public_key(KEYS[A1].public)), Key(public_key(KEYS[A2].public), 5))


def test_a_key_that_ended_holds_for_what_was_pressed_before_and_for_no_hello() -> None:
    known = papers()
    known.read(signed(Roster(TOWNSHIP, 1, [RosterNode(A1, KEYS[A1].public, until=5_000)])))
    assert known.keys_of(A1) == (Key(public_key(KEYS[A1].public), 5_000),)
    assert known.nodes == [A1]

    batches = [
        Batch(1, A1, STREAM.epoch, number, t0, Quality.SYNCHRONISED, [Row(0, "01", 3, 1)])
        for number, t0 in ((1, 4_999), (2, 5_000))
    ]
    hello = Hello(1, A1, STREAM.epoch, 2, "AAAAAAAAAA", 0, "boot", 5, 5)
    arrivals = [(A1, KEYS[A1].entry(body)) for body in (*map(encode, batches), encode(hello))]
    group = gather(arrivals, known.keys_of, 6_000)
    assert [batch for batch, _ in group.batches] == batches[:1]
    assert group.hellos == []
    assert [bad.refused.reason for bad in group.quarantined] == [Reason.WRONG_SIGNATURE] * 2


def test_versions_only_rise() -> None:
    known = papers()
    known.read(pack([signed(roster(5, A1)), signed(config(7))]))

    for old in (5, 4, 0):
        assert known.read(signed(roster(old, A1, A2))).papers == {}
    for old in (7, 6, 0):
        assert known.read(signed(config(old))).papers == {}
    assert known.nodes == [A1]
    assert known.configs == {A1: signed(config(7))}

    assert known.read(signed(config(8))).papers == {f"config {A1}": signed(config(8))}
    assert known.configs == {A1: signed(config(8))}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (signed(roster(9, A2), MALLORY), Reason.WRONG_SIGNATURE),
        (encode(roster(9, A2)), Reason.WRONG_SIGNATURE),
        (CITY.entry(b'{"kind":"roster"}'), Reason.UNDECODABLE),
        (signed(roster(9, A2, township="371721122")), Reason.WRONG_SENDER),
        (signed(config(9, "371721122-a1")), Reason.WRONG_SENDER),
        (signed(receipt(5, 5, "371721122-a1")), Reason.WRONG_SENDER),
        (signed(Welcome(A1, "n", "AAAAAAAAAA", Clock("b", 5), [])), Reason.WRONG_SENDER),
        # The last character of a 32-byte key has two bits that must be 0.
        (signed(Roster(TOWNSHIP, 9, [RosterNode(A2, "A" * 42 + "B")])), Reason.UNDECODABLE),
    ],
)
def test_one_bad_paper_stops_none_of_the_others(bad: bytes, reason: Reason) -> None:
    known = papers(A1)

    news = known.read(pack([signed(config(1)), bad, signed(config(1, A2))]))

    assert set(news.papers) == {f"config {A1}", f"config {A2}"}
    assert [refused.reason for refused in news.refused] == [reason]
    assert (known.nodes, known.version) == ([A1], 0)
    # A roster that could not be used does not stand in the way of a good one of its version.
    assert "roster" in known.read(signed(roster(9, A2))).papers


def test_what_is_in_force_already_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[bytes] = []

    def counted(body: bytes, signature: bytes, key: bytes) -> bool:
        verified.append(body)
        return verify(body, signature, key)

    monkeypatch.setattr("gateway.papers.verify", counted)
    known = papers(A1)
    bundle = pack([signed(roster(1, A1)), signed(config(1)), signed(config(1, A2))])
    known.read(bundle)
    assert len(verified) == 3

    assert known.read(bundle) == News({}, [], [])
    assert len(verified) == 3
    forged = pack([signed(config(1), MALLORY), signed(roster(1, A1), MALLORY)])
    assert [refused.reason for refused in known.read(forged).refused] == [Reason.WRONG_SIGNATURE] * 2
    # An old one is verified, and changes nothing.
    known.read(signed(config(2)))
    assert known.read(signed(config(1))) == News({}, [], [])
    assert known.configs[A1] == signed(config(2))


def seal(number: int, root: str = "1a" * 32) -> bytes:
    return signed(Seal(1, number, "2026-11-26", number, number, root, NOTHING, 5, CITY.public))


def test_every_seal_is_kept_and_no_second_one_of_its_number() -> None:
    known = papers(A1)
    assert known.read(pack([seal(1), seal(2)])).papers == {seal_name(1): seal(1), seal_name(2): seal(2)}
    assert known.read(pack([seal(2), seal(3)])) == News({seal_name(3): seal(3)}, [], [])

    news = known.read(pack([seal(2, "2b" * 32), seal(4)]))

    assert news.papers == {seal_name(4): seal(4)}
    assert [(bad.reason, bad.detail) for bad in news.refused] == [
        (Reason.CONFLICT, "the city signed two different seals 2; the first is kept")
    ]
    # After a restart too.
    again = papers(A1)
    assert again.take_in(Signed.of(seal(2))) == seal_name(2)
    assert [bad.reason for bad in again.read(seal(2, "2b" * 32)).refused] == [Reason.CONFLICT]


def test_seals_that_the_city_lost_are_handed_back() -> None:
    known = papers(A1)
    known.read(pack([signed(roster(1, A1)), seal(1), seal(2), seal(3)]))
    # A paper by itself says nothing of what the city knows.
    assert known.read(signed(config(1))).lacking == []
    assert known.read(pack([signed(roster(1, A1)), seal(2), seal(3)])).lacking == []
    assert known.read(pack([signed(roster(1, A1)), seal(1)])).lacking == [seal(2), seal(3)]
    assert known.read(signed(roster(2, A1))).lacking == [seal(1), seal(2), seal(3)]
    # It made others since: those are not ours, and ours are worth more than silence.
    assert known.read(pack([signed(roster(2, A1)), seal(1), seal(2, "2b" * 32)])).lacking == [seal(2), seal(3)]
    # Who cannot sign a roster cannot make a township talk.
    assert known.read(signed(roster(3, A1), MALLORY)).lacking == []


def test_configurations_among_the_news() -> None:
    known = papers(A1)
    known.read(signed(config(1, A2)))
    news = known.read(pack([signed(roster(1, A1, A2)), signed(config(1)), signed(config(1, A2))])).papers
    assert known.configs_among(news) == {A1: signed(config(1))}


def test_what_is_no_bundle_at_all() -> None:
    with pytest.raises(Refused):
        papers().read(b"rubbish")


def test_a_receipt_tells_what_is_settled_and_only_newer_ones_count() -> None:
    known = papers(A1)
    name = receipt_name(STREAM)
    assert known.settled_of(STREAM) == Ranges()
    assert known.receipt_of(STREAM) is None

    assert known.take_in(Signed.of(signed(receipt(100, 5)))) == name
    assert known.take_in(Signed.of(signed(receipt(200, 9)))) == name
    assert known.take_in(Signed.of(signed(receipt(100, 5)))) is None
    assert known.take_in(Signed.of(signed(receipt(200, 9)))) is None

    assert known.receipt_of(STREAM) == signed(receipt(200, 9))
    assert known.settled_of(STREAM) == Ranges([(1, 9)])


def test_acks_of_the_city_add() -> None:
    known = papers()
    known.settle(STREAM, Ranges([(1, 3)]))
    known.settle(STREAM, Ranges([(5, 6)]))

    assert known.settled_of(STREAM) == Ranges([(1, 3), (5, 6)])


def test_what_the_city_lost_is_taken_back_and_its_receipt_is_void() -> None:
    known = papers()
    known.take_in(Signed.of(signed(receipt(100, 5))))
    known.settle(STREAM, Ranges([(6, 9)]))
    other = StreamKey(A2, "BBBBBBBBBB")

    assert known.take_back({STREAM: Ranges([(7, 8)]), other: Ranges([(1, 2)])}) == []
    assert known.settled_of(STREAM) == Ranges([(1, 6), (9, 9)])
    assert known.receipt_of(STREAM) is not None

    assert known.take_back({STREAM: Ranges([(5, 7)])}) == [STREAM]
    assert known.settled_of(STREAM) == Ranges([(1, 4), (9, 9)])
    assert known.receipt_of(STREAM) is None
    # The city gives a new one once it has them again.
    assert known.take_in(Signed.of(signed(receipt(90, 5)))) == receipt_name(STREAM)


def hall(version: int, township: str = TOWNSHIP) -> Hall:
    return Hall(township, version, "大集镇", "Daji", "Asia/Shanghai", Veil(3, 5), 20, [Plate(f"{A1}/01")])


def test_what_the_hall_shows_is_the_newest_that_the_city_signed_for_it() -> None:
    known = papers()
    assert (known.hall, known.catalogue) == (None, None)
    first, catalogue = signed(hall(5)), signed(Catalogue(5, [], []))
    assert known.read(pack([first, catalogue])).papers == {"hall": first, "catalogue": catalogue}
    # The same again, older ones, another township's and a forged one change nothing.
    assert known.read(pack([first, catalogue])) == News({}, [], [])
    assert known.read(pack([signed(hall(4)), signed(Catalogue(4, [], []))])) == News({}, [], [])
    news = known.read(pack([signed(hall(6), MALLORY), signed(hall(6, "371721122"))]))
    assert [bad.reason for bad in news.refused] == [Reason.WRONG_SIGNATURE, Reason.WRONG_SENDER]
    assert (known.hall, known.catalogue) == (hall(5), Catalogue(5, [], []))

    assert known.read(signed(hall(6))).papers == {"hall": signed(hall(6))}
    again = papers()
    assert again.take_in(Signed.of(signed(hall(6)))) == "hall"
    assert again.hall == hall(6)


def test_no_refusal_tells_the_key_of_the_codes() -> None:
    """What cannot be read is logged; the key that stands in it is not."""
    secret = Signer(b"7" * 32).public
    told = Hall(TOWNSHIP, 7, "镇", "Town", "Asia/Shanghai", Veil(3, 5), 20, [Plate(f"{A1}/01")], codes=secret)
    body = encode(told)
    for damaged in (body.replace(b'"others":3', b'"others":0'), body.replace(secret.encode(), secret.encode() + b"!")):
        (refused,) = papers().read(pack([CITY.entry(damaged)])).refused
        assert refused.reason is Reason.UNDECODABLE
        assert secret not in str(refused)
