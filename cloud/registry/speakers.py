"""Registering who speaks for the windows of a node by a channel of its own, with a certificate where there is a CA."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from cloud.database import Database, unavailable
from cloud.registry.load import register
from cloud.registry.snapshot import Registry
from cloud.rounds import Rounds
from contract.errors import SettingsError, Unavailable

logger = logging.getLogger(__name__)

LOOK_S = 2.0

# A node's certificate (PEM), by its name and public key.
Certify = Callable[[str, str], str]


def certifying(folder: Path, now: Callable[[], int]) -> Certify:
    """Return what certifies by the CA in `folder`, at the city's time in ms as `now` gives it."""
    from cloud.pki.authority import Authority  # noqa: PLC0415  (its library takes a while to load)

    authority = Authority.open(folder)
    return lambda name, key: authority.current(name, key, now()).decode()


class Enlister(Rounds):
    """Registers in `database` whom the registry lacks, while `registers()` says that this is this process's duty.

    `lacking(registry)` gives the names that are to be registered, each with its public key (base64url); `told` is what
    the log says of so many more nodes. `certify` makes certificates where the city has a CA. Who works for itself calls
    `look` in its own turns.
    """

    def __init__(
        self,
        database: Database,
        lacking: Callable[[Registry], Mapping[str, str]],
        *,
        told: str,
        registry: Callable[[], Registry],
        registers: Callable[[], bool],
        certify: Certify | None,
        now: Callable[[], int],
    ) -> None:
        """`now` is the city's time in ms."""
        super().__init__(LOOK_S, stopped="nobody more is registered who speaks by a channel of its own")
        self._database = database
        self._lacking = lacking
        self._told = told
        self._registry = registry
        self._registers = registers
        self._certify = certify
        self._now = now
        self._seen: Registry | None = None

    async def look(self) -> None:
        """Register what is lacking, once for each registry; raises `Unavailable`."""
        registry = self._registry()
        if registry is self._seen or not self._registers():
            return
        if keys := self._lacking(registry):
            try:
                forms = await asyncio.to_thread(_forms, keys, self._certify)
                with unavailable():
                    await register(self._database.writer, msgspec.json.encode({"nodes": forms}), self._now())
            except SettingsError as wrong:
                raise Unavailable(f"those who speak by a channel of their own cannot be registered: {wrong}") from wrong
            logger.info("%s %d more nodes", self._told, len(keys))
        self._seen = registry


def _forms(keys: Mapping[str, str], certify: Certify | None) -> list[dict[str, str]]:
    if certify is None:
        return [{"node": name, "key": key} for name, key in keys.items()]
    return [{"node": name, "key": key, "certificate": certify(name, key)} for name, key in keys.items()]
