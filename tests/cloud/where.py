"""Where a test's city keeps its database: the same tests run on an SQLite file and on a real PostgreSQL."""

import asyncio
import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from cloud.database import Database, open_database

T = TypeVar("T")
# What `proof` reads.
PROVABLE = ("ledger_entry", "uncounted", "tally_minute", "tally_day", "tally_township", "tally_city", "tally_estimated")


class Where(ABC):
    """An upgraded database of a test's own. `database` is what the city's settings say of it."""

    def __init__(self, database: str) -> None:
        self.database = database

    async def open(self) -> Database:
        """Open it as the city does."""
        return await open_database(self.database)

    @abstractmethod
    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What another process sees in it now; on PostgreSQL sums of whole numbers are decimals."""

    @property
    @abstractmethod
    def file(self) -> Path:
        """An SQLite file with what an outsider is given to recount it."""


class InFile(Where):
    """SQLite in `folder`, begun as a copy of `template`."""

    def __init__(self, folder: Path, template: Path) -> None:
        self._file = folder / "city.db"
        super().__init__(str(self._file))
        shutil.copyfile(template, self._file)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._file)) as connection:
            return connection.execute(sql).fetchall()

    @property
    def file(self) -> Path:
        return self._file


class OnServer(Where):
    """PostgreSQL at `url`, with its password; the file for outsiders is copied into `folder` from `template`."""

    def __init__(self, url: str, folder: Path, template: Path) -> None:
        super().__init__(url)
        self._folder = folder
        self._template = template

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return elsewhere(self._query(sql))

    async def _query(self, sql: str) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self.database)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    @property
    def file(self) -> Path:
        file = self._folder / "outsider.db"
        shutil.copyfile(self._template, file)
        with closing(sqlite3.connect(file)) as copy:
            for table in PROVABLE:
                if rows := self.query(f"SELECT * FROM {table}"):  # noqa: S608  (names from this file)
                    copy.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)  # noqa: S608
            copy.commit()
        return file


def elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """Do `work` on a loop of another thread and wait for it, as a query of another process would be."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
