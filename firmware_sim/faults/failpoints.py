"""Named places of a house at which it can be killed, put around the product's own methods from outside."""

import os
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import aiosqlite

from edge.lights import Lights
from transport.disk import Disk
from transport.link import Link
from transport.receiver import Receiver
from transport.shelf import Shelf

# What a node acknowledges it does with its light. The city deletes nothing.
POINTS = {
    "fleet": tuple(f"{when} {what}" for what in ("commit", "publish", "ack", "prune") for when in ("before", "after")),
    "gateways": tuple(
        f"{when} {what}" for what in ("commit", "publish", "ack", "prune") for when in ("before", "after")
    ),
    "cloud": tuple(f"{when} {what}" for what in ("commit", "publish", "ack") for when in ("before", "after")),
}


class Failpoints:
    """`passed` counts; at the one that is armed the process ends as by `kill -9`."""

    def __init__(self) -> None:
        """Arm nothing."""
        self.seen: Counter[str] = Counter()
        self._armed: tuple[str, int] | None = None
        self._lock = threading.Lock()

    def arm(self, point: str, count: int) -> None:
        """Die at the `count`th passage of `point`."""
        with self._lock:
            self._armed = (point, self.seen[point] + count)

    def passed(self, point: str) -> None:
        """The house has come to `point`."""
        with self._lock:
            self.seen[point] += 1
            if self._armed is not None and self._armed[0] == point and self.seen[point] >= self._armed[1]:
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()


def put_in(house: str, points: Failpoints) -> None:
    """Put the points of `house` around its methods."""
    if house == "cloud":
        _around_async(aiosqlite.Connection, "commit", "commit", points)
        # By name: the city is run here, and nothing of it is imported.
        _around(import_module("cloud.ingest.intake").Intake, "_answer", "ack", points)
    else:
        _around_transactions(points)
        _around_async(Shelf, "_deleted", "prune", points)
        if house == "gateways":
            _around(Receiver, "_reply", "ack", points)
        else:
            _around(Lights, "thank", "ack", points)
    _around(Link, "publish", "publish", points)


def _around(owner: Any, name: str, what: str, points: Failpoints) -> None:  # noqa: ANN401  (a class of the product)
    real: Callable[..., object] = getattr(owner, name)

    def wrapped(*words: object, **named: object) -> object:
        points.passed(f"before {what}")
        done = real(*words, **named)
        points.passed(f"after {what}")
        return done

    setattr(owner, name, wrapped)


def _around_async(owner: Any, name: str, what: str, points: Failpoints) -> None:  # noqa: ANN401  (a class)
    real: Callable[..., Awaitable[object]] = getattr(owner, name)

    async def wrapped(*words: object, **named: object) -> object:
        points.passed(f"before {what}")
        done = await real(*words, **named)
        points.passed(f"after {what}")
        return done

    setattr(owner, name, wrapped)


def _around_transactions(points: Failpoints) -> None:
    real = Disk.transaction
    write = Disk.write

    @asynccontextmanager
    async def transaction(self: Disk) -> AsyncIterator[aiosqlite.Connection]:
        async with real(self) as connection:
            yield connection
            points.passed("before commit")
        points.passed("after commit")

    async def written(self: Disk, statement: str, values: Sequence[object] = ()) -> None:
        points.passed("before commit")
        await write(self, statement, values)
        points.passed("after commit")

    Disk.transaction = transaction  # type: ignore[method-assign]
    Disk.write = written  # type: ignore[method-assign]
