"""A press test: every button of a node once, in order, and what came of each. Pure."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from contract.config import WindowPins

# As it should; another button answered; nothing came; it was down before anybody pressed.
Outcome = Literal["good", "crossed", "silent", "stuck"]


class Step(NamedTuple):
    """The button of `level` at `window`, on the line of number `pin`."""

    window: str
    level: int
    pin: int


class Found(NamedTuple):
    """What came of `step`; where it is crossed, `other` is the button that answered."""

    step: Step
    outcome: Outcome
    other: Step | None = None


def steps(windows: Iterable[WindowPins]) -> list[Step]:
    """Every button of `windows`, from satisfied to dissatisfied at each."""
    return [Step(window.id, level, pin) for window in windows for level, pin in window.buttons.items()]


class Trial:
    """Goes from button to button; `found` is what came of those that it is past."""

    def __init__(self, windows: Iterable[WindowPins], *, down: Iterable[int] = ()) -> None:
        """Begin; the buttons on the pins `down` are held before anybody pressed, and are not asked for."""
        held = frozenset(down)
        every = steps(windows)
        self.found = [Found(step, "stuck") for step in every if step.pin in held]
        self._due = [step for step in every if step.pin not in held]

    @property
    def due(self) -> Step | None:
        """Which button is to be pressed now; None when all were."""
        return self._due[0] if self._due else None

    @property
    def passed(self) -> bool:
        """Whether all were pressed, and each answered as it should."""
        return not self._due and all(one.outcome == "good" for one in self.found)

    def pressed(self, step: Step) -> Found:
        """The button of `step` answered to the press of the one that is due."""
        due = self._due.pop(0)
        found = Found(due, "good") if step == due else Found(due, "crossed", step)
        self.found.append(found)
        return found

    def waited(self) -> Found:
        """Nothing answered to the press of the one that is due."""
        found = Found(self._due.pop(0), "silent")
        self.found.append(found)
        return found
