"""What is said of a moment is true: a virtual city, gateway and node, in which only the test knows the true time.

Crystals drift within 50 ppm, as they like; answers take their time on either way; machines start anew at any moment,
and with them every wall clock is somewhere else. Whatever a node ends up saying of a press, its true moment lies within
the error, or within the bounds of an estimate. A moment is cut off to whole milliseconds, hence one of tolerance.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.hello import Clock
from contract.rating import Quality
from transport.dating import FREEZE_BELOW_MS, Anchor, Dated, Dating, Tie
from transport.timepiece import RENEW_MS, Timepiece

START = 1_790_000_000_000
SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000


class World:
    """The true time, in ms, and how far the city is off it, which it states as `city_error`."""

    def __init__(self) -> None:
        self.now = float(START)
        self.city_off = 0.0
        self.city_error = 0

    def city_clock(self) -> Clock:
        return Clock("city", 5, int(self.now + self.city_off), self.city_error)


class Machine:
    """A computer: a boot clock on a crystal that drifts by what `ppm` draws anew now and then, and what it keeps."""

    def __init__(self, world: World, name: str, ppm: Callable[[], float]) -> None:
        self.world, self.name, self.ppm = world, name, ppm
        self.lessons: list[Anchor | Tie] = []
        self.lived: dict[str, int] = {}
        self.boots = 0
        self.start()

    def start(self) -> None:
        self.boots += 1
        self.boot = f"{self.name}-{self.boots}"
        self._since, self._counted, self._rate = self.world.now, 0.0, 1.0
        self.drift()
        self.lived[self.boot] = 0
        anchors = [one for one in self.lessons if isinstance(one, Anchor)]
        ties = [one for one in self.lessons if isinstance(one, Tie)]
        self.timepiece = Timepiece(
            Dating(anchors, ties), boot=self.boot, boottime_ms=lambda: int(self.boottime()), wall_ms=lambda: 0
        )

    def boottime(self) -> float:
        return self._counted + (self.world.now - self._since) * self._rate

    def drift(self) -> None:
        self._counted, self._since = self.boottime(), self.world.now
        self._rate = 1 + self.ppm() * 1e-6

    def meet(self, peer: Callable[[], Clock], there: float, back: float) -> None:
        """Say hello and hear the welcome, which takes so many ms each way."""
        sent = self.boottime()
        self.world.now += there
        clock = peer()
        self.world.now += back
        learnt = self.timepiece.heard(clock, (self.boottime() - sent) / 1000)
        if learnt is not None:
            self.lessons.append(learnt)
        self.lived[self.boot] = int(self.boottime())


@dataclass
class Press:
    """One press: the true moment, and what the node said of it."""

    truth: float
    boot: str
    boottime: int
    dated: Dated | None
    said: list[Dated] = field(default_factory=list)


def within(press: Press) -> bool:
    dated = press.dated
    assert dated is not None
    earliest, latest = dated.bounds or (dated.at - dated.error, dated.at + dated.error)
    return earliest <= press.truth < latest + 1.001  # (a float of the test's own)


PPM = st.floats(-50, 50) | st.sampled_from([-50.0, 50.0])
DELAYS = st.integers(0, 300) | st.integers(0, 60_000)
STEPS = st.one_of(
    st.tuples(st.just("press"), st.just(0), st.just(0)),
    st.tuples(st.sampled_from(["node meets", "gateway meets"]), DELAYS, DELAYS),
    st.tuples(st.just("wait"), st.integers(0, 30 * DAY) | st.integers(0, HOUR), st.just(0)),
    st.tuples(st.sampled_from(["node starts", "gateway starts"]), st.integers(0, DAY), st.just(0)),
    st.tuples(st.just("city"), st.integers(0, 16_000), st.integers(-100, 100)),
)


class Office:
    """A node, its gateway, and the city; steps as hypothesis draws them."""

    def __init__(self, ppm: Callable[[], float]) -> None:
        self.world = World()
        self.gateway = Machine(self.world, "gateway", ppm)
        self.node = Machine(self.world, "node", ppm)
        self.presses: list[Press] = []

    def step(self, what: str, first: int, second: int) -> None:
        if what == "press":
            boottime = int(self.node.boottime())
            self.node.lived[self.node.boot] = boottime
            dated = self.node.timepiece.at(boottime)
            self.presses.append(Press(self.world.now, self.node.boot, boottime, dated))
        elif what == "node meets":
            self.node.meet(self.gateway.timepiece.clock, first, second)
            self.date()
        elif what == "gateway meets":
            self.gateway.meet(self.world.city_clock, first, second)
        elif what == "city":
            self.world.city_error, self.world.city_off = first, first * second / 100
        else:
            self.world.now += first
            for machine in (self.node, self.gateway):
                if what == f"{machine.name} starts":
                    machine.start()
                machine.drift()

    def date(self) -> None:
        judge = self.node.timepiece.later(list(self.node.lived.items()))
        for press in self.presses:
            if press.dated is None:
                press.dated = judge(press.boot, press.boottime)


@given(steps=st.lists(STEPS, min_size=3, max_size=40), drifts=st.lists(PPM, min_size=1, max_size=10))
def test_whatever_happens_the_truth_lies_within_what_is_said_of_a_press(
    steps: list[tuple[str, int, int]], drifts: list[float]
) -> None:
    turn = iter(range(1_000_000))
    office = Office(lambda: drifts[next(turn) % len(drifts)])
    for step in steps:
        office.step(*step)
    # At last everybody meets everybody, so that nothing is left undated.
    office.step("city", 1, 100)
    office.step("gateway meets", 10, 10)
    office.step("node meets", 10, 10)
    office.step("node meets", 10, 10)

    for press in office.presses:
        assert within(press)


def test_every_quality_comes_about_in_such_an_office() -> None:
    office = Office(lambda: 50.0)
    waits = ("wait", 10 * DAY, 0)
    for step in (
        ("press", 0, 0),  # in a boot that meets nobody
        ("node starts", HOUR, 0),
        ("node meets", 5, 5),  # a gateway without time: a tie
        ("press", 0, 0),
        ("node starts", HOUR, 0),
        ("gateway meets", 5, 5),
        ("node meets", 5, 5),
        ("press", 0, 0),
        waits,
        ("press", 0, 0),  # too long after the last anchor, until the next one
        waits,
        ("gateway meets", 5, 5),
        ("node meets", 5, 5),
    ):
        office.step(*step)

    assert [press.dated.q if press.dated else None for press in office.presses] == [
        Quality.ESTIMATED,
        Quality.CORRECTED,
        Quality.SYNCHRONISED,
        Quality.CORRECTED,
    ]
    assert all(map(within, office.presses))
    assert office.presses[3].dated is not None
    assert abs(office.presses[3].dated.at - office.presses[3].truth) < SECOND


@pytest.mark.parametrize("off", [9_000, -9_000])
def test_a_line_between_two_anchors_does_not_leave_what_both_allow(off: int) -> None:
    # The nearer one is good, the farther one as bad as it says: a line to it alone was 4 s further off than was said.
    dating = Dating([Anchor("boot", 0, START, 10), Anchor("boot", 8 * DAY, START + 8 * DAY + off, 9_000)])
    moment = dating.later("boot", 4 * DAY, running=True)

    assert moment is not None
    for fast in (1, -1):
        # As fast as it may be until then, and slow enough afterwards.
        truth = START + 4 * DAY + fast * (4 * DAY * 50 // 1_000_000)
        assert moment.at - moment.error <= truth <= moment.at + moment.error


def test_a_long_run_at_the_edge_of_what_a_crystal_may_do() -> None:
    dating = Dating([Anchor("boot", 0, START, 0)])
    counted = 60 * DAY * 999_950 // 1_000_000  # 50 ppm slow

    dated = dating.later("boot", counted, running=False)

    assert dated is not None
    assert dated.bounds is not None
    assert dated.bounds[0] <= START + 60 * DAY <= dated.bounds[1]


# A clock that was stepped, or lies


def told(office: Office) -> int:
    now = office.node.timepiece.now()
    assert now is not None
    return round(now.at - office.world.now)


@pytest.mark.parametrize("step", [-3652 * DAY, -HOUR, -5 * SECOND, 5 * SECOND, HOUR, 3652 * DAY])
def test_a_step_of_the_citys_clock_is_gone_with_the_first_welcome_after_it_is_put_right(step: int) -> None:
    office = Office(lambda: 0.0)

    def greet() -> None:
        office.step("wait", 60_000, 0)
        office.step("gateway meets", 5, 5)
        office.step("node meets", 5, 5)

    for _ in range(3):
        greet()
    assert abs(told(office)) <= 30
    # It is stepped by hand, and a city that is set up to trust its clock hands it down.
    office.world.city_off = step
    greet()
    assert abs(told(office) - step) <= 30
    office.world.city_off = 0
    greet()

    assert abs(told(office)) <= 30
    # And nothing of it is left for moments from before, nor in what a start finds on the disk.
    for press in (0, int(office.node.boottime()) - 61_000, int(office.node.boottime())):
        dated = office.node.timepiece.later([])(office.node.boot, press)
        assert dated is not None
        assert abs(dated.at - START - press) <= 40
    kept = Dating([one for one in office.node.lessons if isinstance(one, Anchor)])
    dated = kept.now(office.node.boot, int(office.node.boottime()))
    assert dated is not None
    assert abs(dated.at - office.world.now) <= 40


def test_a_gateway_that_stood_still_is_believed_no_longer_than_its_own_next_welcome() -> None:
    office = Office(lambda: 0.0)
    office.step("gateway meets", 5, 5)
    office.step("node meets", 5, 5)
    # Its machine is frozen for ten minutes, clocks included, as a virtual one may be.
    office.world.now += 600_000
    office.gateway._counted -= 600_000
    office.step("node meets", 5, 5)
    assert told(office) < -590_000

    office.step("wait", 60_000, 0)
    office.step("gateway meets", 5, 5)
    office.step("node meets", 5, 5)

    assert abs(told(office)) <= 40


def test_what_a_tie_says_yields_to_what_was_told_directly() -> None:
    dating = Dating(ties=[Tie("node", 1_000, "gateway", 5_000, 5)])
    dating.learn(Anchor("node", 60_000, START + 60_000, 5))
    # The gateway stood still for an hour after the tie.
    dating.learn(Anchor("gateway", 10_000, START + HOUR, 5))

    assert dating.now("node", 61_000) == Dated(START + 61_000, Quality.SYNCHRONISED, 6)


def test_a_tie_follows_a_peer_whose_time_was_put_right() -> None:
    dating = Dating(ties=[Tie("node", 1_000, "gateway", 5_000, 5)])
    dating.learn(Anchor("gateway", 10_000, START + HOUR, 5))
    dating.learn(Anchor("gateway", 70_000, START, 5))

    assert dating.now("node", 1_000) == Dated(START - 65_000, Quality.SYNCHRONISED, 14)


def test_a_crystal_out_of_tune_is_still_interpolated() -> None:
    # 80 ppm in the frost: the two contradict each other, but no clock was stepped.
    dating = Dating([Anchor("boot", 0, START, 5), Anchor("boot", 20 * DAY, START + 20 * DAY + 138_240, 5)])

    dated = dating.later("boot", 10 * DAY, running=True)

    assert dated is not None
    assert (dated.at, dated.q) == (START + 10 * DAY + 69_120, Quality.CORRECTED)
    # What the two are apart there, but for what either allows.
    assert dated.error == 138_240 - 43_208


def test_a_welcome_out_of_tune_with_what_is_known_is_news_at_once() -> None:
    office = Office(lambda: 0.0)
    office.step("gateway meets", 5, 5)
    heard = office.gateway.timepiece.heard
    office.step("wait", 60_000, 0)
    assert heard(office.world.city_clock(), 0.02) is None
    office.world.city_off = 60_000

    assert heard(office.world.city_clock(), 0.02) is not None
    assert RENEW_MS > 60_000
    assert FREEZE_BELOW_MS > 60
