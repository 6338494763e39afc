"""What a power cut leaves of files: all that was synced, and of the rest an arbitrary part. Pure.

A disk is told what happens to it by `Op`s. At any moment `image` draws one of the states in which a real one could come
back: each write that no sync covers is there, is not, is torn or has flipped bits, whatever became of those before it;
a file whose folder was not synced is there or not, and one that was removed may be back.
"""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

_KEEP = (0.0, 0.5, 0.5, 0.9, 1.0)
_FLIPS = 8


class Found(NamedTuple):
    """A file was opened that was not known; `content` is what it held, taken for synced, None when it is new."""

    path: str
    content: bytes | None


class Wrote(NamedTuple):
    """Bytes were handed to the kernel."""

    path: str
    offset: int
    content: bytes


class Resized(NamedTuple):
    """A file was cut to `size`."""

    path: str
    size: int


class Syncing(NamedTuple):
    """A sync begins: what is written from now on is not in it."""

    path: str
    token: int


class Synced(NamedTuple):
    """The sync `token` has returned; `folder`: that of the file's folder too."""

    path: str
    token: int
    folder: bool


class Removed(NamedTuple):
    """A file was deleted; `folder`: and its folder synced."""

    path: str
    folder: bool


Op = Found | Wrote | Resized | Syncing | Synced | Removed


class _Plate:
    """One file: what is safe, and what happened to it since, in order."""

    def __init__(self, content: bytes, *, entered: bool) -> None:
        self.safe = bytearray(content)
        self.loose: list[Wrote | Resized] = []
        self.entered = entered
        self.barriers: dict[int, int] = {}

    def promote(self, token: int) -> None:
        count = self.barriers.pop(token, 0)
        for op in self.loose[:count]:
            _apply(self.safe, op)
        del self.loose[:count]
        self.barriers = {other: max(0, at - count) for other, at in self.barriers.items()}

    def come_back(self, random: Random) -> bytes:
        content = bytearray(self.safe)
        keep = random.choice(_KEEP)
        for op in self.loose:
            if random.random() < keep:
                _apply(content, op)
            elif isinstance(op, Wrote) and op.content and random.random() < keep:
                _apply(content, random.choice((_torn, _flipped))(op, random))
        return bytes(content)


class Platter:
    """All files under watch."""

    def __init__(self) -> None:
        """Begin without a file."""
        self._plates: dict[str, _Plate] = {}
        # Removed, and their folder not synced since: each may be back.
        self._ghosts: dict[str, _Plate] = {}

    def take(self, op: Op) -> None:
        """Take in what happened."""
        match op:
            case Found():
                self._plates[op.path] = _Plate(op.content or b"", entered=op.content is not None)
            case Wrote() | Resized():
                self._plates[op.path].loose.append(op)
            case Syncing():
                plate = self._plates[op.path]
                plate.barriers[op.token] = len(plate.loose)
            case Synced():
                self._plates[op.path].promote(op.token)
                if op.folder:
                    self._enter(op.path)
            case Removed():
                gone = self._plates.pop(op.path, None)
                if gone is not None and gone.entered:
                    self._ghosts[op.path] = gone
                if op.folder:
                    self._enter(op.path)

    @property
    def paths(self) -> set[str]:
        """Every file that may be found."""
        return self._plates.keys() | self._ghosts.keys()

    def unsynced(self) -> int:
        """How many writes a power cut now could take."""
        return sum(len(plate.loose) for plate in self._plates.values())

    def image(self, random: Random) -> dict[str, bytes]:
        """What is found after a power cut now: contents by path, without the files that are not there."""
        found: dict[str, bytes] = {}
        for path in sorted(self.paths):
            plate, ghost = self._plates.get(path), self._ghosts.get(path)
            if plate is None or not plate.entered:
                plate = random.choice((plate, ghost))
            if plate is not None:
                found[path] = plate.come_back(random)
        return found

    def _enter(self, path: str) -> None:
        folder = _folder(path)
        for name, plate in self._plates.items():
            if _folder(name) == folder:
                plate.entered = True
        for name in [name for name in self._ghosts if _folder(name) == folder]:
            del self._ghosts[name]


def replayed(ops: Sequence[Op]) -> Platter:
    """A platter after `ops`."""
    platter = Platter()
    for op in ops:
        platter.take(op)
    return platter


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _apply(content: bytearray, op: Wrote | Resized) -> None:
    if isinstance(op, Resized):
        del content[op.size :]
        content.extend(bytes(op.size - len(content)))
        return
    content.extend(bytes(max(0, op.offset - len(content))))
    content[op.offset : op.offset + len(op.content)] = op.content


def _torn(op: Wrote, random: Random) -> Wrote:
    """One end of the write arrived, the other did not."""
    place = random.randrange(len(op.content))
    if random.random() < 0.5:  # noqa: PLR2004
        return op._replace(content=op.content[:place])
    return op._replace(offset=op.offset + place, content=op.content[place:])


def _flipped(op: Wrote, random: Random) -> Wrote:
    """All of it arrived, and some bits of it are wrong."""
    content = bytearray(op.content)
    for _ in range(random.randint(1, _FLIPS)):
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    return op._replace(content=bytes(content))
