"""What opens a door: a random text that only its holder keeps. The city keeps its digest."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

BITS = 256


def fresh(random_bits: Callable[[int], int]) -> str:
    """Return a new secret: 43 letters that may stand in an address, a header and a cookie."""
    return urlsafe_b64encode(random_bits(BITS).to_bytes(BITS // 8, "big")).rstrip(b"=").decode()


def digest(secret: str) -> str:
    """Return what is kept of `secret`; since it has 256 random bits nothing slower than SHA-256 is needed."""
    return sha256(secret.encode()).hexdigest()
