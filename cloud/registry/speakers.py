"""Registering who speaks for the windows of a node by a channel of its own, with a certificate where there is a CA."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.database import unavailable
from cloud.registry.load import register
from contract.errors import SettingsError, Unavailable

# A node's certificate (PEM), by its name and public key.
Certify = Callable[[str, str], str]


def certifying(folder: Path, now: Callable[[], int]) -> Certify:
    """Return what certifies by the CA in `folder`, at the city's time in ms as `now` gives it."""
    from cloud.pki.authority import Authority  # noqa: PLC0415  (its library takes a while to load)

    authority = Authority.open(folder)
    return lambda name, key: authority.current(name, key, now()).decode()


async def enlist(engine: AsyncEngine, keys: Mapping[str, str], certify: Certify | None, now: int) -> None:
    """Register each of `keys`, a public key (base64url) by the name that it speaks in; raises `Unavailable`."""
    try:
        forms = await asyncio.to_thread(_forms, keys, certify)
        with unavailable():
            await register(engine, msgspec.json.encode({"nodes": forms}), now)
    except SettingsError as wrong:
        raise Unavailable(f"those who speak by a channel of their own cannot be registered: {wrong}") from wrong


def _forms(keys: Mapping[str, str], certify: Certify | None) -> list[dict[str, str]]:
    if certify is None:
        return [{"node": name, "key": key} for name, key in keys.items()]
    return [{"node": name, "key": key, "certificate": certify(name, key)} for name, key in keys.items()]
