"""From when until when a certificate is valid, read from its file. Source: RFC 5280, 4.1, in DER (X.690).

A device carries no library of certificates: `ssl` opens connections with ours, but tells the dates of nobody's but the
other end's. These forty lines read the two dates, and believe nothing else.
"""

import ssl
from datetime import UTC, datetime
from typing import NamedTuple

_SEQUENCE = 0x30
_VERSION = 0xA0
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18
# What stands before the dates: serial number, algorithm, issuer.
_BEFORE = 3
# The length's own bytes follow, as many as the lower bits say.
_LONG = 0x80
_CENTURY_TURNS = 50


class Validity(NamedTuple):
    """First and last moment, in Unix milliseconds."""

    begins: int
    ends: int


def validity(pem: str) -> Validity:
    """Return the dates of the first certificate in `pem`; `ValueError` where there is none, or it cannot be read."""
    begin = pem.find("-----BEGIN CERTIFICATE-----")
    if begin < 0:
        raise ValueError("no certificate is in it")
    end = "-----END CERTIFICATE-----"
    der = ssl.PEM_cert_to_DER_cert(pem[begin : pem.find(end, begin) + len(end)])
    fields = _parts(_only(_parts(_only(_parts(der), _SEQUENCE)), _SEQUENCE))
    # The version stands first, where it is not the oldest.
    dates = fields[_BEFORE + (fields[:1] != [] and fields[0][0] == _VERSION) :]
    begins, ends = (_moment(*part) for part in _parts(_only(dates, _SEQUENCE)))
    return Validity(begins, ends)


def _only(parts: list[tuple[int, bytes]], tag: int) -> bytes:
    """Return what the first of `parts` holds, which must be a `tag`."""
    if not parts or parts[0][0] != tag:
        raise ValueError("it is no X.509 certificate")
    return parts[0][1]


def _parts(encoded: bytes) -> list[tuple[int, bytes]]:
    """Return every value that stands side by side in `encoded`, with its tag."""
    parts, at = [], 0
    while at + 1 < len(encoded):
        tag, length, at = encoded[at], encoded[at + 1], at + 2
        if length & _LONG:
            octets = length & ~_LONG
            length, at = int.from_bytes(encoded[at : at + octets]), at + octets
        if at + length > len(encoded):
            raise ValueError("it is cut off")
        parts.append((tag, encoded[at : at + length]))
        at += length
    return parts


def _moment(tag: int, written: bytes) -> int:
    text = written.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= _CENTURY_TURNS else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("its dates cannot be read")
    return round(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp() * 1000)
