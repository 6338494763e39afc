"""A city's CA with devices and brokers, as an administrator would make them with `manyi pki`."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from cloud.pki.authority import Authority
from cloud.pki.broker import furnish
from transport.boot import wall_ms
from transport.broker import Broker
from transport.keys import new_key
from transport.link import Link

HOSTS = ("127.0.0.1", "localhost")


class Device(NamedTuple):
    """Whoever has a key and a certificate; `ca` is whom it trusts."""

    name: str
    key: Path
    certificate: Path
    ca: Path

    def broker(self, port: int, host: str = "127.0.0.1") -> Broker:
        return Broker(host, port, ca=str(self.ca), certificate=str(self.certificate), key=str(self.key))


class Office:
    """A CA in `folder`, which makes devices and brokers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.found(folder / "ca", wall_ms())
        self.ca = folder / "ca" / "ca.pem"

    def device(self, name: str, at: int | None = None) -> Device:
        """A new key with a certificate for it, made at `at` (ms)."""
        key = self.folder / f"{name}.key"
        public = new_key(key)
        certificate = self.authority.issue(name, public, wall_ms() if at is None else at)
        (self.folder / f"{name}.pem").write_bytes(certificate)
        return self.again(name)

    def again(self, name: str) -> Device:
        """The device `name` once more: a copied card."""
        return Device(name, self.folder / f"{name}.key", self.folder / f"{name}.pem", self.ca)

    def broker(self, place: str, *hosts: str, at: int | None = None) -> Path:
        """The folder of a broker, made at `at` (ms)."""
        out = self.folder / f"broker-{place}"
        furnish(self.authority, place, hosts or HOSTS, out, port=8883, at=wall_ms() if at is None else at)
        return out

    def revoke(self, name: str, *brokers: Path) -> None:
        """Revoke all certificates of `name` and carry the list to `brokers`."""
        self.authority.revoke(name, "stolen", wall_ms())
        for folder in brokers:
            shutil.copy(self.folder / "ca" / "crl.pem", folder / "crl.pem")


class Ear:
    """A link that remembers what it heard, and how often it came up and went down."""

    def __init__(self, broker: Broker, name: str, *topics: str, will: tuple[str, bytes] | None = None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.ups = self.downs = 0
        self.link = Link(
            broker,
            client_id=name,
            subscribe=topics,
            on_receive=lambda topic, payload: self.heard.append((topic, payload)),
            on_up=self._up,
            on_down=self._down,
            will=will,
        )

    def _up(self) -> None:
        self.ups += 1

    def _down(self) -> None:
        self.downs += 1

    async def hears(self, payload: bytes) -> None:
        """Wait for `payload`: what the broker sent before it is then in `heard`."""
        await until(lambda: any(heard == payload for _, heard in self.heard))

    async def __aenter__(self) -> Self:
        await self.link.__aenter__()
        await until(lambda: self.link.up)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.__aexit__()


async def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)
