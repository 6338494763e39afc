"""When to say hello, and what a welcome means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ack import Ack
from contract.batch import StreamKey
from contract.bundle import MAX_PAYLOAD
from contract.codec import encode
from contract.errors import Reason
from contract.hello import MAX_STREAMS, Clock, Hello, Stream, Welcome
from contract.ranges import Ranges
from transport.greeting import EVERY_S, LEAST_BETWEEN_S, MAX_PAIRS, Greeting, Page, pages

ONE = StreamKey("371721121-a1", "AAAAAAAAAA")
TWO = StreamKey("371721121-a1", "BBBBBBBBBB")
PEER = "peer-00001"
HEIR = "peer-00002"


def full(greeting: Greeting) -> bool:
    return greeting.full


def welcome(nonce: str, *acks: Ack, by: str = PEER) -> Welcome:
    return Welcome("371721121-a1", nonce, by, Clock("boot", 5), list(acks))


def greeted(pages_: dict[str, Page] | None = None, now: float = 0.0) -> Greeting:
    """A greeting that was welcomed by PEER at `now`."""
    greeting = Greeting()
    greeting.connected(now)
    hello = {"n0": {}} if pages_ is None else pages_
    greeting.sent(hello, now)
    for nonce in hello:
        greeting.heard(welcome(nonce), now)
    return greeting


def test_nothing_is_due_without_a_connection() -> None:
    greeting = Greeting()
    assert greeting.due_at() is None
    assert full(greeting)

    greeting.connected(5.0)
    assert greeting.due_at() == 5.0
    greeting.hurry(6.0)
    assert greeting.due_at() == 5.0
    greeting.disconnected()
    assert greeting.due_at() is None


def test_it_is_repeated_with_growing_patience_until_welcomed_and_then_every_minute() -> None:
    greeting = Greeting()
    greeting.connected(0.0)
    waits, now = [], 0.0
    for number in range(7):
        greeting.sent({f"n{number}": {}}, now)
        due = greeting.due_at()
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits == [2, 4, 8, 16, 30, 30, 30]

    greeting.heard(welcome("n6"), now)
    assert greeting.due_at() == now + EVERY_S

    now += EVERY_S
    greeting.sent({"n7": {}}, now)
    assert greeting.due_at() == now + 2.0


def test_a_new_connection_begins_again() -> None:
    greeting = greeted()
    greeting.disconnected()
    greeting.connected(10.0)

    assert greeting.due_at() == 10.0
    assert full(greeting)
    greeting.sent({"n1": {}}, 10.0)
    assert greeting.due_at() == 12.0


def test_what_is_missing_and_what_is_there() -> None:
    greeting = Greeting()
    greeting.connected(0.0)
    greeting.sent({"n1": {ONE: Ranges([(1, 20)]), TWO: Ranges([(1, 3)])}}, 1.0)
    told = Ack(*ONE, held=[(1, 5)], settled=[(4, 8)], refused=[(12, 12, Reason.CONFLICT)])
    stranger = Ack("371721121-a9", "AAAAAAAAAA", held=[(1, 20)])

    heard = greeting.heard(welcome("n1", told, stranger), 1.5)

    assert heard is not None
    assert heard.round_trip_s == 0.5
    assert not heard.peer_changed
    assert heard.missing == {ONE: Ranges([(9, 11), (13, 20)]), TWO: Ranges([(1, 3)])}
    assert heard.there == {ONE: Ranges([(1, 8), (12, 12)]), TWO: Ranges()}


def test_what_was_made_after_the_hello_is_not_missing() -> None:
    greeting = Greeting()
    greeting.connected(0.0)
    greeting.sent({"n1": {ONE: Ranges([(1, 5)])}}, 0.0)

    heard = greeting.heard(welcome("n1", Ack(*ONE, held=[(1, 5)])), 0.1)

    assert heard is not None
    assert heard.missing == {}


def test_a_nonce_answers_once_and_not_for_ever() -> None:
    greeting = Greeting()
    greeting.connected(0.0)
    greeting.sent({"n1": {}}, 0.0)
    greeting.sent({"n2": {}}, 2.0)
    assert greeting.heard(welcome("n1"), 3.0) is not None
    assert greeting.heard(welcome("n1"), 3.0) is None

    greeting.sent({"n3": {}}, 2.5 + 2 * EVERY_S)
    assert greeting.heard(welcome("n2"), 123.0) is None
    assert greeting.heard(welcome("n3"), 123.0) is not None

    greeting.sent({"n4": {}}, 130.0)
    greeting.sent({"n5": {}}, 130.0 + 2 * EVERY_S)
    assert greeting.heard(welcome("n4"), 250.0) is not None


def test_answers_from_an_earlier_connection_are_none() -> None:
    greeting = Greeting()
    greeting.connected(0.0)
    greeting.sent({"n1": {}}, 0.0)
    greeting.disconnected()
    greeting.connected(1.0)

    assert greeting.heard(welcome("n1"), 1.0) is None


def test_a_lost_page_is_asked_again_with_the_rest() -> None:
    greeting = Greeting()
    greeting.connected(0.0)
    greeting.sent({"n1": {ONE: Ranges([(1, 5)])}, "n2": {TWO: Ranges([(1, 5)])}}, 0.0)

    greeting.heard(welcome("n1"), 0.1)
    assert greeting.due_at() == 2.0
    assert full(greeting)

    greeting.sent({"n3": {ONE: Ranges([(1, 5)])}, "n4": {TWO: Ranges([(1, 5)])}}, 2.0)
    greeting.heard(welcome("n4"), 2.1)
    greeting.heard(welcome("n3"), 2.2)
    assert greeting.due_at() == 2.2 + EVERY_S
    assert not full(greeting)


def test_a_full_hello_that_nobody_answered_stays_due() -> None:
    greeting = Greeting()
    greeting.connected(0.0)
    greeting.sent({"n1": {}}, 0.0)

    assert full(greeting)
    greeting.sent({"n2": {}}, 2.0)
    greeting.heard(welcome("n2"), 2.1)
    assert not full(greeting)


def test_another_process_answers_a_small_hello() -> None:
    greeting = greeted()
    assert not full(greeting)
    greeting.sent({"n1": {}}, 60.0)

    heard = greeting.heard(welcome("n1", by=HEIR), 60.1)

    assert heard is not None
    assert heard.peer_changed
    assert full(greeting)
    assert greeting.due_at() == 60.0 + LEAST_BETWEEN_S


def test_another_process_answers_a_whole_hello_and_no_more_is_needed() -> None:
    greeting = greeted()
    greeting.connected(60.0)
    greeting.sent({"n1": {}}, 60.0)

    heard = greeting.heard(welcome("n1", by=HEIR), 60.1)

    assert heard is not None
    assert heard.peer_changed
    assert not full(greeting)
    assert greeting.due_at() == 60.1 + EVERY_S


def test_a_change_between_two_pages_voids_the_first() -> None:
    greeting = greeted()
    greeting.connected(60.0)
    greeting.sent({"n1": {ONE: Ranges([(1, 1)])}, "n2": {TWO: Ranges([(1, 1)])}}, 60.0)
    greeting.heard(welcome("n1"), 60.1)
    greeting.heard(welcome("n2", by=HEIR), 60.2)

    assert full(greeting)
    assert greeting.due_at() == 60.5


def test_what_else_another_process_answers_does_not_put_the_whole_hello_off() -> None:
    greeting = greeted()
    greeting.sent({"n1": {ONE: Ranges([(1, 1)])}, "n2": {TWO: Ranges([(1, 1)])}}, 60.0)
    greeting.heard(welcome("n1", by=HEIR), 60.1)
    heard = greeting.heard(welcome("n2", by=HEIR), 60.2)

    assert heard is not None
    assert not heard.peer_changed
    assert full(greeting)
    assert greeting.due_at() == 60.0 + LEAST_BETWEEN_S


def test_a_late_answer_to_an_earlier_hello_does_not_put_the_next_off() -> None:
    greeting = Greeting()
    greeting.connected(0.0)
    greeting.sent({"n1": {}}, 0.0)
    greeting.sent({"n2": {}}, 2.0)
    greeting.heard(welcome("n2"), 2.1)
    assert greeting.heard(welcome("n1"), 50.0) is not None
    assert greeting.due_at() == 2.1 + EVERY_S


def test_an_unasked_welcome_of_another_process_makes_a_hello_due() -> None:
    greeting = greeted()

    assert greeting.heard(welcome("-"), 10.0) is None
    assert greeting.due_at() == EVERY_S

    assert greeting.heard(welcome("-", by=HEIR), 10.0) is None
    assert greeting.due_at() == 10.0


def test_unasked_welcomes_cannot_drive_us_to_greet_without_end_nor_hold_us_up() -> None:
    greeting = greeted()
    now, sent = 10.0, 0
    for number in range(2000):
        now += 0.01
        greeting.heard(welcome("-", by=f"peer-{number:05}"), now)
        due = greeting.due_at()
        assert due is not None
        if due <= now:
            greeting.sent({f"n{number}": {}}, now)
            sent += 1
    assert 30 <= sent <= 20 / LEAST_BETWEEN_S + 1


def test_an_unasked_welcome_never_puts_a_hello_off() -> None:
    greeting = greeted()
    greeting.sent({"n1": {}}, 9.8)
    greeting.connected(10.0)

    greeting.heard(welcome("-", by=HEIR), 10.0)

    assert greeting.due_at() == 10.0


def test_an_unasked_welcome_without_a_connection_changes_nothing() -> None:
    greeting = Greeting()
    greeting.heard(welcome("-", by=HEIR), 1.0)
    assert greeting.due_at() is None


def test_a_late_welcome_after_the_connection_went() -> None:
    greeting = Greeting()
    greeting.connected(0.0)
    greeting.sent({"n1": {}}, 0.0)
    greeting.disconnected()

    assert greeting.heard(welcome("n1"), 0.5) is not None
    assert greeting.due_at() is None
    assert full(greeting)


def streams(count: int) -> Page:
    return {StreamKey("371721121-a2", f"{number:010}"): Ranges([(1, 2)]) for number in range(count)}


def gaps(count: int) -> Ranges:
    return Ranges((2 * number + 1, 2 * number + 1) for number in range(count))


def test_a_hello_about_nothing_is_one_empty_page() -> None:
    assert pages({}) == [{}]


def test_a_page_takes_so_many_streams_and_so_many_ranges_and_no_more() -> None:
    assert pages(streams(MAX_STREAMS)) == [streams(MAX_STREAMS)]
    assert [len(page) for page in pages(streams(MAX_STREAMS + 1))] == [MAX_STREAMS, 1]

    assert pages({ONE: gaps(MAX_PAIRS)}) == [{ONE: gaps(MAX_PAIRS)}]
    assert pages({ONE: gaps(MAX_PAIRS), TWO: gaps(1)}) == [{ONE: gaps(MAX_PAIRS)}, {TWO: gaps(1)}]
    assert pages({ONE: gaps(MAX_PAIRS - 1), TWO: gaps(2)}) == [
        {ONE: gaps(MAX_PAIRS - 1), TWO: gaps(1)},
        {TWO: gaps(2) - gaps(1)},
    ]
    first, second, third = pages({ONE: gaps(2 * MAX_PAIRS + 1)})
    assert [len(page[ONE]) for page in (first, second, third)] == [MAX_PAIRS, MAX_PAIRS, 1]
    assert first[ONE] | second[ONE] | third[ONE] == gaps(2 * MAX_PAIRS + 1)


@pytest.mark.bulk
@given(
    st.dictionaries(
        st.integers(0, 3000).map(lambda number: StreamKey("371721121-a1", f"{number:010}")),
        st.integers(0, 3 * MAX_PAIRS).map(lambda count: Ranges((2 * n + 1, 2 * n + 1) for n in range(count))),
        max_size=4,
    ),
    st.integers(0, 1200),
)
def test_pages_hold_everything_and_fit(heavy: dict[StreamKey, Ranges], light: int) -> None:
    kept = {key: numbers for key, numbers in heavy.items() if numbers}
    kept |= {StreamKey("371721121-a2", f"{number:010}"): Ranges([(1, 2)]) for number in range(light)}

    made = pages(kept)

    together: dict[StreamKey, Ranges] = {}
    for page in made:
        assert len(page) <= MAX_STREAMS
        assert sum(len(numbers.pairs) for numbers in page.values()) <= MAX_PAIRS
        for key, numbers in page.items():
            assert numbers
            together[key] = together.get(key, Ranges()) | numbers
    assert together == kept
    assert len(made) == 1 or all(made)


def test_the_fullest_page_and_its_answer_fit_a_payload() -> None:
    high = 1 << 53
    streams = MAX_STREAMS - 1
    kept = {
        StreamKey(f"371721121-{'a' * 16}", f"{number:010}"): Ranges([(high - 9, high)]) for number in range(streams)
    }
    last = StreamKey(f"371721121-{'a' * 16}", "ZZZZZZZZZZ")
    kept[last] = Ranges((high - 4 * number - 1, high - 4 * number) for number in range(MAX_PAIRS - streams))
    [page] = pages(kept)

    asked = [Stream(key.node, key.epoch, list(numbers.pairs)) for key, numbers in page.items()]
    hello = Hello(1, last.node, last.epoch, 5, "n", 5, "b" * 64, 5, 5, asked)
    answer = Welcome(last.node, "n", last.epoch, Clock("b", 5), [Ack(s.node, s.epoch, settled=s.has) for s in asked])

    assert len(encode(hello)) < MAX_PAYLOAD - 100
    assert len(encode(answer)) < MAX_PAYLOAD - 100


def test_hurry_is_within_reason() -> None:
    greeting = greeted(now=0.0)
    greeting.hurry(0.1)
    assert greeting.due_at() == LEAST_BETWEEN_S

    greeting.sent({"n1": {}}, 10.0)
    greeting.hurry(20.0)
    assert greeting.due_at() == 12.0
    greeting.disconnected()
    greeting.hurry(20.0)
    assert greeting.due_at() is None
