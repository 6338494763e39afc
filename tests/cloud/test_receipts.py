"""Receipts: at most one a minute for each stream, signed by the city, about all that is in the ledger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest import receipts
from cloud.ingest.receipts import AGAIN_S, EVERY_S, MAX_PAIRS, ReceiptBook, Receipts
from contract.ack import Receipt
from contract.batch import StreamKey
from contract.bundle import MAX_PAYLOAD, unpack
from contract.codec import decode_as
from contract.ranges import Ranges
from contract.signing import Signer, public_key, verify

STREAMS = [StreamKey("371721121-a1", epoch * 10) for epoch in "ABC"]
CITY = Signer(b"c" * 32)


@given(st.lists(st.tuples(st.sampled_from(STREAMS), st.integers(0, 30), st.booleans()), max_size=60))
def test_no_stream_gets_two_in_a_minute_and_none_is_forgotten(
    steps: list[tuple[StreamKey, int, bool]],
) -> None:
    book = ReceiptBook()
    now = 0.0
    standing: dict[StreamKey, Ranges] = {}
    given_at: dict[StreamKey, float] = {}
    told: dict[StreamKey, Ranges] = {}
    for stream, passed, asked in steps:
        now += passed
        if asked:
            book.asked(stream, standing.get(stream, Ranges()), now)
        else:
            high = len(standing.get(stream, Ranges())) + 1
            standing[stream] = Ranges([(1, high)])
            book.settled(stream, standing[stream])
        for one, numbers in book.take(now).items():
            assert now - given_at.get(one, -EVERY_S) >= EVERY_S
            given_at[one], told[one] = now, numbers
    told.update(book.take(now + EVERY_S))

    assert told == standing


def test_who_asks_again_after_a_lost_receipt_gets_it_after_an_hour() -> None:
    book = ReceiptBook()
    numbers = Ranges([(1, 9)])
    book.settled(STREAMS[0], numbers)
    assert book.take(0.0) == {STREAMS[0]: numbers}

    book.asked(STREAMS[0], numbers, AGAIN_S - 1)
    assert book.take(AGAIN_S - 1) == {}
    book.asked(STREAMS[0], numbers, AGAIN_S)
    assert book.take(AGAIN_S) == {STREAMS[0]: numbers}


class SentError(Exception):
    """Ends the worker after its first receipts."""


async def test_they_are_signed_and_fit_a_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, list[bytes]]] = []

    def send(township: str, entries: list[bytes]) -> None:
        sent.append((township, entries))
        raise SentError

    monkeypatch.setattr(receipts, "TICK_S", 0.0)
    worker = Receipts(CITY, send=send, now=lambda: 7, known=lambda: True, monotonic=lambda: 0.0)
    worker.settled(STREAMS[0], Ranges([*((n * 2, n * 2) for n in range(1, MAX_PAIRS + 9)), (1 << 50, (1 << 50) + 9)]))
    worker.asked(STREAMS[1], Ranges([(1, 3)]))

    with pytest.raises(SentError):
        await worker.run()

    ((township, entries),) = sent
    assert township == "371721121"
    signed = [one for raw in entries for one in unpack(raw)]
    assert all(verify(one.body, one.signature, public_key(CITY.public)) for one in signed)
    first, second = (decode_as(one.body, Receipt) for one in signed)
    assert len(entries[0]) < MAX_PAYLOAD
    assert first.settled[-1] == (1 << 50, (1 << 50) + 9)
    assert (second.stream, second.settled, second.at) == (STREAMS[1], [(1, 3)], 7)
