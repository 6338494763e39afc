"""Writing sums by hour and day that others write, too: the tallies have the last word, whoever is the last to write."""

from collections.abc import Awaitable, Callable, Iterable

from cloud.series.influx import Influx, Reject
from cloud.series.lines import FOREVER


async def write_sums(
    influx: Influx, read: Callable[[], Awaitable[list[str]]], written: Iterable[str] = ()
) -> list[Reject]:
    """Write the lines that `read` makes of the tallies, and again those that have changed while they were written.

    Somebody else may have written a sum that we read before they did and wrote after them. They had it from a commit
    behind our reading, so a reading that gives nothing but what we wrote last shows that there was none. `written`:
    lines that were written already. Returns what was refused; raises `Unavailable`.
    """
    rejects: list[Reject] = []
    before = set(written)
    while True:
        lines = await read()
        changed = [line for line in lines if line not in before]
        if not changed:
            return rejects
        rejects += await influx.write(FOREVER, changed)
        before = set(lines)
