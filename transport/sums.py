"""Checksums of what a store keeps: SQLite's own check sees a damaged tree, never a changed byte in what hangs on it.

CRC-32 of the values as text: every burst of up to 32 bits shows, and anything else but for one in four billion. As a
signed number it takes four bytes of a row, and one of the row's head. It is no signature: it protects from disks, not
from people. Pure.
"""

from zlib import crc32

Value = str | int | bytes | None

_HALF = 1 << 31


def of_row(*values: Value) -> int:
    """The sum of `values`, in their order; text may be given as its bytes, as SQLite has it."""
    return crc32(b"/".join(map(_text, values))) - _HALF


def _text(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    return b"" if value is None else str(value).encode()


def in_sql(*columns: str) -> str:
    """The sum of `columns` in a statement, where a damaged one may be of any type."""
    return f"row_sum({', '.join(f'CAST({column} AS BLOB)' for column in columns)})"
