"""Hello and welcome as a state machine: when to greet, what an answer means. Pure.

A hello goes out on every connect and every minute; until each of its pages is welcomed it is repeated with growing
patience. A welcome from another process than before (`by`), or one that nobody asked for (a peer telling that it
started), makes the next hello due at once: what the peer keeps in memory has been lost.
"""

from collections.abc import Mapping
from typing import NamedTuple

from contract.batch import StreamKey
from contract.hello import MAX_STREAMS, Welcome
from contract.ranges import Ranges

EVERY_S = 60.0
FIRST_PATIENCE_S = 2.0
LAST_PATIENCE_S = 30.0
# Unasked welcomes make at most one hello in this time, so nobody can drive us to greet without end.
LEAST_BETWEEN_S = 0.5
# A pair takes at most 36 bytes and a stream 80 more: a page and its answer stay below `MAX_PAYLOAD`.
MAX_PAIRS = 4000

Page = dict[StreamKey, Ranges]


class Heard(NamedTuple):
    """What a welcome to one of our hellos tells.

    The round trip, whether another process answers than before, and for each stream we asked about which of the numbers
    that we then had are not there, and which are.
    """

    round_trip_s: float
    peer_changed: bool
    missing: dict[StreamKey, Ranges]
    there: dict[StreamKey, Ranges]


class _Asked(NamedTuple):
    sent: float
    has: Page


class Greeting:
    """One side's greetings towards one peer. `full`: the next hello has to ask about everything that is kept."""

    def __init__(self) -> None:
        """Begin without a connection: nothing is due."""
        self.full = True
        self._next: float | None = None
        self._patience_s = FIRST_PATIENCE_S
        self._asked: dict[str, _Asked] = {}
        # The newest hello: its pages, which of them nobody answered yet, and whether it asked about everything.
        self._pages: frozenset[str] = frozenset()
        self._open: set[str] = set()
        self._was_full = False
        self._peer: str | None = None
        self._last_sent = float("-inf")

    def connected(self, now: float) -> None:
        """A connection stands: greet at once."""
        self._asked.clear()
        self._patience_s = FIRST_PATIENCE_S
        self._next = now
        self.full = True

    def disconnected(self) -> None:
        """No connection: nothing is due until the next one."""
        self._next = None

    def due_at(self) -> float | None:
        """When the next hello is due; None while there is no connection."""
        return self._next

    def sent(self, hello: Mapping[str, Page], now: float) -> None:
        """A hello went out: by nonce, its pages, each asking about what we have of some streams."""
        self._asked |= {nonce: _Asked(now, page) for nonce, page in hello.items()}
        self._pages = frozenset(hello)
        self._open = set(hello)
        self._was_full = self.full
        self._last_sent = now
        self._next = now + self._patience_s
        self._patience_s = min(LAST_PATIENCE_S, self._patience_s * 2)
        for old in [nonce for nonce, asked in self._asked.items() if asked.sent < now - 2 * EVERY_S]:
            del self._asked[old]

    def hurry(self, now: float) -> None:
        """The peer has something new to say: greet at once, but not without end."""
        if self._next is not None:
            self._next = min(self._next, max(now, self._last_sent + LEAST_BETWEEN_S))

    def heard(self, welcome: Welcome, now: float) -> Heard | None:
        """Take in a welcome: what it tells, or None when it answers no hello of ours."""
        asked = self._asked.pop(welcome.nonce, None)
        if asked is None:
            if welcome.by != self._peer:
                self.hurry(now)
            return None
        changed = self._peer is not None and welcome.by != self._peer
        self._peer = welcome.by
        self._answered(welcome.nonce, changed, now)
        there = {key: Ranges() for key in asked.has}
        for standing in welcome.streams:
            if standing.stream in there:
                refused = [(lo, hi) for lo, hi, _ in standing.refused]
                there[standing.stream] = Ranges([*standing.held, *standing.settled, *refused])
        missing = {key: has - there[key] for key, has in asked.has.items() if has - there[key]}
        return Heard(now - asked.sent, changed, missing, there)

    def _answered(self, nonce: str, changed: bool, now: float) -> None:  # noqa: FBT001
        whole = self._pages == {nonce} and self._was_full
        waited_for = nonce in self._open
        self._open.discard(nonce)
        if changed and not whole:
            # What the other process said about the pages before is void.
            self.full = True
            self._open.clear()
            self._next = max(now, self._last_sent + LEAST_BETWEEN_S)
        elif waited_for and not self._open and self._next is not None:
            self.full = False
            self._patience_s = FIRST_PATIENCE_S
            self._next = now + EVERY_S


def pages(kept: Mapping[StreamKey, Ranges]) -> list[Page]:
    """Split what is asked about into the pages of one hello, at least one; many ranges of a stream go to several."""
    made: list[Page] = [{}]
    room = MAX_PAIRS
    for key, numbers in kept.items():
        pairs = numbers.pairs
        while pairs:
            if not room or len(made[-1]) == MAX_STREAMS:
                made.append({})
                room = MAX_PAIRS
            made[-1][key] = Ranges(pairs[:room])
            pairs, room = pairs[room:], max(0, room - len(pairs))
    return made
