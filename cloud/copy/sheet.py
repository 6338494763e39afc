"""A table as a copy sees it: its columns, its key, and the statements that read and write it in pages."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.alerts.tables
import cloud.appeals.tables
import cloud.carriers.tables
import cloud.cases.tables
import cloud.changes.tables
import cloud.clocks.tables
import cloud.configs.tables
import cloud.contacts.tables
import cloud.digests.tables
import cloud.filtered.tables
import cloud.halls.tables
import cloud.homes.tables
import cloud.hours.tables
import cloud.imports.tables
import cloud.judgements.tables
import cloud.ledger.tables
import cloud.misuse.tables
import cloud.notices.tables
import cloud.oidc.tables
import cloud.people.tables
import cloud.phone.tables
import cloud.quarantine.tables
import cloud.reasons.tables
import cloud.registry.tables
import cloud.rota.tables
import cloud.series.tables
import cloud.staffing.tables
import cloud.tallies.tables
import cloud.updates.tables
import cloud.visits.tables  # noqa: F401  (every room's tables belong to the schema)
from cloud.copy.rules import in_order
from cloud.database import fetch, metadata

PAGE = 5_000

Row = tuple[Any, ...]
# The values of the key's columns.
Key = tuple[int | str, ...]


class Sheet(NamedTuple):
    """One table; `key` says where the key's columns stand in a row."""

    name: str
    columns: tuple[str, ...]
    key: tuple[int, ...]

    @property
    def first(self) -> str:
        """Read the first page."""
        return f"SELECT {_list(self.columns)} FROM {_quoted(self.name)} ORDER BY {self._keys} LIMIT :limit"  # noqa: S608  (names from the schema)

    @property
    def next(self) -> str:
        """Read the page behind a key."""
        after = ", ".join(f":{self.columns[place]}" for place in self.key)
        return (
            f"SELECT {_list(self.columns)} FROM {_quoted(self.name)} "  # noqa: S608
            f"WHERE ({self._keys}) > ({after}) ORDER BY {self._keys} LIMIT :limit"
        )

    @property
    def insert(self) -> str:
        """Insert one row."""
        values = ", ".join(f":{column}" for column in self.columns)
        return f"INSERT INTO {_quoted(self.name)} ({_list(self.columns)}) VALUES ({values})"  # noqa: S608

    @property
    def total(self) -> str:
        """How many rows there are."""
        return f"SELECT count(*) FROM {_quoted(self.name)}"  # noqa: S608

    @property
    def any(self) -> str:
        """Whether there is a row."""
        return f"SELECT 1 FROM {_quoted(self.name)} LIMIT 1"  # noqa: S608

    @property
    def clear(self) -> str:
        """Delete every row."""
        return f"DELETE FROM {_quoted(self.name)}"  # noqa: S608

    def key_of(self, row: Sequence[Any]) -> Key:
        """The key of a row."""
        return tuple(row[place] for place in self.key)

    @property
    def _keys(self) -> str:
        return _list([self.columns[place] for place in self.key])


def sheets() -> list[Sheet]:
    """Every table of the city, in the order in which they are copied."""
    return [_sheet(metadata.tables[name]) for name in in_order(metadata.tables)]


async def pages(connection: AsyncConnection, sheet: Sheet, after: Key | None = None) -> AsyncGenerator[list[Row], None]:
    """Read the rows behind the key `after`, or all of them, in the order of the key."""
    while True:
        if after is None:
            page = await fetch(connection, sheet.first, (PAGE,))
        else:
            page = await fetch(connection, sheet.next, (*after, PAGE))
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = sheet.key_of(page[-1])


def _sheet(table: Table) -> Sheet:
    columns = tuple(column.name for column in table.columns)
    key = tuple(columns.index(column.name) for column in table.primary_key.columns)
    return Sheet(table.name, columns, key)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_quoted, names))
