"""Invitations and seals: what a person carries, and what each side shows without saying it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import enrolment
from contract.enrolment import Enrol, Invitation

KEY = enrolment.shared(bytes(16))
SEAL = enrolment.asked(KEY, "371721121-a1", "A" * 43)


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))
def test_an_invitation_survives_being_carried(id_: bytes, secret: bytes, ca: bytes) -> None:
    made = Invitation(enrolment.new_id(lambda _size: id_), secret, ca)
    assert len(made.text) == 78
    assert Invitation.read(f" {made.text}\n") == made


@pytest.mark.parametrize("text", ["", "a.b.c", "A" * 78, f"{'A' * 11}.{'A' * 22}.{'A' * 44}", f"../{'A' * 75}"])
def test_what_is_no_invitation_is_said_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="three words with dots") as caught:
        Invitation.read(text)
    assert not text or text not in str(caught.value)


def test_a_seal_is_of_one_secret_one_purpose_and_all_parts() -> None:
    seals = {
        SEAL,
        enrolment.asked(enrolment.shared(bytes([1] * 16)), "371721121-a1", "A" * 43),
        enrolment.answered(KEY, "371721121-a1", "A" * 43),
        enrolment.asked(KEY, "371721121-a1A", "A" * 42),
        enrolment.asked(KEY, "371721121-a2", "A" * 43),
    }
    assert len(seals) == 5
    assert enrolment.same(SEAL, enrolment.asked(KEY, "371721121-a1", "A" * 43))
    assert not enrolment.same(SEAL, "A" * 43)


@pytest.mark.parametrize(
    "change",
    [{"invitation": "../../x"}, {"node": "a/b"}, {"key": "x"}, {"seal": ""}, {"more": 1}],
)
def test_a_request_has_every_field_in_its_form(change: dict[str, object]) -> None:
    good = msgspec.to_builtins(Enrol("A" * 11, "371721121-a1", "A" * 43, SEAL))
    assert msgspec.convert(good, Enrol).node == "371721121-a1"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**good, **change}, Enrol)


def test_the_name_of_an_invitation_has_the_form_of_one() -> None:
    assert enrolment.new_id(bytes) == "AAAAAAAAAAA"
    assert enrolment.ID.fullmatch(enrolment.new_id(lambda size: b"\xff" * size))
