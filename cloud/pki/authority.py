"""The CA in its folder, on whatever machine the administrator keeps it; no city and no network are needed.

```
ca.key                        the CA's private key, 32 bytes as base64url text, 0600
ca.pem                        its certificate, which every device and broker trusts
crl.pem                       the revocation list: what stands on it is revoked, there is no other record
issued/<name>.<serial>.pem    every certificate ever issued, on disk before it is handed out
```

The folder is the truth. It is copied by copying files; what an older copy has forgotten it can neither revoke nor list,
but serial numbers are 159 random bits, so it never gives one a second time.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from cloud.pki import access, names, rules
from cloud.pki.rules import Issued, Reason
from contract.errors import Reason as Refusal
from contract.errors import Refused, SettingsError, StoreFull
from contract.signing import public_key
from proof import certificates
from transport.deposit import PUBLIC, create, replace
from transport.keys import new_key, read_seed
from transport.lock import locked

logger = logging.getLogger(__name__)

_ISSUED = "issued"
# Whoever revokes or certifies is done in milliseconds; with many certificates, in a second.
PATIENCE_S = 10.0


class Authority:
    """What the CA in `folder` does. Every method raises `SettingsError` with one line where it cannot."""

    def __init__(self, folder: Path, authority: rules.Authority) -> None:
        """Work with `folder`, whose certificate and key were read."""
        self._folder = folder
        self._authority = authority

    @classmethod
    def found(cls, folder: Path, at: int) -> Self:
        """Found a CA in the new or empty `folder`, at `at` (ms)."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise SettingsError(f"{folder}: not empty; a CA is founded in a folder of its own, once")
            (folder / _ISSUED).mkdir()
            new_key(folder / "ca.key")
            made = rules.found(read_seed(folder / "ca.key"), serial=x509.random_serial_number(), at=at)
            create(folder / access.CA, _pem(made.certificate), PUBLIC)
            nobody = rules.revocations(made, None, [], "retired", at)
            create(folder / access.REVOKED, nobody.public_bytes(Encoding.PEM), PUBLIC)
        except OSError as bad:
            raise SettingsError(f"{folder}: a CA cannot be founded here: {bad.strerror}") from bad
        return cls(folder, made)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the CA in `folder`."""
        certificate = certificates.authority(folder / access.CA)
        key = Ed25519PrivateKey.from_private_bytes(read_seed(folder / "ca.key"))
        if certificate.public_key() != key.public_key():
            raise SettingsError(f"{folder}: ca.key is not the key of ca.pem; a copy of this folder has both")
        return cls(folder, rules.Authority(certificate, key))

    @property
    def certificate(self) -> bytes:
        """The CA's certificate (PEM)."""
        return _pem(self._authority.certificate)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the CA's certificate, by which people compare it."""
        return self._authority.certificate.fingerprint(SHA256()).hex()

    def issue(self, name: str, key: str, at: int) -> bytes:
        """Certify that the public `key` (base64url) is that of the device `name`; return the certificate (PEM)."""
        names.device(name)
        try:
            raw = public_key(key)
        except ValueError as bad:
            raise SettingsError(f"--key: {bad}; `keygen` printed it") from bad
        serial = x509.random_serial_number()
        return self._file(rules.for_device(self._authority, name=name, key=raw, serial=serial, at=at))

    def for_broker(self, place: str, hosts: Sequence[str], key: str, at: int) -> bytes:
        """Certify that the public `key` is that of the broker of `place` at `hosts`; return the certificate (PEM)."""
        certificate = rules.for_broker(
            self._authority,
            name=names.broker(place),
            key=public_key(key),
            hosts=[names.host(host) for host in hosts],
            serial=x509.random_serial_number(),
            at=at,
        )
        return self._file(certificate)

    def renew_list(self, at: int) -> bytes:
        """Sign the revocation list anew, with the same on it, so that it lives its ten years from now (PEM)."""
        with self._alone():
            return self._revoke([], "retired", at)

    def revoke(self, wanted: str, reason: Reason, at: int) -> list[Issued]:
        """Revoke every certificate of the name `wanted`, or the one with that serial number; return what is new."""
        with self._alone():
            before = self.revoked()
            meant = [one for one in self.issued() if wanted.lower() in {one.name, one.serial}]
            if not meant:
                raise SettingsError(f"{wanted}: {self._folder} never issued such a certificate; see `manyi pki list`")
            fresh = [one for one in meant if one.serial not in before]
            self._revoke([one.serial for one in fresh], reason, at)
        return fresh

    def held(self, name: str, key: str) -> list[Issued]:
        """Every certificate of the device `name` for the public `key`, the newest last.

        Raises `Refused` where one was revoked: the key is in other hands, or to be in nobody's.
        """
        raw = public_key(key)
        found = self._read(f"{names.device(name)}.*.pem")
        held = sorted((one for one in found if one.key == raw), key=lambda one: one.until)
        revoked = self.revoked()
        if any(one.serial in revoked for one in held):
            raise Refused(Refusal.WRONG_SIGNATURE, f"{name}: a certificate of this key was revoked")
        return held

    def current(self, name: str, key: str, at: int) -> bytes:
        """The newest certificate that the device `name` holds for the public `key` (PEM).

        A new one where it holds none, or one that wants renewal or expired. Raises as `held`.
        """
        # Who revokes meanwhile would not see the new one, and leave it valid.
        with self._alone():
            held = self.held(name, key)
            if held and held[-1].state(at) == "valid":
                return self.text(held[-1])
            logger.info("%s: certified anew" if held else "%s: certified", name)
            return self.issue(name, key, at)

    def text(self, issued: Issued) -> bytes:
        """A certificate itself (PEM)."""
        return self._file_of(issued).read_bytes()

    def issued(self) -> Iterator[Issued]:
        """Every certificate issued, by name."""
        return self._read("*.pem")

    def _read(self, pattern: str) -> Iterator[Issued]:
        for file in sorted((self._folder / _ISSUED).glob(pattern)):
            try:
                yield rules.read(x509.load_pem_x509_certificate(file.read_bytes()))
            except (OSError, ValueError) as bad:
                raise SettingsError(f"{file}: cannot be read as a certificate: {bad}") from bad

    @property
    def revocations(self) -> bytes:
        """The revocation list (PEM)."""
        return self._list().public_bytes(Encoding.PEM)

    def revoked(self) -> frozenset[str]:
        """The serial numbers of what is revoked."""
        return rules.listed(self._list())

    def _list(self) -> x509.CertificateRevocationList:
        file = self._folder / access.REVOKED
        try:
            revoked = x509.load_pem_x509_crl(file.read_bytes())
        except (OSError, ValueError) as bad:
            raise SettingsError(f"{file}: cannot be read as a revocation list: {bad}") from bad
        if not revoked.is_signature_valid(self._authority.key.public_key()):
            raise SettingsError(f"{file}: this CA did not sign it; a copy of this folder has the right one")
        return revoked

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else revokes, or looks and certifies, meanwhile."""
        try:
            with locked(self._folder / access.REVOKED, patience_s=PATIENCE_S):
                yield
        except StoreFull as bad:
            raise SettingsError(str(bad)) from bad

    def _revoke(self, serials: Sequence[str], reason: Reason, at: int) -> bytes:
        made = rules.revocations(self._authority, self._list(), serials, reason, at).public_bytes(Encoding.PEM)
        try:
            replace(self._folder / access.REVOKED, made, PUBLIC)
        except OSError as bad:
            raise SettingsError(f"{self._folder / access.REVOKED}: cannot be written: {bad.strerror}") from bad
        return made

    def _file(self, certificate: x509.Certificate) -> bytes:
        """Keep a new certificate, on disk when this returns, and return it."""
        issued = rules.read(certificate)
        file = self._file_of(issued)
        text = _pem(certificate)
        try:
            create(file, text, PUBLIC)
        except OSError as bad:
            raise SettingsError(f"{file}: cannot be written: {bad.strerror}; nothing was issued") from bad
        return text

    def _file_of(self, issued: Issued) -> Path:
        return self._folder / _ISSUED / f"{issued.name}.{issued.serial}.pem"


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
