"""What a node serves by: its settings file, and what the city has set in its place."""

from pathlib import Path

import msgspec

from contract.bundle import Signed
from contract.codec import decode_as
from contract.config import NodeConfig
from contract.errors import Reason, Refused, StoreDamaged, StoreFull
from contract.signing import public_key, verify
from edge.settings import Settings, Timing
from transport.disk import look

PAPER = "config"
_KEPT = "SELECT raw FROM paper WHERE name = ?"


def city_config(entry: Signed, city_key: bytes, node: str) -> NodeConfig:
    """Read a configuration; raises `Refused` where the city did not sign it, or not for `node`."""
    if not verify(entry.body, entry.signature, city_key):
        raise Refused(Reason.WRONG_SIGNATURE, "the city did not sign it")
    config = decode_as(entry.body, NodeConfig)
    if config.node != node:
        raise Refused(Reason.WRONG_SENDER, f"it is for {config.node}")
    return config


def configured(settings: Settings, config: NodeConfig) -> Settings:
    """Return `settings` with the windows and times that the city has set."""
    timing = Timing(settle_s=config.settle_ms / 1000, cooldown_s=config.cooldown_ms / 1000)
    return msgspec.structs.replace(settings, window=list(config.windows), timing=timing)


def in_force(settings: Settings) -> Settings:
    """Return `settings` as the node serves by them, by what its store keeps; it may be running meanwhile.

    A store that cannot be read changes nothing here: looking at it is somebody else's.
    """
    store = Path(settings.store)
    if not store.exists():
        return settings
    try:
        for (raw,) in look(store, _KEPT, (PAPER,)):
            return configured(settings, city_config(Signed.of(raw), public_key(settings.city_key), settings.node))
    except (StoreFull, StoreDamaged, Refused):
        pass
    return settings
