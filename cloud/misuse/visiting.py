"""A rule that looks at ratings beside visits: one transaction has at most one rating. Pure.

It looks at the windows at which visits are told, and at nothing else there: who was not announced may rate as well.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from cloud.misuse.diary import Finding, stretches
from cloud.misuse.policy import Surplus
from cloud.misuse.sight import Seen

# What became of a visit that nobody knows to have been shown (`contract.rating.Became`).
_UNSHOWN = 1


def surplus(
    ratings: Sequence[Seen], answers: Mapping[str, Seen], visits: Sequence[Seen], policy: Surplus, *, over: bool
) -> Iterator[Finding]:
    """Find in a window's day of `ratings` those that are more than the `visits` at its node; all in the order of time.

    `answers`: by token, the first rating that has it. While the day is not `over`, a visit may still be told.
    """
    if not (visits or answers):
        return
    told = {one.token for one in visits}
    shown = [one.at for one in visits if one.window == ratings[0].window and one.visit != _UNSHOWN]
    reasons = [_reason(one, answers, told, shown, policy, over=over) for one in ratings]
    for begin, end in stretches([bool(reason) for reason in reasons]):
        chosen, why = ratings[begin : end + 1], reasons[begin : end + 1]
        figures: Mapping[str, float | str] = {
            "repeated": why.count("repeated"),
            "of_no_visit": why.count("of_no_visit"),
            "not_asked": why.count("not_asked"),
            "within_s": policy.within_s,
        }
        yield Finding("surplus", chosen[0].window, chosen[0].at, chosen[-1].at, chosen, figures)


def _reason(
    one: Seen, answers: Mapping[str, Seen], told: set[str], shown: Sequence[int], policy: Surplus, *, over: bool
) -> str:
    """Why a rating is more than there was a visit for; "" where it is not."""
    if not one.token:
        last = bisect_right(shown, one.at) - 1
        return "not_asked" if last >= 0 and one.at - shown[last] < policy.within_s * 1000 else ""
    if answers[one.token] != one:
        return "repeated"
    return "of_no_visit" if over and one.token not in told else ""
