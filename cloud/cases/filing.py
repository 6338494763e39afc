"""Which case each of some dissatisfied ratings goes into: one that is there, or one that it opens. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from cloud.cases.case import Case, Rating, Step
from cloud.cases.deadlines import Terms
from cloud.cases.policy import Policy
from cloud.cases.rules import home, opened
from cloud.cases.sifting import Dissatisfied
from cloud.cases.veil import seen_from
from contract.identity import township_of


class Filed(NamedTuple):
    """New cases with the step that opens each, older ones that were joined, and each rating with its case's number."""

    opened: list[tuple[Case, Step]]
    joined: list[Case]
    ratings: list[tuple[Rating, int]]


def filed(
    fresh: Iterable[Dissatisfied],
    cases: Iterable[Case],
    received: Mapping[int, int],
    *,
    last: int,
    now: int,
    policy: Policy,
    terms: Callable[[str], Terms],
) -> Filed:
    """File the ratings `fresh` in their order at city time `now` (ms).

    `cases` are those that they may join; `last` is the highest number of any case; `received` says when (ms)
    the entry at a position came, `terms(township)` what the deadlines follow from.
    """
    known: dict[str, dict[int, Case]] = {}
    for case in cases:
        known.setdefault(case.window, {})[case.number] = case
    steps: dict[int, Step] = {}
    joined: dict[int, Case] = {}
    ratings: list[tuple[Rating, int]] = []
    for one in fresh:
        of_window = known.setdefault(one.window, {})
        found = home(of_window.values(), one.at, policy.join_minutes)
        if found is None:
            number = last + len(steps) + 1
            case, steps[number] = opened(number, one.window, one.at, now, terms(township_of(one.window)))
        else:
            case = found._replace(newest_at=max(found.newest_at, one.at))
            if case.number not in steps:
                joined[case.number] = case
        of_window[case.number] = case
        received_at = received[one.position]
        seen = seen_from(received_at, one.later, now, policy.veil)
        ratings.append((Rating(*one[:-1], received_at, seen, one.later), case.number))
    everyone = {case.number: case for some in known.values() for case in some.values()}
    return Filed([(everyone[number], step) for number, step in steps.items()], list(joined.values()), ratings)
