"""What one commit brought, as it is told to everybody who follows the ledger, in this process or in another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from cloud.ledger.cells import Cells, counts_of, number_of
from contract.errors import Reason

# `Commit.newest` holds at most so many.
NEWEST = 8


class Counted(NamedTuple):
    """One counted rating: `at` in ms (UTC), the city-wide `window`, `level` 1..3.

    `late`: it was committed more than a minute after it was pressed; `estimated`: `at` is an estimate.
    """

    at: int
    window: str
    level: int
    channel: str
    late: bool
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """One committed transaction.

    `number`: commits are numbered from 1 without a gap. `position`: the highest ledger position now. `at`: the city's
    time in ms. `cells`: what is newly counted; `estimated`: how many of a cell's stand there by an estimate of their
    time. `newest`: up to 8 newest counted ratings, newest first. `delays`: ms from press to this commit, of those on
    the live lane. `quarantined`: entries quarantined; `uncounted`: rows that entered the ledger but are held uncounted
    (negative where an earlier held row was admitted or refused now). `reasons` splits the quarantined, `held` the
    uncounted, by why. `seconds`: how long its transaction took; only where it was made.
    """

    number: int
    position: int
    at: int
    cells: Cells
    newest: Sequence[Counted]
    delays: Sequence[int]
    quarantined: int
    uncounted: int
    reasons: Mapping[Reason, int] = field(default_factory=dict)
    held: Mapping[Reason, int] = field(default_factory=dict)
    seconds: float = 0.0
    estimated: Mapping[tuple[str, int], int] = field(default_factory=dict)


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    """A commit as MessagePack: keys of a mapping must not be tuples there. A cell is window, minute and its counts."""

    number: int
    position: int
    at: int
    cells: list[tuple[str, int, int, int, int]]
    newest: list[Counted]
    delays: list[int]
    quarantined: int
    uncounted: int
    reasons: dict[Reason, int]
    held: dict[Reason, int]
    estimated: list[tuple[str, int, int]] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Wire).decode


def packed(commit: Commit) -> bytes:
    """`commit` for other processes."""
    return _encode(
        _Wire(
            commit.number,
            commit.position,
            commit.at,
            [(*cell, *counts_of(n)) for cell, n in commit.cells.items()],
            list(commit.newest),
            list(commit.delays),
            commit.quarantined,
            commit.uncounted,
            dict(commit.reasons),
            dict(commit.held),
            [(*cell, ratings) for cell, ratings in commit.estimated.items()],
        )
    )


def unpacked(body: bytes) -> Commit:
    """The commit that `packed` made `body` of; `msgspec.DecodeError` for anything else."""
    wire = _decode(body)
    return Commit(
        wire.number,
        wire.position,
        wire.at,
        {(window, minute): number_of((s, b, d)) for window, minute, s, b, d in wire.cells},
        wire.newest,
        wire.delays,
        wire.quarantined,
        wire.uncounted,
        wire.reasons,
        wire.held,
        estimated={(window, minute): ratings for window, minute, ratings in wire.estimated},
    )
