"""What is asked at one window: whose rating a choice is, and what becomes of prompts that nobody answers.

A choice answers the prompt during which the first of its presses fell. A prompt is answered once; another one at the
same window ends it before its time. Value-blind: nothing but moments decides.
"""

from typing import NamedTuple

from contract.prompt import Standing

# An edge takes a moment from the pins' thread to the loop: a press of the last one may still come.
SLACK_NS = 100_000_000


class Ask(NamedTuple):
    """Whoever was served is to be asked, from `at` for `wait_ns` (monotonic nanoseconds)."""

    token: str
    at: int
    wait_ns: int


class _Asked(NamedTuple):
    """A prompt from `begin` until before `until`; not `sure`: that it was seen, or that nobody answered, is unknown."""

    token: str
    begin: int
    until: int
    sure: bool

    def holds(self, moment: int | None) -> bool:
        return moment is not None and self.begin <= moment < self.until


class Asking:
    """The prompts of one window that nothing is known of yet; all times are monotonic nanoseconds, handed in."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        """Begin with nobody asked."""
        self._asked: list[_Asked] = []

    def ask(self, token: str, at: int, wait_ns: int, *, sure: bool) -> None:
        """Ask from `at` on for `wait_ns`; whoever was asked before has gone. `sure`: there is a light to see."""
        self._asked = [one._replace(until=min(one.until, at)) for one in self._asked]
        self._asked.append(_Asked(token, at, at + wait_ns, sure))

    def answered_by(self, began: int) -> str | None:
        """Return the token of the prompt that a choice begun at `began` answers; None where it answers none."""
        return next((one.token for one in self._asked if one.holds(began)), None)

    def rated(self, token: str) -> None:
        """The choice that answers this prompt is on disk: nothing else does."""
        self._asked = [one for one in self._asked if one.token != token]

    def doubt(self, token: str) -> None:
        """Somebody answered and was turned away: whatever comes of it, they were not silent."""
        self._asked = [one._replace(sure=one.sure and one.token != token) for one in self._asked]

    def showing(self, now: int) -> bool:
        """Whether somebody is being asked at `now`."""
        return any(one.holds(now) for one in self._asked)

    def due_ns(self, open_since: int | None) -> int | None:
        """When the next one is over, unless the session that is open since `open_since` is its answer; None: none."""
        return min((one.until + SLACK_NS for one in self._asked if not one.holds(open_since)), default=None)

    def over(self, now: int, open_since: int | None) -> list[tuple[str, Standing]]:
        """Return, once, what became of those that are over at `now` and that the open session does not answer."""
        over = [one for one in self._asked if one.until + SLACK_NS <= now and not one.holds(open_since)]
        self._asked = [one for one in self._asked if one not in over]
        return [(one.token, "silent" if one.sure else "unknown") for one in over]
