"""Boot clocks to the city's time: anchors, drift, ties, bounds; no wall clock anywhere."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.rating import Quality
from transport.dating import FLOOR_MS, FREEZE_BELOW_MS, Anchor, Dated, Dating, Tie, drift, estimate, overlap

NOON = 1_790_000_000_000
DAY = 86_400_000
TEN_YEARS = 3_652 * DAY


def test_nothing_is_known_at_first() -> None:
    dating = Dating()

    assert dating.now("boot", 5) is None
    assert dating.later("boot", 5, running=False) is None
    assert dating.lasted_until("boot") is None
    assert dating.began_by("boot") is None


def test_an_anchor_dates_its_boot_and_no_other() -> None:
    dating = Dating([Anchor("boot", 1000, NOON, 7)])

    assert dating.now("boot", 3500) == Dated(NOON + 2500, Quality.SYNCHRONISED, 8)
    assert dating.now("boot", 400) == Dated(NOON - 600, Quality.SYNCHRONISED, 8)
    assert dating.now("other", 3500) is None


def test_the_error_grows_with_the_age_of_the_anchor_until_it_is_no_time_any_more() -> None:
    dating = Dating([Anchor("boot", 0, NOON, 40)])

    assert dating.now("boot", DAY) == Dated(NOON + DAY, Quality.SYNCHRONISED, 40 + 4321)
    last = (FREEZE_BELOW_MS - 1 - 40) * 999_950 // 50
    assert dating.now("boot", last) is not None
    assert dating.now("boot", last + 1) is None
    # Sixty seconds in fourteen days, as the boot counts them.
    assert drift(14 * DAY) == 60_484


def test_the_better_of_two_anchors_counts() -> None:
    dating = Dating([Anchor("boot", 0, NOON, 5), Anchor("boot", 10_000, NOON + 10_300, 400)])

    assert dating.now("boot", 11_000) == Dated(NOON + 11_000, Quality.SYNCHRONISED, 6)


def test_far_from_two_anchors_the_line_between_them_counts() -> None:
    # A crystal 30 ppm slow: after 20 days of the city 19 days 23:59:08.16 of the boot.
    dating = Dating([Anchor("boot", 0, NOON, 5), Anchor("boot", 20 * DAY - 51_840, NOON + 20 * DAY, 5)])

    middle = dating.later("boot", 10 * DAY - 25_920, running=True)

    assert middle is not None
    assert (middle.at, middle.q, middle.bounds) == (NOON + 10 * DAY, Quality.CORRECTED, None)


def test_a_moment_after_the_last_anchor_waits_for_the_next_one_while_the_boot_runs() -> None:
    dating = Dating([Anchor("boot", 0, NOON, 5)])
    moment = 10 * DAY

    assert dating.now("boot", moment) is None
    assert dating.later("boot", moment, running=True) is None
    assert dating.later("boot", moment, running=False) == Dated(
        NOON + moment, Quality.ESTIMATED, 43_208, (NOON + moment - 43_208, NOON + moment + 43_208)
    )

    dating.learn(Anchor("boot", 20 * DAY, NOON + 20 * DAY, 5))
    dated = dating.later("boot", moment, running=True)
    assert dated is not None
    assert dated.q is Quality.CORRECTED


def test_a_moment_long_before_the_first_anchor_does_not_wait_for_what_cannot_come() -> None:
    dating = Dating([Anchor("boot", 10 * DAY, NOON, 5)])

    dated = dating.later("boot", DAY, running=True)

    assert dated == Dated(NOON - 9 * DAY, Quality.ESTIMATED, 38_887, (NOON - 9 * DAY - 38_887, NOON - 9 * DAY + 38_887))


def test_a_moment_shortly_before_the_first_anchor_is_corrected() -> None:
    assert Dating([Anchor("boot", DAY, NOON, 5)]).later("boot", 0, running=True) == Dated(
        NOON - DAY, Quality.CORRECTED, 4326
    )


@pytest.mark.parametrize("tie_first", [True, False])
def test_a_tie_becomes_an_anchor_once_the_other_boot_is_dated(*, tie_first: bool) -> None:
    tie = Tie("node", 5_000, "gateway", 800_000, 12)
    anchor = Anchor("gateway", 900_000, NOON, 8)
    dating = Dating()
    if tie_first:
        dating.tie(tie)
        assert dating.now("node", 5_000) is None
        dating.learn(anchor)
    else:
        dating.learn(anchor)
        dating.tie(tie)

    assert dating.now("node", 6_000) == Dated(NOON - 99_000, Quality.SYNCHRONISED, 12 + 8 + 7)


def test_a_gateway_that_has_not_known_the_time_for_months_dates_nothing_that_can_still_be_dated_well() -> None:
    # The gateway's own crystal is 20 ppm fast and it last knew the time 180 days ago: 311 s off, 777 s of error.
    dating = Dating([Anchor("boot", 0, NOON, 25), Anchor("gateway", 0, NOON, 14)])
    later = 180 * DAY
    dating.tie(Tie("boot", later, "gateway", later + 311_040, 11))

    assert dating.later("boot", later - 80, running=True) is None

    dating.learn(Anchor("boot", later + 3000, NOON + later + 3000, 494))
    dated = dating.later("boot", later - 80, running=True)
    assert dated is not None
    assert (dated.at, dated.q) == (NOON + later - 80, Quality.CORRECTED)


def test_a_tie_is_worth_the_best_that_is_known_of_the_other_boot() -> None:
    dating = Dating([Anchor("gateway", 0, NOON, 14)])
    dating.tie(Tie("boot", 5000, "gateway", 180 * DAY, 11))
    dating.learn(Anchor("gateway", 180 * DAY + 1000, NOON + 180 * DAY + 1000, 14))

    assert dating.now("boot", 5000) == Dated(NOON + 180 * DAY, Quality.SYNCHRONISED, 26)


def test_what_a_store_kept_of_ties_counts_as_if_it_had_just_been_told() -> None:
    ties = [Tie("node", 10, "gateway", 1_000, 1), Tie("node", 500, "gateway", 1_490, 1)]
    anchor = Anchor("gateway", 60_000, NOON, 0)
    dating = Dating(ties=ties)
    dating.learn(anchor)

    assert dating.now("node", 10) == Dated(NOON - 59_000, Quality.SYNCHRONISED, 4)
    assert Dating([anchor], ties).now("node", 10) == dating.now("node", 10)


def test_ties_in_a_circle_come_to_an_end() -> None:
    dating = Dating(ties=[Tie("a", 1, "b", 1, 1), Tie("b", 2, "a", 2, 1), Tie("a", 3, "a", 3, 1)])
    for boottime in range(200):
        dating.learn(Anchor("a", boottime * 1000, NOON + boottime * 1000, 5))

    assert dating.now("b", 1) is not None


def test_the_line_between_two_anchors_is_that_of_their_own_moments() -> None:
    # Two days after the boot began, and twenty more; the crystal 30 ppm slow.
    begun = 2 * DAY
    dating = Dating([Anchor("boot", begun, NOON, 5), Anchor("boot", begun + 20 * DAY - 51_840, NOON + 20 * DAY, 5)])

    quarter = dating.later("boot", begun + 5 * DAY + 40, running=True)

    assert quarter is not None
    assert (quarter.at, quarter.q) == (NOON + 5 * DAY + 13_000, Quality.CORRECTED)


def test_ten_seconds_are_too_much_and_a_millisecond_less_is_not() -> None:
    dating = Dating([Anchor("boot", 0, NOON, FREEZE_BELOW_MS - 5)])
    just = 4 * 999_950 // 50
    assert dating.now("boot", just) == Dated(NOON + 79_996, Quality.SYNCHRONISED, 9_999)
    assert dating.now("boot", just + 1) is None
    before = dating.later("boot", -just - 1, running=True)
    assert before is not None
    assert (before.q, before.error) == (Quality.ESTIMATED, FREEZE_BELOW_MS)

    # From there on the line between two anchors is taken, and not the nearer one.
    dating.learn(Anchor("boot", 400_000, NOON + 401_000, 9_990))
    assert dating.later("boot", just, running=True) == Dated(NOON + 79_996, Quality.CORRECTED, 9_999)
    assert dating.later("boot", just + 1, running=True) == Dated(NOON + 80_197, Quality.CORRECTED, 9_800)


def test_the_very_moment_of_an_anchor_is_bracketed_by_it_and_the_next_unless_they_are_poor() -> None:
    # Far from each other, so that the middle is not dated by one of them alone.
    far, error = 400_000, FREEZE_BELOW_MS - 1
    good = Dating([Anchor("boot", 1000, NOON, error), Anchor("boot", 1000 + far, NOON + far, error)])
    between = good.later("boot", 1000 + far // 2, running=False)
    assert between is not None
    assert (between.at, between.q, between.bounds) == (NOON + far // 2, Quality.CORRECTED, None)
    assert between.error >= FREEZE_BELOW_MS

    poor = Dating([Anchor("boot", 1000, NOON, 20_000), Anchor("boot", 3000, NOON + 2000, 20_000)])
    for boottime in (0, 1, 1000, 2000, 3000):
        dated = poor.later("boot", boottime, running=False)
        assert dated is not None
        assert (dated.at, dated.q) == (NOON + boottime - 1000, Quality.ESTIMATED)
        assert dated.bounds == (dated.at - dated.error, dated.at + dated.error)
        # While the boot runs a better anchor may come.
        assert poor.later("boot", boottime, running=True) is None

    as_poor = Dating([Anchor("boot", at, NOON + at, FREEZE_BELOW_MS) for at in (0, far)])
    assert as_poor.later("boot", far // 2, running=True) is None


@pytest.mark.parametrize(("off", "taken"), [(4, 0), (10, 0), (11, 11)])
def test_of_two_anchors_of_one_moment_the_later_counts_only_where_they_contradict_each_other(
    off: int, taken: int
) -> None:
    dating = Dating([Anchor("boot", 1000, NOON, 5), Anchor("boot", 1000, NOON + off, 5)])

    assert dating.now("boot", 1000) == Dated(NOON + taken, Quality.SYNCHRONISED, 5)


def test_what_two_anchors_leave_can_be_a_single_moment() -> None:
    dating = Dating([Anchor("boot", 1000, NOON, 5), Anchor("boot", 2000, NOON + 1011, 5)])

    assert dating.now("boot", 1000) == Dated(NOON + 5, Quality.SYNCHRONISED, 0)


def test_of_two_anchors_that_a_crystal_out_of_tune_explains_the_first_is_bracketed_and_the_last_is_not() -> None:
    dating = Dating([Anchor("boot", at, NOON + at + at // 10_000, 5) for at in (0, 10 * DAY)])

    for boottime, quality in ((0, Quality.CORRECTED), (10 * DAY, Quality.ESTIMATED)):
        dated = dating.later("boot", boottime, running=True)
        assert dated is not None
        assert (dated.at, dated.q) == (NOON + boottime + boottime // 10_000, quality)
        # 100 ppm, of which a crystal may have half.
        assert dated.error == 5 + 86_400 - 43_203 - 5 - 5


def test_a_tie_still_counts_where_the_boot_has_an_anchor_of_another_moment() -> None:
    dating = Dating([Anchor("node", 0, NOON, 9_000)], [Tie("node", 5_000, "gateway", 800_000, 12)])
    dating.learn(Anchor("gateway", 800_000, NOON + 7_000, 8))

    assert dating.now("node", 5_500) == Dated(NOON + 7_500, Quality.SYNCHRONISED, 21)


@pytest.mark.parametrize("tie_first", [True, False])
def test_a_boot_tied_to_itself_teaches_nothing(*, tie_first: bool) -> None:
    tie, anchor = Tie("boot", 9_000, "boot", 9_000, 1), Anchor("boot", 0, NOON, 5)
    dating = Dating([] if tie_first else [anchor], [tie])
    if tie_first:
        dating.learn(anchor)

    assert dating.lasted_until("boot") == NOON - 5


def test_when_a_boot_began_and_lasted_follows_from_its_first_and_last_anchor() -> None:
    day_in = Anchor("boot", DAY, NOON, 10)
    dating = Dating([Anchor("boot", 3 * DAY, NOON + 2 * DAY, 300), day_in, Anchor("boot", 2 * DAY, NOON + DAY, 20)])

    # What the crystal can have gone wrong before the first of them comes on top.
    assert dating.began_by("boot") == NOON - DAY + 10 + 4321
    assert dating.lasted_until("boot") == NOON + 2 * DAY - 300


def test_of_65_anchors_and_1025_ties_every_second_stays() -> None:
    dating = Dating()
    for place in range(64):
        dating.learn(Anchor("boot", place, NOON + place, 5))
    for place in range(1024):
        dating.tie(Tie("node", place, "gateway", place, 1))
    assert (len(dating._anchors["boot"]), len(dating._ties)) == (64, 1024)

    dating.learn(Anchor("boot", 64, NOON + 64, 5))
    dating.tie(Tie("node", 1024, "gateway", 1024, 1))
    assert [known.boottime for known in dating._anchors["boot"]] == list(range(0, 65, 2))
    assert [known.boottime for known in dating._ties] == list(range(0, 1025, 2))


@pytest.mark.bulk
def test_many_anchors_and_ties_are_thinned_but_the_ends_stay() -> None:
    dating = Dating()
    for place in range(5000):
        dating.learn(Anchor("boot", place * 60_000, NOON + place * 60_000, 5))
        dating.tie(Tie("node", place, "gateway", place, 1))

    assert len(dating._anchors["boot"]) <= 65
    assert len(dating._ties) <= 1025
    assert dating.lasted_until("boot") == NOON + 4999 * 60_000 - 5
    assert dating.began_by("boot") == NOON + 5
    for place in range(0, 4999, 100):
        dated = dating.now("boot", place * 60_000)
        assert dated is not None
        assert abs(dated.at - NOON - place * 60_000) <= dated.error


def test_an_estimate_is_the_middle_of_what_is_possible() -> None:
    # Booted after NOON, ran 100 s, and the next boot began at NOON + 1000 s at the latest.
    dated = estimate(40_000, last_boottime=100_000, after=NOON, before=NOON + 1_000_000)

    assert dated.q is Quality.ESTIMATED
    assert dated.bounds == (NOON + 40_000 - 3, NOON + 940_000 + 4)
    assert dated.at == NOON + 490_000
    assert dated.error == 450_004


def test_an_estimate_without_anything_before_it_begins_with_the_product() -> None:
    dated = estimate(0, last_boottime=0, after=None, before=FLOOR_MS + 1000)

    assert dated == Dated(FLOOR_MS + 500, Quality.ESTIMATED, 500, (FLOOR_MS, FLOOR_MS + 1000))


def test_no_estimate_lies_before_1970() -> None:
    dated = estimate(0, last_boottime=10_000, after=None, before=5)

    assert dated.bounds == (0, FLOOR_MS)


def test_contradictory_neighbours_bound_what_is_between_them() -> None:
    """One of the two is right, and nobody knows which: a single moment would be a certainty that there is not."""
    dated = estimate(9_000, last_boottime=9_000, after=NOON, before=NOON - 1)

    assert dated == Dated(NOON + 4_499, Quality.ESTIMATED, 4_500, (NOON - 1, NOON + 8_999))


@given(
    boottime=st.integers(0, 30 * DAY),
    rest=st.integers(0, 30 * DAY),
    after=st.none() | st.integers(0, 3 * NOON),
    before=st.integers(0, 3 * NOON),
)
def test_an_estimate_always_fits_on_the_wire(boottime: int, rest: int, after: int | None, before: int) -> None:
    dated = estimate(boottime, last_boottime=boottime + rest, after=after, before=before)

    assert dated.bounds is not None
    earliest, latest = dated.bounds
    assert earliest <= dated.at <= latest
    assert dated.at - earliest <= dated.error
    assert latest - dated.at <= dated.error
    assert latest >= 0


class Machine(NamedTuple):
    """A machine whose crystal is wrong by a constant `ppm`, which began at `began` of the city's time."""

    began: int
    ppm: float

    def boottime(self, at: int) -> int:
        return round((at - self.began) * (1 + self.ppm * 1e-6))


MACHINES = st.builds(Machine, began=st.integers(NOON - TEN_YEARS, NOON + TEN_YEARS), ppm=st.floats(-50, 50))


@given(
    machine=MACHINES,
    met=st.lists(st.tuples(st.integers(0, 60 * DAY), st.integers(0, 300), st.floats(-1, 1)), min_size=1, max_size=80),
    pressed=st.integers(0, 60 * DAY),
)
def test_whatever_was_met_the_truth_is_within_the_error(
    machine: Machine, met: list[tuple[int, int, float]], pressed: int
) -> None:
    dating = Dating()
    for after, error, off in met:
        at = machine.began + after
        dating.learn(Anchor("boot", machine.boottime(at), at + int(off * error), error))
    truth = machine.began + pressed
    moment = machine.boottime(truth)

    for dated in (dating.now("boot", moment), dating.later("boot", moment, running=False)):
        if dated is not None:
            # Each conversion rounds to a millisecond, and so does the error.
            assert abs(dated.at - truth) <= dated.error + 3
    assert dating.later("boot", moment, running=False) is not None


@given(
    node=MACHINES,
    gateway=MACHINES,
    tied=st.lists(st.integers(0, 20 * DAY), min_size=1, max_size=20),
    learnt=st.integers(0, 20 * DAY),
    pressed=st.integers(0, 20 * DAY),
)
def test_ties_keep_the_truth_within_the_error(
    node: Machine, gateway: Machine, tied: list[int], learnt: int, pressed: int
) -> None:
    node = node._replace(began=gateway.began + 1000)
    begin = node.began
    dating = Dating(
        ties=[Tie("n", node.boottime(begin + at), "g", gateway.boottime(begin + at), 1) for at in sorted(tied)]
    )
    dating.learn(Anchor("g", gateway.boottime(begin + learnt), begin + learnt, 1))

    dated = dating.later("n", node.boottime(begin + pressed), running=False)

    assert dated is not None
    assert abs(dated.at - begin - pressed) <= dated.error + 5


def test_two_estimates_leave_the_middle_of_where_both_may_be_or_the_first() -> None:
    one = Dated(NOON, Quality.ESTIMATED, 100, (NOON - 100, NOON + 100))

    assert overlap(one, Dated(NOON, Quality.ESTIMATED, 51, (NOON - 90, NOON + 11))) == Dated(
        NOON - 40, Quality.ESTIMATED, 51, (NOON - 90, NOON + 11)
    )
    assert overlap(one, Dated(NOON + 150, Quality.ESTIMATED, 50, (NOON + 100, NOON + 200))) == Dated(
        NOON + 100, Quality.ESTIMATED, 0, (NOON + 100, NOON + 100)
    )
    assert overlap(one, Dated(NOON + 200, Quality.ESTIMATED, 1, (NOON + 199, NOON + 201))) == one
