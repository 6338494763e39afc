"""MQTT packets out of a stream: whatever the chunks, the packets are the same, and a changed payload is one packet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.faults.packets import PUBACK, PUBLISH, Framer, Packet, packet, puback, publish

CONNECT = packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x0f\x00\x04node")
QOS_1 = packet(0x32, b"\x00\x03a/b\x12\x34payload")

payloads = st.lists(st.binary(max_size=300), max_size=8)


@given(payloads, st.lists(st.integers(1, 40), min_size=1))
def test_packets_are_the_same_however_the_stream_was_cut(some: list[bytes], sizes: list[int]) -> None:
    sent = [publish("manyi/1/x/ratings", payload) for payload in some]
    stream = b"".join(each.raw for each in sent)
    framer, got, at, turn = Framer(), list[Packet](), 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        got += framer.feed(stream[at : at + size])
        at, turn = at + size, turn + 1

    assert got == sent
    assert [each.payload for each in got] == some


def test_what_a_packet_says() -> None:
    assert CONNECT.client == "node"
    assert (QOS_1.kind, QOS_1.topic, QOS_1.number, QOS_1.payload) == (PUBLISH, "a/b", 0x1234, b"payload")
    (answer,) = Framer().feed(puback(0x1234))
    assert (answer.kind, answer.number) == (PUBACK, 0x1234)
    assert publish("a/b", b"x").number == 0


@given(st.binary(max_size=20_000))
def test_a_publish_carries_another_payload_and_stays_itself(payload: bytes) -> None:
    (changed,) = Framer().feed(QOS_1.carrying(payload).raw)
    assert (changed.topic, changed.number, changed.payload) == ("a/b", 0x1234, payload)


def test_what_is_no_mqtt_is_told() -> None:
    with pytest.raises(ValueError, match="no MQTT"):
        list(Framer().feed(b"\x30\xff\xff\xff\xff\xff"))
