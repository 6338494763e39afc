"""Hello and welcome as a state machine: when to greet, what an answer means. Pure.

A hello goes out on every connect and every minute; until a new connection's first welcome it is repeated with growing
patience. A welcome from another process than before (`by`), or one that nobody asked for (a peer telling that it
started), makes the next hello due at once: what the peer keeps in memory has been lost.
"""

from typing import NamedTuple

from contract.batch import StreamKey
from contract.hello import Welcome
from contract.ranges import Ranges

EVERY_S = 60.0
FIRST_PATIENCE_S = 2.0
LAST_PATIENCE_S = 30.0
# Unasked welcomes make at most one hello in this time, so nobody can drive us to greet without end.
LEAST_BETWEEN_S = 0.5


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
    has: dict[StreamKey, Ranges]


class Greeting:
    """One side's greetings towards one peer."""

    def __init__(self) -> None:
        """Begin without a connection: nothing is due."""
        self._next: float | None = None
        self._patience_s = FIRST_PATIENCE_S
        self._asked: dict[str, _Asked] = {}
        self._peer: str | None = None
        self._last_sent = float("-inf")

    def connected(self, now: float) -> None:
        """A connection stands: greet at once."""
        self._asked.clear()
        self._patience_s = FIRST_PATIENCE_S
        self._next = now

    def disconnected(self) -> None:
        """No connection: nothing is due until the next one."""
        self._next = None

    def due_at(self) -> float | None:
        """When the next hello is due; None while there is no connection."""
        return self._next

    def sent(self, nonce: str, has: dict[StreamKey, Ranges], now: float) -> None:
        """A page of hello went out under `nonce`, asking about what we have of some streams."""
        self._asked[nonce] = _Asked(now, has)
        self._last_sent = now
        self._next = now + self._patience_s
        self._patience_s = min(LAST_PATIENCE_S, self._patience_s * 2)
        for old in [nonce for nonce, asked in self._asked.items() if asked.sent < now - 2 * EVERY_S]:
            del self._asked[old]

    def heard(self, welcome: Welcome, now: float) -> Heard | None:
        """Take in a welcome: what it tells, or None when it answers no hello of ours."""
        asked = self._asked.pop(welcome.nonce, None)
        if asked is None:
            if self._next is not None and welcome.by != self._peer:
                self._next = max(now, self._last_sent + LEAST_BETWEEN_S)
            return None
        changed = self._peer is not None and welcome.by != self._peer
        self._peer = welcome.by
        self._patience_s = FIRST_PATIENCE_S
        if self._next is not None:
            self._next = now + EVERY_S
        there = {key: Ranges() for key in asked.has}
        for standing in welcome.streams:
            if standing.stream in there:
                refused = [(lo, hi) for lo, hi, _ in standing.refused]
                there[standing.stream] = Ranges([*standing.held, *standing.settled, *refused])
        missing = {key: has - there[key] for key, has in asked.has.items() if has - there[key]}
        return Heard(now - asked.sent, changed, missing, there)
