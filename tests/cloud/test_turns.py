"""Whose turn it is to be committed: live by itself and soon, the backlog in commits of a bounded time."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.reading import Reading
from cloud.ingest.turns import BACKLOG_S, FIRST_ROWS, GROUP_BYTES, GROUP_ROWS, LEAST_ROWS, Turns
from cloud.ledger.rules import Lane


def read(rows: int, *, kept: int = 0) -> Reading:
    return Reading(rows=rows, kept_bytes=kept)


def test_nothing_waits_at_first() -> None:
    assert not Turns()


def test_live_is_committed_before_a_backlog_that_came_first_and_alone() -> None:
    turns = Turns()
    for _ in range(3):
        turns.put("backlog", read(300))
    turns.put("live", read(1))
    turns.put("live", read(2))

    lane, group = turns.take()
    assert (lane, group.rows) == ("live", 3)
    lane, group = turns.take()
    assert (lane, group.rows) == ("backlog", 900)
    assert not turns


def test_neither_lane_starves_the_other() -> None:
    turns = Turns()
    for _ in range(4):
        turns.put("live", read(GROUP_ROWS))
        turns.put("backlog", read(GROUP_ROWS))

    assert [turns.take()[0] for _ in range(8)] == ["live", "backlog"] * 4


def test_what_came_live_during_a_commit_of_backlog_is_next() -> None:
    turns = Turns()
    turns.put("backlog", read(GROUP_ROWS))
    turns.put("backlog", read(GROUP_ROWS))
    assert turns.take()[0] == "backlog"
    turns.put("live", read(1))
    assert turns.take()[0] == "live"


def test_a_commit_of_backlog_is_as_large_as_fits_its_time() -> None:
    turns = Turns()
    turns.took("backlog", 10_000, 10 * BACKLOG_S)
    for _ in range(4):
        turns.put("backlog", read(500))
    assert turns.take()[1].rows == 1000

    turns.took("backlog", 1000, BACKLOG_S / 100)
    assert turns.take()[1].rows == 1000  # 2,000 would fit, there is no more
    for _ in range(9):
        turns.put("backlog", read(500))
    assert turns.take()[1].rows == 2000  # at most doubled by one commit


def test_the_time_of_live_commits_and_of_empty_ones_says_nothing_of_the_backlog() -> None:
    turns = Turns()
    turns.took("live", 1, 60.0)
    turns.put("backlog", read(FIRST_ROWS - 1))
    turns.put("backlog", read(1))
    turns.put("backlog", read(1))
    assert turns.take()[1].rows == FIRST_ROWS


def test_a_group_is_bounded_by_its_bytes_too() -> None:
    turns = Turns()
    turns.put("live", read(1, kept=GROUP_BYTES))
    turns.put("live", read(1))
    assert turns.take()[1].rows == 1


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["live", "backlog"]), st.integers(1, 4000)) | st.floats(0, 30), max_size=60
    )
)
def test_everything_is_taken_once_in_the_order_of_its_lane(steps: list[tuple[Lane, int] | float]) -> None:
    turns = Turns()
    put: dict[Lane, list[int]] = {"live": [], "backlog": []}
    taken: dict[Lane, int] = {"live": 0, "backlog": 0}
    overtaken = 0

    def take(seconds: float) -> None:
        nonlocal overtaken
        waited = taken["live"] < sum(put["live"])
        lane, group = turns.take()
        taken[lane] += group.rows
        if lane == "backlog":
            assert group.rows <= GROUP_ROWS
        overtaken = overtaken + 1 if waited and lane == "backlog" else 0
        assert overtaken <= 1
        turns.took(lane, group.rows, seconds)

    for step in steps:
        if isinstance(step, float):
            if turns:
                take(step)
        else:
            put[step[0]].append(step[1])
            turns.put(step[0], read(step[1]))
    while turns:
        take(0.0)
    assert taken == {lane: sum(rows) for lane, rows in put.items()}


def test_on_the_slowest_machine_a_commit_still_has_some_rows() -> None:
    turns = Turns()
    turns.took("backlog", 10_000, 3600.0)
    for _ in range(LEAST_ROWS + 1):
        turns.put("backlog", read(1))
    assert turns.take()[1].rows == LEAST_ROWS
