"""Houses as processes of their own, started and stopped by their ids.

Each has a session of its own, so a Ctrl-C in the terminal reaches the parent alone and the parent decides the order.
Where `setpriv` exists the kernel ends a child with its parent, even when that is killed. What a child writes to stderr
goes to a file; its last lines are shown when it dies unasked.
"""

import asyncio
import shutil
import signal
from collections.abc import Collection, Sequence
from pathlib import Path

STOP_S = 5.0
_LAST_LINES = 12


class ChildDied(Exception):  # noqa: N818  (that is what happened)
    """A house ended by itself; the text names it, its exit code and its last words."""


class Child:
    """One process. `failed` raises `ChildDied` when it ends before it was asked to."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, speaks: bool = False) -> None:
        """Prepare `command`; what it writes goes to the file `log`, but for the stdout of one that `speaks` to us."""
        self.name = name
        self._speaks = speaks
        self._command = list(command)
        self._log = log
        self._stopping = False
        self._running: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, again too; `ChildDied` if there is no such program."""
        self._stopping = False
        bond = shutil.which("setpriv")
        command = [*([bond, "--pdeathsig", "TERM"] if bond else []), *self._command]
        with self._log.open("ab") as out:
            try:
                self._running = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE if self._speaks else out,
                    stderr=out,
                    start_new_session=True,
                )
            except OSError as bad:
                raise ChildDied(f"{self.name} could not be started: {bad}") from bad

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._child.pid

    @property
    def log(self) -> str:
        """Return all that it has written so far, but for what one that `speaks` says to us."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    async def says(self, word: str) -> None:
        """Wait until it says `word` on a line of its own; `ChildDied` if it ends first."""
        stdout = self._child.stdout
        while stdout is not None:
            line = await stdout.readline()
            if line.decode(errors="replace").strip() == word:
                return
            if not line:
                break
        raise await self._death()

    async def finish(self, *, codes: Collection[int] = (0,)) -> str:
        """Wait for a child that ends by itself, and return what it said, if it speaks; `ChildDied` for other codes."""
        said, _ = await self._child.communicate()
        if self._child.returncode not in codes:
            raise await self._death()
        return (said or b"").decode()

    async def failed(self) -> None:
        """Wait for the end; `ChildDied` unless `stop` was what ended it."""
        await self._child.wait()
        if not self._stopping:
            raise await self._death()

    def tell(self, number: signal.Signals) -> None:
        """Send a signal; one that has ended hears nothing."""
        if self._child.returncode is None:
            self._child.send_signal(number)

    def doom(self) -> None:
        """Be told that it will end by our doing, whoever carries it out: that is no death to be told."""
        self._stopping = True

    async def gone(self) -> int:
        """Wait until it has ended; its exit code, or the negative number of the signal."""
        return await self._child.wait()

    async def kill(self) -> None:
        """Kill it with SIGKILL, as a power cut would: that is no death to be told."""
        self._stopping = True
        self._child.kill()
        await self._child.wait()

    async def stop(self, *, within_s: float = STOP_S) -> None:
        """Ask it to end, and make it end; does nothing when it never began or has ended."""
        self._stopping = True
        if self._running is None or self._running.returncode is not None:
            return
        self._running.terminate()
        try:
            async with asyncio.timeout(within_s):
                await self._running.wait()
        except TimeoutError:
            self._running.kill()
            await self._running.wait()

    @property
    def _child(self) -> asyncio.subprocess.Process:
        if self._running is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._running

    async def _death(self) -> ChildDied:
        code = await self._child.wait()
        text = self.log.strip()
        last = "\n".join(f"  {line}" for line in text.splitlines()[-_LAST_LINES:])
        ended = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return ChildDied(f"{self.name} {ended}{':' if last else ', without a word'}\n{last}".rstrip())
