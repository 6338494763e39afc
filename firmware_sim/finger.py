"""A finger on a window's buttons: real contact bounce on mock pins, eyes on the lights, and nothing else of the edge.

Contacts bounce as small push buttons do: some edges within 0.2 to 5 ms when closing and again when opening, held 40 to
250 ms between (published oscilloscope surveys of buttons find 0.1 to 6 ms). Edges closer than the loop can sleep come
back to back, which is the harder case for a debounce; the hold is real time.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Literal, NamedTuple, Protocol

from gpiozero.pins.mock import MockFactory, MockPin

from contract.config import WindowPins
from contract.rating import Level
from firmware_sim.crowd import Press
from firmware_sim.fingerlog import Entry, FingerLog, Kind
from firmware_sim.lull import LULL

# Longer than any settle time and commit; whoever waits so long for a light walks away.
PATIENCE_S = 15.0
_SHORTEST_SLEEP_S = 0.001
_LONGEST_BOUNCE_S = 0.01
_SHORTEST_HOLD_S = 0.04
_LONGEST_HOLD_S = 0.25

Ending = Literal["lit", "refused", "dark"]


class Contact(Protocol):
    """A button's pin from the outside: low while the button is closed."""

    def drive_low(self) -> None:
        """Close the contact to ground."""

    def drive_high(self) -> None:
        """Let the pull-up have it."""


class Trace(NamedTuple):
    """One press: seconds after first touch at which the contact toggles, how long it is held, and the release likewise.

    Each half has an odd number of edges, so it ends closed, or open.
    """

    closing: tuple[float, ...]
    hold_s: float
    opening: tuple[float, ...]


def trace(random: Random) -> Trace:
    """Draw one press."""
    return Trace(_bounce(random), random.uniform(_SHORTEST_HOLD_S, _LONGEST_HOLD_S), _bounce(random))


def _bounce(random: Random) -> tuple[float, ...]:
    span = random.uniform(0.0002, 0.005)
    extra = random.choice((0, 2, 2, 4, 6, 8))
    return (0.0, *sorted(random.uniform(0, span) for _ in range(extra)))


class WatchedPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A mock pin that somebody looks at: `watcher(state)` is called on every change, in the thread that made it."""

    watcher: Callable[[bool], None] | None = None

    def _change_state(self, value: float) -> bool:
        changed: bool = super()._change_state(value)
        if changed and self.watcher is not None:
            self.watcher(bool(value))
        return changed


def pins() -> MockFactory:
    """Return new pins for one node, with lights that can be watched."""
    return MockFactory(pin_class=WatchedPin)


class Finger:
    """Everybody who ever presses at one window, one person at a time."""

    def __init__(
        self,
        window: str,
        wiring: WindowPins,
        factory: MockFactory,
        *,
        log: FingerLog,
        random: Random,
        wall_ms: Callable[[], int],
        patience_s: float = PATIENCE_S,
        closing: asyncio.Event | None = None,
    ) -> None:
        """Look at the pins of `wiring` on `factory`, which comes from `pins()`; `window` is the city-wide name.

        Once `closing` is set nobody changes their mind any more.
        """
        self._window = window
        self._contacts = {
            Level.SATISFIED: factory.pin(wiring.satisfied),
            Level.BASIC: factory.pin(wiring.basic),
            Level.DISSATISFIED: factory.pin(wiring.dissatisfied),
        }
        numbers = {
            Level.SATISFIED: wiring.light_satisfied,
            Level.BASIC: wiring.light_basic,
            Level.DISSATISFIED: wiring.light_dissatisfied,
        }
        self._lights = {level: factory.pin(number) for level, number in numbers.items() if number is not None}
        self._log = log
        self._random = random
        self._wall_ms = wall_ms
        self._patience_s = patience_s
        self._closing = asyncio.Event() if closing is None else closing
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._came_on: dict[Level, int] = {}  # lights that came on since somebody began to look, and when
        for level, light in self._lights.items():
            light.watcher = partial(self._see, level)

    async def visit(self, name: str, presses: Sequence[Press]) -> Ending:
        """Press as `presses` says and wait for the light; `name` is the visit's own in the log.

        "dark" is a light that did not come within the patience; "refused" is all lights blinking together.
        """
        async with LULL.visit():
            return await self._visit(name, presses)

    async def _visit(self, name: str, presses: Sequence[Press]) -> Ending:
        await self._look_until(self._all_dark)  # no longer the thanks to the person before
        self._came_on.clear()
        begin = self._loop.time()
        for press, following in zip(presses, (*presses[1:], None), strict=True):
            if press.after_s and await self._closing_before(begin + press.after_s):
                break
            room = None if following is None else following.after_s - press.after_s
            await self._press(name, press.level, room)
        await self._look_until(self._any_came_on)
        for pin in (*self._contacts.values(), *self._lights.values()):
            pin.clear_states()  # a mock pin remembers every change it ever made
        match list(self._came_on.items()):
            case []:
                return "dark"
            case [(level, at)]:
                self._note("lit", name, level, at)
                return "lit"
            case [(_, at), *_]:
                self._note("refused", name, presses[-1].level, at)
        return "refused"

    async def _closing_before(self, when: float) -> bool:
        try:
            async with asyncio.timeout_at(when):
                await self._closing.wait()
        except TimeoutError:
            return self._closing.is_set()
        return True

    async def _press(self, name: str, level: Level, room_s: float | None) -> None:
        """Press once, in less than `room_s` if another press follows; the log has it before the contact moves."""
        drawn = trace(self._random)
        hold_s = drawn.hold_s if room_s is None else min(drawn.hold_s, room_s / 2)
        self._note("pressed", name, level, self._wall_ms())
        contact = self._contacts[level]
        await self._toggle(contact, drawn.closing, closing=True)
        await asyncio.sleep(hold_s)
        await self._toggle(contact, drawn.opening, closing=False)

    async def _toggle(self, contact: Contact, edges: Sequence[float], *, closing: bool) -> None:
        """Move the contact, and let it bounce for as long as this machine is quick enough for a bounce.

        A loop that wakes up late, or a machine that stands still between two edges, would drag a bounce out into a
        second press, which no contact does. So the contact never rests where it bounced to, and what comes too late to
        be a bounce does not come: one that stood open so long while it closed stays open.
        """
        there, back = (contact.drive_low, contact.drive_high) if closing else (contact.drive_high, contact.drive_low)
        begin = self._loop.time()
        there()
        for edge in edges[1::2]:
            ahead = begin + edge - self._loop.time()
            if ahead >= _SHORTEST_SLEEP_S:
                await asyncio.sleep(ahead)
            if self._loop.time() - begin > _LONGEST_BOUNCE_S:
                return
            back()
            if closing and self._loop.time() - begin > _LONGEST_BOUNCE_S:
                return
            there()

    async def _look_until(self, enough: Callable[[], bool]) -> None:
        """Look at the lights until `enough` says so, or patience ends."""
        try:
            async with asyncio.timeout(self._patience_s):
                while not enough():
                    await self._changed.wait()
                    self._changed.clear()
        except TimeoutError:
            return

    def _all_dark(self) -> bool:
        return not any(light.state for light in self._lights.values())

    def _any_came_on(self) -> bool:
        return bool(self._came_on)

    def _see(self, level: Level, on: bool) -> None:  # noqa: FBT001  (a pin's state has no other name)
        # On the thread that changed the light; judged on the loop, when the node has set all three.
        if on:
            self._came_on.setdefault(level, self._wall_ms())
        self._loop.call_soon_threadsafe(self._changed.set)

    def _note(self, kind: Kind, name: str, level: Level, at: int) -> None:
        self._log.write(Entry(kind, name, self._window, level, at))
