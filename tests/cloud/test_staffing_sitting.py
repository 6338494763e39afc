"""Who may sit down where: rules by tables and by trying everything, and signing in on both databases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.staffing.rules import Tenure, check_apart, overlaps
from cloud.staffing.sitting import Held, Unseated, check_person, leave, next_minute, sit, sitting

MINUTE = 60_000
WINDOW = "371721121-a1/01"
LI, WANG = "371721121:1024", "371721121:2048"
MIDNIGHT = 100 * MINUTE
TIMES = st.integers(0, 60).map(lambda minute: minute * MINUTE)


def held(begin: int, end: int | None, who: str = WANG, *, signed: bool = False) -> Held:
    return Held(Tenure(WINDOW, begin * MINUTE, None if end is None else end * MINUTE, who), signed)


def own(begin: int, end: int = 100) -> Tenure:
    return Tenure(WINDOW, begin * MINUTE, end * MINUTE, LI)


def test_a_duty_begins_with_the_next_full_minute() -> None:
    assert [next_minute(now) for now in (0, 1, 59_999, 60_000)] == [60_000, 60_000, 60_000, 120_000]


ALLOWED: dict[str, tuple[list[Held], list[Tenure]]] = {
    "nobody": ([], [own(10)]),
    "who came before": ([held(2, 100, signed=True)], [held(2, 10).tenure, own(10)]),
    "who came in the same minute": ([held(10, 100, signed=True)], [own(10)]),
    "the roster goes on later": ([held(30, 40), held(50, None)], [own(10, 30)]),
    "what is over": ([held(2, 10), held(10, 10)], [own(10)]),
}
REFUSED: dict[str, tuple[list[Held], str]] = {
    "by the roster": ([held(2, 20)], "taken"),
    "by the roster without an end": ([held(2, None)], "taken"),
    "by the roster from then on": ([held(10, 20)], "taken"),
    "sits there": ([held(2, 20, LI)], "sits"),
    "came a moment ago": ([held(10, 100, LI, signed=True)], "sits"),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_somebody_sits_down(what: str) -> None:
    before, changed = ALLOWED[what]
    assert sit(before, WINDOW, LI, 10 * MINUTE, MIDNIGHT) == changed


@pytest.mark.parametrize("what", REFUSED)
def test_a_rostered_duty_is_not_taken_from_anybody(what: str) -> None:
    before, why = REFUSED[what]
    with pytest.raises(Unseated) as refused:
        sit(before, WINDOW, LI, 10 * MINUTE, MIDNIGHT)
    assert (refused.value.why, refused.value.held) == (why, before[-1].tenure)


def test_somebody_leaves() -> None:
    assert leave([held(2, 100, LI, signed=True)], LI, 10 * MINUTE) == own(2, 10)
    # Before it has begun, it is taken back.
    assert leave([held(10, 100, LI, signed=True)], LI, 10 * MINUTE) == own(10, 10)
    for before in ([], [held(2, 20)], [held(2, 9, LI)], [held(10, 10, LI)], [held(11, 20, LI)]):
        with pytest.raises(Unseated, match="nobody"):
            leave(before, LI, 10 * MINUTE)


def test_who_is_seen_there() -> None:
    before, after = held(2, 10), held(10, 20, LI)
    assert sitting([before, after], 9 * MINUTE + 5) == after
    assert sitting([before], 9 * MINUTE + 5) == before
    assert sitting([after], 2 * MINUTE) is None


NO_CODES = {None: "no_code", "": "no_code", "li": "no_code", "371722101:1": "elsewhere"}


@pytest.mark.parametrize(("code", "why"), NO_CODES.items())
def test_without_a_code_of_the_own_township_nobody_sits_down(code: str | None, why: str) -> None:
    with pytest.raises(Unseated, match=why):
        check_person(code, WINDOW)
    assert check_person(LI, WINDOW) == LI


@given(
    st.lists(st.tuples(TIMES, TIMES, st.sampled_from([LI, WANG]), st.booleans()), max_size=6),
    st.lists(st.tuples(st.sampled_from([LI, WANG]), TIMES), max_size=6),
)
def test_no_minute_is_ever_twos_and_nobodys_rostered_duty_is_touched(
    roster: list[tuple[int, int, str, bool]], comings: list[tuple[str, int]]
) -> None:
    standing: dict[int, Held] = {}
    for first, second, who, signed in roster:
        one = Held(Tenure(WINDOW, min(first, second), max(first, second), who), signed)
        if not any(overlaps([other.tenure for other in standing.values()], [one.tenure])):
            standing[one.tenure.valid_from] = one
    rostered = [one for one in standing.values() if not one.signed and one.tenure.valid_from != one.tenure.valid_to]
    for who, at in sorted(comings, key=lambda coming: coming[1]):
        try:
            changed = sit(list(standing.values()), WINDOW, who, at, MIDNIGHT)
        except Unseated:
            continue
        check_apart([one.tenure for one in standing.values()], changed)
        standing |= {one.valid_from: Held(one, signed=True) for one in changed}
        assert all(standing[one.tenure.valid_from] == one for one in rostered)
