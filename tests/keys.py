"""Keys by which tests come in at a city: an operator's for programs, a wall's for browsers."""

import httpx

from firmware_sim import loopback
from firmware_sim.premises import Keys

# Of cities that live as long as one test.
KEYS = Keys("w" * 43, "o" * 43)
TOKENS = KEYS.registered()


def hung(address: str, path: str = "/wall", key: str = KEYS.wall) -> str:
    """Where a browser goes that hangs on a wall."""
    return f"{address.rstrip('/')}{path}{'&' if '?' in path else '?'}key={key}"


def coming_in(address: str, keys: Keys = KEYS) -> httpx.AsyncClient:
    """A program that has the operator's key."""
    return loopback.client(base_url=address, headers=keys.header)
