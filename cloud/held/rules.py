"""What a person may decide about a held row. Pure.

Time alone lets no row count: one that was dated into the future has the wrong time for ever, also when that moment has
passed. It may be the right time all the same, where it was the city's own clock that was behind: then somebody who
knows that lets it count, under a name and with a reason, and not before its moment. Rows of unknown windows are the
registry's to admit, and a contradiction of a number that was given already never counts. Any row can be refused for
good; it stays in the ledger, and no one waits for it any more.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from contract.errors import Reason

Ruling = Literal["admit", "refuse"]


class Row(NamedTuple):
    """A held row that nobody has decided about: where it stands, whose it is, and when it was pressed (ms)."""

    position: int
    row: int
    reason: Reason
    window: str
    at: int


def objection(
    ruling: Ruling, row: Row, has_window: Callable[[str, int], bool], *, now: int, future_ms: int
) -> str | None:
    """Why `ruling` cannot be made about `row` at `now` (ms), if it cannot."""
    if ruling == "refuse":
        return None
    where = f"position {row.position}, row {row.row}"
    if row.reason is Reason.UNKNOWN_WINDOW:
        return f"{where}: register its window, and it counts by itself"
    if row.reason is not Reason.FUTURE:
        return f"{where}: its number was given to something else already; it can only be refused"
    if row.at > now + future_ms:
        return f"{where}: its moment has not come yet; refuse it, or wait until it has"
    if not has_window(row.window, row.at):
        return f"{where}: its window is not registered at that moment; register it first"
    return None
