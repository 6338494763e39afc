"""Sharing duties: however workers come and go, all duties are soon held, each once, and fairly."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.sharing import step

DUTIES = frozenset({1, 371702, 371703, 371721, 371722, 371723, 371724, 371725, 371726, 371728, 371771, 371772})


def settle(holdings: dict[int, set[int]]) -> int:
    """Let every worker take steps in turn until nothing changes; how many rounds that took."""
    for round_ in range(1, 20):
        before = {worker: set(held) for worker, held in holdings.items()}
        for worker, held in holdings.items():
            others = {duty for other, theirs in holdings.items() if other != worker for duty in theirs}
            give, take = step(DUTIES, held, others, len(holdings))
            assert not set(take) & others
            held.difference_update(give)
            held.update(take)
        if holdings == before:
            return round_
    raise AssertionError(f"they never come to rest: {holdings}")


@given(st.lists(st.sampled_from(["comes", "dies"]), max_size=12))
def test_every_duty_is_held_once_and_fairly_after_whatever_happened(story: list[str]) -> None:
    holdings: dict[int, set[int]] = {0: set()}
    for number, chapter in enumerate(story, 1):
        if chapter == "comes":
            holdings[number] = set()
        elif len(holdings) > 1:
            del holdings[min(holdings)]
        # Within three rounds: give, take, and see that nothing is left to do.
        assert settle(holdings) <= 3
        held = sorted(duty for theirs in holdings.values() for duty in theirs)
        assert held == sorted(DUTIES)
        assert max(map(len, holdings.values())) <= -(-len(DUTIES) // len(holdings))


def test_a_duty_that_is_none_any_more_is_given_up() -> None:
    assert step({1, 2}, {1, 2, 9}, set(), 1) == ([9], [])


def test_who_has_its_share_takes_nothing_that_is_free() -> None:
    assert step({1, 2, 3, 4}, {1, 2}, {3}, 2) == ([], [])
