"""What systemd is told of a service: that it is ready, that it still lives, and that it stops.

Source: sd_notify(3). Each word is a datagram to the socket in NOTIFY_SOCKET. The beat comes from the event loop
itself: a loop that hangs falls silent, and after the unit's WatchdogSec systemd ends the process and begins it again.
What is on disk outlives that as it outlives any other kill.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from contract.errors import SettingsError

# Of the time that systemd allows: one beat may come late, or be lost in a full queue.
_SHARE = 1 / 3


@asynccontextmanager
async def watched(ready: asyncio.Event, environment: Mapping[str, str]) -> AsyncIterator[None]:
    """Tell systemd what becomes of the body: ready once `ready` is set, alive while it runs, stopping when it ends.

    Does nothing where nobody asked, which is where NOTIFY_SOCKET is not in `environment`. Raises `SettingsError` where
    that socket cannot be reached.
    """
    where = environment.get("NOTIFY_SOCKET")
    if not where:
        yield
        return
    with _connected(where) as line:
        telling = asyncio.get_running_loop().create_task(_live(line, ready, _every_s(environment)), name="watchdog")
        try:
            yield
        finally:
            telling.cancel()
            _say(line, "STOPPING=1")
            with suppress(asyncio.CancelledError):
                await telling


def _connected(where: str) -> socket.socket:
    """Return a line to the socket `where`, whose "@" stands for the zero byte of an abstract name."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    line.setblocking(False)  # noqa: FBT003  (its own signature)
    try:
        line.connect(f"\0{where[1:]}" if where.startswith("@") else where)
    except OSError as bad:
        line.close()
        raise SettingsError(
            f"NOTIFY_SOCKET={where}: cannot be reached: {bad.strerror or bad}; systemd sets it, nobody else should"
        ) from bad
    return line


def _every_s(environment: Mapping[str, str]) -> float | None:
    """Return how often to beat (s), None where no watchdog watches this very process."""
    allowed_us = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID")
    if not allowed_us.isdecimal() or int(allowed_us) == 0 or (pid is not None and pid != str(os.getpid())):
        return None
    return int(allowed_us) / 1e6 * _SHARE


async def _live(line: socket.socket, ready: asyncio.Event, every_s: float | None) -> None:
    await ready.wait()
    _say(line, "READY=1")
    while every_s is not None:
        _say(line, "WATCHDOG=1")
        await asyncio.sleep(every_s)


def _say(line: socket.socket, word: str) -> None:
    # A queue that is full, or a systemd that is being replaced, must not end the service: the next beat is soon.
    with suppress(OSError):
        line.send(word.encode())
