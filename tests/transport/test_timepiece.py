"""What time it is here: by welcomes and CLOCK_BOOTTIME alone, whatever the wall clock says."""

from hypothesis import given
from hypothesis import strategies as st

from contract.hello import Clock
from contract.rating import Quality
from transport.dating import FREEZE_BELOW_MS, Anchor, Dated, Dating, Tie
from transport.timepiece import RENEW_MS, Timepiece

NOON = 1_790_000_000_000
DAY = 86_400_000
TEN_YEARS = 3_652 * DAY


class Machine:
    """A boot clock to set by hand, and a wall clock that lies."""

    def __init__(self, boot: str = "node", dating: Dating | None = None) -> None:
        self.boottime = 100_000
        self.wall = 0
        self.dating = dating or Dating()
        self.timepiece = Timepiece(self.dating, boot=boot, boottime_ms=lambda: self.boottime, wall_ms=lambda: self.wall)


def test_without_a_welcome_the_time_is_unknown() -> None:
    machine = Machine()
    machine.wall = NOON

    assert machine.timepiece.now() is None
    assert machine.timepiece.at(5) is None
    assert machine.timepiece.clock() == Clock("node", 100_000)


def test_a_welcome_tells_the_time_within_half_the_round_trip() -> None:
    machine = Machine()

    learnt = machine.timepiece.heard(Clock("gateway", 7, NOON, 20), 0.3)

    assert learnt == Anchor("node", 99_850, NOON, 20 + 150 + 2)
    assert machine.timepiece.now() == Dated(NOON + 150, Quality.SYNCHRONISED, 173)
    assert machine.timepiece.at(99_000) == Dated(NOON - 850, Quality.SYNCHRONISED, 173)
    assert machine.timepiece.clock() == Clock("node", 100_000, NOON + 150, 173)


def test_of_a_slow_welcome_half_the_way_counts() -> None:
    assert Machine().timepiece.heard(Clock("gateway", 7, NOON, 20), 3.0) == Anchor("node", 98_500, NOON, 1522)


def test_the_round_trip_ended_when_the_welcome_arrived_and_not_when_it_is_looked_at() -> None:
    machine = Machine()
    arrived = machine.boottime
    machine.boottime += 60_000

    assert machine.timepiece.heard(Clock("gateway", 5_000), 0.01, arrived) == Tie("node", 99_995, "gateway", 5_000, 7)
    learnt = machine.timepiece.heard(Clock("gateway", 7, NOON, 20), 0.3, arrived)
    assert learnt == Anchor("node", 99_850, NOON, 20 + 150 + 2)


def test_the_same_again_is_no_news_however_long_the_machine_runs() -> None:
    machine = Machine()
    machine.boottime = 10 * DAY
    clock = Clock("gateway", 7, NOON, 20)
    assert machine.timepiece.heard(clock, 0.3) is not None
    assert machine.timepiece.heard(clock, 0.3) is None

    machine.boottime += RENEW_MS - 1
    assert machine.timepiece.heard(Clock("gateway", 8, NOON + RENEW_MS - 1, 100), 0.3) is None
    machine.boottime += 1
    assert machine.timepiece.heard(Clock("gateway", 9, NOON + RENEW_MS, 100), 0.3) is not None


def test_a_worse_welcome_is_no_news_but_a_better_one_is() -> None:
    machine = Machine()
    machine.timepiece.heard(Clock("gateway", 7, NOON, 20), 0.3)
    machine.boottime += 1000

    assert machine.timepiece.heard(Clock("gateway", 8, NOON + 1000, 20), 0.4) is None
    better = machine.timepiece.heard(Clock("gateway", 9, NOON + 1100, 1), 0.002)

    assert better == Anchor("node", 100_999, NOON + 1100, 4)


def test_after_ten_minutes_any_welcome_is_news_for_the_crystals_sake() -> None:
    machine = Machine()
    machine.timepiece.heard(Clock("gateway", 7, NOON, 20), 0.3)
    machine.boottime += RENEW_MS + 100

    assert machine.timepiece.heard(Clock("gateway", 8, NOON + RENEW_MS, 20), 0.4) is not None


def test_what_a_store_kept_counts_but_a_new_process_measures_anew() -> None:
    machine = Machine(dating=Dating([Anchor("node", 0, NOON, 5)]))

    assert machine.timepiece.now() == Dated(NOON + 100_000, Quality.SYNCHRONISED, 11)
    assert machine.timepiece.heard(Clock("gateway", 8, NOON + 100_000, 20), 0.4) is not None
    assert machine.timepiece.now() == Dated(NOON + 100_000, Quality.SYNCHRONISED, 11)


def test_a_gateway_without_time_dates_by_its_boot() -> None:
    machine = Machine()
    tie = machine.timepiece.heard(Clock("gateway", 5_000), 0.01)
    assert tie == Tie("node", 99_995, "gateway", 5_000, 7)
    assert machine.timepiece.now() is None

    machine.boottime += 60_000
    machine.timepiece.heard(Clock("gateway", 65_000, NOON, 4), 2.0)

    # The tie was a far better look at that clock than the welcome that brought the time.
    assert machine.timepiece.now() == Dated(NOON + 5, Quality.SYNCHRONISED, 7 + 4 + 8)


def test_ties_are_kept_every_ten_minutes_and_for_each_peer() -> None:
    machine = Machine()
    kept = []
    for minute in range(25):
        machine.boottime = 100_000 + minute * 60_000
        kept.append(machine.timepiece.heard(Clock("gateway", minute * 60_000), 0.0) is not None)
    assert [minute for minute, news in enumerate(kept) if news] == [0, 10, 20]

    assert machine.timepiece.heard(Clock("another", 5), 0.0) is not None


def test_two_houses_on_one_machine_are_not_tied() -> None:
    machine = Machine()

    assert machine.timepiece.heard(Clock("node", 100_000), 0.0) is None
    assert machine.timepiece.heard(Clock("node", 100_000, NOON, 1), 0.0) == Anchor("node", 100_000, NOON, 2)


def test_a_time_before_this_machine_began_in_1970_is_none() -> None:
    machine = Machine()

    assert machine.timepiece.heard(Clock("gateway", 5_000, 99_999, 1), 0.0) == Tie("node", 100_000, "gateway", 5_000, 1)
    assert machine.timepiece.heard(Clock("gateway", 500_000, 100_001, 1), 0.0) is None
    assert machine.timepiece.now() is None
    assert machine.timepiece.heard(Clock("gateway", 5_000, 100_000, 1), 0.0) == Anchor("node", 100_000, 100_000, 2)


def test_a_clock_with_a_huge_error_is_no_time() -> None:
    machine = Machine()
    machine.timepiece.heard(Clock("gateway", 5_000, NOON, FREEZE_BELOW_MS), 0.0)

    assert machine.timepiece.now() is None


def judge(machine: Machine, boots: list[tuple[str, int]], boot: str, boottime: int) -> Dated | None:
    return machine.timepiece.later(boots)(boot, boottime)


BOOTS = [("first", 50_000), ("lost", 30_000), ("lost too", 10_000), ("node", 100_000)]


def test_a_boot_that_met_nobody_lies_between_its_neighbours() -> None:
    machine = Machine(dating=Dating([Anchor("first", 10_000, NOON, 10)]))
    assert judge(machine, BOOTS, "lost", 5_000) is None
    assert judge(machine, BOOTS, "node", 5_000) is None

    machine.timepiece.heard(Clock("gateway", 7, NOON + 1_000_000, 0), 0.0)

    assert judge(machine, BOOTS, "first", 5_000) == Dated(NOON - 5_000, Quality.CORRECTED, 11)
    assert judge(machine, BOOTS, "node", 5_000) == Dated(NOON + 905_000, Quality.CORRECTED, 6)
    for boot, last in (("lost", 30_000), ("lost too", 10_000)):
        dated = judge(machine, BOOTS, boot, 5_000)
        assert dated is not None
        # This boot began at NOON + 900 s, give or take 1 ms and 5 ms of drift.
        assert dated.bounds == (NOON - 11 + 5_000 - 0, NOON + 900_008 - (last - 5_000) + (1 if last > 20_000 else 0))
        assert dated.q is Quality.ESTIMATED


def test_only_a_boot_that_runs_has_a_better_answer_to_wait_for() -> None:
    machine = Machine(dating=Dating([Anchor("node", 0, NOON, 10), Anchor("first", 0, NOON - 90 * DAY, 10)]))

    assert judge(machine, BOOTS, "node", 10 * DAY) is None
    dated = judge(machine, BOOTS, "first", 10 * DAY)
    assert dated is not None
    assert (dated.at, dated.q) == (NOON - 80 * DAY, Quality.ESTIMATED)


def test_a_long_boot_that_lost_the_time_was_over_when_the_next_one_began() -> None:
    # Thirty days after its only anchor its crystal may be 130 s off, and it was switched off a minute ago.
    month = 30 * 86_400_000
    machine = Machine(dating=Dating([Anchor("long", 0, NOON, 25)]))
    boots = [("long", month + 50_000), ("node", 100_000)]
    assert judge(machine, boots, "long", month) is None

    machine.timepiece.heard(Clock("gateway", 7, NOON + month + 160_000, 0), 0.0)

    dated = judge(machine, boots, "long", month)
    assert dated is not None
    assert dated.bounds is not None
    began = NOON + month + 160_000 - machine.boottime
    assert dated.bounds[0] <= NOON + month <= dated.bounds[1] <= began - 50_000 + 20
    assert dated.bounds[0] <= dated.at <= dated.bounds[1]


def test_a_boot_before_all_others_and_one_that_was_never_noted() -> None:
    machine = Machine()
    machine.timepiece.heard(Clock("gateway", 7, NOON + TEN_YEARS, 0), 0.0)

    dated = judge(machine, BOOTS, "first", 50_000)
    assert dated is not None
    assert dated.q is Quality.ESTIMATED
    assert judge(machine, BOOTS, "unheard of", 50_000) is None


def test_a_later_boot_without_time_does_not_help_but_the_next_does() -> None:
    machine = Machine(boot="lost too")
    assert judge(machine, BOOTS[:3], "lost", 5) is None


@given(
    walls=st.lists(st.integers(-TEN_YEARS, TEN_YEARS), min_size=1, max_size=20),
    begins=st.integers(NOON - TEN_YEARS, NOON + TEN_YEARS),
)
def test_steps_of_ten_years_of_the_wall_clock_change_nothing(walls: list[int], begins: int) -> None:
    steady, shaken = Machine(), Machine()
    for place, step in enumerate(walls):
        shaken.wall = NOON + step
        for machine in (steady, shaken):
            machine.boottime = 100_000 + place * 61_000
            machine.timepiece.heard(Clock("gateway", place, begins + machine.boottime, 5), 0.01)
        assert shaken.timepiece.now() == steady.timepiece.now()
        now = shaken.timepiece.now()
        assert now is not None
        assert abs(now.at - begins - shaken.boottime) <= now.error
        assert shaken.timepiece.wall_ms() == NOON + step
