"""What was read and waits to be committed, by lane, and whose turn it is. Pure.

Live ratings are committed by themselves, and before a backlog that waits: they wait for one commit of backlog at most,
and that is kept short by its measured time. The backlog in turn waits for one commit of theirs at most.
"""

from collections import deque
from collections.abc import Mapping

from cloud.ingest.reading import Reading
from cloud.ledger.rules import Lane

GROUP_ROWS = 10_000
GROUP_BYTES = 4 * 1024 * 1024
# A commit of backlog takes about so long.
BACKLOG_S = 0.15
LEAST_ROWS = 500
# Of the first one: nobody knows yet how fast the database is, and all that was cut off comes at once.
FIRST_ROWS = 1_000
_SHORTEST_S = 1e-3
_OTHER: Mapping[Lane, Lane] = {"live": "backlog", "backlog": "live"}


class Turns:
    """Truth: whether anything waits."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._waiting: Mapping[Lane, deque[Reading]] = {"live": deque(), "backlog": deque()}
        self._next: Lane = "live"
        self._backlog_rows = FIRST_ROWS

    def __bool__(self) -> bool:
        """Whether there is something to commit."""
        return any(self._waiting.values())

    def put(self, lane: Lane, reading: Reading) -> None:
        """Add what was read on `lane`."""
        self._waiting[lane].append(reading)

    def take(self) -> tuple[Lane, Reading]:
        """Return what is committed next, and its lane; there must be something."""
        lane = self._next if self._waiting[self._next] else _OTHER[self._next]
        self._next = _OTHER[lane]
        waiting = self._waiting[lane]
        most = GROUP_ROWS if lane == "live" else self._backlog_rows
        group = waiting.popleft()
        while waiting and group.rows + waiting[0].rows <= most and group.kept_bytes < GROUP_BYTES:
            group.extend(waiting.popleft())
        return lane, group

    def took(self, lane: Lane, rows: int, seconds: float) -> None:
        """Note that the commit of so many `rows` took `seconds`."""
        if lane == "backlog":
            fits = int(rows * BACKLOG_S / max(seconds, _SHORTEST_S))
            self._backlog_rows = max(LEAST_ROWS, min(GROUP_ROWS, fits, 2 * self._backlog_rows))
