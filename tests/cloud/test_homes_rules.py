"""What an assistant's telephone may send, and which words are kept of it."""

import msgspec
import pytest

from cloud.carriers.rules import Press
from cloud.homes.rules import MOST_VISITS, Visits, plain

ROW = [1, 5, 6, 3, 2, "home", "李庄村", "社保卡", "2026-11-22T10:15", "老人代办"]
decode = msgspec.json.Decoder(Visits).decode


def sent(*rows: object) -> bytes:
    told = {"v": 1, "epoch": "E" * 10, "first": 1, "run": 1, "mono": 9, "date": 9, "visits": rows}
    return msgspec.json.encode(told)


def test_a_visit_has_a_rating_or_says_that_it_has_none() -> None:
    rated, declined = decode(sent(ROW, [*ROW[:3], 0, 0, *ROW[5:]])).visits
    assert rated.press == Press(1, 5, 6, 3, 2)
    assert declined.press is None
    assert rated.key != declined.key


def test_its_words_do_not_tell_it_from_another_under_its_number_and_its_grade_does() -> None:
    one, other, worse = decode(sent(ROW, [*ROW[:9], ""], [*ROW[:3], 1, *ROW[4:]])).visits
    assert one.key == other.key
    assert one.key != worse.key


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (3, 4),
        (3, -1),
        (5, "elsewhere"),
        (6, "村" * 41),
        (7, "x" * 41),
        (8, "2026-11-22 10:15"),
        (8, ""),
        (9, "x" * 101),
    ],
)
def test_what_no_telephone_sends_is_no_visit(at: int, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(sent([*ROW[:at], value, *ROW[at + 1 :]]))


def test_no_more_than_so_many_come_at_once() -> None:
    assert len(decode(sent(*[ROW] * MOST_VISITS)).visits) == MOST_VISITS
    with pytest.raises(msgspec.ValidationError):
        decode(sent(*[ROW] * (MOST_VISITS + 1)))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("老人代办", "老人代办"),
        (" 打 13812345678 联系 ", "打 … 联系"),
        ("138-1234-5678", "…-…-…"),
        ("3 份材料, 2026-11-22", "3 份材料, 2026-11-22"),
        ("a\u202eb\x00c", "abc"),
    ],
)
def test_no_telephone_is_kept_in_a_word_and_no_visit_is_refused_for_one(written: str, kept: str) -> None:
    assert plain(written) == kept
