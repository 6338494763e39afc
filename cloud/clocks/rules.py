"""Whose clock disagrees with the city's. Pure.

A hello says what its sender takes for the city's time and how far off that is at most; a live rating says when it was
pressed. Both arrive some time later, so a word that is *ahead* of its arrival is wrong beyond doubt, while one that is
*behind* may only have travelled slowly, waited or been said again. Behind is a clock only when nothing has come in
time for minutes: the quickest word of each while counts, several whiles in a row, and a burst is one while.

Where the city does not know how right its own clock is, or that was stepped, nothing is compared and all is forgotten.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Source = Literal["hello", "rating"]

# So far off beyond what it says itself a clock is wrong.
OFF_MS = 2_000
# A row was frozen with an error below this, which it does not state.
FROZEN_MS = 10_000
# On the live lane a gateway sends what was pressed within a minute; a minute more on the way is no clock's fault.
LIVE_MS = 120_000
# Words that come within so long are of one while; so many whiles in a row must be late.
WHILE_MS = 30_000
WHILES = 3
# Who has said nothing for so long is not spoken of any more: it is offline, and is shown so.
SILENT_MS = 3_600_000


class Word(NamedTuple):
    """What `node` said: that it is, or was when a rating was pressed, `at`, right within `error`; all in ms.

    `order`: boot id and CLOCK_BOOTTIME of a hello, by which one that was heard before, or after a later one, is known.
    """

    source: Source
    node: str
    at: int
    error: int
    arrived: int
    order: tuple[str, int] | None = None


class Skew(NamedTuple):
    """The clock of `node` is off by `off_ms` at least (negative: behind), since `since`; last seen so at `seen`."""

    node: str
    off_ms: int
    since: int
    seen: int


@dataclass(slots=True)
class _Ear:
    """What one device said lately from one source. `whiles`: begin and least lateness of each, the newest last."""

    heard: int
    order: tuple[str, int] | None = None
    whiles: list[tuple[int, int]] = field(default_factory=list)
    off_ms: int = 0
    since: int = 0
    seen: int = 0


class Watch:
    """Hears everybody; `error_ms()` is how far off the city's clock is at most, None while that is not known."""

    def __init__(self, error_ms: Callable[[], int | None]) -> None:
        self._error_ms = error_ms
        self._ears: dict[tuple[str, Source], _Ear] = {}

    def hear(self, words: Iterable[Word]) -> None:
        """Take in what was said."""
        own = self._error_ms()
        if own is None:
            self.forget()
            return
        for word in words:
            ear = self._ears.get((word.node, word.source))
            if ear is None:
                ear = self._ears[word.node, word.source] = _Ear(word.arrived)
            if _again(ear.order, word.order):
                continue
            ear.order = word.order
            ear.heard = word.arrived
            _judge(ear, word, own)

    def forget(self) -> None:
        """Begin anew."""
        self._ears.clear()

    def agreed(self, now: int) -> Iterator[str]:
        """Yield the devices heard of lately from which nothing disagrees."""
        skewed = {skew.node for skew in self.skews(now)}
        yield from {node for node, _ in self._ears} - skewed

    def skews(self, now: int) -> list[Skew]:
        """Return whose clocks disagree at `now` (ms), worst word first where a device's hellos and ratings both do."""
        for key in [key for key, ear in self._ears.items() if now - ear.heard > SILENT_MS]:
            del self._ears[key]
        found: dict[str, Skew] = {}
        for (node, _), ear in self._ears.items():
            if ear.off_ms:
                skew = Skew(node, ear.off_ms, ear.since, ear.seen)
                known = found.get(node)
                if known is None or abs(known.off_ms) < abs(skew.off_ms):
                    found[node] = skew
        return list(found.values())


def _again(before: tuple[str, int] | None, order: tuple[str, int] | None) -> bool:
    """Whether a hello of `order` was said no later than one heard `before`; another boot's cannot be compared."""
    return before is not None and order is not None and before[0] == order[0] and order[1] <= before[1]


def _judge(ear: _Ear, word: Word, own: int) -> None:
    slack = word.error + own + (FROZEN_MS if word.source == "rating" else 0)
    ahead = word.at - word.arrived - slack
    late = word.arrived - word.at - slack
    allowed = OFF_MS if word.source == "hello" else LIVE_MS
    if ahead >= OFF_MS:
        ear.whiles.clear()
        _off(ear, ahead, word.arrived)
    elif late < allowed:
        ear.whiles.clear()
        ear.off_ms = 0
    else:
        _later(ear, word.arrived, late)
        if len(ear.whiles) == WHILES:
            _off(ear, -min(least for _, least in ear.whiles), word.arrived)


def _later(ear: _Ear, arrived: int, late: int) -> None:
    """One more late word: of the newest while, or the first of the next."""
    if ear.whiles and arrived - ear.whiles[-1][0] < WHILE_MS:
        begin, least = ear.whiles[-1]
        ear.whiles[-1] = (begin, min(least, late))
    else:
        ear.whiles.append((arrived, late))
        del ear.whiles[:-WHILES]


def _off(ear: _Ear, off_ms: int, arrived: int) -> None:
    if not ear.off_ms:
        ear.since = arrived
    ear.off_ms, ear.seen = off_ms, arrived
