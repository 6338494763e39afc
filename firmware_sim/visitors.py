"""The queue's system and who it sends: each visit is told the gateway, and somebody presses, is late, or says nothing.

It drives the real gateway over HTTP and the buttons of a real node on mock pins; when a prompt is seen is told by the
window's lights, as a citizen sees it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import httpx
from gpiozero.pins.mock import MockFactory

from contract.config import WindowPins
from contract.rating import Level

Manner = Literal["rates", "doubles", "silent", "late"]
MANNERS: Sequence[Manner] = ("rates", "doubles", "silent", "late")
# Longer than any bounce.
_HOLD_S = 0.06
_LOOK_S = 0.01
_PATIENCE_S = 60.0


class Visitor(NamedTuple):
    """Somebody whose transaction `token` is finished: how they behave, and what they think of it."""

    token: str
    manner: Manner
    level: Level


class Counter:
    """One window: the citywide name `window`, wired as `wiring` on `pins`, and the `gateway` that is told of visits.

    `settled()` counts the node's settled choices, `cooldown_s` is how long the window ignores presses.
    """

    def __init__(
        self,
        window: str,
        wiring: WindowPins,
        pins: MockFactory,
        gateway: httpx.AsyncClient,
        *,
        settled: Callable[[], int],
        cooldown_s: float,
    ) -> None:
        self._window = window
        self._buttons = {level: pins.pin(number) for level, number in wiring.buttons.items()}
        self._lights = {level: pins.pin(number) for level, number in wiring.lights.items()}
        self._gateway = gateway
        self._settled = settled
        self._cooldown_s = cooldown_s

    async def serve(self, visitor: Visitor) -> None:
        """Finish a service, and let the visitor do as they do; returns when they have gone."""
        answer = await self._gateway.post("/visits", json={"window": self._window, "token": visitor.token})
        answer.raise_for_status()
        await self._until(lambda: all(light.state for light in self._lights.values()))
        if visitor.manner in {"rates", "doubles"}:
            await self.press(visitor.level)
            await self.known(visitor.token, "rated")
        else:
            await self.known(visitor.token, "silent")
        if visitor.manner in {"doubles", "late"}:
            await self.press(visitor.level)

    async def press(self, level: Level) -> None:
        """Press once, wait for the thanks, and until the window listens again."""
        before = self._settled()
        self._buttons[level].drive_low()
        await asyncio.sleep(_HOLD_S)
        self._buttons[level].drive_high()
        await self._until(lambda: self._settled() > before)
        await self._until(lambda: [one for one, light in self._lights.items() if light.state] == [level])
        await asyncio.sleep(self._cooldown_s + _HOLD_S)

    async def known(self, token: str, became: str) -> None:
        """Wait until the gateway says that the visit `became` that; `TimeoutError` where it never does."""
        async with asyncio.timeout(_PATIENCE_S):
            while (await self._gateway.get(f"/visits/{token}")).raise_for_status().json()["became"] != became:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not true():  # noqa: ASYNC110  (a light is looked at)
                await asyncio.sleep(_LOOK_S)
