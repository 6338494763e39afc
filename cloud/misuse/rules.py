"""A node's day judged by all rules. Pure: the same ratings, hours and policy give the same flags in whatever order.

A flag annotates. It changes no rating, no tally and no score, and it is made again whenever what it follows from
changes: a rating that comes late, hours that are registered later, another version of the policy.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from cloud.misuse import presses
from cloud.misuse.diary import Diary, Finding
from cloud.misuse.policy import Policy
from cloud.misuse.sight import numbers
from cloud.misuse.unplugged import unplugged
from cloud.misuse.usual import bursts, silences, usual
from cloud.misuse.visiting import surplus

Rule = Literal["double", "children", "burst", "mash", "closed", "silence", "unplugged", "surplus"]


class Flag(NamedTuple):
    """`rule` of policy `version` applies to `window` (the node's own name; "": the node) from `begin` to `end` (ms).

    `ratings`: the numbers it applies to, as ranges (epoch, first, last); none for a silence. `figures`: why.
    """

    rule: str
    version: str
    node: str
    window: str
    day: str
    begin: int
    end: int
    ratings: Sequence[tuple[str, int, int]]
    figures: Mapping[str, float | str]

    @property
    def size(self) -> int:
        """To how many ratings it applies."""
        return sum(last - first + 1 for _, first, last in self.ratings)


def judge(node: str, day: str, diary: Diary, policy: Policy, *, over: bool) -> list[Flag]:
    """Return the flags of `node` on `day`; while it is not `over`, only those that nothing later that day can take."""
    found = [
        *_of_windows(day, diary, policy, over=over),
        *(_of_a_whole_day(node, day, diary, policy) if over else _so_far(day, diary, policy)),
    ]
    flags = [
        Flag(one.rule, policy.version, node, one.window, day, one.begin, one.end, numbers(one.ratings), one.figures)
        for one in found
    ]
    return sorted(flags, key=lambda flag: (flag.rule, flag.window, flag.begin))


def flagged(flags: Iterable[Flag]) -> list[tuple[str, int, int]]:
    """Return the numbers that any of `flags` is about, each once, as ranges (epoch, first, last)."""
    ranges: list[tuple[str, int, int]] = []
    for epoch, first, last in sorted({one for flag in flags for one in flag.ratings}):
        if ranges and ranges[-1][0] == epoch and first <= ranges[-1][2] + 1:
            ranges[-1] = epoch, ranges[-1][1], max(last, ranges[-1][2])
        else:
            ranges.append((epoch, first, last))
    return ranges


def _of_windows(day: str, diary: Diary, policy: Policy, *, over: bool) -> Iterator[Finding]:
    office = diary.office(day)
    around = [span for ahead in (-1, 0, 1) for span in diary.office(diary.calendar.later(day, ahead)).open]
    for ratings in diary.windows(day).values():
        yield from presses.doubles(ratings, policy.double)
        yield from presses.children(ratings, policy.children)
        yield from presses.metronomes(ratings, policy.mash)
        if office.known:
            yield from presses.closed(ratings, around, office.why, policy.closed)
        yield from surplus(ratings, diary.answers, diary.visits, policy.surplus, over=over)


def _so_far(day: str, diary: Diary, policy: Policy) -> Iterator[Finding]:
    for window in diary.windows(day):
        yield from bursts(diary.stay(window, day), None, policy.burst)


def _of_a_whole_day(node: str, day: str, diary: Diary, policy: Policy) -> Iterator[Finding]:
    office = diary.office(day)
    for window in sorted(diary.windows_around(day)):
        before = usual(diary, window, day)
        yield from bursts(diary.stay(window, day), before, policy.burst)
        if office.open and office.known and day not in diary.guessed:
            yield from silences(diary, window, day, before, policy.silence)
    if office.open and day not in diary.guessed:
        yield from unplugged(diary, node, day, policy.version, policy.unplugged)
