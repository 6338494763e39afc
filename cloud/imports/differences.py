"""What a registration changes: the registry's rows before and after it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from cloud.imports.document import Touched

# Of a row, the columns of its key and the others.
Cells = tuple[str | int | None, ...]
# By a table's name and a key in it, what else stands in the row.
State = Mapping[tuple[str, Cells], Cells]
Verdict = Literal["added", "changed", "same", "removed"]


class Difference(msgspec.Struct, frozen=True, array_like=True):
    """What becomes of a row of `table`; None: it is not there. `row` of the file is about it; 0: none is."""

    row: int
    table: str
    key: Cells
    before: Cells | None
    after: Cells | None

    @property
    def verdict(self) -> Verdict:
        """What that is, in a word."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "same" if self.before == self.after else "changed"


def differences(before: State, after: State, named: Sequence[Touched]) -> list[Difference]:
    """What becomes of the rows that are `named`, in their order, and of every other row that is not the same."""
    found = [
        Difference(one.row, one.table, one.key, before.get((one.table, one.key)), after.get((one.table, one.key)))
        for one in named
    ]
    known = {(one.table, one.key) for one in named}
    found += [
        Difference(0, table, key, before.get((table, key)), after.get((table, key)))
        for table, key in sorted({*before, *after} - known, key=str)
        if before.get((table, key)) != after.get((table, key))
    ]
    return found
