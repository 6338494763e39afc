"""What stands in a certificate and in the revocation list (X.509, RFC 5280), and reading them back. Pure.

Every key is Ed25519 and given as its 32 raw bytes; every moment is city time in ms, which X.509 cuts to seconds.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY_MS = 86_400_000
LIFE_DAYS = 730
AUTHORITY_DAYS = 20 * 365 + 5
# An expired list makes a broker refuse everybody, so it lives longer than any certificate and is renewed with each.
LIST_DAYS = 10 * 365 + 3
# All begin this long before they are made: a broker judges by its own clock, and one that is behind refuses the young.
BEFORE_DAYS = 1

State = Literal["valid", "renew", "expired", "revoked"]
# Why a certificate is revoked, in words of ours and in those of RFC 5280.
Reason = Literal["stolen", "replaced", "retired"]
_REASONS: dict[Reason, x509.ReasonFlags] = {
    "stolen": x509.ReasonFlags.key_compromise,
    "replaced": x509.ReasonFlags.superseded,
    "retired": x509.ReasonFlags.cessation_of_operation,
}


class Issued(NamedTuple):
    """A certificate as it is read back: who, under which serial number (hexadecimal), which key, and its days (ms)."""

    name: str
    serial: str
    key: bytes
    begins: int
    until: int

    def state(self, at: int, revoked: Iterable[str] = ()) -> State:
        """How it is at `at`; `revoked` are the serial numbers on the list. From half its life on it wants renewal."""
        if self.serial in revoked:
            return "revoked"
        if at > self.until:
            return "expired"
        return "renew" if at >= (self.begins + self.until) // 2 else "valid"


class Authority(NamedTuple):
    """The CA: its certificate and the key that signs."""

    certificate: x509.Certificate
    key: Ed25519PrivateKey


def found(seed: bytes, *, serial: int, at: int) -> Authority:
    """Found a CA on the private key `seed` (32 bytes)."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    # A name of its own, so that nobody takes one city's CA for another's.
    name = _named(f"Manyi CA {serial % (1 << 32):08x}")
    builder = _builder(name, name, key.public_key(), serial, at, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return Authority(builder.sign(key, None), key)


def for_device(authority: Authority, *, name: str, key: bytes, serial: int, at: int) -> x509.Certificate:
    """Certify that `key` is that of the node, gateway or city called `name`; it opens connections and takes none."""
    return _leaf(authority, name, key, serial, at, ExtendedKeyUsageOID.CLIENT_AUTH).sign(authority.key, None)


def for_broker(
    authority: Authority, *, name: str, key: bytes, hosts: Sequence[str], serial: int, at: int
) -> x509.Certificate:
    """Certify that `key` is that of the broker at `hosts`, names or addresses; it takes connections and opens none.

    Clients compare with `hosts` alone; `name` is for people.
    """
    builder = _leaf(authority, name, key, serial, at, ExtendedKeyUsageOID.SERVER_AUTH)
    names = x509.SubjectAlternativeName([_general(host) for host in hosts])
    return builder.add_extension(names, critical=False).sign(authority.key, None)


def revocations(
    authority: Authority, before: x509.CertificateRevocationList | None, serials: Iterable[str], reason: Reason, at: int
) -> x509.CertificateRevocationList:
    """Make the list anew at `at`: what stood on the one `before`, and `serials` for `reason`."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(_moment(at - BEFORE_DAYS * DAY_MS))
        .next_update(_moment(at + LIST_DAYS * DAY_MS))
        .add_extension(x509.CRLNumber(at), critical=False)
        .add_extension(_authority_key(authority), critical=False)
    )
    for entry in before or ():
        builder = builder.add_revoked_certificate(entry)
    for serial in serials:
        revoked = (
            x509.RevokedCertificateBuilder()
            .serial_number(int(serial, 16))
            .revocation_date(_moment(at))
            .add_extension(x509.CRLReason(_REASONS[reason]), critical=False)
        )
        builder = builder.add_revoked_certificate(revoked.build())
    return builder.sign(authority.key, None)


def read(certificate: x509.Certificate) -> Issued:
    """What `certificate` says; raises `ValueError` where it is none of ours: no name, or another kind of key."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    key = certificate.public_key()
    if len(names) != 1 or not isinstance(key, Ed25519PublicKey):
        raise ValueError("not a certificate with one common name and an Ed25519 key")
    return Issued(
        str(names[0].value),
        serial_text(certificate.serial_number),
        key.public_bytes(Encoding.Raw, PublicFormat.Raw),
        _milliseconds(certificate.not_valid_before_utc),
        _milliseconds(certificate.not_valid_after_utc),
    )


def listed(revoked: x509.CertificateRevocationList) -> frozenset[str]:
    """The serial numbers on the list."""
    return frozenset(serial_text(entry.serial_number) for entry in revoked)


def serial_text(serial: int) -> str:
    """Return a serial number as people and file names have it: 40 hexadecimal digits."""
    return f"{serial:040x}"


def _leaf(
    authority: Authority, name: str, key: bytes, serial: int, at: int, use: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    public = Ed25519PublicKey.from_public_bytes(key)
    return (
        _builder(_named(name), authority.certificate.subject, public, serial, at, LIFE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=True)
        .add_extension(_authority_key(authority), critical=False)
    )


def _builder(
    name: x509.Name, issuer: x509.Name, key: Ed25519PublicKey, serial: int, at: int, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(_moment(at - BEFORE_DAYS * DAY_MS))
        .not_valid_after(_moment(at + days * DAY_MS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(authority: Authority) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1000, UTC)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
