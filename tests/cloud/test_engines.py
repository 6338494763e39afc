"""What a failing statement says: never the values that went with it, which are a window and what was pressed there."""

from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.address import url_of
from cloud.database import Database, fetch
from cloud.engines import sqlite_looker

WINDOW = "371721121-a1/02"
# Wrong in either dialect, and takes a value.
WRONG = "SELECT no_such_column FROM ledger_head WHERE no_such_column = :window"


async def said(engine: AsyncEngine) -> str:
    with pytest.raises(DBAPIError) as failed:
        async with engine.begin() as connection:
            await fetch(connection, WRONG, (WINDOW,))
    return str(failed.value)


async def test_an_error_of_a_statement_names_no_window(database: Database) -> None:
    for engine in (database.writer, database.reader):
        told = await said(engine)
        assert "no_such_column" in told
        assert WINDOW not in told


async def test_nor_does_one_of_a_database_that_is_only_looked_into(upgraded_file: Path) -> None:
    engine = sqlite_looker(url_of(str(upgraded_file)))
    told = await said(engine)
    await engine.dispose()
    assert "no_such_column" in told
    assert WINDOW not in told
