"""The Merkle tree of RFC 9162, section 2.1: one hash that stands for a list, and short proofs that something is in it.

A leaf is hashed as SHA-256(0x00 || its bytes), an inner node as SHA-256(0x01 || left || right), and a list is split
before the largest power of two below its length. Pure.
"""

import hashlib
from collections.abc import Sequence

SIZE = 32
EMPTY = hashlib.sha256(b"").digest()


def leaf(content: bytes) -> bytes:
    """The hash of a leaf of `content`, 32 bytes."""
    return hashlib.sha256(b"\x00" + content).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """Takes leaf hashes one after the other, and keeps 32 bytes for each bit of their number."""

    def __init__(self) -> None:
        """Begin with no leaf."""
        self.size = 0
        # The roots of the whole subtrees, the largest first.
        self._whole: list[bytes] = []

    def add(self, leaf_hash: bytes) -> None:
        """Take in the next leaf."""
        self._whole.append(leaf_hash)
        self.size += 1
        # As many pairs are complete now as the number of leaves has twos in it.
        for _ in range((self.size & -self.size).bit_length() - 1):
            right = self._whole.pop()
            self._whole.append(_node(self._whole.pop(), right))

    def root(self) -> bytes:
        """The tree hash of all leaves so far, 32 bytes."""
        if not self._whole:
            return EMPTY
        *rest, found = self._whole
        for left in reversed(rest):
            found = _node(left, found)
        return found


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The tree hash of `leaf_hashes`, 32 bytes."""
    tree = Tree()
    for one in leaf_hashes:
        tree.add(one)
    return tree.root()


def path(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from leaf `index` (from 0) to the root, the deepest first: section 2.1.3.1.

    Raises `IndexError` where there is no such leaf.
    """
    if not 0 <= index < len(leaf_hashes):
        raise IndexError(f"there is no leaf {index} among {len(leaf_hashes)}")
    found: list[bytes] = []
    low, high = 0, len(leaf_hashes)
    while high - low > 1:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if index < middle:
            found.append(root(leaf_hashes[middle:high]))
            high = middle
        else:
            found.append(root(leaf_hashes[low:middle]))
            low = middle
    return found[::-1]


def leads(leaf_hash: bytes, index: int, size: int, steps: Sequence[bytes], to: bytes) -> bool:
    """Whether `steps` lead from `leaf_hash` at `index` of `size` leaves to the root `to`: section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf_hash
    for step in steps:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = _node(step, found)
            # Where this subtree is the last one and has no sibling, it goes up as it is.
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            found = _node(found, step)
        at >>= 1
        last >>= 1
    return last == 0 and found == to
