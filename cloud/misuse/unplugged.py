"""A node that loses its power at the same time of day, day after day: a permutation test. Pure.

A node numbers its ratings anew each time its program starts, so the ledger shows between which two ratings of a day it
was restarted: somewhere in between it was dark. Dark times that come by chance, from a storm or a broken plug, fall
anywhere in the open day. So the open slots of each day are rotated by a random amount, again and again, and the test
asks how often chance alone puts as many days' dark times on one moment of the day. Its random numbers come from node,
day and version, so anybody can draw the same.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import NamedTuple

from cloud.hours.rules import Span
from cloud.misuse.diary import Diary, Finding
from cloud.misuse.policy import Unplugged
from cloud.misuse.sight import Seen


class Dark(NamedTuple):
    """One open day: its open `slots` (numbers from midnight), which of them (places in `slots`) were dark, and when."""

    slots: Sequence[int]
    places: Sequence[int]
    spans: Sequence[Span]


def unplugged(diary: Diary, node: str, day: str, version: str, policy: Unplugged) -> Iterator[Finding]:
    """Find on `day` a dark time at the same moment as on many of the open days before it."""
    today = dark(diary, day, policy)
    if not today.places:
        return
    earlier = (before for before in diary.earlier(day) if diary.office(before).open)
    days = [today, *(dark(diary, before, policy) for before, _ in zip(earlier, range(policy.days - 1), strict=False))]
    counts = _counts(days, [0] * len(days))
    most = max(counts.values())
    common = [slot for slot in (today.slots[place] for place in today.places) if counts[slot] == most]
    if most < policy.dark_days or not common:
        return
    probability = chance(days, most, f"{version}/{node}/{day}", policy)
    if probability is None:
        return
    begin, end = _around(common[0] * policy.slot_s * 1000 + diary.calendar.start(day), today.spans)
    minutes = common[0] * policy.slot_s // 60
    figures: dict[str, float | str] = {
        "at": f"{minutes // 60:02d}:{minutes % 60:02d}",
        "dark_days": most,
        "of_days": len(days),
        "probability": probability,
    }
    yield Finding("unplugged", "", begin, end, (), figures)


def dark(diary: Diary, day: str, policy: Unplugged) -> Dark:
    """Return the dark times of `day`: between two ratings of different runs, for at least `least_s` of open hours."""
    start, width = diary.calendar.start(day), policy.slot_s * 1000
    office = diary.office(day)
    slots = [
        slot
        for begin, end in office.open
        for slot in range(-((start - begin) // width), (end - start) // width)
        if start + (slot + 1) * width <= end
    ]
    spans = list(_restarts(diary.ratings(day), office.open, policy.least_s * 1000))
    places = [
        place
        for place, slot in enumerate(slots)
        if any(begin <= start + slot * width and start + (slot + 1) * width <= end for begin, end in spans)
    ]
    return Dark(slots, places, spans)


def chance(days: Sequence[Dark], most: int, seed: str, policy: Unplugged) -> float | None:
    """Return how probable it is that chance puts `most` days on one moment; None where it is above what is allowed."""
    random = Random(seed)  # noqa: S311  (it is to be drawn again by anybody)
    as_many = 1
    allowed = policy.chance * (1 + policy.shuffles)
    for _ in range(policy.shuffles):
        turns = [int(random.random() * len(day.slots)) if day.slots else 0 for day in days]
        as_many += max(_counts(days, turns).values()) >= most
        if as_many > allowed:
            return None
    return as_many / (1 + policy.shuffles)


def _counts(days: Sequence[Dark], turns: Sequence[int]) -> dict[int, int]:
    """Return on how many days each slot is dark, when each day is rotated by so many of its open slots."""
    counts: dict[int, int] = {}
    for day, turn in zip(days, turns, strict=True):
        length = len(day.slots)
        for place in day.places:
            slot = day.slots[(place + turn) % length]
            counts[slot] = counts.get(slot, 0) + 1
    return counts


def _restarts(ratings: Sequence[Seen], spans: Sequence[Span], least_ms: int) -> Iterator[Span]:
    for before, after in pairwise(ratings):
        if before.epoch != after.epoch:
            dark_ms = sum(max(0, min(end, after.at) - max(begin, before.at)) for begin, end in spans)
            if dark_ms >= least_ms:
                yield before.at, after.at


def _around(at: int, spans: Sequence[Span]) -> Span:
    return next((span for span in spans if span[0] <= at < span[1]), spans[0])
