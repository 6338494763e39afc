"""What may stand as the common name in a certificate, each form in this one place. Pure.

A broker takes the common name for the name of the user, and access lists are made of it: a name with `+`, `#` or `/`
would be somebody else's topics.
"""

import re
from ipaddress import ip_address
from typing import Literal

from contract.errors import SettingsError
from contract.identity import NODE, TOWNSHIP

Role = Literal["node", "gateway", "city", "broker"]

CITY = "city"
_BROKER = "broker-"
# A host as a client asks for it: a DNS name of up to 253 characters, whole.
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.ASCII)


def role_of(name: str) -> Role:
    """Return whose certificate is called `name`; raises `SettingsError` for a name that no certificate may have."""
    if NODE.fullmatch(name):
        return "node"
    if TOWNSHIP.fullmatch(name):
        return "gateway"
    if name == CITY:
        return "city"
    if name.startswith(_BROKER) and is_place(name.removeprefix(_BROKER)):
        return "broker"
    raise SettingsError(
        f"{name!r} is no name for a certificate; allowed: a node (371721121-a1), a gateway by its township "
        f"(371721121), or {CITY}"
    )


def device(name: str) -> str:
    """Return `name`, or raise `SettingsError` where it is not a node's, a gateway's or the city's."""
    if role_of(name) == "broker":
        raise SettingsError(f"{name}: a broker's certificate is made with its hosts by `manyi pki broker`")
    return name


def is_place(place: str) -> bool:
    """Whether `place` is one that has a broker: the city, or a township by its 9 digits."""
    return place == CITY or TOWNSHIP.fullmatch(place) is not None


def broker(place: str) -> str:
    """Return the name of the broker at `place`; raises `SettingsError` where none can be."""
    if not is_place(place):
        raise SettingsError(f"{place!r} has no broker; allowed: {CITY}, or a township by its 9 digits (371721121)")
    return _BROKER + place


def host(text: str) -> str:
    """Return `text`, the host name or address of a broker, in its one spelling; raises `SettingsError` otherwise."""
    try:
        return str(ip_address(text))
    except ValueError:
        pass
    if not _HOST.fullmatch(text.lower()):
        raise SettingsError(f"--host {text!r}: neither an address (10.0.0.2) nor a host name (broker.example.cn)")
    return text.lower()
