"""Whose certificate it is. Pure."""

from cryptography import x509

from cloud.pki.rules import read


def subject(pem: bytes) -> tuple[str, bytes]:
    """The name in the certificate `pem` and its public key (32 raw bytes); raises `ValueError` where it is none."""
    issued = read(x509.load_pem_x509_certificate(pem))
    return issued.name, issued.key
