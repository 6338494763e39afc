"""Registering gateways as those who tell of visits: `371721121-a1.prompt` is signed by the gateway of 371721121."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from cloud.database import Database
from cloud.registry.snapshot import Registry
from cloud.registry.speakers import Certify, enlist
from contract.errors import Unavailable
from contract.identity import PROMPT
from contract.signing import key_text

logger = logging.getLogger(__name__)

LOOK_S = 2.0


def lacking(registry: Registry) -> Mapping[str, str]:
    """Return the names that are to be registered, each with the public key of the township's gateway. Pure.

    Of several gateways of a township it is the one that was registered last.
    """
    gateways = sorted(registry.gateways.values(), key=lambda one: (one.valid_from, one.node))
    newest = {one.township: one for one in gateways if one.valid_to is None}
    wanted: dict[str, str] = {}
    for node, one in registry.nodes.items():
        gateway, name = newest.get(one.township), f"{node}.{PROMPT}"
        if gateway is not None and all(key.raw != gateway.key for key in registry.keys(name)):
            wanted[name] = key_text(gateway.key)
    return wanted


class Enlister:
    """Registers in `database` what `registry` lacks, while `registers()` says that this is this process's duty.

    `trouble`: why it cannot, while that is so. `certify` makes certificates where the city has a CA.
    """

    def __init__(
        self,
        database: Database,
        *,
        registry: Callable[[], Registry],
        registers: Callable[[], bool],
        certify: Certify | None,
        now: Callable[[], int],
    ) -> None:
        """`now` is the city's time in ms."""
        self.trouble: str | None = None
        self._database = database
        self._registry = registry
        self._registers = registers
        self._certify = certify
        self._now = now
        self._seen: Registry | None = None

    async def run(self) -> None:
        """Register until cancelled."""
        while True:
            try:
                await self.look()
                self.trouble = None
            except Unavailable as away:
                if self.trouble is None:
                    logger.warning("gateways cannot tell of visits: %s", away)
                self.trouble = str(away)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Register what is lacking; raises `Unavailable`."""
        registry = self._registry()
        if registry is self._seen or not self._registers():
            return
        keys = lacking(registry)
        if keys:
            await enlist(self._database.writer, keys, self._certify, self._now())
            logger.info("of the visits at %d more nodes gateways can tell", len(keys))
        self._seen = registry
