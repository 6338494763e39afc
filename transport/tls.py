"""How a device opens a TLS connection to a broker: the one place where its context is made and a refusal put in words.

TLS 1.3 and nothing older: all ends are ours, and it alone sends our certificate encrypted. Only the city's CA is
trusted, and the broker's certificate must name the host that was asked for.

**No date is looked at on this side.** A Pi has no clock battery: before its first welcome it may believe in 1970, and
could never learn the time from a broker that is "not yet valid". Its wall clock is not the city's time afterwards
either, so nothing would be checked by a date that anybody vouches for. The broker judges our certificate by its own
clock and by the revocation list. What this gives away: an old broker key that was stolen serves until the CA is
replaced, expired or not; whoever has it can delay ratings but forge none ([`docs/security.md`](../docs/security.md)).
"""

import os
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import SettingsError, Unavailable
from transport.broker import Broker
from transport.keys import pem, read_seed

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, for which Python has no name.
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
_ID_BYTES = 12

# What an alert of the broker means, by the end of OpenSSL's name for it.
_ALERTS = {
    "CERTIFICATE_EXPIRED": "it takes our certificate, or its own revocation list, for expired: have a new one issued "
    "(`manyi pki issue`), and look at the broker's clock and at the age of its crl.pem",
    "CERTIFICATE_REVOKED": "our certificate was revoked by the city: if this device is in the right hands, it needs a "
    "new key and a new certificate",
    "UNKNOWN_CA": "our certificate is not from the CA that it trusts: is this the right broker, and the right file?",
    "UNSUPPORTED_CERTIFICATE": "our certificate is not one of a device: `manyi pki issue` makes those",
    "BAD_CERTIFICATE": "it does not accept our certificate, or its own revocation list, as valid yet: look at the "
    "broker's clock",
    "CERTIFICATE_REQUIRED": "it wants a certificate: set `ca` and `certificate` of this broker",
    "PROTOCOL_VERSION": "it speaks no TLS 1.3, and we speak nothing older",
    "WRONG_VERSION_NUMBER": "it speaks no TLS at this port: is it the right port?",
}


def context(broker: Broker) -> ssl.SSLContext | None:
    """Return what opens a connection to `broker`, with its files as they are now; None where it has no `ca`.

    Raises `SettingsError` where a file cannot be used.
    """
    if broker.ca is None or broker.certificate is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks the chain and the host's name
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.verify_flags |= _NO_CHECK_TIME
    made.sslsocket_class = _Socket
    try:
        made.load_verify_locations(cafile=broker.ca)
    except (OSError, ValueError) as bad:
        raise SettingsError(f"{broker.ca}: cannot be read as the city's CA certificate: {_plain(bad)}") from bad
    with _in_memory(pem(read_seed(_key(broker)))) as key:
        try:
            made.load_cert_chain(broker.certificate, key)
        except (OSError, ValueError) as bad:
            raise SettingsError(
                f"{broker.certificate}: cannot be used as the certificate of the key {broker.key}: {_plain(bad)}; "
                "`enrol`, or `manyi pki issue` at the city, makes one"
            ) from bad
    return made


def client_id(broker: Broker, name: str) -> str:
    """Return how a connection called `name` shows itself to `broker`.

    A broker that meets one client id twice ends the older connection, whoever came with which certificate (measured),
    so with certificates it ends in 96 bits that only the holder of our key can make: nobody can throw us off.
    """
    if broker.certificate is None:
        return name
    proof = blake2b(name.encode(), key=read_seed(_key(broker)), digest_size=_ID_BYTES).digest()
    return f"{name}-{urlsafe_b64encode(proof).decode()}"


class _Socket(ssl.SSLSocket):
    """Raises `Unavailable` where the broker refuses us: in TLS 1.3 that comes after our half of the handshake.

    paho would only log it, and without its reason where it was writing at that moment.
    """

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  (its own signature)
        """Greet the broker, and leave nothing open where it is the wrong one."""
        try:
            super().do_handshake(block)
        except OSError as failed:
            self.close()
            raise Unavailable(_greeting(failed)) from failed

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read up to `buflen` bytes."""
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as refused:
            if said := _alert(refused):
                raise Unavailable(said) from refused
            raise

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        """Write what there is room for."""
        try:
            return super().send(data, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            # Who closed on us may have said why, and that is still to be read.
            with suppress(OSError):
                self.recv(1)
            raise


def _greeting(failed: OSError) -> str:
    """Return in words why no TLS connection came about, and where it is known what to do about it."""
    if isinstance(failed, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not the city's for this host ({failed.verify_message}): is `ca` the city's, and was "
            "the broker's certificate made with this --host?"
        )
    if isinstance(failed, ConnectionError):
        return f"it hung up when greeted ({failed.strerror}): does it speak TLS at this port?"
    return _alert(failed) or str(failed)


def _alert(refused: OSError) -> str:
    reason = getattr(refused, "reason", None) or ""
    return next((said for end, said in _ALERTS.items() if reason.endswith(end)), "")


def _key(broker: Broker) -> Path:
    if broker.key is None:
        raise SettingsError(f"broker {broker.host}: a certificate needs the file of its private key, `key`")
    return Path(broker.key)


def _plain(bad: Exception) -> str:
    """Return what OpenSSL or the system found, without the places in their sources."""
    return getattr(bad, "strerror", None) or getattr(bad, "reason", None) or str(bad)


@contextmanager
def _in_memory(secret: bytes) -> Iterator[str]:
    """Lend the path of a file that is on no disk: Python's ssl takes a key by path alone."""
    descriptor = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, secret)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
