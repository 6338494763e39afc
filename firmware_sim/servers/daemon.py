"""A server program as a child process: started, asked until it answers, stopped, killed, paused.

Each has a process group of its own: Ctrl-C in a terminal reaches us and not the server, so the houses can still drain.
Start it from a thread that lives as long as the server should (the main one): where `setpriv` exists the kernel stops
the child when that thread dies, even by SIGKILL. No child is tied to a loop, so one may outlive the loop it began in.
"""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
READY_S = 10.0
STOP_S = 5.0
_POLL_S = 0.02
_PORTS = (20_000, 32_000)  # Linux gives 32,768 and above to outgoing connections, the others 49,152 and above
_given: deque[int] = deque(maxlen=500)
# Debian keeps servers where an ordinary user does not look, and pip keeps them beside the interpreter.
_PLACES = ("/usr/sbin:/usr/local/sbin", str(Path(sys.executable).parent))


class ServerError(Exception):
    """A server did not start or does not run; the text is one line fit for a person."""


class Server(ABC):
    """Something that answers between `start` and `stop`, or for as long as its context is open.

    What it keeps in its folder outlives that, and so does a port once taken: clients find it again.
    """

    @abstractmethod
    async def start(self) -> None:
        """Return when it answers; raise ServerError otherwise."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop; does nothing when it is not running."""

    async def restart(self) -> None:
        """Start again where it was, stopping first what still runs."""
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()


class Daemon:
    """One program in the foreground; what it says goes to `log`, whose last line tells why it did not start."""

    def __init__(self, name: str, log: Path) -> None:
        """Prepare it; `name` is what a person calls it."""
        self.name = name
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The child's process id; ServerError when it was not started or was stopped."""
        return self._running.pid

    @property
    def alive(self) -> bool:
        """Whether it runs now, also when nobody stopped it."""
        return self._child is not None and self._child.poll() is None

    def check_idle(self) -> None:
        """Raise ServerError where it was started already, before its port is found to be taken."""
        if self._child is not None:
            raise ServerError(f"{self.name} is already running")

    async def start(
        self,
        command: Sequence[str],
        *,
        at: str,
        ready: Callable[[], Awaitable[bool]],
        within_s: float = READY_S,
        bond: Sequence[str] | None = None,
    ) -> None:
        """Start `command` and return when `ready` says so; ServerError with the program's own last words.

        `at` is its address, for the error. `bond` stands before the command in place of the usual `setpriv`.
        """
        self.check_idle()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as out:
            self._child = child = subprocess.Popen(  # noqa: ASYNC220, S603 - asyncio's would be tied to one loop
                [*(bonded() if bond is None else bond), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        try:
            async with asyncio.timeout(within_s):
                while child.poll() is None and not await ready():  # noqa: ASYNC110 - no Event to wait for
                    await asyncio.sleep(_POLL_S)
        except BaseException as error:
            self.kill()
            if isinstance(error, TimeoutError):
                raise ServerError(f"{self.name} at {at}: no answer in {within_s:.0f} s") from None
            raise
        if child.poll() is not None:
            self._child = None
            raise ServerError(f"{self.name} at {at}: {last_line(self._log)}")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop with a signal, after STOP_S with SIGKILL; does nothing when it is not running."""
        if self._child is None:
            return
        self._child.send_signal(number)
        self._child.send_signal(signal.SIGCONT)  # a paused one would not hear
        try:
            await asyncio.to_thread(self._child.wait, STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._child = None

    def kill(self) -> None:
        """Kill it and its children with SIGKILL, as a power cut would, and reap; what it held in memory is gone."""
        if self._child is None:
            return
        self._tell_all(signal.SIGKILL)
        self._child.wait()
        self._child = None

    def pause(self) -> None:
        """Make it and its children hang: connections stay, nothing is answered."""
        self._tell_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let one that hangs go on."""
        self._tell_all(signal.SIGCONT)

    def _tell_all(self, number: signal.Signals) -> None:
        for pid in (self.pid, *_children(self.pid)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:  # it ended by itself
                continue

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise ServerError(f"{self.name} is not running")
        return self._child


def bonded(number: signal.Signals = signal.SIGTERM) -> list[str]:
    """Return the words before a command that end it with us by signal `number`; none without `setpriv`."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", number.name.removeprefix("SIG")] if setpriv else []


def program(name: str, package: str, *places: str) -> str:
    """Return the path of a program, looking also in `places`; ServerError names the Debian package that brings it."""
    for path in (None, *places, *_PLACES):
        if found := shutil.which(name, path=path):
            return found
    raise ServerError(f"{name} is not installed: it comes with {package}")


def free_port(host: str = HOST) -> int:
    """Return a TCP port that was free a moment ago, none of those given lately: their servers may not have begun.

    It is below those that systems give to outgoing connections, one of which would take it until a server does.
    """
    while True:
        port = _PORTS[0] + secrets.randbelow(_PORTS[1] - _PORTS[0])
        if port not in _given and port_is_free(host, port):
            _given.append(port)
            return port


def port_is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen at this address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections do not count
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def take_port(name: str, port: int, host: str = HOST) -> int:
    """Return `port`, or any free one for 0; ServerError if somebody has it, who would otherwise answer in our place."""
    taken = port or free_port(host)
    if not port_is_free(host, taken):
        raise ServerError(f"{name}: {host}:{taken} is in use")
    return taken


def last_line(log: Path) -> str:
    """Return the last words in a log."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "stopped without a word"


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:  # no Linux, or it has ended
        return []
