"""Whose signature counts, and for what: a key holds for what is of its time, also once it was replaced. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from contract.bundle import Signed
from contract.signing import verify


class Key(NamedTuple):
    """32 raw bytes; what they sign is of `since` (ms) or later, and before `until`; None: until further notice."""

    raw: bytes
    until: int | None = None
    since: int = 0

    def holds(self, at: int) -> bool:
        """Whether what it signs may be of the moment `at` (ms)."""
        return self.since <= at and (self.until is None or at < self.until)


# By the name of whoever signs.
Keys = Mapping[str, Sequence[Key]]


def signed(entry: Signed, keys: Sequence[Key], at: int) -> bool:
    """Whether one of `keys` signed `entry`, which is of the moment `at` (ms)."""
    return any(verify(entry.body, entry.signature, key.raw) for key in keys if key.holds(at))
