"""SQLite's write-ahead log as bytes: what is damaged in it, and what the database is without the damage. Pure.

SQLite ends its own reading silently at the first frame whose checksum is wrong, as it must: that is how a torn last
commit looks. But a commit is synced before the next begins, so behind a torn one no two commits can stand; where they
do, synced bytes were damaged, and all that was committed since would be gone without a word. Each frame's sum goes on
from the one written in the frame before, so each can be judged by itself (https://sqlite.org/fileformat2.html#walformat).
"""

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from operator import mul
from typing import NamedTuple

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = 0x377F0682
_MASK = 0xFFFFFFFF
# Header fields of the database: how it is written and read (1: without a log).
_VERSIONS = slice(18, 20)


class Frame(NamedTuple):
    """A page as of one commit; `commit`: the size of the database in pages where it ends one, else 0."""

    page: int
    commit: int
    sound: bool
    content: bytes


def frames(log: bytes) -> Iterator[Frame]:
    """The frames of the log's present generation, damaged ones too; none of a log without a sound header."""
    if len(log) < _HEADER.size:
        return
    magic, _, size, _, salt1, salt2, *sums = _HEADER.unpack_from(log)
    order = "<" if magic == _MAGIC else ">"
    if magic not in {_MAGIC, _MAGIC + 1} or _summed(log[:24], (0, 0), order) != tuple(sums):
        return
    before = (sums[0], sums[1])
    at = _HEADER.size
    while at + _FRAME.size + size <= len(log):
        page, commit, frame_salt1, frame_salt2, *own = _FRAME.unpack_from(log, at)
        if (frame_salt1, frame_salt2) == (salt1, salt2):
            content = log[at + _FRAME.size : at + _FRAME.size + size]
            found = _summed(log[at : at + 8] + content, before, order)
            yield Frame(page, commit, found == tuple(own), content)
        before = (own[0], own[1])
        at += _FRAME.size + size


def _summed(content: bytes, before: tuple[int, int], order: str) -> tuple[int, int]:
    """The two sums after `content`.

    Each word added is one step of a Fibonacci series, which as a product of lists takes half the time of a loop.
    """
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    weights = _fibonacci(len(words) + 2)
    down = weights[1 : len(words) + 1][::-1]
    two = sum(map(mul, words, down)) + before[0] * weights[-2] + before[1] * weights[-1]
    one = sum(map(mul, words, down[1:])) + before[0] * weights[-3] + before[1] * weights[-2]
    return one & _MASK, two & _MASK


@cache
def _fibonacci(count: int) -> tuple[int, ...]:
    found = [0, 1]
    while len(found) < count:
        found.append((found[-1] + found[-2]) & _MASK)
    return tuple(found)


def damaged(log: bytes) -> bool:
    """Whether synced frames of `log` are damaged, so that SQLite would pass over commits that were made."""
    broken, commits = False, 0
    for frame in frames(log):
        broken = broken or not frame.sound
        commits += broken and frame.sound and frame.commit > 0
    return commits > 1


def mended(database: bytes, found: Sequence[Frame], *, damaged_too: bool = False) -> bytes:
    """The bytes of `database` with every sound frame of its log in it, of all those `found`; to be read without a log.

    A page of a damaged frame is as the frame before left it, so its tree may contradict itself; with `damaged_too` it
    is as that frame has it, so each of its rows has yet to prove itself.
    """
    size = len(found[0].content) if found else 1
    # What damage makes of a page's number may lie anywhere.
    most = max([len(database) // size, *(frame.commit for frame in found if frame.sound)])
    pages = bytearray(database)
    waiting: list[Frame] = []
    for frame in found:
        if frame.sound or (damaged_too and 1 <= frame.page <= most):
            waiting.append(frame)
        if frame.sound and frame.commit:
            for page, _, _, content in waiting:
                at = (page - 1) * size
                pages.extend(bytes(max(0, at - len(pages))))
                pages[at : at + size] = content
            del pages[frame.commit * size :]
            waiting.clear()
    pages[_VERSIONS] = b"\1\1"
    return bytes(pages)
