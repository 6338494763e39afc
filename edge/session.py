"""One window's presses to ratings: press, settle, cooldown.

Value-blind: what is accepted, ignored and when it settles depends on the times alone, never on the level.
"""

from typing import NamedTuple

from contract.rating import MAX_PRESSES


class Choice(NamedTuple):
    """A settled choice at `window`: the `level` pressed last, after `presses` presses.

    `pressed_ns` is when it was pressed, `began_ns` when the first of the presses was; nanoseconds of CLOCK_BOOTTIME.
    `token`: of the prompt that it answers.
    """

    window: str
    level: int
    presses: int
    pressed_ns: int
    began_ns: int
    token: str | None = None


class Session:
    """The state of one window; all times are monotonic nanoseconds, handed in.

    A session starts with a press and settles `settle_ns` after its last one; 0 makes every press final at once. From
    that moment further presses are ignored, and counted, for `cooldown_ns`. The moments follow from the presses' own
    times, so it makes no difference how late the caller asks.
    """

    __slots__ = ("_choice", "_closed_until", "_cooldown_ns", "_settle_ns", "_window", "ignored")

    def __init__(self, window: str, *, settle_ns: int, cooldown_ns: int) -> None:
        """Begin idle: the first press at any time opens a session."""
        self._window = window
        self._settle_ns = settle_ns
        self._cooldown_ns = cooldown_ns
        self._choice: Choice | None = None
        self._closed_until: int | None = None
        self.ignored = 0

    @property
    def began_ns(self) -> int | None:
        """When the open session began; None while there is none."""
        return None if self._choice is None else self._choice.began_ns

    @property
    def due_ns(self) -> int | None:
        """When the open session settles unless pressed again; None while there is none."""
        return None if self._choice is None else self._choice.pressed_ns + self._settle_ns

    def press(self, level: int, at: int) -> Choice | None:
        """Take a press; return the choice that is final now: an earlier one by its time, or this one at settle 0."""
        settled = self.settle(at)
        if self._closed_until is not None and at < self._closed_until:
            self.ignored += 1
            return settled
        presses = 1 if self._choice is None else min(self._choice.presses + 1, MAX_PRESSES)
        began = at if self._choice is None else self._choice.began_ns
        self._choice = Choice(self._window, level, presses, at, began)
        return settled or self.settle(at)

    def settle(self, now: int) -> Choice | None:
        """Return the choice that is final by `now`, once."""
        due = self.due_ns
        return self._close(due) if due is not None and now >= due else None

    def finish(self) -> Choice | None:
        """Return the open session's choice, final now: the node stops, and nobody can press any more."""
        due = self.due_ns
        return None if due is None else self._close(due)

    def _close(self, at: int) -> Choice | None:
        choice, self._choice = self._choice, None
        self._closed_until = at + self._cooldown_ns
        return choice
