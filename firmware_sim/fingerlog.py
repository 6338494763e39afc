"""What the fingers themselves remember: an append-only log that a `kill -9` of its process leaves whole.

One line of JSON for each press, and one when its light was seen:
`{"kind":"pressed","id":"q7-12","window":"371721121-a1/02","level":3,"at":1763800000000}`. `id` names the visit; a later
press of the same visit replaces the earlier choice. A line is handed to the kernel in one write, so it survives the
process; it is not synced, so it need not survive a power cut.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import msgspec

_CHUNK = 1 << 16

Kind = Literal["pressed", "lit", "refused"]


class Entry(msgspec.Struct, frozen=True):
    """One line. `at`: wall clock, ms since 1970 UTC. `pressed`: level pressed; `lit`: level whose light came on."""

    kind: Kind
    id: str
    window: str
    level: Annotated[int, msgspec.Meta(ge=1, le=3)]
    at: int


class Touch(NamedTuple):
    """A press or a light: its level, and when (wall clock, ms)."""

    level: int
    at: int


class Choice(NamedTuple):
    """One visit: its presses in order, the light that came on (None: never seen), whether the node refused loudly."""

    id: str
    window: str
    presses: tuple[Touch, ...]
    lit: Touch | None = None
    refused: bool = False


class FingerLog:
    """The writing end; several processes may append to one file."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending; half a line left by a killed writer is cut off, for it said nothing."""
        self._handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._mend()
        self._encoder = msgspec.json.Encoder()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, entry: Entry) -> None:
        """Append `entry`; when this returns, the line outlives the process."""
        line = self._encoder.encode(entry) + b"\n"
        if os.write(self._handle, line) != len(line):
            raise OSError(f"finger log: only part of a line was written: {line!r}")

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _mend(self) -> None:
        end = size = os.fstat(self._handle).st_size
        while end:
            start = max(0, end - _CHUNK)
            newline = os.pread(self._handle, end - start, start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._handle, end)


class Follower:
    """The reading end of a log that may still be growing."""

    def __init__(self, path: Path) -> None:
        """Begin at the first line of `path`, which need not exist yet."""
        self._path = path
        self._offset = 0
        self._decoder = msgspec.json.Decoder(Entry)

    def news(self) -> Iterator[Entry]:
        """Yield the entries since the last call, oldest first; a last line without its end is left for later.

        Raises `msgspec.DecodeError` (or its `ValidationError`) for any other bad line: that is damage, not a crash.
        """
        if not self._path.exists():
            return
        with self._path.open("rb") as lines:
            lines.seek(self._offset)
            for line in lines:
                if line.endswith(b"\n"):
                    self._offset += len(line)
                    yield self._decoder.decode(line)


def read(path: Path) -> Iterator[Entry]:
    """Yield all entries of `path`, as `Follower.news` does."""
    return Follower(path).news()


def choices(entries: Iterable[Entry]) -> list[Choice]:
    """Fold `entries` into visits, in the order of their first press."""
    made: dict[str, Choice] = {}
    for entry in entries:
        choice = made.get(entry.id) or Choice(entry.id, entry.window, ())
        touch = Touch(entry.level, entry.at)
        match entry.kind:
            case "pressed":
                made[entry.id] = choice._replace(presses=(*choice.presses, touch))
            case "lit":
                made[entry.id] = choice._replace(lit=touch)
            case "refused":
                made[entry.id] = choice._replace(refused=True)
    return list(made.values())
