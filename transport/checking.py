"""Whether every row of a store is still what was written."""

from collections.abc import Mapping
from typing import NamedTuple

from contract.errors import StoreDamaged
from transport import sums
from transport.disk import Disk


class Summed(NamedTuple):
    """Of what the sums of a table are taken: `columns` of the join `source`, in which the table is `t`.

    `same`: where a row of the join is that of the table.
    """

    columns: tuple[str, ...]
    source: str
    same: str


async def check(disk: Disk, summed: Mapping[str, Summed]) -> None:
    """Raise `StoreDamaged` if a row of one of the tables is not what its sum was taken of.

    A store of a version that kept no sums gets them.
    """
    for table, (columns, source, same) in summed.items():
        sum_ = sums.in_sql(*columns)
        if not await disk.read("SELECT 1 FROM pragma_table_info(?) WHERE name = 'sum'", (table,)):
            async with disk.transaction() as db:
                await db.execute(f"ALTER TABLE {table} ADD COLUMN sum INTEGER")
                await db.execute(f"UPDATE {table} SET sum = (SELECT {sum_} FROM {source} WHERE {same})")  # noqa: S608  (our tables)
        wrong = await disk.read(f"SELECT count(*) FROM {source} WHERE t.sum IS NOT {sum_}")  # noqa: S608
        if wrong[0][0]:
            raise StoreDamaged(f"{disk.path}: {wrong[0][0]} rows of {table!r} are not what was written")
