"""What may be left beside a dissatisfied rating, as pure rules."""

import pytest

from cloud.contacts.rules import Contact
from cloud.people.rules import ROLES
from cloud.reasons.rules import LEAVE_MS, MOST_TEXT, REASONS, Left, NotLeft, Told, check, left_of, told_to
from contract.rating import Level


def why(reason: str = "", text: str = "", telephone: str = "", *, consent: bool = False) -> str:
    with pytest.raises(NotLeft) as bad:
        left_of(reason, text, telephone, consent=consent)
    return bad.value.why


def test_each_part_may_be_left_alone() -> None:
    for reason in REASONS:
        assert left_of(reason, "", "", consent=False) == Left(reason, "", None)
    assert left_of("", " 材料\r\n要了三次 ", "", consent=False) == Left("", "材料  要了三次", None)
    contact = Contact("13812345678")
    assert left_of("", "", "138 1234 5678", consent=True) == Left("", "", contact)
    assert left_of("other", "慢", "0530-5612345", consent=True) == Left("other", "慢", Contact("0530-5612345"))


def test_words_are_normalised_before_they_are_measured() -> None:
    assert left_of("", "e\u0301" * MOST_TEXT, "", consent=False).text == "\u00e9" * MOST_TEXT
    assert why(text="字" * (MOST_TEXT + 1)) == "text"


@pytest.mark.parametrize("bad", ["\0", "\x1b[0m", "\x7f", "\ud800", "\u202e", "\u2066"])
def test_control_characters_are_refused(bad: str) -> None:
    assert why(text=f"慢{bad}得很") == "text"


def test_what_is_wrong_is_told_by_its_own_name() -> None:
    assert why() == why(text=" \r\n ") == "empty"
    assert why("slow") == "choice"
    assert why(text="打 13812345678") == "number"
    assert why("other", telephone="12345", consent=True) == "telephone"
    assert why("other", telephone="13812345678") == "consent"


def test_only_a_dissatisfied_rating_and_only_for_a_while() -> None:
    check(Level.DISSATISFIED, 5, 5 + LEAVE_MS)
    for level, now, said in ((Level.DISSATISFIED, 6 + LEAVE_MS, "late"), (Level.BASIC, 5, "level")):
        with pytest.raises(NotLeft) as bad:
            check(level, 5, now)
        assert bad.value.why == said


def test_who_works_at_windows_reads_no_citizens_own_words() -> None:
    found = [Told("waited", "等了三小时"), Told("", "只有我说过这句")]
    for role in ROLES:
        hidden = role in {"clerk", "wall"}
        assert told_to(role, found) == ([Told("waited", "")] if hidden else found)
