"""The plan of a run: all of it follows from the seed, and no kind is forgotten."""

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
