"""Contacts by their rules: which telephones are taken, what is shown of them, and what no reason may have in it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError

from cloud.cases.case import ENDS, Action, CaseRefused
from cloud.cases.rules import act, allowed, contact_deleted, contact_left, contact_read
from cloud.contacts.policy import read, shipped
from cloud.contacts.rules import (
    MAY,
    Contact,
    NotTaken,
    Why,
    contact_of,
    ended_before,
    masked_name,
    masked_telephone,
    reason_of,
)
from tests.cloud.docket import DAY_MS, HOUR_MS, NOON, TERMS, fresh, person, request, walked


@pytest.mark.parametrize(
    ("typed", "kept", "masked"),
    [
        ("13812345678", "13812345678", "138****5678"),
        (" 138 1234 5678 ", "13812345678", "138****5678"),
        ("138-1234-5678", "13812345678", "138****5678"),
        ("１３８１２３４５６７８", "13812345678", "138****5678"),
        ("199–1234—5678", "19912345678", "199****5678"),
        ("0530-5612345", "0530-5612345", "0530-****345"),
        ("05305612345", "0530-5612345", "0530-****345"),
        ("0531 8612 3456", "0531-86123456", "0531-****3456"),
        ("010-62345678", "010-62345678", "010-****5678"),
        ("02162345678", "021-62345678", "021-****5678"),
    ],
)
def test_a_telephone_is_kept_in_one_way_of_writing_and_shown_without_four_digits(
    typed: str, kept: str, masked: str
) -> None:
    contact = contact_of(typed, " 王女士 ", consent=True)
    assert contact == Contact(kept, "王女士")
    assert masked_telephone(contact.telephone) == masked
    assert (repr(contact), str(contact)) == (f"Contact({masked}, 王**)",) * 2


@pytest.mark.parametrize(
    "typed",
    ["", "1381234567", "138123456789", "12812345678", "+8613812345678", "5612345", "010-6234567", "0530-1612345",
     "0100-5612345", "0530-561234", "0530-561234567", "138.1234.5678", "1381234567x", "(0530)5612345", "wechat: li",
     "13812345678\n13912345678"],
)  # fmt: skip
def test_what_is_no_telephone_is_refused(typed: str) -> None:
    with pytest.raises(NotTaken, match="11 digits, or a landline") as refused:
        contact_of(typed, "", consent=True)
    assert refused.value.why == "telephone"
    # An error goes into logs.
    assert not typed or typed not in str(refused.value)


@given(st.from_regex(r"1[3-9][0-9]{9}|0[3-9][0-9]{2}-[2-8][0-9]{6,7}|010-[2-8][0-9]{7}", fullmatch=True))
def test_of_every_telephone_four_digits_are_hidden_and_the_rest_stays(telephone: str) -> None:
    kept = contact_of(telephone, "", consent=True).telephone
    masked = masked_telephone(kept)
    assert kept == telephone
    assert len(masked) == len(kept)
    assert masked.count("*") == 4
    assert re.fullmatch(masked.replace("*", "[0-9]"), kept)


@pytest.mark.parametrize(
    ("name", "consent", "why"), [("长" * 21, True, "name"), ("王\x07女士", True, "name"), ("王女士", False, "consent")]
)
def test_a_name_too_long_or_no_consent_is_refused(name: str, consent: bool, why: str) -> None:  # noqa: FBT001
    with pytest.raises(NotTaken) as refused:
        contact_of("13812345678", name, consent=consent)
    assert refused.value.why == why


@pytest.mark.parametrize(("name", "masked"), [("", ""), ("王", "王**"), ("王女士", "王**"), ("Li Min", "L**")])
def test_of_a_name_the_first_letter_is_shown(name: str, masked: str) -> None:
    assert masked_name(contact_of("13812345678", name, consent=True).name) == masked


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "reason"),
        (" 回 ", "reason"),
        ("x" * 201, "reason"),
        ("回\n访", "reason"),
        ("打 13812345678", "number_in_reason"),
        ("打138-1234 5678", "number_in_reason"),
        ("打１３８１２３４５６７８", "number_in_reason"),
        ("打 0530-5612345", "number_in_reason"),
        ("打 (0530)5612345", "number_in_reason"),
        ("打（0530）5612345", "number_in_reason"),
        ("打 138.1234.5678", "number_in_reason"),
        ("打 138/1234/5678", "number_in_reason"),
        ("打 138_1234_5678", "number_in_reason"),
        ("打 +86 (138) 1234 - 5678", "number_in_reason"),
        ("打 5612345", "number_in_reason"),
        ("打 8612 3456 或", "number_in_reason"),
        ("打 561，23，45", "number_in_reason"),
        # What only looks like a date or a time, or stands beside one.
        ("打 2026-13-4567", "number_in_reason"),
        ("打 2026-02-30", "number_in_reason"),
        ("打 2026-11/28", "number_in_reason"),
        ("打 20261128", "number_in_reason"),
        ("打 5612-11-28", "number_in_reason"),
        ("打 12026-11-28", "number_in_reason"),
        ("2026-11-28 5612345", "number_in_reason"),
        ("5612345 2026-11-28", "number_in_reason"),
        ("打 561 2026-11-28 2345", "number_in_reason"),
        ("打 13:81:23:45:67:8", "number_in_reason"),
        ("打 13:12:34:56:78", "number_in_reason"),
        ("打 25:12 34:56", "number_in_reason"),
    ],
)
def test_a_reason_is_a_few_words_without_a_telephone(text: str, why: Why) -> None:
    with pytest.raises(NotTaken) as refused:
        reason_of(text)
    assert refused.value.why == why


@pytest.mark.parametrize(
    "text",
    ["回访", " 2026-11-28 回访第 12 号 ", "x" * 200, "2026-11-28", "2026/11/28 复核", "2026.1.8 来电", "2026年11月28日",
     "2026-11-28 14:30-15:30", "2026-11-28 9:05:59", "2026-11-28 至 2026-12-01", "2026-11-28/2026-12-01",
     "２０２６－１１－２８", "第 123456 号", "第 12 号，3 次，2026 年", "2028-02-29", "3 次 2026-11-28"],
)  # fmt: skip
def test_other_reasons_are_taken(text: str) -> None:
    assert reason_of(text) == text.strip()


def test_who_may_act_may_and_a_clerk_and_an_auditor_may_not() -> None:
    assert {"township", "supervisor", "operator", "admin"} == MAY


def test_the_policy_that_is_shipped_says_what_was_decided() -> None:
    policy = shipped()
    assert (policy.contact_days, policy.readings_an_hour) == (30, 30)
    assert ended_before(NOON, policy.contact_days) == NOON - 30 * DAY_MS
    with pytest.raises(ValidationError):
        read('version = "x"\ncontact_days = 0\nreadings_an_hour = 1')


def test_a_case_whose_contact_was_deleted_before_anybody_called_goes_on_as_one_without() -> None:
    case, (step,) = contact_deleted(fresh(contact=True), "wang", "群众要求", NOON + 5, TERMS)
    assert (case.contact, step.who, step.action, step.body.text) == (False, "wang", "delete_contact", "群众要求")
    # What is due is again that it is verified, and neither "contacted" nor "revisited" is asked for.
    assert case.due_at == fresh().due_at
    assert "contact" not in allowed(case, person())
    deeds: tuple[Action, ...] = ("verify", "rectify", "reply", "close")
    for action in deeds:
        case, _ = act(case, request(action), person(), NOON + 6, TERMS)
    assert case.state == "closed"


def test_a_contact_that_was_deleted_after_the_call_is_asked_for_no_revisit() -> None:
    replied = walked(["contact", "verify", "rectify", "reply"], contact=True)
    assert "close" not in allowed(replied, person())
    case, _ = contact_deleted(replied, "li", "群众要求", NOON, TERMS)
    assert (case.state, "close" in allowed(case, person()), "revisit" in allowed(case, person())) == (
        "replied",
        True,
        False,
    )


def test_a_contact_that_was_not_called_in_time_keeps_its_rises_in_the_history() -> None:
    late = NOON + 2 * DAY_MS
    case, steps = contact_deleted(fresh(contact=True), "li", "群众要求", late, TERMS)
    assert [step.action for step in steps] == ["raise", "delete_contact"]
    # It is not overdue as one without.
    assert (case.level, steps[-1].body.level) == ("township", "township")


def test_a_reading_changes_nothing_but_the_history() -> None:
    before = fresh(contact=True)
    case, (step,) = contact_read(before, "li", "回访", NOON + HOUR_MS)
    assert case == before._replace(steps=before.steps + 1)
    assert (step.number, step.who, step.action, step.body.text) == (case.steps, "li", "read_contact", "回访")


def test_without_a_contact_there_is_nothing_to_read_or_delete_and_an_ended_case_takes_none() -> None:
    with pytest.raises(CaseRefused, match="no contact, or it was deleted"):
        contact_read(fresh(), "li", "回访", NOON)
    with pytest.raises(CaseRefused, match="no contact, or it was deleted"):
        contact_deleted(fresh(), "li", "回访", NOON, TERMS)
    closed = walked(["contact", "verify", "rectify", "reply", "revisit", "close"], contact=True)
    assert closed.state in ENDS
    with pytest.raises(CaseRefused, match="the case is closed"):
        contact_left(closed, "li", NOON, TERMS)
    # But what it has can be deleted, which changes nothing else.
    case, (step,) = contact_deleted(closed, "system", "", NOON, TERMS)
    assert case == closed._replace(contact=False, steps=closed.steps + 1)
    assert step.state == "closed"
