"""Who tells of visits: `371721121-a1.prompt` is signed by the gateway of 371721121. Pure."""

from collections.abc import Mapping

from cloud.registry.snapshot import Registry
from contract.identity import PROMPT
from contract.signing import key_text


def lacking(registry: Registry) -> Mapping[str, str]:
    """Return the names that are to be registered, each with the public key of the township's gateway.

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
