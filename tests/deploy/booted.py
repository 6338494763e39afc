"""A machine with a real systemd, for units as they are shipped. It needs root: namespaces are made for it."""

import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
# How a program finds the project on that machine.
HEAD = 'import sys\n\nsys.path[:0] = ["/opt/project", "/opt/site"]\n'
# Units may not look into homes, where a Python of one's own often is.
HOMES = (Path("/root"), Path("/home"))
PATIENCE_S = 180.0
NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup", "--net")


def python() -> str:
    """A Python of this version that a unit can start."""
    own = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (own, Path("/usr/bin") / own.name):
        if candidate.exists() and not any(candidate.resolve().is_relative_to(home) for home in HOMES):
            return str(candidate)
    raise FileNotFoundError(f"no {own.name} outside of {HOMES}: install Debian's package {own.name}")


class Booted:
    """Its systemd, with our units installed and none of them started."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def __enter__(self) -> Self:
        boot = ["bash", str(Path(__file__).with_name("boot.sh")), str(ROOT), python(), sysconfig.get_path("purelib")]
        with self._log.open("wb") as log:
            self._unshare = subprocess.Popen(
                ["unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc", *boot],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._init = 0
        try:
            self.until(self._up)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Pull the plug: PID 1 takes everything with it."""
        if self._init:
            os.kill(self._init, signal.SIGKILL)
        self._unshare.kill()
        self._unshare.wait()

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until `true()`."""
        latest = time.monotonic() + PATIENCE_S
        while not true():
            assert self._unshare.poll() is None, self._log.read_text()
            assert time.monotonic() < latest, self._log.read_text()
            time.sleep(0.1)

    def _up(self) -> bool:
        unshare = self._unshare.pid
        children = Path(f"/proc/{unshare}/task/{unshare}/children").read_text(encoding="ascii").split()
        if not children:
            return False
        self._init = int(children[0])
        return self.run("systemctl", "is-system-running").stdout == "running\n"

    def run(self, *command: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a command on that machine as root."""
        entered = ["nsenter", f"--target={self._init}", *NAMESPACES, *command]
        return subprocess.run(entered, input=given, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def keygen(self, role: str) -> str:
        """Make a role's key, as whom it runs; its public key."""
        key = f"/var/lib/manyi/{role}/{role}.key"
        done = self.run("runuser", "-u", "manyi", "--", "/opt/manyi/bin/manyi", role, "keygen", key)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Write a file there."""
        done = self.run("tee", path, given=text)
        assert done.returncode == 0, done.stderr

    def read(self, path: str) -> str:
        """What is in a file there."""
        return self.run("cat", path).stdout

    def bytes(self, path: str) -> bytes:
        """The same of one that is no text."""
        entered = ["nsenter", f"--target={self._init}", *NAMESPACES, "cat", path]
        return subprocess.run(entered, capture_output=True, timeout=PATIENCE_S, check=True).stdout

    def shown(self, unit: str, what: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={what}", unit).stdout.strip()
