"""Seals: what each one closes, how they follow each other, and the text in which they leave the city. Pure.

A seal's leaves are the ledger's entries from its first position to its last. A leaf is the entry's kind, a newline and
its bytes as they were signed, and neither its position nor when it came: an entry that comes again, because the city
was restored from a backup, is the same leaf.
"""

import hashlib
import re
from typing import NamedTuple

from contract.bundle import Signed
from contract.codec import decode_as
from contract.errors import Refused, SettingsError
from contract.seal import NOTHING, Seal
from contract.signing import public_key, verify
from proof import merkle

_LEAF = re.compile("[0-9a-f]{64}")


class Sealed(NamedTuple):
    """A seal, its bytes as signed, and the hashes of its leaves where they came with it."""

    seal: Seal
    raw: bytes
    leaves: tuple[bytes, ...] = ()

    @property
    def digest(self) -> str:
        """What the next seal names it by: the SHA-256 of its bytes, in hex."""
        return hashlib.sha256(self.raw).hexdigest()


def leaf(kind: str, raw: bytes) -> bytes:
    """The hash of the ledger entry `raw` of `kind`, 32 bytes."""
    return merkle.leaf(kind.encode() + b"\n" + raw)


def first_after(closed: Sealed | None) -> int:
    """The position at which the next seal begins, where `closed` is the last one that closed entries of this ledger."""
    return 1 if closed is None else closed.seal.last + 1


def following(before: Sealed | None, *, first: int, last: int, root: bytes, day: str, at: int, by: str) -> Seal:
    """The seal after `before`, over positions `first` to `last` with `root`; `by` is the city's public key."""
    number = 1 if before is None else before.seal.number + 1
    prev = NOTHING if before is None else before.digest
    return Seal(1, number, day, first, last, root.hex(), prev, at, by)


def opened(raw: bytes) -> Sealed:
    """The seal in `raw`, a signed entry; raises `Refused` where it is none. Who signed it is for `objection` to say."""
    return Sealed(decode_as(Signed.of(raw).body, Seal), raw)


def objection(one: Sealed, key: bytes | None = None) -> str | None:
    """Why `one` is not what it says, if it is not: signed by `key` (32 raw bytes), else by the key it names itself."""
    entry = Signed.of(one.raw)
    if key is not None and public_key(one.seal.by) != key:
        return f"it is signed by {one.seal.by}, not by the city's key"
    if not verify(entry.body, entry.signature, public_key(one.seal.by)):
        return f"{one.seal.by} did not sign this"
    if one.leaves and len(one.leaves) != one.seal.last - one.seal.first + 1:
        return f"it closes positions {one.seal.first} to {one.seal.last} and comes with {len(one.leaves)} leaves"
    if one.leaves and merkle.root(one.leaves).hex() != one.seal.root:
        return "its root is not that of the leaves that come with it"
    return None


def misfit(before: Sealed | None, one: Sealed) -> str | None:
    """Why `one` cannot be the seal that follows `before` (None: the very first), if it cannot."""
    number = 1 if before is None else before.seal.number + 1
    if one.seal.number != number:
        return f"it is number {one.seal.number}, and number {number} was to follow"
    if one.seal.prev != (NOTHING if before is None else before.digest):
        return f"it names another seal {number - 1} than the one before it"
    return None


def written(one: Sealed) -> str:
    """`one` as a text to keep and to print: two lines for people, the seal, its signature, a line for each leaf."""
    seal = one.seal
    lines = [
        f"# 满意 Manyi · 封账 seal {seal.number} · {seal.day}",
        f"# 账目 ledger positions {seal.first:,} - {seal.last:,} · 默克尔根 root {seal.root}",
        one.raw.decode(),
        *(one_leaf.hex() for one_leaf in one.leaves),
    ]
    return "\n".join(lines) + "\n"


def read(text: str, source: str) -> list[Sealed]:
    """The seals in `text`, which may hold several as `written` writes them.

    Raises `SettingsError`, which names `source` and the line. Signatures and roots are for `objection` to judge.
    """
    found: list[tuple[Sealed, list[bytes]]] = []
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    telling = ((number, line) for number, line in lines if line and not line.startswith("#"))
    for number, line in telling:
        if line.startswith("{"):
            _, signature = next(telling, (0, ""))
            try:
                found.append((opened(f"{line}\n{signature}".encode()), []))
            except Refused as bad:
                raise SettingsError(f"{source}: line {number}: this is no seal: {bad.detail}") from bad
        elif _LEAF.fullmatch(line) and found:
            found[-1][1].append(bytes.fromhex(line))
        else:
            raise SettingsError(f"{source}: line {number}: expected a seal, or the hash of one of its leaves")
    if not found:
        raise SettingsError(f"{source}: there is no seal in it; `manyi seal --out FILE` writes one")
    return [one._replace(leaves=tuple(leaves)) for one, leaves in found]
