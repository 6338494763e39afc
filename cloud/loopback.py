"""Which addresses may be asked without TLS. Pure."""

from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_kept(url: str) -> bool:
    """Whether nobody on the way reads what `url` is asked: it is https, or does not leave this machine.

    Raises `ValueError` for what is no URL.
    """
    address = urlsplit(url)
    _ = address.port
    return address.hostname is not None and (
        address.scheme == "https" or (address.scheme == "http" and address.hostname in LOOPBACK)
    )
