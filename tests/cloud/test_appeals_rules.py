"""What can be done about an appeal: every deed in every state by whom, and when a line can be appealed against."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.appeals.appeal import DEEDS, STATES, Appeal, AppealRefused, Deed, State, Wish
from cloud.appeals.rules import acted, filed, open_until, pattern_of, possible
from cloud.cases.request import MOST_TEXT
from cloud.reports.rules import check_decided
from contract.errors import SettingsError

WISH = Wish("2026Q4", 1, "371721121-a1/01", "misuse", "两名工作人员代按")
FILED = filed(7, WISH, "li", 1000)
ALLOWED: dict[tuple[Deed, str], State] = {
    ("grant", "wang"): "granted",
    ("refuse", "wang"): "refused",
    ("withdraw", "li"): "withdrawn",
}


def test_what_is_filed_waits() -> None:
    assert Appeal(7, *WISH, "li", 1000, "filed", "", None, None, 1) == FILED
    assert FILED.undecided
    assert filed(8, WISH._replace(reason=f"  {WISH.reason}\n"), "li", 1).reason == WISH.reason


@pytest.mark.parametrize(("deed", "state", "who"), list(itertools.product(DEEDS, STATES, ("li", "wang"))))
def test_every_deed_in_every_state_by_who_filed_it_and_by_another(deed: Deed, state: State, who: str) -> None:
    appeal = FILED._replace(state=state)
    after = ALLOWED.get((deed, who)) if state == "filed" else None
    assert (deed in possible(appeal, who)) == (after is not None)
    if after is None:
        with pytest.raises(AppealRefused) as refused:
            acted(appeal, deed, "查过了，属实", who, 2000)
        why = "state" if state != "filed" else "others" if deed == "withdraw" else "own"
        assert refused.value.why == why
        return
    done = acted(appeal, deed, " 查过了，属实 ", who, 2000)
    assert done == appeal._replace(state=after, answer="查过了，属实", decided_by=who, decided_at=2000, version=2)
    assert possible(done, "li") == possible(done, "wang") == []


@pytest.mark.parametrize("text", ["", "短", " \n短\t", "x" * (MOST_TEXT + 1), "有零\0字符"])
def test_a_deed_says_why(text: str) -> None:
    with pytest.raises(AppealRefused, match="give a text of 4 to 4000 characters"):
        filed(1, WISH._replace(reason=text), "li", 1)
    decided: tuple[Deed, ...] = ("grant", "refuse")
    for deed in decided:
        with pytest.raises(AppealRefused, match="give a text of 4 to 4000 characters"):
            acted(FILED, deed, text, "wang", 2)
    assert acted(FILED, "withdraw", "", "li", 2).state == "withdrawn"


@given(st.integers(0, 100), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["appeal", "final"]))
def test_only_the_newest_edition_is_open_and_only_before_its_time_is_over(
    now: int, number: int, newest: int, stage: str
) -> None:
    expected = 50 if stage == "appeal" and number == newest and now < 50 else None
    assert open_until(stage, 50, number, newest, now) == expected  # type: ignore[arg-type]


def test_units_of_a_place_are_found_by_the_beginning_of_their_codes() -> None:
    assert [pattern_of(place) for place in ("city", "371721", "371721121", "371721121-a1/01")] == [
        "%", "371721%", "371721121%", "371721121-a1/01",
    ]  # fmt: skip


def test_nothing_is_final_while_an_appeal_is_undecided() -> None:
    check_decided("2026Q4", 0)
    for count, said in ((1, "2026Q4: 1 appeal is undecided"), (3, "2026Q4: 3 appeals are undecided")):
        with pytest.raises(SettingsError, match=said):
            check_decided("2026Q4", count)
