"""From what was found to the way of one rating. Pure.

A later place outweighs an earlier one: what is in the ledger may still be kept by gateway and node. Steps stand in the
order of the way and not of their times, since each machine dates its log by a clock of its own.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from cloud.trace.facts import Facts, Kept, Rating
from contract.batch import StreamKey

Place = Literal["ledger", "quarantine", "gateway", "destroyed", "node", "never given", "unknown"]
# The way, as (house, step).
WAY = (
    ("edge", "pressed"),
    ("edge", "cut"),
    ("edge", "sent"),
    ("gateway", "recorded"),
    ("edge", "held"),
    ("edge", "destroyed"),
    ("gateway", "forwarded"),
    ("city", "refused"),
    ("city", "settled"),
    ("city", "admitted"),
    ("city", "tallied"),
    ("city", "in the series"),
    ("gateway", "settled"),
    ("gateway", "receipt"),
    ("edge", "receipt"),
    ("edge", "settled"),
)
_REACHED: dict[tuple[str, str], Place] = {
    ("edge", "cut"): "node",
    ("edge", "sent"): "node",
    ("gateway", "recorded"): "gateway",
    ("edge", "held"): "gateway",
    ("gateway", "forwarded"): "gateway",
    ("city", "settled"): "ledger",
    ("gateway", "settled"): "ledger",
    ("edge", "settled"): "ledger",
}
# What its node lost may be anywhere else.
_RANK: tuple[Place, ...] = ("unknown", "never given", "node", "destroyed", "gateway", "quarantine", "ledger")


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step: who took it and when (ms, None: not told), and which source says so."""

    step: str
    house: str
    who: str
    at: int | None
    source: Literal["ledger", "quarantine", "hello", "store", "log"]
    detail: str = ""


class Way(msgspec.Struct, frozen=True):
    """One number of one epoch: the furthest place it is known to have reached, since when, and every step.

    `batch` is its batch's name in the logs, None while nothing tells where it begins.
    """

    node: str
    epoch: str
    number: int
    place: Place
    at: str
    since: int | None
    batch: str | None
    rating: Rating | None
    steps: list[Step]


class _Seen(msgspec.Struct, frozen=True):
    place: Place
    at: str
    since: int | None


def ways(node: str, number: int, facts: Facts, *, epoch: str | None = None) -> list[Way]:
    """The way of `number` in every epoch of `node` that has it, or in `epoch`; newest first.

    Where no epoch has it, the newest one that says how far it numbered tells that it was never given.
    """
    found = [_way(StreamKey(node, one), number, _of(facts, one)) for one in _epochs(facts) if epoch in (None, one)]
    found.sort(key=lambda way: max((step.at or 0 for step in way.steps), default=way.since or 0), reverse=True)
    there = [way for way in found if way.place not in {"never given", "unknown"}]
    if there or not found:
        return there or [Way(node, epoch or "", number, "unknown", "", None, None, None, [])]
    return found[:1]


def _epochs(facts: Facts) -> list[str]:
    every = (facts.ratings, facts.refused, facts.greetings, facts.destroyed, facts.kept, facts.said)
    return list(dict.fromkeys(fact.epoch for some in every for fact in some))


def _of(facts: Facts, epoch: str) -> Facts:
    return Facts(
        [fact for fact in facts.ratings if fact.epoch == epoch],
        [fact for fact in facts.refused if fact.epoch == epoch],
        [fact for fact in facts.greetings if fact.epoch == epoch],
        [fact for fact in facts.destroyed if fact.epoch == epoch],
        [fact for fact in facts.kept if fact.epoch == epoch],
        [fact for fact in facts.said if fact.epoch == epoch],
    )


def _way(stream: StreamKey, number: int, facts: Facts) -> Way:
    seen = [*_in_the_city(facts), *_on_the_way(stream.node, number, facts)]
    best = max(seen, key=lambda one: (_RANK.index(one.place), -(one.since or 0)), default=_Seen("unknown", "", None))
    firsts = [one.first for one in facts.ratings] + [one.first for one in facts.kept if one.state == "cut"]
    firsts += [one.first for one in facts.said] + [one.first for one in facts.refused]
    rating = min(facts.ratings, key=lambda one: one.position, default=None)
    steps = sorted(_steps(stream.node, facts, rating), key=_in_order)
    batch = stream.batch(firsts[0]) if firsts else None
    return Way(stream.node, stream.epoch, number, best.place, best.at, best.since, batch, rating, steps)


def _in_order(step: Step) -> tuple[int, bool, int]:
    """By its place on the way; of one step who can date it tells first."""
    return WAY.index((step.house, step.step)), step.at is None, step.at or 0


def _in_the_city(facts: Facts) -> Iterator[_Seen]:
    for rating in facts.ratings:
        yield _Seen("ledger", f"position {rating.position}", rating.received_at)
    for refused in facts.refused:
        yield _Seen("quarantine", refused.reason, refused.at)


def _on_the_way(node: str, number: int, facts: Facts) -> Iterator[_Seen]:
    for kept in facts.kept:
        yield from _stored(kept)
    for greeting in facts.greetings:
        if greeting.has and greeting.by != node:
            yield _Seen("gateway", greeting.by, greeting.at)
        elif greeting.last >= number or greeting.has:
            yield _Seen("node", node, greeting.at)
        elif greeting.by == node:
            yield _Seen("never given", f"{node} had numbered to {greeting.last}", greeting.at)
    for destroyed in facts.destroyed:
        yield _Seen("destroyed", f"on the disk of {destroyed.by}", destroyed.at)
    for said in facts.said:
        place = _REACHED.get((said.house, said.step))
        if place is not None:
            at = f"position {said.position}" if said.position else "as its log says" if place == "ledger" else said.who
            yield _Seen(place, at, said.at)


def _stored(kept: Kept) -> Iterator[_Seen]:
    if kept.state == "beyond":
        yield _Seen("never given", f"{kept.by} numbered to {kept.last}", None)
    elif kept.state == "destroyed":
        yield _Seen("destroyed", f"on the disk of {kept.by}", None)
    elif kept.settled_at is not None or (kept.state == "deleted" and kept.house == "edge"):
        yield _Seen("ledger", f"by a receipt that {kept.by} has", kept.settled_at)
    elif kept.state != "deleted":  # a gateway also deletes what the city refused
        yield _Seen("gateway" if kept.house == "gateway" else "node", kept.by, None)


def _steps(node: str, facts: Facts, rating: Rating | None) -> Iterator[Step]:
    if rating is not None:
        yield from _counted(node, rating)
    for refused in facts.refused:
        yield Step("refused", "city", "city", refused.at, "quarantine", refused.reason)
    for kept in facts.kept:
        if kept.settled_at is not None:
            yield Step("receipt", kept.house, kept.by, kept.settled_at, "store")
        elif kept.state == "cut":
            word = "recorded" if kept.house == "gateway" else "cut"
            yield Step(word, kept.house, kept.by, None, "store", "kept there, without a receipt yet")
        elif kept.state in {"uncut", "undated"}:
            yield Step("pressed", "edge", kept.by, None, "store", f"on disk, {kept.state}")
        elif kept.state == "destroyed":
            yield Step("destroyed", "edge", kept.by, None, "store", f"numbers {_told(kept.first, kept.last)}")
    for one in facts.destroyed:
        told = ", ".join(_told(lo, hi) for lo, hi in one.numbers)
        detail = f"declared in a signed hello; of this run {len(one.numbers)} in all: {told}"
        yield Step("destroyed", "edge", one.by, one.at, "hello", detail)
    yield from _logged(facts)


def _told(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}..{last}"


def _counted(node: str, rating: Rating) -> Iterator[Step]:
    what = f"window {rating.window}, level {rating.level}, pressed {rating.presses}x, time quality {rating.quality}"
    if rating.bounds is not None:
        earlier, later = rating.at - rating.bounds[0], rating.bounds[1] - rating.at
        what += f": estimated, up to {earlier / 1000:,.1f} s earlier or {later / 1000:,.1f} s later"
    yield Step("pressed", "edge", node, rating.at, "ledger", what)
    detail = f"position {rating.position}, {rating.lane} lane"
    if rating.state in {"held", "conflict", "refused"}:
        detail += f", not counted: {rating.reason}" + (", refused for good" if rating.state == "refused" else "")
    yield Step("settled", "city", "city", rating.received_at, "ledger", detail)
    if rating.admitted is not None:
        yield Step("admitted", "city", "city", None, "ledger", f"by position {rating.admitted}, after {rating.reason}")
    if rating.state in {"counted", "admitted"}:
        yield Step("tallied", "city", "city", None, "ledger", f"one of {rating.tallied} in its window's minute")
        if rating.in_series is not None:
            yield Step("in the series", "city", "city", None, "ledger", "fed" if rating.in_series else "not yet")


def _logged(facts: Facts) -> Iterable[Step]:
    for said in facts.said:
        if (said.house, said.step) in WAY:
            position = "" if said.position is None else f"position {said.position}"
            yield Step(said.step, said.house, said.who, said.at, "log", ", ".join(filter(None, (said.lane, position))))
