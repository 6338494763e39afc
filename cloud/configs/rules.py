"""What a configuration may become, what changed from one to the next, and whether a node has taken it. Pure."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

from contract.config import NodeConfig, WindowPins

# none: the city has given it none. as_wanted: it reports the newest version, or a higher one. waiting: it was given a
# newer one a moment ago, or is not there to take it. behind: it is there, and has not taken it for a while.
Standing = Literal["none", "as_wanted", "waiting", "behind"]
# By way of a gateway a node has it within seconds; its next heartbeat says so within a minute.
PATIENCE_MS = 180_000
MOST_SETTLE_MS, MOST_COOLDOWN_MS = 10_000, 600_000


class Given(NamedTuple):
    """A version of a node's configuration: when it was given (ms), by whom, and why."""

    config: NodeConfig
    at: int
    who: str
    reason: str

    @property
    def version(self) -> int:
        """Its version, which only rises."""
        return self.config.version


class Difference(NamedTuple):
    """`what` of `window` (empty: of the whole node) was `before` and is `after`; None: there was, or is, none."""

    what: str
    window: str
    before: int | None
    after: int | None


class Timing(NamedTuple):
    """The times to set, ms; None leaves one as it is."""

    settle_ms: int | None
    cooldown_ms: int | None

    @property
    def wrong(self) -> bool:
        """Whether it sets nothing, or what no node takes."""
        settle, cooldown = self
        return (
            (settle is None and cooldown is None)
            or not 0 <= (settle or 0) <= MOST_SETTLE_MS
            or not 0 <= (cooldown or 0) <= MOST_COOLDOWN_MS
        )


def timed(config: NodeConfig, timing: Timing, version: int) -> NodeConfig:
    """`config` with these times, as a new `version`."""
    return msgspec.structs.replace(
        config,
        version=version,
        settle_ms=config.settle_ms if timing.settle_ms is None else timing.settle_ms,
        cooldown_ms=config.cooldown_ms if timing.cooldown_ms is None else timing.cooldown_ms,
    )


def same(a: NodeConfig, b: NodeConfig) -> bool:
    """Whether a node does the same by both, whatever their versions."""
    return msgspec.structs.replace(a, version=b.version) == b


def differences(before: NodeConfig | None, after: NodeConfig) -> list[Difference]:
    """What changed from `before` (None: there was none) to `after`: times first, then pins by window."""
    found = [
        Difference(what, "", getattr(before, what, None), getattr(after, what)) for what in ("settle_ms", "cooldown_ms")
    ]
    old = {} if before is None else {one.id: one for one in before.windows}
    new = {one.id: one for one in after.windows}
    for window in sorted(old.keys() | new.keys()):
        found += _pins(window, old.get(window), new.get(window))
    return [one for one in found if one.before != one.after]


def _pins(window: str, before: WindowPins | None, after: WindowPins | None) -> Iterator[Difference]:
    for what in WindowPins.__struct_fields__[1:]:
        # Whatever is left out (None, or not there at all) is told as one thing.
        pins = [pin if isinstance(pin := getattr(one, what, None), int) else None for one in (before, after)]
        yield Difference(what, window, *pins)


def told(history: Sequence[Given]) -> list[tuple[Given, list[Difference]]]:
    """Each version of `history`, the newest first, with what changed from the one before."""
    rising = sorted(history, key=lambda one: one.version)
    pairs: list[tuple[Given | None, Given]] = [(None, one) for one in rising[:1]]
    pairs += pairwise(rising)
    return [(after, differences(before and before.config, after.config)) for before, after in reversed(pairs)]


def standing(wanted: int | None, given_at: int, reported: int, now: int, *, there: bool) -> Standing:
    """How a node stands to version `wanted` (None: none), which it was given at `given_at`.

    `reported` is the version that it said last that it has taken; `there`: whether it is online.
    """
    if wanted is None:
        return "none"
    if reported >= wanted:
        return "as_wanted"
    return "behind" if there and now - given_at >= PATIENCE_MS else "waiting"
