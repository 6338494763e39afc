from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.delays import Sighting, Spread, until_seen


@given(st.lists(st.integers(), min_size=1))
def test_a_spread_is_nearest_rank(delays: list[int]) -> None:
    spread = Spread.of(delays)
    assert spread.p50 is not None
    assert spread.p99 is not None
    assert spread.p50 in delays
    assert spread.p99 in delays
    assert sum(delay <= spread.p50 for delay in delays) >= len(delays) * 0.5
    assert sum(delay < spread.p50 for delay in delays) < len(delays) * 0.5
    assert sum(delay <= spread.p99 for delay in delays) >= len(delays) * 0.99
    assert sum(delay < spread.p99 for delay in delays) < len(delays) * 0.99


def test_a_spread_of_nothing_is_unknown() -> None:
    assert Spread.of([]) == (None, None)


def test_a_light_is_seen_when_the_total_includes_it() -> None:
    lights = [100, 110, 300, 400]
    sightings = [Sighting(50, 0), Sighting(130, 2), Sighting(310, 3)]
    assert until_seen(lights, sightings) == [30, 20, 10]  # the fourth never was


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30), st.integers(0, 50))
def test_a_wall_that_lags_evenly_shows_that_lag(lights: list[int], lag: int) -> None:
    sightings = [Sighting(at + lag, count) for count, at in enumerate(sorted(lights), 1)]
    assert until_seen(reversed(lights), sightings) == [lag] * len(lights)
    assert all(one.at <= other.at for one, other in pairwise(sightings))
