"""The dates of a certificate, as a library of certificates reads them too."""

from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from transport.validity import validity

BEGIN, END = "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"


def certificate(begins: datetime, ends: datetime, name: str = "371721121-a1") -> str:
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .sign(key, None)
    )
    return made.public_bytes(Encoding.PEM).decode()


SOUND = certificate(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


@pytest.mark.parametrize(
    ("begins", "years"),
    [
        (datetime(2026, 11, 29, 8, 5, 59, tzinfo=UTC), 1),
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), 1),
        # Two digits a year up to 2049, four from 2050 on.
        (datetime(2049, 6, 1, tzinfo=UTC), 1),
        (datetime(2051, 6, 1, tzinfo=UTC), 30),
        (datetime(1951, 6, 1, tzinfo=UTC), 10),
    ],
)
def test_both_dates_to_the_second(begins: datetime, years: int) -> None:
    ends = begins + timedelta(days=365 * years)
    assert validity(certificate(begins, ends)) == (ms(begins), ms(ends))


def test_a_long_name_before_the_dates_and_text_around_it() -> None:
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    ends = begins + timedelta(days=90)
    first, second = certificate(begins, ends, "n" * 64), certificate(ends, ends + timedelta(days=1))
    assert validity(f"issued for 04\n{first}{second}") == (ms(begins), ms(ends))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no certificate is in it"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no certificate is in it"),
        # An integer; a sequence of nothing; one that says 200 bytes follow; a whole one with three fields.
        (f"{BEGIN}AgEB\n{END}", "it is no X.509 certificate"),
        (f"{BEGIN}MAA=\n{END}", "it is no X.509 certificate"),
        (f"{BEGIN}MIHIAA==\n{END}", "it is cut off"),
        (f"{BEGIN}MAswCQIBAQIBAQIBAQ==\n{END}", "it is no X.509 certificate"),
        # The dates are there, and are two numbers.
        (f"{BEGIN}MBMwEQIBAQIBAQIBATAGAgEBAgEB\n{END}", "its dates cannot be read"),
        (f"{BEGIN}MAIwAA==\n{END}", "it is no X.509 certificate"),
    ],
)
def test_what_is_none_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        validity(text)


@given(raw=st.binary(max_size=300), kept=st.integers(0, 200))
def test_any_bytes_are_read_or_refused_in_one_way(raw: bytes, kept: int) -> None:
    whole = b64decode("".join(SOUND.splitlines()[1:-1]))
    with suppress(ValueError):
        validity(f"{BEGIN}{b64encode(whole[:kept] + raw).decode()}\n{END}")
