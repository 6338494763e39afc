"""What the city hands to a township: the roster of its nodes, their set-ups, the newest seals, each signed. Pure."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence

from cloud.registry.snapshot import Registry
from contract.bundle import pack
from contract.codec import encode
from contract.config import Roster, RosterNode
from contract.identity import township_of
from contract.signing import Signer


def papers(registry: Registry, signer: Signer, at: int, seals: Sequence[bytes] = ()) -> Iterator[tuple[str, bytes]]:
    """For each township that has a node or a gateway: its code, and the payload to retain on its `config` topic.

    `seals` are signed entries, and the same for all.
    """
    nodes: dict[str, list[RosterNode]] = {township: [] for township in sorted(registry.served_townships())}
    for known in registry.nodes.values():
        if known.valid_to is None or known.valid_to > at:
            key = urlsafe_b64encode(known.key).rstrip(b"=").decode()
            nodes[known.township].append(RosterNode(known.node, key))
    configs: dict[str, list[bytes]] = {}
    for config in registry.configs.values():
        configs.setdefault(township_of(config.node), []).append(signer.entry(config.body))
    for township, here in nodes.items():
        roster = signer.entry(encode(Roster(township, registry.version, here)))
        yield township, pack([roster, *configs.get(township, ()), *seals])
