"""The plan of a run: all of it follows from the seed, and no kind is forgotten."""

from collections import Counter

from firmware_sim.faults.breach import BREACHES, SHOWN
from firmware_sim.faults.kinds import KINDS as REAL
from firmware_sim.faults.plan import draw

KINDS = {"short": 4.0, "middling": 8.0, "long": 45.0}


def test_the_same_seed_draws_the_same_strikes_and_another_one_others() -> None:
    assert draw(1, 5, KINDS) == draw(1, 5, KINDS)
    assert len({tuple(draw(seed, 5, KINDS)) for seed in range(20)}) > 10


def test_every_kind_comes_before_any_comes_again() -> None:
    for seed in range(20):
        kinds = [strike.kind for strike in draw(seed, 5, KINDS)]
        for start in range(0, len(kinds) - len(kinds) % 3 - 3, 3):
            assert set(kinds[start : start + 3]) == set(KINDS)


def test_strikes_are_numbered_and_fill_the_time_and_no_more() -> None:
    strikes = draw(3, 2, KINDS)
    assert [strike.number for strike in strikes] == [*range(1, len(strikes) + 1)]
    assert 116 < sum(KINDS[strike.kind] for strike in strikes) <= 120


def test_without_kinds_or_time_nothing_strikes() -> None:
    assert draw(1, 5, {}) == []
    assert draw(1, 0.01, KINDS) == []


def test_what_a_strike_draws_depends_on_nothing_but_seed_number_and_kind() -> None:
    first, again = draw(1, 5, KINDS)[3].random(1), draw(1, 5, KINDS)[3].random(1)
    assert first.random() == again.random()
    assert draw(1, 5, KINDS)[3].random(2).random() != draw(1, 5, KINDS)[3].random(1).random()


def test_every_kind_there_is_strikes_within_seeds_1_to_20() -> None:
    seconds = {kind: fault.seconds for kind, fault in REAL.items()}
    struck = Counter(strike.kind for seed in range(1, 21) for strike in draw(seed, 5, seconds))
    assert struck.keys() == REAL.keys()
    assert sum(len(draw(seed, 5, seconds)) >= 30 for seed in range(1, 21)) > 10


def test_what_takes_long_leaves_most_seeds_to_the_others() -> None:
    kinds = {**KINDS, "endless": 60.0}
    having = [seed for seed in range(100) if "endless" in {strike.kind for strike in draw(seed, 10, kinds)}]
    assert 10 < len(having) < 40
    assert [strike.kind for strike in draw(1, 2, {"endless": 60.0})] == ["endless"] * 2


def test_what_shows_a_broken_law_begins() -> None:
    assert [strike.kind for strike in draw(1, 5, KINDS, first=("long", "short"))][:2] == ["long", "short"]
    for law in SHOWN:
        assert set(BREACHES[law].kinds) <= REAL.keys()
