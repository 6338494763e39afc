"""Rows that are not what was written are found, in each table by its own sums."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.errors import StoreDamaged, StoreFull
from transport import sums
from transport.checking import Summed, check
from transport.disk import Disk

TABLES = ("note", "other")
SCHEMA = "".join(f"CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY, text TEXT);" for table in TABLES)
SUMMED = {table: Summed(("t.id", "t.text"), f"{table} t", f"t.id = {table}.id") for table in TABLES}


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[Disk]:
    """Two tables of a version that kept no sums, with three rows each."""
    disk = await Disk.open(tmp_path / "store.db", SCHEMA, reserve=0)
    for table in TABLES:
        for text in ("one", None, "three"):
            await disk.write(f"INSERT INTO {table} (text) VALUES (?)", (text,))  # noqa: S608  (names from this file)
    yield disk
    await disk.close()


async def test_rows_without_a_sum_get_theirs_once(disk: Disk) -> None:
    await check(disk, SUMMED)
    for table in TABLES:
        found = await disk.read(f"SELECT id, text, sum FROM {table} ORDER BY id")  # noqa: S608  (names from this file)
        assert [row[2] for row in found] == [sums.of_row(row[0], row[1]) for row in found]
    await disk.write("INSERT INTO note (text, sum) VALUES ('four', ?)", (sums.of_row(4, "four"),))
    await check(disk, SUMMED)


@pytest.mark.parametrize("table", TABLES)
async def test_every_table_is_looked_at_and_says_how_much_is_wrong(disk: Disk, table: str) -> None:
    await check(disk, SUMMED)
    await disk.write(f"UPDATE {table} SET text = 'two' WHERE id > 1")  # noqa: S608  (names from this file)
    with pytest.raises(StoreDamaged) as caught:
        await check(disk, SUMMED)
    assert str(caught.value) == f"{disk.path}: 2 rows of {table!r} are not what was written"


async def test_a_sum_that_is_gone_is_wrong(disk: Disk) -> None:
    await check(disk, SUMMED)
    await disk.write("UPDATE note SET sum = NULL WHERE id = 2")
    with pytest.raises(StoreDamaged, match="1 rows of 'note'"):
        await check(disk, SUMMED)


async def test_a_table_gets_its_sums_and_no_column_without_them(disk: Disk) -> None:
    broken = {"note": SUMMED["note"]._replace(same="t.nothing = note.id")}
    with pytest.raises(StoreFull, match="nothing"):
        await check(disk, broken)
    # A second attempt begins where the first did.
    await check(disk, SUMMED)
