"""How a device gets its first certificate: by an invitation that works once.

An invitation is a line of text that a person carries to the device. Its secret is never sent. Each side shows by a seal
(HMAC-SHA256) that it has it: so it does not matter who carries or reads the request, and the device knows that the
answer is from whoever invited it, over plain HTTP too. The city keeps no more of the secret than its digest, by which
seals are made. That the device holds the private key of what it wants certified is shown by its signature, which stands
below the request as below every entry.

A certificate is renewed without an invitation: the device signs with the key that it has, and the city signs too.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Annotated, NamedTuple, Self

import msgspec

from contract.batch import EpochName, NodeName
from contract.config import KeyText
from contract.identity import NODE, TOWNSHIP, whole

ENROL = "/api/pki/enrol"
RENEW = "/api/pki/renew"
SECRET_BYTES = 16
ID = re.compile(r"[A-Za-z0-9_-]{11}")
ID_BYTES = 8
_INVITATION = re.compile(rf"({ID.pattern})\.([A-Za-z0-9_-]{{22}})\.([A-Za-z0-9_-]{{43}})")
_SEAL = re.compile(r"[A-Za-z0-9_-]{43}")
# A node's name, or for a gateway its township's.
CertifiedName = Annotated[str, msgspec.Meta(pattern=whole(re.compile(rf"({NODE.pattern}|{TOWNSHIP.pattern})")))]
SealText = Annotated[str, msgspec.Meta(pattern=whole(_SEAL))]


class Invitation(NamedTuple):
    """`id` names it, `secret` is 16 bytes, `ca` the SHA-256 of the certificate (DER) of the CA that the device gets."""

    id: str
    secret: bytes
    ca: bytes

    @property
    def text(self) -> str:
        """The line for a person to carry: 78 characters."""
        return f"{self.id}.{_text(self.secret)}.{_text(self.ca)}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the line; `ValueError` never quotes it."""
        parts = _INVITATION.fullmatch(text.strip())
        if parts is None:
            raise ValueError("an invitation is three words with dots between them, 78 characters, as it was printed")
        return cls(parts[1], _raw(parts[2]), _raw(parts[3]))


class Enrol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device wants `key` certified by the invitation `invitation`; `node` is its name on the wire."""

    invitation: Annotated[str, msgspec.Meta(pattern=whole(ID))]
    node: NodeName
    key: KeyText
    seal: SealText


class Enrolled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The certificate, and that of the CA; both PEM."""

    certificate: str
    ca: str
    seal: SealText


class Renew(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The device with the key `key`, which signs this, asks for the newest certificate of its `name`.

    The answer has the same `nonce`, 60 random bits, so that no older one can stand in for it.
    """

    name: CertifiedName
    key: KeyText
    nonce: EpochName


class Renewed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest certificate (PEM) of `name` for `key`; signed by the city."""

    name: CertifiedName
    key: KeyText
    nonce: EpochName
    certificate: str


def new_id(random: Callable[[int], bytes]) -> str:
    """A new name for an invitation; `random(n)` brings n random bytes."""
    return _text(random(ID_BYTES))


def shared(secret: bytes) -> bytes:
    """What both sides make seals with, and all that the city keeps: the SHA-256 of the secret."""
    return hashlib.sha256(secret).digest()


def asked(key: bytes, node: str, public: str) -> str:
    """The seal of a request to certify that the key `public` is that of `node`; `key` is `shared`."""
    return _seal(key, "asked", node, public)


def answered(key: bytes, certificate: str, ca: str) -> str:
    """The seal of the answer."""
    return _seal(key, "answered", certificate, ca)


def same(one: str, other: str) -> bool:
    """Whether two seals are equal, in a time that does not tell how far they are."""
    return hmac.compare_digest(one.encode(), other.encode())


def _seal(key: bytes, *parts: str) -> str:
    # With its length before each part, no two different lists are one text.
    text = b"".join(len(part).to_bytes(4, "big") + part for part in (part.encode() for part in parts))
    return _text(hmac.digest(key, text, "sha256"))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
