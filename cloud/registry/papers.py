"""What the city hands to a township: the roster of its nodes, their set-ups, the newest seals, each signed. Pure."""

from collections.abc import Iterator, Sequence

from cloud.registry.snapshot import Registry
from contract.bundle import pack
from contract.codec import encode
from contract.config import FormerKey, Roster, RosterNode
from contract.identity import township_of
from contract.signing import Signer, key_text


def papers(registry: Registry, signer: Signer, seals: Sequence[bytes] = ()) -> Iterator[tuple[str, bytes]]:
    """For each township that has a node or a gateway: its code, and the payload to retain on its `config` topic.

    `seals` are signed entries, and the same for all.
    """
    nodes: dict[str, list[RosterNode]] = {township: [] for township in sorted(registry.served_townships())}
    for known in registry.nodes.values():
        # A node stays whose key was revoked: what it signed before that may still be under way.
        newest, *before = registry.keys(known.node)
        former = [FormerKey(key_text(key.raw), key.until) for key in before if key.until is not None]
        nodes[known.township].append(RosterNode(known.node, key_text(newest.raw), former, newest.until))
    configs: dict[str, list[bytes]] = {}
    for config in registry.configs.values():
        configs.setdefault(township_of(config.node), []).append(signer.entry(config.body))
    for township, here in nodes.items():
        roster = signer.entry(encode(Roster(township, registry.version, here)))
        yield township, pack([roster, *configs.get(township, ()), *seals])
