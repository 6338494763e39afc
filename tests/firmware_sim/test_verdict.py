from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.fingerlog import Choice, Touch
from firmware_sim.verdict import Row, Verdict, judge

TOLERANCE = 1000
WINDOWS = ("371721121-a1/01", "371721121-a1/02")
NODE = "371721121-a1"


def visit(number: int, *, level: int = 3, at: int | None = None, window: str = WINDOWS[0], lit: bool = True) -> Choice:
    at = number * 5000 if at is None else at
    return Choice(f"v-{number}", window, (Touch(level, at),), Touch(level, at + 850) if lit else None)


def row_of(choice: Choice, seq: int, *, late_ms: int = 3) -> Row:
    level, at = choice.presses[-1]
    return Row(NODE, "epoch-of-it", seq, choice.window, level, at + late_ms)


def verdict(choices: Sequence[Choice], rows: Sequence[Row], *, tallies: int | None = None, wall: int = -1) -> Verdict:
    return judge(
        choices,
        rows,
        tallies=len(rows) if tallies is None else tallies,
        wall=len(rows) if wall < 0 else wall,
        tolerance_ms=TOLERANCE,
    )


crowds = st.lists(
    st.tuples(st.sampled_from(WINDOWS), st.integers(1, 3), st.booleans(), st.booleans()), min_size=1, max_size=30
)


def city(crowd: Sequence[tuple[str, int, bool, bool]]) -> tuple[list[Choice], list[Row]]:
    """Visits 5 s apart: window, level, lit; one in flight may or may not have reached the ledger."""
    choices = [visit(n, level=level, window=window, lit=lit) for n, (window, level, lit, _) in enumerate(crowd)]
    there = [choice for choice, (_, _, lit, surfaced) in zip(choices, crowd, strict=True) if lit or surfaced]
    return choices, [row_of(choice, seq) for seq, choice in enumerate(there, 1)]


@given(crowds, st.randoms())
def test_an_honest_city_is_clean_in_whatever_order_it_is_read(
    crowd: list[tuple[str, int, bool, bool]], random: Random
) -> None:
    choices, rows = city(crowd)
    random.shuffle(choices)
    random.shuffle(rows)
    said = verdict(choices, rows)
    assert said.clean
    assert said.violations == 0
    assert (said.pressed, said.ledger) == (len(crowd), len(rows))
    assert said.settled == sum(lit for _, _, lit, _ in crowd)
    assert said.surfaced == sum(surfaced and not lit for _, _, lit, surfaced in crowd)
    assert said.in_flight == said.pressed - said.settled
    assert said.examples == ()


@given(crowds, st.data())
def test_every_kind_of_violation_is_named_once_and_turns_it_red(
    crowd: list[tuple[str, int, bool, bool]], draw: st.DataObject
) -> None:
    crowd = [(*crowd[0][:2], True, True), *crowd[1:]]
    choices, rows = city(crowd)
    victim = draw.draw(st.sampled_from([i for i, row in enumerate(rows) if _is_lit(row, choices)]))
    law = draw.draw(st.sampled_from(["lost", "twice", "same number", "misdated", "altered", "strange"]))
    row = rows[victim]
    match law:
        case "lost":
            del rows[victim]
        case "twice":
            rows.append(row._replace(seq=1000))
        case "same number":
            rows.append(row)
        case "misdated":
            rows[victim] = row._replace(at=row.at + 10_000_000)
        case "altered":
            rows[victim] = row._replace(level=row.level % 3 + 1)
        case _:
            rows.append(Row(NODE, "epoch-of-it", 1000, "371721121-a1/03", 3, 5))
    said = verdict(choices, rows)
    expected = "twice" if law == "same number" else law
    assert not said.clean
    assert said.violations == 1
    assert getattr(said, expected) == 1
    assert len(said.examples) == 1
    assert said.examples[0].startswith(expected)


@pytest.mark.parametrize(("off", "misdated"), [(0, 0), (9_000, 0), (9_001, 1), (-30_000, 0), (-30_001, 1)])
def test_an_estimate_is_misdated_only_outside_its_bounds(off: int, misdated: int) -> None:
    choices, rows = city([("01", 3, True, True)])
    pressed = choices[0].presses[0].at
    bounds = (pressed - 30_000 + TOLERANCE, pressed + 9_000 - TOLERANCE)
    guessed = rows[0]._replace(at=pressed - 10_000, bounds=(bounds[0] - off, bounds[1] - off))

    assert verdict(choices, [guessed]).misdated == misdated


def _is_lit(row: Row, choices: Sequence[Choice]) -> bool:
    return any(c.lit is not None and c.window == row.window and c.presses[0].at + 3 == row.at for c in choices)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(1, 2), st.integers(0, 6), st.booleans()), max_size=4),
    st.lists(st.tuples(st.integers(1, 2), st.integers(0, 6)), max_size=4),
)
def test_crowded_choices_are_paired_as_well_as_any_pairing_can(
    visits: list[tuple[int, int, bool]], stored: list[tuple[int, int]]
) -> None:
    choices = [visit(n, level=lv, at=at * 400, lit=lit) for n, (lv, at, lit) in enumerate(visits)]
    rows = [Row(NODE, "epoch-of-it", n, WINDOWS[0], level, at * 400) for n, (level, at) in enumerate(stored)]
    said = verdict(choices, rows)
    most_lit, most = _best(choices, rows)
    assert said.lost + said.misdated + said.altered == said.settled - most_lit
    assert said.twice + said.strange + said.misdated + said.altered == len(rows) - most


def _best(choices: Sequence[Choice], rows: Sequence[Row]) -> tuple[int, int]:
    """The naive model: try every assignment; how many lit choices, and how many rows, can be explained at most."""

    def fits(choice: Choice, row: Row | None) -> bool:
        return (
            row is not None and choice.presses[0].level == row.level and abs(choice.presses[0].at - row.at) <= TOLERANCE
        )

    slots: list[Row | None] = [*rows, *([None] * len(choices))]
    results = set()
    for chosen in set(permutations(range(len(slots)), len(choices))) if choices else {()}:
        fit = [choice for choice, slot in zip(choices, chosen, strict=True) if fits(choice, slots[slot])]
        results.add((sum(choice.lit is not None for choice in fit), len(fit)))
    return max(results)[0], max(total for _, total in results)


def test_a_lit_choice_takes_the_row_that_an_unlit_neighbour_could_have_had() -> None:
    said = verdict([visit(0, at=0, lit=False), visit(1, at=900)], [row_of(visit(1, at=900), 1)])
    assert said.clean
    assert said.surfaced == 0


def test_the_last_press_of_a_changed_mind_is_the_one_that_counts() -> None:
    changed = Choice("v-1", WINDOWS[0], (Touch(1, 0), Touch(3, 500)), Touch(3, 1350))
    right = Row(NODE, "epoch-of-it", 1, WINDOWS[0], 3, 500)
    assert verdict([changed], [right]).clean
    assert verdict([changed], [right._replace(level=1, at=0)]).altered == 1


def test_a_light_that_nobody_pressed_for_is_a_violation() -> None:
    misled = Choice("v-1", WINDOWS[0], (Touch(1, 0),), Touch(3, 850))
    said = verdict([misled], [Row(NODE, "epoch-of-it", 1, WINDOWS[0], 1, 0)])
    assert said.misled == 1
    assert not said.clean


def test_a_row_just_within_tolerance_is_right_and_just_beyond_it_is_misdated() -> None:
    choice = visit(1)
    assert verdict([choice], [row_of(choice, 1, late_ms=TOLERANCE)]).clean
    assert verdict([choice], [row_of(choice, 1, late_ms=-TOLERANCE)]).clean
    assert verdict([choice], [row_of(choice, 1, late_ms=TOLERANCE + 1)]).misdated == 1


def test_an_estimated_time_is_right_within_its_own_bounds() -> None:
    choice = visit(1)
    late = row_of(choice, 1, late_ms=60_000)
    assert verdict([choice], [late]).misdated == 1
    assert verdict([choice], [late._replace(slack_ms=60_000)]).clean


def test_a_refused_choice_is_in_flight_and_counted() -> None:
    said = verdict([visit(1, lit=False)._replace(refused=True)], [])
    assert (said.refused, said.in_flight, said.settled) == (1, 1, 0)
    assert said.clean


@pytest.mark.parametrize(("tallies", "wall"), [(2, 3), (4, 3), (3, 2), (3, 4)])
def test_totals_that_differ_are_red_though_every_choice_is_right(tallies: int, wall: int) -> None:
    choices = [visit(number) for number in range(3)]
    rows = [row_of(choice, seq) for seq, choice in enumerate(choices, 1)]
    said = verdict(choices, rows, tallies=tallies, wall=wall)
    assert said.violations == 0
    assert not said.clean


def test_a_verdict_without_a_wall_is_still_one() -> None:
    choice = visit(1)
    assert judge([choice], [row_of(choice, 1)], tallies=1, wall=None).clean
    assert not replace(judge([choice], [row_of(choice, 1)], tallies=1, wall=None), wall=0).clean


def test_delays_run_from_the_light_to_the_city_and_only_of_what_was_lit() -> None:
    choices = [visit(1), visit(2), visit(3, lit=False)]
    rows = [row_of(choice, seq) for seq, choice in enumerate(choices, 1)]
    rows[0] = rows[0]._replace(received_at=5000 + 850 + 12)
    rows[2] = rows[2]._replace(received_at=99_999)
    assert verdict(choices, rows).delays == (12,)


def test_examples_are_few_however_much_is_lost() -> None:
    said = verdict([visit(number) for number in range(500)], [])
    assert said.lost == 500
    assert len(said.examples) == 10


def test_what_was_damaged_and_declared_is_destroyed_and_no_violation() -> None:
    choices = [visit(n) for n in range(5)]
    rows = [row_of(choice, seq) for seq, choice in enumerate(choices, 1)]
    gone = rows.pop(2)
    said = judge(choices, rows, tallies=4, wall=4, tolerance_ms=TOLERANCE, destroyed=[gone], declared={gone[:3]})
    assert said.clean
    assert (said.destroyed, said.violations) == (1, 0)


def test_what_was_damaged_in_silence_is_lost() -> None:
    choices = [visit(n) for n in range(5)]
    rows = [row_of(choice, seq) for seq, choice in enumerate(choices, 1)]
    gone = rows.pop(2)
    said = judge(choices, rows, tallies=4, wall=4, tolerance_ms=TOLERANCE, destroyed=[gone])
    assert not said.clean
    assert (said.destroyed, said.lost) == (0, 1)


def test_what_is_declared_and_was_not_damaged_is_strange() -> None:
    choices = [visit(n) for n in range(5)]
    rows = [row_of(choice, seq) for seq, choice in enumerate(choices, 1)]
    said = judge(choices, rows, tallies=5, wall=5, tolerance_ms=TOLERANCE, declared={(NODE, "epoch-of-it", 9)})
    assert not said.clean
    assert said.strange == 1
