"""The line on which a house under the implant is told what to do to itself, and tells what it has seen.

A socket without a file (`man 7 unix`, abstract), one order and one answer a connection, both one line of JSON.
"""

import asyncio
import socket
import threading
from collections.abc import Callable

import msgspec

Counts = dict[str, int]


class Arm(msgspec.Struct, frozen=True, tag=True):
    """Die by SIGKILL at the `count`th passage of failpoint `point` from now."""

    point: str
    count: int = 1


class CutPower(msgspec.Struct, frozen=True, tag=True):
    """Lose power at the `writes`th write from now; what the disk brings back, as `seed` draws it, goes to `folder`."""

    seed: str
    writes: int
    folder: str


class Sicken(msgspec.Struct, frozen=True, tag=True):
    """Let every `deed` fail with SQLite's `code`; 0: heal."""

    deed: str
    code: int


class Fill(msgspec.Struct, frozen=True, tag=True):
    """Let the disk have no room beyond the reserve, or again what it has."""

    full: bool


class Skew(msgspec.Struct, frozen=True, tag=True):
    """Step the wall clock, ms from the true one; `to`: to that time instead. `unknown`: and the kernel knows that."""

    by: int = 0
    to: int | None = None
    unknown: bool = False


class Leap(msgspec.Struct, frozen=True, tag=True):
    """Let `ms` pass at once for all clocks; those of this machine's crystal go wrong by `ppm`."""

    ms: int
    ppm: float = 0.0


class Deafen(msgspec.Struct, frozen=True, tag=True):
    """Hear nobody tell the time, or hear it again."""

    deaf: bool


class Look(msgspec.Struct, frozen=True, tag=True):
    """Do nothing, and tell."""


Order = Arm | CutPower | Sicken | Fill | Skew | Leap | Deafen | Look


def listen(name: str, obey: Callable[[Order], Counts]) -> None:
    """Obey orders in a thread of its own for as long as the process lives."""
    line = socket.socket(socket.AF_UNIX)
    line.bind(f"\0{name}")
    line.listen()

    def serve() -> None:
        decoder, encoder = msgspec.json.Decoder(Order), msgspec.json.Encoder()
        while True:
            caller, _ = line.accept()
            with caller, caller.makefile("rb") as lines:
                caller.sendall(encoder.encode(obey(decoder.decode(lines.readline()))) + b"\n")

    threading.Thread(target=serve, name="nerve", daemon=True).start()


async def tell(name: str, order: Order) -> Counts:
    """Give `order` to the house that listens at `name`, and return what it has counted; `OSError` if there is none."""
    reader, writer = await asyncio.open_unix_connection(f"\0{name}")
    try:
        writer.write(msgspec.json.encode(order) + b"\n")
        return msgspec.json.decode(await reader.readline(), type=Counts)
    finally:
        writer.close()
