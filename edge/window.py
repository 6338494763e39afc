"""One window: presses come in, the settled choice is recorded, and light and buzzer say thank you afterwards.

In between it may be told to ask whoever was served there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from contract.config import WindowPins
from contract.errors import StoreFull
from contract.prompt import Standing
from edge.asking import Ask, Asking
from edge.buttons import Button
from edge.buzzer import Buzzer
from edge.lights import Lights
from edge.pins import Factory
from edge.session import Choice, Session
from edge.settings import Timing

Record = Callable[[Choice], Awaitable[None]]
# What became of the prompt with a token.
Became = Callable[[str, Standing], None]

_NS = 1_000_000_000


class Press(NamedTuple):
    """A debounced press; `at` in monotonic nanoseconds."""

    level: int
    at: int


class Window:
    """One window: its buttons, lights and buzzer, and the worker that takes its presses in their order.

    A press waits in the queue while the choice before it is being recorded. It carries its own time, so waiting
    changes neither what it means nor what it is followed by.
    """

    def __init__(
        self,
        wiring: WindowPins,
        timing: Timing,
        *,
        factory: Factory,
        record: Record,
        became: Became,
        monotonic_ns: Callable[[], int],
    ) -> None:
        """Prepare; no pin is touched before `open`."""
        self.name = wiring.id
        self.session = Session(wiring.id, settle_ns=timing.settle_ns, cooldown_ns=timing.cooldown_ns)
        self.settled = 0
        self.refused = 0
        self._wiring = wiring
        self._factory = factory
        self._record = record
        self._became = became
        self._monotonic_ns = monotonic_ns
        self._asking = Asking()
        self._coming: asyncio.Queue[Press | Ask | None] = asyncio.Queue()
        self._buttons: list[Button] = []
        self._lights: Lights | None = None
        self._buzzer: Buzzer | None = None

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take the pins; presses are collected from here on."""
        pins = {level: self._factory.pin(number) for level, number in self._wiring.lights.items()}
        self._lights = Lights(pins, later=loop.call_later)
        if isinstance(self._wiring.buzzer, int):
            self._buzzer = Buzzer(self._factory.pin(self._wiring.buzzer), later=loop.call_later)
        for level, number in self._wiring.buttons.items():
            button = Button(
                self._factory.pin(number),
                level,
                on_press=lambda level, at: self._coming.put_nowait(Press(level, at)),
                hand_over=loop.call_soon_threadsafe,
                monotonic_ns=self._monotonic_ns,
            )
            self._buttons.append(button)

    def deafen(self) -> None:
        """Listen to no button any more."""
        while self._buttons:
            self._buttons.pop().close()

    def finish(self) -> None:
        """Let the worker end after what was pressed before."""
        self._coming.put_nowait(None)

    def ask(self, asked: Ask) -> None:
        """Ask whoever was served, behind what was pressed before."""
        self._coming.put_nowait(asked)

    def close(self) -> None:
        """Give all pins back, dark and silent."""
        self.deafen()
        for one in (self._lights, self._buzzer):
            if one is not None:
                one.close()

    def stuck(self) -> list[str]:
        """Buttons held for 60 s or more, as "02/3"."""
        return [f"{self.name}/{button.level}" for button in self._buttons if button.stuck()]

    async def serve(self) -> None:
        """Turn presses into recorded choices until `finish`; sleeps without a timer while nobody chooses."""
        while True:
            try:
                async with asyncio.timeout(self._patience_s()):
                    came = await self._coming.get()
            except TimeoutError:
                await self._keep(self.session.settle(self._monotonic_ns()))
            else:
                if came is None:
                    await self._keep(self.session.finish())
                    return
                if isinstance(came, Ask):
                    self._ask(came)
                else:
                    await self._keep(self.session.press(came.level, came.at))
            self._look()

    def _patience_s(self) -> float | None:
        """How long nothing is to be done unless somebody presses or is to be asked; None: for ever."""
        dues = [self.session.due_ns, self._asking.due_ns(self.session.began_ns)]
        due = min((one for one in dues if one is not None), default=None)
        return None if due is None else max(0, due - self._monotonic_ns()) / _NS

    def _ask(self, asked: Ask) -> None:
        self._asking.ask(*asked, sure=bool(self._wiring.lights))
        if self._lights is not None:
            self._lights.ask()

    def _look(self) -> None:
        """Tell of the prompts that are over, and ask no longer than somebody is to be asked."""
        now = self._monotonic_ns()
        for token, standing in self._asking.over(now, self.session.began_ns):
            self._became(token, standing)
        if self._lights is not None and not self._asking.showing(now):
            self._lights.hush()

    async def _keep(self, choice: Choice | None) -> None:
        """Record `choice` if there is one; light and buzzer come on when, and only if, that returned."""
        if choice is None:
            return
        self.settled += 1
        token = self._asking.answered_by(choice.began_ns)
        try:
            await self._record(choice._replace(token=token))
        except StoreFull:
            self.refused += 1
            if token is not None:
                self._asking.doubt(token)
            for one in (self._lights, self._buzzer):
                if one is not None:
                    one.refuse()
            return
        if token is not None:
            self._asking.rated(token)
            self._became(token, "rated")
        if self._lights is not None:
            if not self._asking.showing(self._monotonic_ns()):
                self._lights.hush()
            self._lights.thank(choice.level)
        if self._buzzer is not None:
            self._buzzer.thank()
