"""The code of the minute: good at one window for two minutes, and what is said of every other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.phone.rules import GOOD, OVER, NotTaken, checked, neighbours_of
from contract.codes import DIGITS, MINUTE_MS, code_at, key_of

TOWNSHIP = "371721121"
WINDOW, NEXT = "371721121-a1/01", "371721121-a1/02"
KEY = key_of(b"s" * 32, TOWNSHIP)
NOW = 1_795_370_400_000
MINUTE = NOW // MINUTE_MS


def why(text: str, *, window: str = WINDOW, now: int = NOW, neighbours: tuple[str, ...] = (NEXT,)) -> str:
    """What is said of `text`; "" where it is good."""
    try:
        checked(KEY, window, text, now, neighbours)
    except NotTaken as bad:
        return bad.why
    return ""


@pytest.mark.parametrize("ago", range(GOOD))
def test_a_code_is_good_in_its_minute_and_the_two_after_it(ago: int) -> None:
    code = code_at(KEY, WINDOW, MINUTE - ago)
    assert checked(KEY, WINDOW, code, NOW).minute == MINUTE - ago


@pytest.mark.parametrize("typed", ["{0} {1}", " {0}{1} ", "{0}\u3000{1}"])
def test_a_code_may_be_typed_as_people_type(typed: str) -> None:
    code = code_at(KEY, WINDOW, MINUTE)
    assert why(typed.format(code[:3], code[3:])) == ""
    wide = code.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"})
    assert why(wide) == ""


def test_what_was_good_is_over_and_later_on_is_no_code_at_all() -> None:
    assert why(code_at(KEY, WINDOW, MINUTE - GOOD)) == "over"
    assert why(code_at(KEY, WINDOW, MINUTE - GOOD - OVER + 1)) == "over"
    assert why(code_at(KEY, WINDOW, MINUTE - GOOD - OVER)) == "forged"
    assert why(code_at(KEY, WINDOW, MINUTE + 1)) == "forged"


def test_another_windows_code_is_told_from_a_forged_one() -> None:
    assert why(code_at(KEY, NEXT, MINUTE)) == "elsewhere"
    assert why(code_at(KEY, NEXT, MINUTE), neighbours=()) == "forged"
    assert why(code_at(key_of(b"s" * 32, "371721122"), WINDOW, MINUTE)) == "forged"
    assert why(code_at(key_of(b"t" * 32, TOWNSHIP), WINDOW, MINUTE)) == "forged"


@pytest.mark.parametrize("text", ["", "0", "12345", "1234567", "abcdef", "満意満意満意", "\ud800", "１２" * 9])
def test_what_is_no_code_is_refused_and_nothing_breaks(text: str) -> None:
    assert why(text) == "forged"


def test_neighbours_are_the_other_windows_of_the_township() -> None:
    assert list(neighbours_of(WINDOW, [WINDOW, NEXT, "371721122-b2/01"])) == [NEXT]


@given(st.integers(0, 1 << 40))
def test_codes_are_digits_and_change_with_window_and_minute(minute: int) -> None:
    code = code_at(KEY, WINDOW, minute)
    assert len(code) == DIGITS
    assert code.isdigit()


def test_codes_are_spread_evenly() -> None:
    codes = [code_at(KEY, WINDOW, minute) for minute in range(20_000)]
    leading = [sum(code[0] == digit for code in codes) for digit in "0123456789"]
    assert min(leading) > 1_800
    assert len(set(codes)) > 19_500
