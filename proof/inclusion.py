"""The proof that one rating stands in a sealed ledger: its batch as signed, the way up the tree, and the seal. Pure."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec

from contract.batch import Batch, EpochName, NodeName, Number
from contract.bundle import Signed
from contract.codec import stored_batch
from contract.errors import Refused, SettingsError
from contract.keys import Key, signed
from contract.rating import Row
from contract.seal import Sum
from proof import merkle
from proof.seals import Sealed, leaf, objection, opened

# A tree has no more levels than a position has bits.
_DEEPEST = 64


class Inclusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="inclusion"):
    """Number `seq` of a stream stands in the ledger's entry at `position`, which `seal` closed.

    `entry` and `seal` are signed entries as text, `path` the hashes from the entry's leaf to the seal's root.
    """

    v: Literal[1]
    node: NodeName
    epoch: EpochName
    seq: Number
    position: Number
    path: Annotated[list[Sum], msgspec.Meta(max_length=_DEEPEST)]
    entry: str
    seal: str


class Shown(NamedTuple):
    """What a proof shows, where it holds: `row` of `batch` is in the ledger, under `sealed`."""

    inclusion: Inclusion
    batch: Batch
    row: Row
    sealed: Sealed

    @property
    def at(self) -> int:
        """When it was pressed, ms since 1970 UTC."""
        return self.batch.t0 + self.row.ms


def proved(node: str, epoch: str, seq: int, *, position: int, entry: bytes, sealed: Sealed) -> Inclusion:
    """The proof for number `seq`, which the `entry` at `position` gives; `sealed` comes with its leaves."""
    path = merkle.path(sealed.leaves, position - sealed.seal.first)
    steps = [step.hex() for step in path]
    return Inclusion(1, node, epoch, seq, position, steps, entry.decode(), sealed.raw.decode())


def read(text: str, source: str) -> Shown:
    """The proof in `text`; raises `SettingsError`, which names `source`, where it is none.

    Whether it holds is for `faults` to say.
    """
    try:
        inclusion = msgspec.json.decode(text, type=Inclusion)
        batch = stored_batch(inclusion.entry.encode())
        sealed = opened(inclusion.seal.encode())
    except (msgspec.MsgspecError, RecursionError) as bad:
        raise SettingsError(f"{source}: this is no proof of a rating: {bad}") from bad
    except Refused as bad:
        raise SettingsError(f"{source}: this is no proof of a rating: {bad.detail}") from bad
    if (batch.node, batch.epoch) != (inclusion.node, inclusion.epoch) or not batch.first <= inclusion.seq <= batch.last:
        said = f"its batch has numbers {batch.first} to {batch.last} of {batch.node}/{batch.epoch}"
        raise SettingsError(f"{source}: it is said to show number {inclusion.seq} of {inclusion.node}, and {said}")
    return Shown(inclusion, batch, batch.rows[inclusion.seq - batch.first], sealed)


def faults(shown: Shown, *, city: bytes | None = None, keys: Sequence[Key] | None = None) -> list[str]:
    """What is wrong with a proof, if anything. `city`: the city's key; `keys`: the node's; without them any will do."""
    inclusion, seal = shown.inclusion, shown.sealed.seal
    found = []
    if (said := objection(shown.sealed, city)) is not None:
        found.append(f"the seal: {said}")
    steps = [bytes.fromhex(step) for step in inclusion.path]
    start = leaf("batch", inclusion.entry.encode())
    size = seal.last - seal.first + 1
    if not merkle.leads(start, inclusion.position - seal.first, size, steps, bytes.fromhex(seal.root)):
        found.append(f"the path does not lead from this entry at position {inclusion.position} to the seal's root")
    if keys is not None and not signed(Signed.of(inclusion.entry.encode()), keys, shown.batch.t0):
        found.append(f"no key of {inclusion.node} signed this entry")
    return found
