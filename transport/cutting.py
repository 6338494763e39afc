"""How uncut ratings become a batch: which of them one batch can hold, and what it says of them. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from contract.batch import Batch, StreamKey
from contract.rating import Quality, Row


class Uncut(NamedTuple):
    """A dated rating that is not in a batch; `at` and its bounds are the city's time, ms."""

    seq: int
    boot: int
    window: str
    level: int
    presses: int
    at: int
    q: Quality
    earliest: int
    latest: int
    item: str | None = None
    token: str | None = None


def run_of(head: Iterable[Uncut]) -> list[Uncut]:
    """The longest beginning of `head` that can be one batch: of one time quality, estimates of one boot.

    A number that was destroyed with its disk ends it, too: a batch says its first number and counts from there.
    """
    run: list[Uncut] = []
    for row in head:
        if run and not _follows(run[-1], row):
            break
        run.append(row)
    return run


def _follows(last: Uncut, row: Uncut) -> bool:
    if row.seq != last.seq + 1 or row.q != last.q:
        return False
    return row.q != Quality.ESTIMATED or row.boot == last.boot


def batch_of(stream: StreamKey, run: Sequence[Uncut], before: tuple[str, int] | None) -> Batch:
    """The batch that holds `run`; if it is the stream's first, `before` is the epoch before it, and its last number."""
    first, t0 = run[0].seq, min(row.at for row in run)
    bounds = None
    if run[0].q == Quality.ESTIMATED:
        # Each row's own bounds stand as far from it as the batch's from t0: they came from one boot.
        early = max(row.at - row.earliest for row in run)
        late = max(row.latest - row.at for row in run)
        bounds = (max(0, t0 - early), t0 + late)
    return Batch(
        v=1,
        node=stream.node,
        epoch=stream.epoch,
        first=first,
        t0=t0,
        q=run[0].q,
        rows=[Row(row.at - t0, row.window, row.level, row.presses, row.item, row.token) for row in run],
        prev=before if first == 1 else None,
        bounds=bounds,
    )
