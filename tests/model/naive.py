"""What must hold, said as simply as it can be: presses are a dictionary, disks are sets of them.

Each press has a mark of its own, which travels as its count of presses. So a rating is known wherever it turns up, and
nothing here leans on the product's numbering.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from contract.ack import Ack, Receipt
from contract.batch import Batch, StreamKey
from contract.bundle import Signed, unpack
from contract.codec import decode, decode_batch, is_batch
from contract.hello import Welcome
from contract.ranges import Ranges
from contract.rating import Quality
from tests.model.rows import Row

KEEP_MS = 30 * 24 * 3600 * 1000
# A rating is frozen while its error is below this; a corrected one lies on the line between two anchors.
FROZEN_MS = 10_000
DRIFT = 100e-6


class LawBroken(AssertionError):  # noqa: N818  (it is named as the verdict reads)
    """What the naive model says."""


class Press(NamedTuple):
    """What a finger did: at `at`, the true time in ms."""

    node: str
    window: str
    level: int
    at: int


class Given(NamedTuple):
    """A rating in the ledger: whose number, which press, and when it is said to have been."""

    stream: StreamKey
    seq: int
    mark: int
    window: str
    level: int
    at: int
    counts_in: int


@lru_cache(maxsize=20_000)
def batch_of(raw: bytes) -> Batch:
    return decode_batch(Signed.of(raw).body)


def marks(rows: Iterable[Row]) -> set[int]:
    """The presses that some rows of a disk hold."""
    found: set[int] = set()
    for row in rows:
        found.update([int(row.raw)] if isinstance(row.raw, str) else [r.presses for r in batch_of(row.raw).rows])
    return found


class Naive:
    """`destroyed`: presses whose every copy was taken away by a disk that died or was replaced."""

    def __init__(self) -> None:
        self.pressed: dict[int, Press] = {}
        self.lit: set[int] = set()
        self.committed: set[int] = set()
        self.destroyed: set[int] = set()
        # By kind of house: presses whose copy there went before its thirty days, with its disk or for want of
        # room. Whoever lost both has nothing to bring back to a restored city.
        self.weak: dict[str, set[int]] = {"node": set(), "gateway": set()}
        self._numbers: dict[tuple[StreamKey, int], int] = {}
        self._number_of: dict[int, tuple[StreamKey, int]] = {}
        self._sent: dict[tuple[int, StreamKey, int], bytes] = {}
        self._raws: set[bytes] = set()
        self._receipts: dict[StreamKey, list[tuple[int, Ranges]]] = {}

    # What is on disks

    def on_node(self, node: str, rows: Iterable[Row]) -> None:
        """A node's disk holds `rows`: each number is one press's, and each press's one number."""
        for row in rows:
            stream = StreamKey(row.node, row.epoch)
            if isinstance(row.raw, str):
                self._given(node, stream, row.first, int(row.raw))
                continue
            batch = batch_of(row.raw)
            for place, rating in enumerate(batch.rows):
                self._given(node, stream, batch.first + place, rating.presses)
                press = self.pressed[rating.presses]
                if (press.window, press.level) != (rating.window, rating.level):
                    raise LawBroken(f"press {rating.presses} was {press}, and {rating} is on disk")

    def _given(self, node: str, stream: StreamKey, seq: int, mark: int) -> None:
        if self.pressed[mark].node != node:
            raise LawBroken(f"press {mark} was at {self.pressed[mark].node} and is on the disk of {node}")
        if self._numbers.setdefault((stream, seq), mark) != mark:
            raise LawBroken(f"law 3: number {seq} of {stream} was given to {self._numbers[stream, seq]} and {mark}")
        if self._number_of.setdefault(mark, (stream, seq)) != (stream, seq):
            raise LawBroken(f"press {mark} has two numbers: {self._number_of[mark]} and {(stream, seq)}")
        self.committed.add(mark)

    def on_gateway(self, rows: list[Row]) -> None:
        if len({row.raw for row in rows}) != len(rows):
            raise LawBroken("a batch is recorded twice")

    def ledger(self, rows: Iterable[Row]) -> list[Given]:
        """What the ledger counts: of each number the first entry that gives it."""
        first: dict[tuple[StreamKey, int], Given] = {}
        for row in rows:
            batch = batch_of(row.raw)
            for place, rating in enumerate(batch.rows):
                at = batch.t0 + rating.ms
                given = Given(
                    *(batch.stream, batch.first + place, rating.presses, rating.window, rating.level, at, at // 60_000)
                )
                first.setdefault((batch.stream, given.seq), given)
                self._dated(batch, at, rating.presses)
        counted = [given.mark for given in first.values()]
        if len(set(counted)) != len(counted):
            raise LawBroken("a press counts twice")
        for given in first.values():
            press = self.pressed[given.mark]
            if (given.stream.node[10:], given.window, given.level) != (press.node, press.window, press.level):
                raise LawBroken(f"{given} counts, and the press was {press}")
            if self._numbers.get((given.stream, given.seq)) != given.mark:
                raise LawBroken(f"{given} counts under a number that no node gave it")
        return list(first.values())

    def _dated(self, batch: Batch, at: int, mark: int) -> None:
        """Law 6: within the error that is stated for each kind of time."""
        true = self.pressed[mark].at
        if batch.q == Quality.ESTIMATED:
            assert batch.bounds is not None
            early, late = batch.bounds[0] - batch.t0, batch.bounds[1] - batch.t0
            good = at + early - 2 <= true <= at + late + 2
        else:
            limit = FROZEN_MS if batch.q == Quality.SYNCHRONISED else FROZEN_MS + self.longest_ms * DRIFT
            good = abs(at - true) <= limit
        if not good:
            raise LawBroken(f"law 6: press {mark} was at {true} and is dated {at} with quality {batch.q}")

    # How long the story is by now, ms.
    longest_ms = 0.0

    # What is said

    def sent(self, disk: int, payload: bytes) -> None:
        """Law 4: what a node sends is what it sent before, byte for byte; `disk` is another one after a restore."""
        for entry in unpack(payload):
            if is_batch(entry.body):
                batch = batch_of(entry.raw)
                self._raws.add(entry.raw)
                for number in range(batch.first, batch.last + 1):
                    if self._sent.setdefault((disk, batch.stream, number), entry.raw) != entry.raw:
                        raise LawBroken(f"law 4: number {number} of {batch.stream} went out in two batches")

    def passed_on(self, payload: bytes) -> None:
        """What a gateway hands on is what a node sent, byte for byte."""
        for entry in unpack(payload):
            if is_batch(entry.body) and entry.raw not in self._raws:
                raise LawBroken(f"law 4: nobody sent {entry.body!r}")

    def held(self, payload: bytes, here: Iterable[Row]) -> None:
        """Law 1: what a gateway calls held is on its disk."""
        self._said(payload, here, lambda ack: ack.held, "held")

    def settled(self, payload: bytes, here: Iterable[Row], now: int) -> None:
        """Law 1: what the city calls settled is in its ledger."""
        self._said(payload, here, lambda ack: ack.settled, "settled")
        for entry in unpack(payload):
            said = decode(entry.body)
            if isinstance(said, Receipt):
                self._receipts.setdefault(said.stream, []).append((now, Ranges(said.settled)))

    def _said(self, payload: bytes, here: Iterable[Row], ranges: object, word: str) -> None:
        there: dict[StreamKey, Ranges] | None = None
        for entry in unpack(payload):
            said = decode(entry.body)
            standing: list[Ack | Receipt] = []
            if isinstance(said, Ack) or (isinstance(said, Receipt) and word == "settled"):
                standing = [said]
            elif isinstance(said, Welcome):
                standing = list(said.streams)
            for one in standing:
                pairs = (
                    one.held if isinstance(one, Ack) and word == "held" else one.settled if word == "settled" else []
                )
                if there is None:
                    there = numbers_of(here)
                if not all(there.get(one.stream, Ranges()).covers(lo, hi) for lo, hi in pairs):
                    raise LawBroken(f"law 1: {one} calls {word} what is not on disk: {there.get(one.stream)}")

    # What is deleted

    def deleted(self, kind: str, row: Row, now: int, *, full: bool, elsewhere: set[int], refused: bool) -> None:
        """Only a receipt lets a batch be deleted, and that after 30 days or for want of room.

        For want of room a gateway also gives up what the city refused, even where its node has another disk by now.
        """
        mine = marks([row])
        gone = mine - elsewhere - self.destroyed
        for number in range(row.first, row.last + 1):
            given = [at for at, numbers in self._receipts.get(StreamKey(row.node, row.epoch), ()) if number in numbers]
            if not given:
                if not (full and refused):
                    raise LawBroken(f"{row.first}..{row.last} of {row.epoch} is deleted and no receipt covers {number}")
            elif not full and now - min(given) < KEEP_MS - FROZEN_MS:
                raise LawBroken(f"{row.first}..{row.last} is deleted {now - min(given)} ms after its receipt")
        if full:
            self.weak[kind] |= mine
            self.destroyed |= gone if refused else set()
        elif gone:
            raise LawBroken(f"{row.first}..{row.last} of {row.epoch} is deleted; presses {gone} are nowhere else")

    def replaced(self, kind: str, lost: set[int], everywhere: set[int]) -> None:
        """A disk is another one now and has `lost` presses; `everywhere`: those that some disk still holds."""
        if kind in self.weak:
            self.weak[kind] |= lost
        elif bad := lost - everywhere - self.destroyed - (self.weak["node"] & self.weak["gateway"]):
            raise LawBroken(f"the city was restored, and presses {sorted(bad)} are nowhere any more")
        self.destroyed |= lost - everywhere

    # At the end

    def all_there(self, given: list[Given]) -> None:
        there = {one.mark for one in given}
        if missing := self.lit - there - self.destroyed:
            raise LawBroken(f"lit and not in the ledger: {sorted(missing)}")
        if missing := self.committed - there - self.destroyed:
            raise LawBroken(f"committed and not in the ledger: {sorted(missing)}")


def numbers_of(rows: Iterable[Row]) -> dict[StreamKey, Ranges]:
    pairs: dict[StreamKey, list[tuple[int, int]]] = {}
    for row in rows:
        pairs.setdefault(StreamKey(row.node, row.epoch), []).append((row.first, row.last))
    return {stream: Ranges(found) for stream, found in pairs.items()}
