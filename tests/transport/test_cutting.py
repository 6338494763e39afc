"""Which ratings one batch holds, and what it says of them, against the plainest way to say it."""

from hypothesis import given
from hypothesis import strategies as st

from contract.batch import StreamKey
from contract.rating import Quality
from transport.cutting import Uncut, batch_of, run_of

NOON = 1_763_784_000_000
STREAM = StreamKey("371721121-a1", "0000000001")


def uncut(seq: int, q: Quality = Quality.SYNCHRONISED, boot: int = 1, at: int = NOON, early: int = 0) -> Uncut:
    return Uncut(seq, boot, f"0{seq % 3}", 1 + seq % 3, 1, at, q, at - early, at + early)


def heads(most: int = 12) -> st.SearchStrategy[list[Uncut]]:
    rows = st.builds(
        lambda step, *rest: (step, *rest),
        st.sampled_from([1, 1, 1, 2]),
        st.sampled_from(Quality),
        st.integers(1, 2),
        st.integers(0, 3 * 10**6),
        st.integers(0, 5000),
    )

    def numbered(drawn: list[tuple[int, Quality, int, int, int]]) -> list[Uncut]:
        seq, made = 0, []
        for step, q, boot, at, early in drawn:
            seq += step
            made.append(uncut(seq, q, boot, NOON + at, early))
        return made

    return st.lists(rows, max_size=most).map(numbered)


@given(heads())
def test_a_run_is_the_longest_beginning_that_one_batch_can_say(head: list[Uncut]) -> None:
    def sayable(rows: list[Uncut]) -> bool:
        numbers = [row.seq for row in rows]
        one_boot = len({row.boot for row in rows}) <= 1 or rows[0].q != Quality.ESTIMATED
        return (
            numbers == list(range(numbers[0], numbers[0] + len(rows)))
            and len({row.q for row in rows}) == 1
            and one_boot
        )

    run = run_of(head)
    assert run == head[: len(run)]
    assert not run or sayable(run)
    assert len(run) == len(head) or not sayable(head[: len(run) + 1])


@given(heads())
def test_a_batch_says_of_each_rating_what_it_was(head: list[Uncut]) -> None:
    run = run_of(head)
    if not run:
        return
    batch = batch_of(STREAM, run, ("before", 7))
    assert (batch.stream, batch.first, batch.last, batch.q) == (STREAM, run[0].seq, run[-1].seq, run[0].q)
    said = [(batch.t0 + row.ms, row.window, row.level, row.presses) for row in batch.rows]
    assert said == [(row.at, row.window, row.level, row.presses) for row in run]
    assert min(row.ms for row in batch.rows) == 0
    assert batch.prev == (("before", 7) if batch.first == 1 else None)
    if batch.q != Quality.ESTIMATED:
        assert batch.bounds is None
    else:
        assert batch.bounds is not None
        for row, said_of in zip(run, batch.rows, strict=True):
            assert batch.bounds[0] + said_of.ms <= row.earliest
            assert row.latest <= batch.bounds[1] + said_of.ms


def test_no_bound_lies_before_1970() -> None:
    assert batch_of(STREAM, [uncut(1, Quality.ESTIMATED, at=400, early=900)], None).bounds == (0, 1300)
