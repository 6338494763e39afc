"""Whose keys the city's CA certified, by the certificates and revocation lists that the ledger keeps.

So an auditor needs nothing but the CA's certificate. A certificate says whose a key is; that it expired takes nothing
back, since a device without a line signs on with it, and revocation ends it.
"""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import NameOID

from contract.errors import SettingsError
from contract.identity import NODE, TOWNSHIP
from contract.keys import Key, Keys
from proof.findings import Finding, Rule

_ENTRIES = "SELECT position, raw FROM ledger_entry WHERE kind = ? ORDER BY position"


def authority(file: Path) -> x509.Certificate:
    """The CA's certificate in `file`; raises `SettingsError`."""
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
    except OSError as bad:
        raise SettingsError(f"{file} cannot be read: {bad.strerror or bad}; `manyi pki init` founds a CA") from bad
    except ValueError as bad:
        raise SettingsError(f"{file} is no certificate: `manyi pki init` made ca.pem, and a copy has it") from bad
    if not isinstance(found.public_key(), Ed25519PublicKey):
        raise SettingsError(f"{file} is not the certificate of a Manyi CA, whose key is Ed25519")
    return found


def certified(ledger: sqlite3.Connection, ca: x509.Certificate, *, find: Callable[[Finding], None]) -> Keys:
    """The keys of each node, and of each township's gateway, that `ca` certified.

    `find` is told of entries that it did not sign. Who else has a certificate, to connect or to be a broker, signs
    nothing that a ledger holds.
    """
    ended = dict(_revoked(ledger, ca, find))
    keys: dict[str, dict[bytes, int | None]] = {}
    for position, raw in ledger.execute(_ENTRIES, ("certificate",)):
        try:
            one = x509.load_pem_x509_certificate(bytes(raw))
            one.verify_directly_issued_by(ca)
            key = one.public_key()
            (name,) = one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        except (ValueError, TypeError, InvalidSignature) as bad:
            said = f"this is no certificate of the CA: {str(bad) or 'forged'}"
            find(Finding(Rule.SIGNATURE, f"position {position}", said))
            continue
        holder = str(name.value)
        if isinstance(key, Ed25519PublicKey) and (NODE.fullmatch(holder) or TOWNSHIP.fullmatch(holder)):
            until = ended.get(one.serial_number)
            known = keys.setdefault(holder, {})
            # Of several certificates of one key one that was revoked ends it.
            known[key.public_bytes_raw()] = _sooner(known.get(key.public_bytes_raw()), until)
    return {name: [Key(raw, until) for raw, until in some.items()] for name, some in keys.items()}


def readable(ledger: sqlite3.Connection, *, find: Callable[[Finding], None]) -> None:
    """Tell `find` of entries that are no certificates, or no revocation lists, whoever signed them."""
    for kind, what, load in (
        ("certificate", "certificate", x509.load_pem_x509_certificate),
        ("revocation", "revocation list", x509.load_pem_x509_crl),
    ):
        for position, raw in ledger.execute(_ENTRIES, (kind,)):
            try:
                load(raw)
            except (ValueError, TypeError) as bad:
                find(Finding(Rule.UNREADABLE, f"position {position}", f"this is no {what}: {bad}"))


def _revoked(
    ledger: sqlite3.Connection, ca: x509.Certificate, find: Callable[[Finding], None]
) -> Iterator[tuple[int, int]]:
    """The serial number of each revoked certificate, and when (ms)."""
    for position, raw in ledger.execute(_ENTRIES, ("revocation",)):
        try:
            listed = x509.load_pem_x509_crl(bytes(raw))
            # mypy: `authority` lets no other kind of key pass.
            signed = listed.is_signature_valid(ca.public_key())  # type: ignore[arg-type]
        except (ValueError, TypeError) as bad:
            find(Finding(Rule.UNREADABLE, f"position {position}", f"this is no revocation list: {bad}"))
            continue
        if not signed:
            find(Finding(Rule.SIGNATURE, f"position {position}", "the CA did not sign this revocation list"))
            continue
        for entry in listed:
            yield entry.serial_number, int(entry.revocation_date_utc.astimezone(UTC).timestamp()) * 1000


def _sooner(one: int | None, other: int | None) -> int | None:
    given = [at for at in (one, other) if at is not None]
    return min(given) if given else None
