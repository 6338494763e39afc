"""What batches do to the ledger, against a naive model: the first to give a number wins, whatever the interleaving."""

from collections.abc import Sequence
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from cloud.ledger.cells import counts_of, rated
from cloud.ledger.commit import NEWEST
from cloud.ledger.rules import LATE_MS, MINUTE_MS, Fold, Numbers, Verified
from contract.batch import Batch, StreamKey
from contract.errors import Reason
from contract.ranges import Ranges
from contract.rating import Quality, Row

NOW = 1_795_370_400_000
FUTURE_MS = 60_000
NODE = "371721121-a1"
EPOCHS = ("AAAAAAAAAA", "BBBBBBBBBB")
KNOWN_WINDOWS = {"01", "02"}
_marks = count()


def has_window(window: str, _at: int) -> bool:
    return window.partition("/")[2] in KNOWN_WINDOWS


def verified(batch: Batch, mark: bytes | None = None, lane: str = "live") -> Verified:
    numbers = Numbers(StreamKey(batch.node, batch.epoch), batch.first, batch.last)
    own = mark or next(_marks).to_bytes(16, "big")
    return Verified(batch, numbers, b"raw " + own, own, "371721121", "live" if lane == "live" else "backlog")


def batch_of(first: int, *rows: tuple[int, str, int], epoch: str = EPOCHS[0], t0: int = NOW - 600_000) -> Batch:
    return Batch(1, NODE, epoch, first, t0, Quality.SYNCHRONISED, [Row(ms, w, level, 1) for ms, w, level in rows])


class City:
    """Commits folds one after the other, as the committer does, and remembers as the ledger does."""

    def __init__(self) -> None:
        self.entries: list[Batch] = []
        self.held: list[tuple[int, int, Reason]] = []
        self.cells: dict[tuple[str, int], list[int]] = {}
        self.agreed: list[bool] = []
        self.conflicts: list[tuple[Batch, bool]] = []

    def commit(self, group: Sequence[Verified]) -> Fold:
        known: dict[StreamKey, Ranges] = {v.numbers.stream: Ranges() for v in group}
        stored: dict[StreamKey, list[Batch]] = {}
        for entry in self.entries:
            stream = StreamKey(entry.node, entry.epoch)
            if stream in known:
                known[stream] = known[stream].add(entry.first, entry.last)
                stored.setdefault(stream, []).append(entry)
        fold = Fold(known, stored, has_window, now=NOW, future_ms=FUTURE_MS)
        self.agreed.extend(fold.take(one) for one in group)
        self.held.extend((len(self.entries) + held.entry, held.row, held.reason) for held in fold.held)
        self.entries.extend(entry.batch for entry in fold.entries)
        self.conflicts.extend((conflict.verified.batch, conflict.entered) for conflict in fold.conflicts)
        for key, added in fold.cells.items():
            cell = self.cells.setdefault(key, [0, 0, 0])
            self.cells[key] = [a + b for a, b in zip(cell, counts_of(added), strict=True)]
        return fold


class Model:
    """The rule as one would say it: go through all numbers in order; who comes first has it."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self.given: dict[tuple[str, int], tuple[str, int, int]] = {}
        self.agreed: list[bool] = []
        entered: list[Batch] = []
        for batch in batches:
            numbers = [(batch.epoch, batch.first + index) for index in range(len(batch.rows))]
            new = [key not in self.given for key in numbers]
            same = [
                is_new or self.given[key][:2] == (row.window, row.level)
                for key, is_new, row in zip(numbers, new, batch.rows, strict=True)
            ]
            self.agreed.append(any(new) or all(same) or batch in entered)
            if any(new):
                entered.append(batch)
            for key, is_new, row in zip(numbers, new, batch.rows, strict=True):
                if is_new:
                    self.given[key] = (row.window, row.level, batch.t0 + row.ms)

    def cells(self) -> dict[tuple[str, int], list[int]]:
        cells: dict[tuple[str, int], list[int]] = {}
        for window, level, at in self.given.values():
            if window in KNOWN_WINDOWS and at <= NOW + FUTURE_MS:
                cells.setdefault((f"{NODE}/{window}", at // MINUTE_MS), [0, 0, 0])[3 - level] += 1
        return cells


rows = st.tuples(st.integers(0, 800_000), st.sampled_from(["01", "02", "99"]), st.integers(1, 3))
batches = st.builds(
    lambda first, content, epoch: batch_of(first, *content, epoch=epoch),
    st.integers(1, 12),
    st.lists(rows, min_size=1, max_size=5),
    st.sampled_from(EPOCHS),
)
# Groups as commits would see them, with byte-identical resends among them.
groups = st.lists(st.lists(batches, min_size=1, max_size=5), min_size=1, max_size=5)


@given(groups, st.data())
def test_any_interleaving_counts_what_the_naive_model_counts(drawn: list[list[Batch]], data: st.DataObject) -> None:
    sent: dict[int, Verified] = {}
    city = City()
    flat: list[Batch] = []
    for group in drawn:
        mixed = [sent.setdefault(id(batch), verified(batch)) for batch in group]
        mixed += data.draw(st.lists(st.sampled_from(list(sent.values())), max_size=3))
        city.commit(mixed)
        flat.extend(one.batch for one in mixed)
    model = Model(flat)

    assert city.cells == model.cells()
    assert city.agreed == model.agreed
    numbers = [(entry.epoch, entry.first + i) for entry in city.entries for i in range(len(entry.rows))]
    assert set(numbers) == set(model.given)


@given(groups)
def test_every_row_of_the_ledger_is_counted_held_or_given_before(drawn: list[list[Batch]]) -> None:
    city = City()
    for group in drawn:
        city.commit([verified(batch) for batch in group])
    held = {(entry, row) for entry, row, _ in city.held}
    counted = 0
    given: set[tuple[str, int]] = set()
    for position, entry in enumerate(city.entries):
        for index in range(len(entry.rows)):
            key = (entry.epoch, entry.first + index)
            counted += key not in given and (position, index) not in held
            given.add(key)

    assert counted == sum(map(sum, city.cells.values()))
    assert len(held) == len(city.held)


def test_a_resend_is_agreed_and_changes_nothing() -> None:
    city = City()
    one = verified(batch_of(1, (0, "01", 3), (10, "02", 1)))

    city.commit([one, one])
    city.commit([one])

    assert city.agreed == [True, True, True]
    assert len(city.entries) == 1
    assert sum(map(sum, city.cells.values())) == 2


def test_another_level_or_window_under_a_known_number_is_a_conflict_and_another_moment_is_not() -> None:
    city = City()
    city.commit([verified(batch_of(1, (0, "01", 3)))])

    city.commit([verified(batch_of(1, (0, "01", 2)))])
    city.commit([verified(batch_of(1, (0, "02", 3)))])
    city.commit([verified(batch_of(1, (9, "01", 3)))])

    assert city.agreed == [True, False, False, True]
    assert [entered for _, entered in city.conflicts] == [False, False]
    assert len(city.entries) == 1


def test_a_partly_new_batch_enters_with_its_conflicting_rows_held() -> None:
    city = City()
    city.commit([verified(batch_of(1, (0, "01", 3), (1, "01", 3)))])

    city.commit([verified(batch_of(2, (1, "01", 1), (2, "02", 2)))])

    city.commit([verified(batch_of(2, (1, "01", 1), (2, "02", 2)))])

    assert city.agreed == [True, True, True]
    assert len(city.conflicts) == 1
    assert city.held == [(1, 0, Reason.CONFLICT)]
    assert [sum(c) for c in zip(*city.cells.values(), strict=True)] == [2, 1, 0]


def test_what_is_not_known_or_not_yet_stands_in_the_ledger_and_is_held() -> None:
    city = City()
    fold = city.commit([verified(batch_of(1, (0, "77", 3), (FUTURE_MS, "01", 3), (FUTURE_MS + 1, "01", 3), t0=NOW))])

    assert [(row, reason) for _, row, reason in city.held] == [(0, Reason.UNKNOWN_WINDOW), (2, Reason.FUTURE)]
    assert rated(fold.cells) == 1


def test_a_rating_counts_in_the_minute_it_was_pressed_however_late_it_arrives() -> None:
    pressed = NOW - 40 * 86_400_000
    fold = City().commit([verified(batch_of(1, (0, "01", 3), t0=pressed))])

    assert {key: counts_of(n) for key, n in fold.cells.items()} == {(f"{NODE}/01", pressed // MINUTE_MS): (1, 0, 0)}
    assert [one.late for one in fold.newest()] == [True]


def test_the_feed_has_the_newest_first_and_only_live_ratings_measure_the_path() -> None:
    many = [verified(batch_of(n, (n * 10, "01", 3), t0=NOW - LATE_MS)) for n in range(1, 201)]
    fold = City().commit([*many, verified(batch_of(999, (1, "02", 1), t0=NOW), lane="backlog")])

    assert [one.at for one in fold.newest()] == [NOW + 1, *(NOW - LATE_MS + n * 10 for n in range(200, 200 - 7, -1))]
    assert len(fold.newest()) == NEWEST
    assert len(fold.live) == 200
    assert not any(one.late for one in fold.newest())
