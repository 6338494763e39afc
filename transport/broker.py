"""Where a broker is, and who we are there."""

from pathlib import Path
from typing import Annotated, Self

import msgspec

MAX_PORT = 65535
Port = Annotated[int, msgspec.Meta(ge=1, le=MAX_PORT)]
# A host name or an address, and a port: "10.0.0.2:1883", "[::1]:1883".
Elsewhere = Annotated[str, msgspec.Meta(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+):[0-9]{1,5}$")]


class Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One broker, or one cluster of brokers that know of each other.

    `also` are further nodes of the cluster, each "host:port"; all are alike, and who loses one goes to another. The
    password stands in a file of its own.

    With `ca`, the file of the city's CA certificate, the connection is TLS, and `certificate` is the file of ours; both
    are PEM. `key` is the file of its private key, by default the device's own.
    """

    host: Annotated[str, msgspec.Meta(min_length=1)]
    port: Port = 1883
    username: str | None = None
    password_file: str | None = None
    also: tuple[Elsewhere, ...] = ()
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        """Check the ports, which a pattern cannot, and that what belongs together is there."""
        if (self.ca is None) != (self.certificate is None):
            raise ValueError("ca and certificate belong together: with one alone nobody would know whom they speak to")
        for host, port in self.addresses:
            if not 1 <= port <= MAX_PORT:
                raise ValueError(f"also: {host}:{port} has no port between 1 and {MAX_PORT}")

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Every node of it: host and port."""
        parted = [text.rpartition(":") for text in self.also]
        return [(self.host, self.port), *((host.strip("[]"), int(port)) for host, _, port in parted)]

    def seen_from(self, folder: Path, *, key: str | None = None) -> Self:
        """The same with its files as seen from `folder`, where the settings file stands.

        `key` is the device's own private key, as the settings name it.
        """
        files = {"password_file": self.password_file, "ca": self.ca, "certificate": self.certificate}
        if self.certificate is not None:
            files["key"] = self.key or key
        there = {name: str(folder / file) for name, file in files.items() if file is not None}
        return msgspec.structs.replace(self, **there)
