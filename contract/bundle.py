"""Framing: how entries stand one after the other in one MQTT payload.

Every payload on every topic is a bundle: lines of JSON, each followed, where it is signed, by the line of its
signature. A JSON line starts with `{`; a base64url signature never does, so no escaping is needed. A payload longer
than 1 KiB is gzipped, told by its magic bytes. Limits hold before and after gunzip: 256 KiB can become 270 MB.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from contract.errors import Reason, Refused

MAX_PAYLOAD = 256 * 1024
# No entry of ours is shorter than 50 bytes; 256 KiB of brackets must not become 131,072 entries to refuse one by one.
MAX_ENTRIES = MAX_PAYLOAD // 50
GZIP_ABOVE = 1024
GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW_BITS = 31
_GZIP_LEVEL = 1
_BRACE = ord("{")


class Signed(NamedTuple):
    """One entry of a bundle: the JSON bytes, and the signature's text or `b""` where there is none."""

    body: bytes
    signature: bytes

    @classmethod
    def of(cls, raw: bytes) -> "Signed":
        """The entry whose `raw` bytes a store kept."""
        body, _, signature = raw.partition(b"\n")
        return cls(body, signature)

    @property
    def raw(self) -> bytes:
        """The entry as it travels and as stores keep it."""
        return self.body + b"\n" + self.signature if self.signature else self.body


def digest(raw: bytes) -> str:
    """Return the short name of bytes nobody could read: the first 16 hex digits of their SHA-256."""
    return hashlib.sha256(raw).hexdigest()[:16]


def pack(entries: Iterable[bytes]) -> bytes:
    """Make one payload of whole `entries`, as made by `Signer.entry` or `codec.encode`.

    The caller minds `MAX_PAYLOAD`, which holds for the entries and the newline between each two, before gzip.
    """
    plain = b"\n".join(entries)
    if len(plain) <= GZIP_ABOVE:
        return plain
    squeeze = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW_BITS)
    return squeeze.compress(plain) + squeeze.flush()


def packed(entries: Iterable[bytes]) -> Iterator[bytes]:
    """Make as many payloads of `entries`, in their order, as `MAX_PAYLOAD` and `MAX_ENTRIES` need."""
    bundle: list[bytes] = []
    size = 0
    for entry in entries:
        if bundle and (size + len(entry) > MAX_PAYLOAD or len(bundle) == MAX_ENTRIES):
            yield pack(bundle)
            bundle, size = [], 0
        bundle.append(entry)
        size += len(entry) + 1
    if bundle:
        yield pack(bundle)


def _plain(payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD:
        raise Refused(Reason.OVERSIZED, f"payload of {len(payload)} bytes, at most {MAX_PAYLOAD} are allowed")
    if not payload.startswith(GZIP_MAGIC):
        return payload
    swell = zlib.decompressobj(_GZIP_WINDOW_BITS)
    try:
        plain = swell.decompress(payload, MAX_PAYLOAD + 1)
    except zlib.error as bad:
        raise Refused(Reason.UNDECODABLE, f"gzip: {bad}") from bad
    if len(plain) > MAX_PAYLOAD:
        raise Refused(Reason.OVERSIZED, f"payload grows beyond {MAX_PAYLOAD} bytes when unzipped")
    if not swell.eof:
        raise Refused(Reason.UNDECODABLE, "gzip: the payload ends in the middle")
    if swell.unused_data:
        raise Refused(Reason.UNDECODABLE, f"gzip: {len(swell.unused_data)} bytes behind the end")
    return plain


def unpack(payload: bytes) -> list[Signed]:
    """Return the entries of `payload`; raises `Refused` (oversized, undecodable) when it is no bundle at all."""
    lines = _plain(payload).split(b"\n")
    entries: list[Signed] = []
    count = len(lines)
    at = 0
    while at < count:
        body = lines[at]
        at += 1
        if not body:
            continue
        if len(entries) == MAX_ENTRIES:
            raise Refused(Reason.OVERSIZED, f"more than {MAX_ENTRIES} entries in one payload")
        if body[0] != _BRACE:
            raise Refused(Reason.UNDECODABLE, f"line {at} is neither JSON nor the signature of the line before it")
        if at < count and lines[at] and lines[at][0] != _BRACE:
            entries.append(Signed(body, lines[at]))
            at += 1
        else:
            entries.append(Signed(body, b""))
    return entries
