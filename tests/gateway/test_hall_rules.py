"""What of a hall's paper holds at a moment; codes that the city will take; a picture that a telephone reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.phone.rules import checked
from contract.codes import MINUTE_MS, code_at, key_of
from contract.hall import Notice, OnDuty
from contract.rating import Quality
from gateway.hall.drawing import QUIET, drawn
from gateway.hall.rules import BROKEN_MS, QUIET_MS, minute_of, noticed, on_duty, quiet_since
from transport.dating import FREEZE_BELOW_MS, Dated

A1 = "371721121-a1"
KEY = key_of(b"s" * 32, "371721121")
NOW = 1_795_925_000_000


@given(st.integers(1 - FREEZE_BELOW_MS, FREEZE_BELOW_MS - 1), st.integers(0, 10 * MINUTE_MS), st.integers(0, 90_000))
def test_a_code_that_is_shown_is_good_for_a_minute_and_a_half(off: int, ahead: int, later: int) -> None:
    """By whatever the gateway's time is wrong, within the error that it knows of."""
    city = NOW + ahead
    minute = minute_of(Dated(city + off, Quality.SYNCHRONISED, abs(off)))
    assert minute is not None
    window = f"{A1}/01"
    assert checked(KEY, window, code_at(KEY, window, minute), city + later).minute == minute


def test_without_a_time_there_is_no_code() -> None:
    assert minute_of(None) is None


@pytest.mark.parametrize(
    ("heard", "up", "told"),
    [
        (NOW - BROKEN_MS, False, None),
        (NOW - BROKEN_MS - 1, False, NOW - BROKEN_MS - 1),
        (NOW - QUIET_MS, True, None),
        (NOW - QUIET_MS - 1, True, NOW - QUIET_MS - 1),
        (None, False, 0),
        (None, True, None),
    ],
)
def test_since_when_the_city_is_not_heard(heard: int | None, up: bool, told: int | None) -> None:  # noqa: FBT001
    assert quiet_since(heard, NOW, up=up) == told


def test_who_is_on_duty_and_which_notices_hold() -> None:
    standing = OnDuty(f"{A1}/01", "李敏", "Li Min", 0)
    morning = OnDuty(f"{A1}/01", "王强", "Wang Qiang", 100, 200)
    assert [on_duty([morning, standing], at)[f"{A1}/01"] for at in (99, 100, 199, 200)] == [
        standing,
        morning,
        morning,
        standing,
    ]
    assert on_duty([morning], 200) == {}
    notice = Notice("停水", "No water", 100, 200)
    assert [noticed([notice], at) for at in (99, 100, 199, 200)] == [[], [notice], [notice], []]


def test_the_path_has_every_dark_module_and_no_other() -> None:
    size, path = drawn("https://manyi.example/r/371721121-a1/01?c=123456")
    dark = set()
    for part in path.split("M")[1:]:
        where, width = part.partition("h")[::2]
        x, y = map(int, where.split())
        dark |= {(x + step, y) for step in range(int(width.partition("v")[0]))}
    inner = range(QUIET, size - QUIET)
    assert all(x in inner and y in inner for x, y in dark)
    # The three finders, in the corners.
    for x, y in ((QUIET, QUIET), (size - QUIET - 7, QUIET), (QUIET, size - QUIET - 7)):
        assert {(x + n, y) for n in range(7)} <= dark
        assert (x + 1, y + 1) not in dark
        assert (x + 3, y + 3) in dark
