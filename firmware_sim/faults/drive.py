"""The disk of a house under the implant: it can be full, read-only or broken, and it knows what a power cut leaves."""

import json
import os
import signal
import threading
from collections import Counter
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from firmware_sim.faults import vfs
from firmware_sim.faults.platter import Op, Platter, Resized, Wrote
from firmware_sim.faults.vfs import Deed, Shim

# Where a power cut left its images: this file in their folder names them, by the file that each is of.
MANIFEST = "manifest.json"
_SMALL = "PRAGMA cache_size = 4"


class Drive:
    """Every store of the process is on it."""

    def __init__(self, house: str) -> None:
        """Put it in: connections of `house` from here on are on this drive."""
        self.seen: Counter[str] = Counter()
        self._platter = Platter()
        self._lock = threading.Lock()
        self._sick: tuple[str, int] = ("", vfs.OK)
        self._fuse: tuple[int, str, Path] | None = None
        Shim(self._saw, self._refuse).install()
        _remember_less(house)

    def sicken(self, deed: str, code: int) -> None:
        """Let every `deed` fail with `code`; `vfs.OK`: heal."""
        self._sick = (deed, code)

    def cut(self, seed: str, writes: int, folder: Path) -> None:
        """Lose power at the `writes`th write from now."""
        self._fuse = (self.seen["writes"] + writes, seed, folder)

    def _saw(self, op: Op) -> None:
        # Whoever comes while the power goes waits here for ever: its sync never returns, so it promises nothing.
        with self._lock:
            self._platter.take(op)
            if isinstance(op, Wrote | Resized):
                self.seen["writes"] += 1
                if self._fuse is not None and self.seen["writes"] >= self._fuse[0]:
                    self._lose_power(*self._fuse)

    def _lose_power(self, writes: int, seed: str, folder: Path) -> None:
        manifest: dict[str, str | None] = dict.fromkeys(self._platter.paths)
        for number, (path, content) in enumerate(self._platter.image(Random(seed)).items()):
            manifest[path] = f"{number}.image"
            (folder / f"{number}.image").write_bytes(content)
        told = {"files": manifest, "writes": writes, "unsynced": self._platter.unsynced()}
        (folder / MANIFEST).write_text(json.dumps(told), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()

    def _refuse(self, deed: Deed, _path: str) -> int:
        sick, code = self._sick
        if deed != sick or code == vfs.OK:
            return vfs.OK
        self.seen["refused"] += 1
        return code


def _remember_less(house: str) -> None:
    """Let SQLite keep a few pages in memory, so that it asks the disk: the stores of a simulation are small."""
    rooms: Any = import_module("cloud.engines" if house == "cloud" else "transport.disk")
    name = "_SQLITE_PRAGMAS" if house == "cloud" else "_PRAGMAS"
    pragmas = getattr(rooms, name)
    setattr(rooms, name, (*pragmas, _SMALL) if house == "cloud" else f"{pragmas}{_SMALL};\n")


def bring_back(folder: Path) -> tuple[int, int]:
    """Put what a power cut left in the place of what is there; how many files, and how many writes were unsynced."""
    told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for name, image in told["files"].items():
        path = Path(name)
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        if image is not None:
            (folder / image).rename(path)
    return len(told["files"]), told["unsynced"]
