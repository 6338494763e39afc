"""The papers of a hall, its codes, and the veil's multiples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.codec import decode, encode
from contract.codes import DIGITS, code_at, key_of
from contract.errors import Reason, Refused
from contract.hall import Catalogue, Hall, Plate
from contract.veil import MINUTE_MS, Veil, full

TOWNSHIP = "371721121"
WINDOW = f"{TOWNSHIP}-a1/01"


def test_a_code_is_that_of_the_protocols_text() -> None:
    """As anybody would make it: HMAC-SHA256 over window and minute, its first 8 bytes modulo a million."""
    key = key_of(b"s" * 32, TOWNSHIP)
    assert len(key) == 32
    assert key != key_of(b"t" * 32, TOWNSHIP) != key_of(b"s" * 32, "371721122")
    assert code_at(bytes(32), "371721121-a1/01", 29_396_666) == "817728"


@given(st.binary(min_size=32, max_size=32), st.integers(0, 1 << 40))
def test_a_code_always_has_its_digits(key: bytes, minute: int) -> None:
    code = code_at(key, WINDOW, minute)
    assert len(code) == DIGITS
    assert code.isdigit()


@given(st.integers(0, 1 << 50), st.integers(1, 60))
def test_a_full_multiple_is_the_next_one(at: int, minutes: int) -> None:
    found = full(at, Veil(3, minutes))
    assert found % (minutes * MINUTE_MS) == 0
    assert at <= found < at + minutes * MINUTE_MS


@pytest.mark.parametrize(
    "wrong",
    [
        b'"zh":""',
        b'"window":"371721121-a1.phone/01"',
        b'"window":"371721121-a1"',
        b'"site":"https://manyi.example/path"',
        b'"site":"javascript:alert(1)"',
        b'"codes":"short"',
        b'"least":0',
    ],
)
def test_what_is_no_hall_is_refused(wrong: bytes) -> None:
    hall = Hall(
        TOWNSHIP, 1, "镇", "Town", "Asia/Shanghai", Veil(3, 5), 20, [Plate(WINDOW)], site="https://a", codes="A" * 43
    )
    right = {
        b'"zh":': b'"zh":"\xe9\x95\x87"',
        b'"window"': b'"window":"371721121-a1/01"',
        b'"site":': b'"site":"https://a"',
        b'"codes"': b'"codes":"' + b"A" * 43 + b'"',
        b'"least"': b'"least":20',
    }
    name = next(name for name in right if wrong.startswith(name))
    body = encode(hall)
    assert decode(body) == hall
    assert right[name] in body
    with pytest.raises(Refused) as bad:
        decode(body.replace(right[name], wrong))
    assert bad.value.reason is Reason.UNDECODABLE


def test_a_catalogue_may_be_empty() -> None:
    assert decode(encode(Catalogue(1, [], []))) == Catalogue(1, [], [])
