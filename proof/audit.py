"""Checking a ledger: that nothing was taken out, put in or changed, and that every tally follows from it.

It is read stream by stream, in the order of the ledger's own index, so that one stream is held in memory.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contract.batch import Batch, StreamKey
from contract.bundle import Signed
from contract.codec import decode_as
from contract.errors import Refused, StoreDamaged
from contract.hello import Hello
from contract.identity import counter_of, township_of
from contract.keys import Keys, signed
from contract.ranges import Ranges
from proof import quarantine, signatures
from proof.closed import Closing
from proof.completeness import gaps
from proof.decided import Decided
from proof.findings import Finding, Rule, spelled
from proof.kinds import BATCH, VISITS, kind_of
from proof.ledger import batch_at, declared, ratings
from proof.published import Reports
from proof.recount import Counter, Recount
from proof.seals import Sealed
from proof.signatures import Asked, Signatures
from proof.uncounted import Uncounted

_HEAD = "SELECT coalesce((SELECT position FROM ledger_head), 0), coalesce(max(position), 0) FROM ledger_entry"
_JUMPS = """
SELECT before, position FROM (SELECT position, lag(position, 1, 0) OVER (ORDER BY position) AS before FROM ledger_entry)
WHERE position <> before + 1
"""
_HOW_MANY = "SELECT count(*) FROM ledger_entry WHERE kind IN ('batch', 'visits')"
# Of one kind after the other: each has an index that stands in this order.
_BATCHES = """
SELECT node, epoch, first, last, position, received_at, raw FROM ledger_entry WHERE kind = '{kind}'
ORDER BY node, epoch, first, last
"""
_HELLOS = "SELECT node, epoch, last, raw FROM hello"
_WINDOWS = "SELECT id, valid_from, valid_to FROM window"

Tell = Callable[[int, int], None]


class Account(NamedTuple):
    """What was looked at. `counted`: ratings that the tallies hold; `void`: numbers that nodes signed to have lost.

    `reports`: published ones. `judgements`: those that two auditors signed. `refused`: inputs in quarantine whose bytes
    are there, and in `conflicts` of them the node signed both. `seals` close the ledger up to position `sealed`, which
    is the end of `sealed_day`.
    """

    position: int
    batches: int
    ratings: int
    counted: int
    streams: int
    void: int
    reports: int
    judgements: int
    refused: int
    conflicts: int
    seals: int
    sealed: int
    sealed_day: str


class Auditor:
    """`run` once; `find` is told of each finding, `tell` of how many entries of how many were read."""

    def __init__(
        self,
        ledger: sqlite3.Connection,
        keys: Keys,
        zone: ZoneInfo,
        *,
        city: bytes | None = None,
        seals: Sequence[Sealed] = (),
        find: Callable[[Finding], None],
        tell: Tell,
    ) -> None:
        """Check the snapshot `ledger`, whose nodes have `keys` and whose days are those of `zone`.

        `city` is the key (32 raw bytes) that seals are signed by, `seals` are those that were kept elsewhere.
        """
        self._ledger = ledger
        self._keys = keys
        self._recount = Recount(ledger, zone)
        self._closing = Closing(ledger, seals, city, find=find)
        self._find = find
        self._tell = tell
        self._windows: dict[str, list[tuple[int, int | None]]] = {}
        self._given: dict[StreamKey, Ranges] = {}
        self._said: dict[StreamKey, int] = {}
        self._ratings = self._counted = self._batches = 0

    def run(self) -> Account:
        """Check everything."""
        for window, begin, end in self._ledger.execute(_WINDOWS):
            self._windows.setdefault(window, []).append((begin, end))
        self._uncounted = Uncounted(self._ledger, self._windows, find=self._find)
        position = self._positions()
        closed = self._closing.check()
        self._decided = Decided(self._ledger, self._keys, find=self._find)
        self._reports = Reports(self._ledger, self._closing.key, self._decided.upheld, find=self._find)
        self._uncounted.check_rulings()
        self._streams()
        looked = quarantine.check(self._ledger, self._keys, self._given, find=self._find)
        self._reports.check()
        self._decided.check(self._given)
        void = self._complete(declared(self._hellos()))
        for where, said in self._recount.differences():
            self._find(Finding(Rule.TALLY, where, said))
        return Account(
            *(position, self._batches, self._ratings, self._counted, len(self._given), void),
            *(len(self._reports), len(self._decided)),
            *looked,
            *(closed.seals, closed.upto),
            closed.day,
        )

    def _positions(self) -> int:
        head, last = self._ledger.execute(_HEAD).fetchone()
        for before, position in self._ledger.execute(_JUMPS):
            missing = f"{before + 1}" if position == before + 2 else f"{before + 1} to {position - 1}"
            self._find(Finding(Rule.GAP, f"position {missing}", "there is no such entry: it was taken out"))
        if head != last:
            said = f"the ledger's head says {head}: " + ("its end was cut off" if head > last else "it was put there")
            self._find(Finding(Rule.GAP, f"position {last}", f"this is the last entry, and {said}"))
        return int(last)

    def _streams(self) -> None:
        (total,) = self._ledger.execute(_HOW_MANY).fetchone()
        with Signatures(many=total >= signatures.MANY, wrong=self._unsigned) as self._signatures:
            for kind in (BATCH, VISITS):
                entries = self._ledger.execute(_BATCHES.format(kind=kind))
                for _, rows in groupby(entries, itemgetter(0, 1)):
                    read = sorted(self._read(kind, rows), key=itemgetter(0))
                    if kind == BATCH:
                        self._count(read)
                    else:
                        for position, _, batch in read:
                            self._reports.visits(position, batch)
                    self._tell(self._batches, total)

    def _read(
        self, kind: str, rows: Iterator[tuple[str, str, int, int, int, object, object]]
    ) -> Iterator[tuple[int, int, Batch]]:
        """The entries of `kind` that are batches, by position and when they arrived."""
        for node, epoch, first, last, position, received_at, raw in rows:
            self._batches += 1
            where = f"position {position}"
            try:
                batch = batch_at(position, raw)
            except StoreDamaged as bad:
                self._find(Finding(Rule.UNREADABLE, where, str(bad)))
                continue
            named = (batch.node, batch.epoch, batch.first, batch.last)
            if named != (node, epoch, first, last) or not isinstance(received_at, int):
                said = f"it stands as numbers {first} to {last} of {node}/{epoch}, of {received_at!r}, and says {named}"
                self._find(Finding(Rule.ALTERED, where, said))
            if kind_of(batch.node) != kind:
                said = f"it stands as {kind!r}, and what {batch.node} signs is {kind_of(batch.node)!r}"
                self._find(Finding(Rule.ALTERED, where, said))
            assert isinstance(raw, bytes)  # noqa: S101  (what `batch_at` took)
            self._signatures.ask(Asked(where, batch.node, raw, self._keys.get(batch.node, ()), batch.t0))
            self._given[batch.stream] = self._given.get(batch.stream, Ranges()).add(batch.first, batch.last)
            if batch.prev is not None:
                self._say(StreamKey(batch.node, batch.prev[0]), batch.prev[1])
            yield position, received_at if isinstance(received_at, int) else 0, batch

    def _say(self, stream: StreamKey, last: int) -> None:
        self._said[stream] = max(last, self._said.get(stream, 0))

    def _unsigned(self, one: Asked) -> None:
        said = f"no key of {one.node} signed this" if one.keys else f"nobody knows a key of {one.node}"
        self._find(Finding(Rule.SIGNATURE, one.where, said))

    def _count(self, read: list[tuple[int, int, Batch]]) -> None:
        """Put one stream's counts where they are compared, and look at each of its rows that is held."""
        uncounted = set[tuple[int, int]]()
        admitted: dict[tuple[int, int], int] = {}
        for position, _, batch in read:
            for row, held in self._uncounted.of(position).items():
                if held.admitted is None:
                    uncounted.add((position, row))
                else:
                    admitted[position, batch.first + row] = held.admitted
        counter = Counter(self._decided.upheld)
        seen: dict[int, tuple[str, int]] = {}
        for rating in ratings(((position, batch) for position, _, batch in read), uncounted):
            seen[rating.seq] = (rating.window, rating.level)
            self._ratings += 1
            self._counted += rating.counted
            counter.add(rating)
            self._decided.add(rating)
            if rating.counted:
                self._reports.add(rating, admitted.get((rating.position, rating.seq), rating.position))
            if rating.counted and counter_of(rating.window) not in self._windows:
                said = f"number {rating.seq} counts at {rating.window}, which was never registered"
                self._find(Finding(Rule.WINDOW, f"position {rating.position}", said))
        self._recount.add(counter)
        for position, received_at, batch in read:
            if self._uncounted.of(position):
                self._uncounted.check(position, max(received_at, self._closing.since(position)), batch, seen)

    def _hellos(self) -> Iterator[Hello]:
        """Those that their node signed; how far each stream goes is noted."""
        for node, epoch, last, raw in self._ledger.execute(_HELLOS):
            where = f"hello of {node}/{epoch}"
            try:
                entry = Signed.of(raw)
                hello = decode_as(entry.body, Hello)
            except (Refused, TypeError) as bad:
                self._find(Finding(Rule.UNREADABLE, where, str(bad)))
                continue
            if (hello.node, hello.epoch, hello.last) != (node, epoch, last):
                said = f"it is kept as going to {last}, and says {hello.node}/{hello.epoch} and {hello.last}"
                self._find(Finding(Rule.ALTERED, where, said))
            # A key that was replaced since signed hellos too: they say how far its stream goes, and nothing else.
            # A gateway's certificate is in its township's name, and it says hello in its own.
            keys = self._keys.get(hello.node) or self._keys.get(township_of(hello.node), ())
            if not signed(entry, keys, 0):
                self._unsigned(Asked(where, node, raw, keys, 0))
                continue
            self._say(StreamKey(hello.node, hello.epoch), hello.last)
            yield hello

    def _complete(self, void: Mapping[StreamKey, Ranges]) -> int:
        """Name what is missing and not `void`; how many numbers are lost that were declared so."""
        for gap in gaps(self._given, self._said, void):
            where = f"{gap.stream.node}/{gap.stream.epoch} number {spelled(gap.missing)}"
            said = f"not in the ledger; the node signed that its numbers go from 1 to {gap.upto}"
            self._find(Finding(Rule.INCOMPLETE, where, said))
        return sum(len(numbers - self._given.get(stream, Ranges())) for stream, numbers in void.items())
