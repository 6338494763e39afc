"""What a copy may keep of an earlier, interrupted one, and how two tables are told to be equal. Pure."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

# Rows of these never change, so a copy goes on behind the last one whatever happened meanwhile.
LARGEST = "ledger_entry"
APPENDED = frozenset({LARGEST, "change"})
# These change with the ledger's mark alone: while that stands still, a copy of them goes on.
COUNTED = frozenset(
    {"tally_minute", "tally_day", "tally_township", "tally_city", "tally_estimated", "estimate", "uncounted"}
)
# A city may have these before anything was copied into it; they are the same everywhere.
SEEDED = frozenset({"county", "township"})
# Comes last: a ledger without its head takes nothing in, so half a copy cannot be mistaken for a city.
LAST = "ledger_head"

_BITS = 128
_encode = msgspec.msgpack.Encoder().encode


class Mark(NamedTuple):
    """How far a city's ledger is: the highest position, and how many commits there were."""

    position: int
    commits: int


class Sum:
    """A running digest of a table's rows in any order, since databases do not sort text alike.

    Each row is hashed (BLAKE2b, 128 bits) and the hashes are added up; as a key makes all rows different, equal sums
    mean equal tables.
    """

    __slots__ = ("_sum", "rows")

    def __init__(self) -> None:
        """Begin with no rows."""
        self.rows = 0
        self._sum = 0

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows of whole numbers, text, bytes and None."""
        for row in rows:
            self._sum += int.from_bytes(blake2b(_encode(row), digest_size=_BITS // 8).digest(), "big")
            self.rows += 1

    @property
    def text(self) -> str:
        """The digest as 32 hexadecimal digits."""
        return f"{self._sum % (1 << _BITS):032x}"


def in_order(tables: Iterable[str]) -> list[str]:
    """The names of tables in the order in which they are copied: what may be kept first, the ledger's head last."""
    return sorted(
        tables, key=lambda name: (name == LAST, name != LARGEST, name not in APPENDED, name not in COUNTED, name)
    )


def goes_on(table: str, before: Mark, now: Mark) -> bool:
    """Whether what an earlier run copied of `table` stands, when the source was at `before` then and is at `now`."""
    return table in APPENDED or (table in COUNTED and before == now)
