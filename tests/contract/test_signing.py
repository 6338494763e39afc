"""Ed25519: one signature, in one spelling, over exactly these bytes."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.signing import Signer, key_text, public_key, verify

# RFC 8032, section 7.1, test 3.
SEED = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
PUBLIC = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc0"
    "27beceea1ec40a"
)

signer = Signer(SEED)
BODY = b'{"v":1}'
TEXT = signer.sign(BODY)
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_it_is_the_ed25519_of_the_rfc() -> None:
    assert public_key(signer.public) == PUBLIC
    assert verify(b"\xaf\x82", signer.sign(b"\xaf\x82"), PUBLIC)
    assert Signer(SEED).sign(b"\xaf\x82") == urlsafe_b64encode(SIGNATURE).rstrip(b"=")


def test_an_entry_is_body_newline_signature() -> None:
    assert signer.entry(BODY) == BODY + b"\n" + TEXT
    assert len(TEXT) == 86


@given(st.binary(max_size=200))
def test_what_was_signed_verifies(body: bytes) -> None:
    assert verify(body, signer.sign(body), PUBLIC)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_flipped_byte_of_the_body_fails(at: int, flip: int) -> None:
    flipped = BODY[:at] + bytes([BODY[at] ^ flip]) + BODY[at + 1 :]
    assert not verify(flipped, TEXT, PUBLIC)


@given(st.integers(0, len(TEXT) - 1), st.integers(1, 255))
def test_any_flipped_byte_of_the_signature_fails(at: int, flip: int) -> None:
    flipped = TEXT[:at] + bytes([TEXT[at] ^ flip]) + TEXT[at + 1 :]
    assert not verify(BODY, flipped, PUBLIC)


def test_the_last_character_has_one_spelling() -> None:
    # 86 characters hold 4 bits more than 64 bytes: 15 other last characters decode to the same signature.
    assert [last for last in ALPHABET if verify(BODY, TEXT[:-1] + bytes([last]), PUBLIC)] == [TEXT[-1]]


@given(st.binary(max_size=120))
def test_any_other_text_is_simply_no_signature(text: bytes) -> None:
    assert not verify(BODY, text, PUBLIC)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        TEXT + b"==",
        TEXT + b"\n",
        TEXT + b"A",
        TEXT[:-1],
        b" " + TEXT[1:],
        TEXT.replace(b"-", b"+").replace(b"_", b"/"),
        "签名".encode() + TEXT[6:],
        b"\xff" * 86,
    ],
)
def test_no_other_spelling_is_taken(text: bytes) -> None:
    assert not verify(BODY, text, PUBLIC)


@pytest.mark.parametrize("key", [b"", PUBLIC[:-1], PUBLIC + b"\0", b"\0" * 32, b"\xff" * 32])
def test_a_bad_key_verifies_nothing(key: bytes) -> None:
    assert not verify(BODY, TEXT, key)


@pytest.mark.parametrize("text", ["", "x", signer.public[:-1], signer.public + "A", "钥" * 43, "!" * 43, "B" * 43])
def test_a_public_key_is_32_bytes_of_base64url(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes as base64url"):
        public_key(text)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_is_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, got {length}"):
        Signer(bytes(length))


def test_a_public_key_as_text_and_back() -> None:
    text = Signer(SEED).public
    assert key_text(public_key(text)) == text
