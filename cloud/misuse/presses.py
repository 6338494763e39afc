"""Rules that look at one day of one window: repeats, children, metronomes, ratings in a closed office. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from cloud.hours.rules import Span
from cloud.misuse.diary import Finding, Marks, stretches, within
from cloud.misuse.policy import Children, Closed, Double, Mash
from cloud.misuse.sight import Seen


def doubles(ratings: Sequence[Seen], policy: Double) -> Iterator[Finding]:
    """Find ratings that repeat the one before: all but the first of each quick succession."""
    quick = [False, *(after.at - before.at < policy.within_s * 1000 for before, after in _pairs(ratings))]
    for first, last in stretches(quick):
        chain = ratings[first - 1 : last + 1]
        shortest = min(after.at - before.at for before, after in _pairs(chain))
        yield _found("double", chain, chain[1:], {"shortest_s": shortest / 1000, "within_s": policy.within_s})


def children(ratings: Sequence[Seen], policy: Children) -> Iterator[Finding]:
    """Find many presses in a short time, or on one choice."""
    crowded = Marks(len(ratings))
    begin = total = 0
    for end, one in enumerate(ratings):
        total += one.presses
        while one.at - ratings[begin].at >= policy.span_s * 1000:
            total -= ratings[begin].presses
            begin += 1
        if total >= policy.presses:
            crowded.span(begin, end)
    marked = [mark or one.presses >= policy.at_once for mark, one in zip(crowded.marked, ratings, strict=True)]
    for first, last in stretches(marked):
        chosen = ratings[first : last + 1]
        presses = sum(one.presses for one in chosen)
        most = max(one.presses for one in chosen)
        yield _found("children", chosen, chosen, {"presses": presses, "most_at_once": most, "span_s": policy.span_s})


def metronomes(ratings: Sequence[Seen], policy: Mash) -> Iterator[Finding]:
    """Find runs of ratings with gaps so even that no people come like that."""
    gaps = [after.at - before.at for before, after in _pairs(ratings)]
    even = Marks(len(ratings))
    for begin in range(len(gaps) - policy.run + 1):
        run = gaps[begin : begin + policy.run]
        if max(run) <= policy.longest_s * 1000 and _spread(run) < policy.spread:
            even.span(begin, begin + policy.run)
    for first, last in stretches(even.marked):
        run = gaps[first:last]
        figures = {"gap_s": round(sum(run) / len(run) / 1000, 3), "spread": round(_spread(run), 3)}
        yield _found("mash", ratings[first : last + 1], ratings[first : last + 1], figures)


def closed(ratings: Sequence[Seen], spans: Sequence[Span], why: str, policy: Closed) -> Iterator[Finding]:
    """Find ratings outside of `spans`, in which the office was open around them; `why` it was closed, if so."""
    marked = [not within(spans, one.at, policy.grace_s * 1000) for one in ratings]
    for first, last in stretches(marked):
        chosen = ratings[first : last + 1]
        yield _found("closed", chosen, chosen, {"grace_s": policy.grace_s, "why": why})


def _pairs(ratings: Sequence[Seen]) -> Iterator[tuple[Seen, Seen]]:
    return pairwise(ratings)


def _spread(gaps: Sequence[int]) -> float:
    """Return the standard deviation of `gaps` as a share of their mean; 0 where all are 0."""
    total = sum(gaps)
    return float((len(gaps) * sum(gap * gap for gap in gaps) - total * total) ** 0.5 / total) if total else 0.0


def _found(
    rule: str, all_of_it: Sequence[Seen], ratings: Sequence[Seen], figures: Mapping[str, float | str]
) -> Finding:
    return Finding(rule, ratings[0].window, all_of_it[0].at, all_of_it[-1].at, ratings, figures)
