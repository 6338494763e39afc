"""How much room a house believes its disk to have."""

from collections import Counter
from importlib import import_module
from typing import Any

from transport.disk import Disk


class Room:
    """The disk is as roomy as it is until `fill`."""

    def __init__(self, house: str, *, look_s: float) -> None:
        """Stand before `Disk.free`; a node or a gateway looks every `look_s`."""
        self.seen: Counter[str] = Counter()
        self._full = False
        room, real = self, Disk.free

        def free(self: Disk) -> int:
            if not room._full:
                return real(self)
            room.seen["found full"] += 1
            return 0

        Disk.free = free  # type: ignore[method-assign]
        if house != "cloud":
            looking: Any = import_module("edge.node" if house == "fleet" else "gateway.post")
            looking.LOOK_S = look_s

    def fill(self, *, full: bool) -> None:
        """Leave only the reserve, or what there is."""
        self._full = full
