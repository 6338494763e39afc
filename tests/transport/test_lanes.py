"""What is sent when, against a naive model: nothing is lost, nothing is in two places, nobody stands in the way."""

import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contract.batch import StreamKey
from contract.ranges import Ranges
from transport.lanes import Dispatch, Item, Lane, Lanes, Limits
from transport.pace import LONGEST_RESEND_S

STREAM = StreamKey("371721121-a1", "q7Zk2wX0aB")
OTHER = StreamKey("371721121-a2", "Zk2wX0aBq7")


def item(id_: int, size: int = 100, rows: int = 1, stream: StreamKey = STREAM) -> Item:
    """The `id_`th batch of `stream`, of `rows` ratings, where all have as many."""
    return Item(id_, stream, (id_ - 1) * rows + 1, id_ * rows, size)


def up(limits: Limits | None = None) -> Lanes:
    lanes = Lanes(limits)
    lanes.welcomed()
    return lanes


def ids(dispatch: Dispatch) -> list[int]:
    return [sent.id for sent in dispatch.items]


def ack(lanes: Lanes, *sent: int, now: float = 0.1) -> list[int]:
    return [gone.id for gone in lanes.acked(STREAM, Ranges((id_, id_) for id_ in sent), now)]


def test_nothing_is_sent_before_the_other_end_answered() -> None:
    lanes = Lanes()
    assert lanes.up is False
    lanes.offer([item(1)])

    assert not lanes.idle
    assert lanes.due(0) == []
    assert lanes.wake_at() is None
    assert lanes.unacknowledged() == [item(1)]


def test_when_quiet_an_item_leaves_at_once() -> None:
    lanes = up()
    assert lanes.idle

    lanes.offer([item(1)])
    [sent] = lanes.due(0)

    assert (sent.lane, ids(sent)) == (Lane.LIVE, [1])
    assert not lanes.idle


def test_what_gathers_during_a_flight_leaves_together_newest_first() -> None:
    lanes = up()
    lanes.offer([item(1)])
    lanes.due(0)
    lanes.offer([item(2)])
    lanes.offer([item(3), item(4)])
    assert lanes.due(0.05) == []

    assert ack(lanes, 1) == [1]
    [sent] = lanes.due(0.1)

    assert ids(sent) == [4, 3, 2]


def test_backlog_goes_oldest_first_and_beside_live() -> None:
    lanes = up()
    lanes.refill([item(1), item(2)])
    lanes.offer([item(3)])

    live, backlog = lanes.due(0)

    assert (live.lane, ids(live)) == (Lane.LIVE, [3])
    assert (backlog.lane, ids(backlog)) == (Lane.BACKLOG, [1, 2])


def test_what_is_offered_while_down_is_backlog() -> None:
    lanes = Lanes()
    lanes.offer([item(1)])
    lanes.welcomed()

    assert [(sent.lane, ids(sent)) for sent in lanes.due(0)] == [(Lane.BACKLOG, [1])]


def test_nothing_is_taken_twice() -> None:
    lanes = up()
    lanes.offer([item(1)])
    lanes.due(0)
    lanes.offer([item(1), item(2)])
    lanes.refill([item(1), item(2), item(3), item(3)])
    lanes.offer([item(3)])

    assert lanes.unacknowledged() == [item(1), item(2), item(3)]


def test_a_bundle_keeps_to_its_budget_but_takes_at_least_one() -> None:
    lanes = up(Limits(bundle_bytes=250))
    lanes.offer([item(1)])
    lanes.offer([item(2)])
    lanes.offer([item(3)])
    lanes.offer([item(4, size=999)])

    [huge] = lanes.due(0)
    ack(lanes, 4)
    [rest] = lanes.due(0.1)

    assert ids(huge) == [4]
    assert ids(rest) == [3, 2]
    assert [left.id for left in lanes.unacknowledged()] == [1, 2, 3]


def test_bounded_flights() -> None:
    lanes = up(Limits(live_flights=2, bundle_bytes=1))
    lanes.offer([item(1), item(2), item(3)])

    assert [(sent.flight, ids(sent)) for sent in lanes.due(0)] == [(1, [3]), (2, [2])]
    assert lanes.due(0) == []
    assert not lanes.idle
    assert ack(lanes, 2, 3) == [3, 2]


def test_too_much_live_becomes_backlog_from_the_old_end() -> None:
    lanes = up(Limits(live_items=2))
    lanes.offer([item(1), item(2), item(3), item(4)])

    live, backlog = lanes.due(0)

    assert ids(live) == [4, 3]
    assert ids(backlog) == [1, 2]


def test_no_answer_and_it_is_sent_again_behind_all_others() -> None:
    lanes = up()
    lanes.offer([item(9)])
    lanes.due(0)
    lanes.refill([item(1)])
    assert lanes.wake_at() == 2.0
    assert [ids(sent) for sent in lanes.due(1.999)] == [[1]]

    lanes.offer([item(10)])
    [live] = lanes.due(2.0)
    ack(lanes, 1, now=2.1)
    [backlog] = lanes.due(2.1)

    assert (live.lane, ids(live)) == (Lane.LIVE, [10])
    assert (backlog.lane, ids(backlog)) == (Lane.BACKLOG, [9])


def test_patience_doubles_while_nobody_answers_and_has_a_bound() -> None:
    lanes = up()
    lanes.refill([item(1)])
    now, waits = 0.0, []
    for _ in range(5000):
        lanes.due(now)
        wake = lanes.wake_at()
        assert wake is not None
        waits.append(wake - now)
        now = wake

    assert waits[:4] == [30, 60, 120, 120]
    assert max(waits) == LONGEST_RESEND_S


def test_flights_that_fail_together_count_once() -> None:
    lanes = up(Limits(live_flights=4, bundle_bytes=1))
    lanes.offer([item(1), item(2), item(3), item(4)])
    lanes.due(0)
    lanes.due(2.0)
    lanes.offer([item(5)])
    lanes.due(2.0)

    ack(lanes, 1, 2, 3, 4, now=2.0)
    assert lanes.wake_at() == 2.0 + 4.0


def test_before_anything_was_measured_the_least_patience_counts() -> None:
    lanes = up(Limits(live_resend_s=0.5))
    lanes.offer([item(1)])
    lanes.due(0)
    assert lanes.wake_at() == 0.5


def test_a_new_connection_begins_with_fresh_patience() -> None:
    lanes = up()
    lanes.offer([item(1)])
    lanes.due(0)
    lanes.due(2.0)
    lanes.down()
    ack(lanes, 1)

    lanes.welcomed()
    lanes.offer([item(2)])
    lanes.due(10.0)

    assert lanes.wake_at() == 12.0


def test_patience_follows_the_measured_time_of_answers() -> None:
    lanes = up()
    now = 0.0
    for id_ in range(1, 30):
        lanes.offer([item(id_)])
        lanes.due(now)
        now += 1.9
        ack(lanes, id_, now=now)
    lanes.offer([item(99)])
    lanes.due(now)
    wake = lanes.wake_at()

    # Mean 1.9 and hardly any spread left: the least patience holds. RFC 6298: mean + 4 * spread.
    assert wake is not None
    assert 2.0 <= wake - now < 2.1

    slow = up()
    slow.offer([item(1)])
    slow.due(0)
    ack(slow, 1, now=1.9)
    slow.offer([item(2)])
    slow.due(1.9)
    assert slow.wake_at() == pytest.approx(1.9 + 1.9 + 4 * 0.95)
    # The next one 2 s slower than the mean: an eighth goes into the mean, a quarter of the rest into the spread.
    ack(slow, 2, now=1.9 + 3.9)
    slow.offer([item(3)])
    slow.due(6.0)
    assert slow.wake_at() == pytest.approx(6.0 + (1.9 + 0.25) + 4 * (0.95 + 0.25 * (2.0 - 0.95)))


def test_measured_times_cannot_make_patience_endless() -> None:
    lanes = up()
    now = 0.0
    for id_ in range(1, 100):
        lanes.offer([item(id_)])
        lanes.due(now)
        wake = lanes.wake_at()
        assert wake is not None
        assert wake - now <= LONGEST_RESEND_S + 1e-6
        now = wake - 0.001
        ack(lanes, id_, now=now)


def test_a_late_answer_takes_an_item_from_wherever_it_is() -> None:
    lanes = up()
    lanes.offer([item(1), item(2)])
    lanes.due(0)
    lanes.due(2.0)  # expired, and sent again as backlog
    lanes.offer([item(3)])

    lanes.offer([item(4)])
    assert sorted(ack(lanes, 1, 2, 3, 4, now=2.5)) == [1, 2, 3, 4]
    assert lanes.unacknowledged() == []
    assert lanes.wake_at() is None


def test_only_what_is_covered_whole_leaves() -> None:
    lanes = up()
    lanes.offer([item(1, rows=5), item(2, rows=5), item(1, rows=5, stream=OTHER)._replace(id=7)])
    lanes.due(0)

    gone = lanes.acked(STREAM, Ranges([(1, 9)]), 0.1)

    assert [left.id for left in gone] == [1]
    lanes.refill([item(4, rows=5)])
    assert lanes.acked(STREAM, Ranges([(16, 19)]), 0.1) == []
    assert lanes.acked(STREAM, Ranges([(16, 20)]), 0.1) == [item(4, rows=5)]
    assert [left.id for left in lanes.unacknowledged()] == [2, 7]


def test_a_partly_answered_flight_stays_until_its_end() -> None:
    lanes = up()
    lanes.offer([item(1), item(2)])
    [sent] = lanes.due(0)
    ack(lanes, 2)

    assert lanes.in_flight(sent.flight) == (item(1),)
    assert not lanes.idle
    ack(lanes, 1)
    assert lanes.in_flight(sent.flight) == ()
    assert lanes.idle


def test_the_connection_lost_and_all_is_backlog_oldest_first() -> None:
    lanes = up()
    lanes.offer([item(5)])
    lanes.refill([item(2), item(1)])
    lanes.due(0)
    lanes.offer([item(6), item(7)])

    lanes.down()
    assert lanes.due(0) == []
    assert lanes.up is False
    lanes.welcomed()
    [sent] = lanes.due(0)

    assert (sent.lane, ids(sent)) == (Lane.BACKLOG, [1, 2, 5, 6, 7])


def test_a_refused_item_is_forgotten_wherever_it_is() -> None:
    lanes = up(Limits(bundle_bytes=1))
    lanes.offer([item(1), item(2)])
    lanes.refill([item(3), item(4)])
    lanes.due(0)

    lanes.withdrawn([1, 2, 3, 4, 99], 0.1)

    assert lanes.unacknowledged() == []
    assert lanes.wake_at() is None
    assert lanes.idle


def test_items_of_an_unreadable_payload_travel_alone_after_all_others() -> None:
    lanes = up()
    lanes.refill([item(1), item(2), item(3)])
    [together] = lanes.due(0)
    lanes.refill([item(4), item(5)])

    lanes.unreadable(together.flight)
    lanes.unreadable(together.flight)
    journeys = []
    for _ in range(4):
        [sent] = lanes.due(1)
        journeys.append(ids(sent))
        ack(lanes, *ids(sent), now=1.1)

    assert journeys == [[4, 5], [1], [2], [3]]
    assert lanes.unacknowledged() == []


def test_alone_is_forgotten_with_the_item() -> None:
    lanes = up()
    lanes.refill([item(1), item(2)])
    [together] = lanes.due(0)
    lanes.unreadable(together.flight)
    ack(lanes, 1, 2)

    lanes.refill([item(1), item(2)])

    assert [ids(sent) for sent in lanes.due(1)] == [[1, 2]]


def test_backlog_bundles_grow_to_a_quarter_of_a_second_of_the_link() -> None:
    lanes = up()
    lanes.refill([item(id_, size=1000) for id_ in range(1, 2000)])
    now, sizes = 0.0, []
    for _ in range(8):
        [sent] = lanes.due(now)
        sizes.append(sum(taken.size for taken in sent.items))
        took = sizes[-1] / 200_000  # a link of 200 kB/s
        now += took
        ack(lanes, *ids(sent), now=now)

    assert sizes[0] <= Limits().first_backlog_bytes
    assert all(after <= 2 * before for before, after in itertools.pairwise(sizes))
    assert sizes[-1] == 50_000


def test_a_slow_link_gets_small_bundles_but_some() -> None:
    lanes = up()
    lanes.refill([item(id_, size=205) for id_ in range(1, 200)])
    [first] = lanes.due(0)
    lanes.carried(Lane.LIVE, 0)  # another lane's says nothing
    ack(lanes, *ids(first), now=29.0)
    [second] = lanes.due(29.0)

    assert sum(taken.size for taken in second.items) == 820, "one more would be 1025"


def test_no_link_is_fast_enough_for_more_than_a_bundle() -> None:
    lanes = up(Limits(bundle_bytes=2000, first_backlog_bytes=900))
    lanes.refill([item(id_) for id_ in range(1, 200)])
    counts = []
    for _ in range(4):
        [sent] = lanes.due(0)
        counts.append(len(sent.items))
        ack(lanes, *ids(sent), now=0)

    assert counts == [9, 18, 20, 20]


def test_who_travels_alone_does_so_whatever_else_is_withdrawn() -> None:
    lanes = up()
    lanes.refill([item(1), item(2), item(3)])
    [together] = lanes.due(0)
    lanes.unreadable(together.flight)

    lanes.withdrawn([3], 0)
    assert [ids(sent) for sent in lanes.due(1)] == [[1]]
    ack(lanes, 1)
    assert [ids(sent) for sent in lanes.due(1)] == [[2]]
    ack(lanes, 2)
    lanes.refill([item(3), item(4)])
    assert [ids(sent) for sent in lanes.due(1)] == [[3, 4]]


def test_a_peer_that_answers_late_over_a_quick_line_gets_no_smaller_bundles() -> None:
    lanes = up()
    lanes.refill([item(id_, size=1000) for id_ in range(1, 5000)])
    now, sizes = 0.0, []
    for _ in range(5):
        [sent] = lanes.due(now)
        sizes.append(sum(taken.size for taken in sent.items))
        lanes.carried(Lane.BACKLOG, now + 0.01)
        lanes.carried(Lane.BACKLOG, now + 1.9)  # only the first word counts
        now += 2.0
        ack(lanes, *ids(sent), now=now)

    assert sizes == [16_000, 32_000, 65_000, 131_000, 131_000]


def test_a_lane_whose_connection_is_gone_sends_nothing_and_loses_nothing() -> None:
    lanes = up()
    lanes.refill([item(1), item(2), item(3)])
    [sent] = lanes.due(0)
    lanes.refill([item(4)])
    lanes.offer([item(5)])

    lanes.shut(Lane.BACKLOG)
    assert [(live.lane, ids(live)) for live in lanes.due(0)] == [(Lane.LIVE, [5])]
    assert lanes.in_flight(sent.flight) == ()
    assert [left.id for left in lanes.unacknowledged()] == [1, 2, 3, 4, 5]

    lanes.open(Lane.BACKLOG)
    assert [ids(again) for again in lanes.due(0.5)] == [[1, 2, 3, 4]]


def test_live_that_found_no_answer_waits_for_the_backlog_lane_to_open() -> None:
    lanes = up()
    lanes.shut(Lane.BACKLOG)
    lanes.offer([item(1)])
    lanes.due(0)

    assert lanes.due(2.0) == []
    assert lanes.wake_at() is None
    lanes.open(Lane.BACKLOG)
    assert [ids(sent) for sent in lanes.due(2.0)] == [[1]]


def test_how_much_waits_and_what_is_oldest() -> None:
    lanes = up()
    assert lanes.oldest() is None
    assert lanes.ratings() == 0
    lanes.refill([item(4, rows=3)])
    lanes.offer([item(8, rows=3)])
    lanes.due(0)
    lanes.offer([item(9, rows=3)])

    assert lanes.oldest() == item(4, rows=3)
    assert lanes.ratings() == 9


class LanesModel(RuleBasedStateMachine):
    """Ids in plain sets: where an item is does not matter here, only that it is somewhere, once."""

    LIMITS = Limits(live_flights=2, backlog_flights=1, bundle_bytes=1500, live_items=6)

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(self.LIMITS)
        self.now = 0.0
        self.made = 0
        self.known: dict[int, Item] = {}
        self.flights: dict[int, Dispatch] = {}
        self.up = False
        self.shut: set[Lane] = set()

    def make(self, count: int, size: int) -> list[Item]:
        made = [item(self.made + place, size) for place in range(1, count + 1)]
        self.made += count
        return made

    @rule(count=st.integers(1, 4), size=st.integers(20, 2000))
    def offer(self, count: int, size: int) -> None:
        made = self.make(count, size)
        self.lanes.offer(made)
        self.known |= {each.id: each for each in made}

    @rule(picks=st.sets(st.integers(1, 60), max_size=8), size=st.integers(20, 2000))
    def refill(self, picks: set[int], size: int) -> None:
        old = [self.known.get(id_, item(id_, size)) for id_ in sorted(picks) if id_ <= self.made]
        self.lanes.refill(old)
        self.known |= {each.id: each for each in old}

    @rule()
    def welcomed(self) -> None:
        self.lanes.welcomed()
        self.up = True

    @rule()
    def down(self) -> None:
        self.lanes.down()
        self.up = False
        self.flights.clear()

    @rule(lane=st.sampled_from([Lane.BACKLOG, Lane.LIVE]))
    def shut_lane(self, lane: Lane) -> None:
        self.lanes.shut(lane)
        self.shut.add(lane)

    @rule(lane=st.sampled_from([Lane.BACKLOG, Lane.LIVE]))
    def open_lane(self, lane: Lane) -> None:
        self.lanes.open(lane)
        self.shut.discard(lane)

    @rule(wait=st.sampled_from([0.0, 0.01, 0.5, 2.0, 35.0, 130.0]))
    def due(self, wait: float) -> None:
        self.now += wait
        for sent in self.lanes.due(self.now):
            assert self.up
            assert sent.lane not in self.shut
            assert sent.flight not in self.flights
            assert sent.items
            size = sum(each.size for each in sent.items)
            assert len(sent.items) == 1 or size <= self.LIMITS.bundle_bytes
            if sent.lane is Lane.LIVE:
                assert ids(sent) == sorted(ids(sent), reverse=True)
            self.flights[sent.flight] = sent
        # What was not sent could not be: the lane is busy, empty, shut or down.
        flying = [flight.lane for number, flight in self.flights.items() if self.lanes.in_flight(number)]
        assert flying.count(Lane.LIVE) <= self.LIMITS.live_flights
        assert flying.count(Lane.BACKLOG) <= self.LIMITS.backlog_flights
        in_the_air = {each.id for number in self.flights for each in self.lanes.in_flight(number)}
        if self.up and not self.shut and not flying:
            assert not self.known.keys() - in_the_air

    @rule(picks=st.sets(st.integers(1, 60), max_size=6), wait=st.sampled_from([0.0, 0.2, 3.0]))
    def acked(self, picks: set[int], wait: float) -> None:
        self.now += wait
        gone = self.lanes.acked(STREAM, Ranges((id_, id_) for id_ in picks), self.now)
        assert {each.id for each in gone} == picks & self.known.keys()
        for each in gone:
            del self.known[each.id]

    @precondition(lambda self: self.flights)
    @rule(which=st.integers(0, 100))
    def flight_answered(self, which: int) -> None:
        sent = list(self.flights.values())[which % len(self.flights)]
        self.now += 0.05
        self.lanes.acked(STREAM, Ranges((each.first, each.last) for each in sent.items), self.now)
        for each in sent.items:
            self.known.pop(each.id, None)
        assert self.lanes.in_flight(sent.flight) == ()

    @rule(picks=st.sets(st.integers(1, 60), max_size=3))
    def withdrawn(self, picks: set[int]) -> None:
        self.lanes.withdrawn(picks, self.now)
        for id_ in picks:
            self.known.pop(id_, None)

    @precondition(lambda self: self.flights)
    @rule(which=st.integers(0, 100))
    def unreadable(self, which: int) -> None:
        self.lanes.unreadable(list(self.flights)[which % len(self.flights)])

    @invariant()
    def everything_is_in_one_place(self) -> None:
        assert self.lanes.unacknowledged() == sorted(self.known.values())
        assert self.lanes.ratings() == len(self.known)
        assert self.lanes.oldest() == min(self.known.values(), default=None)

    @invariant()
    def it_wakes_for_every_flight(self) -> None:
        flying = any(self.lanes.in_flight(number) for number in self.flights)
        wake = self.lanes.wake_at()
        assert (wake is not None) == flying
        if wake is not None:
            assert wake <= self.now + LONGEST_RESEND_S + 1e-6

    def teardown(self) -> None:
        """Whatever happened: once the faults end and every payload is answered, all of it leaves in bounded time."""
        self.lanes.open(Lane.LIVE)
        self.lanes.open(Lane.BACKLOG)
        self.welcomed()
        for _ in range(20 + 2 * len(self.known)):
            for sent in self.lanes.due(self.now):
                self.lanes.acked(STREAM, Ranges((each.first, each.last) for each in sent.items), self.now)
            self.now += 10.0
        assert self.lanes.unacknowledged() == []


TestLanesModel = LanesModel.TestCase


def test_flights_without_an_answer_are_counted() -> None:
    lanes = up(Limits(live_flights=2, live_resend_s=2.0))
    lanes.offer([item(1)])
    lanes.due(0)
    lanes.offer([item(2)])
    lanes.due(0.1)
    ack(lanes, 2)
    assert lanes.unanswered == 0
    lanes.due(2.0)
    assert lanes.unanswered == 1
    lanes.due(200.0)
    assert lanes.unanswered == 2
