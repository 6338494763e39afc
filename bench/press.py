"""Somebody who presses while something is measured, and remembers when each rating was committed."""

import asyncio
import time
from random import Random
from typing import NamedTuple

from bench.listening import Number
from firmware_sim.fingerlog import Choice, Touch
from firmware_sim.puppets import Puppets
from transport.boot import boottime_ms, wall_ms


class Lit(NamedTuple):
    """A live rating: its number, when it was committed (monotonic, s), and what the finger remembers."""

    number: Number
    at: float
    choice: Choice


class Press:
    """Somebody presses `per_s` times a second in all, at moments of their own, until `stop`."""

    def __init__(self, puppets: Puppets, per_s: float, seed: int) -> None:
        self.lit: list[Lit] = []
        self._puppets = puppets
        self._per_s = per_s
        self._random = Random(f"{seed}/live")
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let nobody press any more."""
        self._stopping.set()

    async def run(self) -> None:
        """Press until stopped."""
        random, due = self._random, time.monotonic()
        while not self._stopping.is_set():
            due += random.expovariate(self._per_s)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            puppet = random.choice(self._puppets.puppets)
            window, level = random.choice(puppet.settings.window).id, random.choices((3, 2, 1), (88, 8, 4))[0]
            touch = Touch(level, wall_ms())
            await puppet.record(window, level, 1, boottime_ms())
            at, (node, epoch), seq = time.monotonic(), puppet.outbox.stream, puppet.outbox.last
            choice = Choice(f"{node}-live-{seq}", f"{node}/{window}", (touch,), Touch(level, wall_ms()))
            self.lit.append(Lit((node, epoch, seq), at, choice))
