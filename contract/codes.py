"""The code of the minute, by which a telephone shows that whoever holds it stands in the hall. Pure.

Each window has a code of its own, which changes every minute: the truncated HMAC-SHA256 of the window and the minute,
as one-time passwords by time are made (RFC 6238). Its key is the township's, made of the city's secret, so that a box
in a township can show the codes of its own windows while its line is cut, and nobody else's.
"""

import hmac

MINUTE_MS = 60_000
DIGITS = 6
_BYTES = 8


def key_of(secret: bytes, township: str) -> bytes:
    """Return the key of the codes of `township`, 32 bytes; whoever has it can make no other's."""
    return hmac.digest(secret, f"manyi codes {township}".encode(), "sha256")


def code_at(key: bytes, window: str, minute: int) -> str:
    """Return the code of `window` in `minute` (ms since 1970 UTC // 60000), by the `key` of its township."""
    mac = hmac.digest(key, f"{window} {minute}".encode(), "sha256")
    return f"{int.from_bytes(mac[:_BYTES]) % 10**DIGITS:0{DIGITS}}"
