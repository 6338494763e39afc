"""Durations by upper bound."""

from transport.histogram import Histogram


def test_a_bound_counts_what_does_not_exceed_it() -> None:
    durations = Histogram((0.01, 0.1))
    for seconds in (0.0, 0.01, 0.05, 7.0):
        durations.add(seconds)
    assert list(durations.buckets()) == [("0.01", 2), ("0.1", 3), ("+Inf", 4)]
    assert round(durations.sum_s, 3) == 7.06


def test_like_durations_are_counted_together() -> None:
    durations = Histogram((0.01,))
    durations.add(0.5, times=3)
    assert list(durations.buckets()) == [("0.01", 0), ("+Inf", 3)]
    assert durations.sum_s == 1.5
