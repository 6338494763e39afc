"""A disk that cannot be read for a while, or that is damaged, as SQLite says it to a house that runs."""

import sqlite3
from collections.abc import Awaitable, Callable
from typing import NoReturn

import pytest

from transport import disk

Reading = Callable[..., Awaitable[NoReturn]]


def _fails(error: type[sqlite3.Error], name: str) -> Reading:
    async def rows(*_: object) -> NoReturn:
        failed = error("disk I/O error")
        failed.sqlite_errorname = name
        raise failed

    return rows


IN_EITHER_WAY = pytest.mark.parametrize(
    "reading",
    [_fails(sqlite3.OperationalError, "SQLITE_IOERR_READ"), _fails(sqlite3.DatabaseError, "SQLITE_CORRUPT")],
    ids=["unreadable", "damaged"],
)


def become_unreadable(monkeypatch: pytest.MonkeyPatch, reading: Reading) -> None:
    """Let every reading of a house's disk end as `reading` does, until `monkeypatch` is undone."""
    monkeypatch.setattr(disk, "rows", reading)
