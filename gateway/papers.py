"""What the city signed for this township: roster, configurations, receipts, seals, what its hall shows. Pure.

Versions only rise: an old paper that comes again, from a retained message or a hand that kept it, changes nothing. Of
seals all are kept: a township is the city's witness, so two of one number are not let pass.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from contract.ack import Receipt
from contract.batch import StreamKey
from contract.bundle import Signed, unpack
from contract.codec import decode
from contract.config import FormerKey, NodeConfig, Roster, RosterNode
from contract.errors import Reason, Refused
from contract.hall import Catalogue, Hall
from contract.identity import township_of
from contract.keys import Key
from contract.ranges import Ranges
from contract.seal import Seal
from contract.signing import public_key, verify
from transport.owner import Receipted

# What the names of seals begin with.
SEAL = "seal "
# The names of what the hall shows and what its kiosk answers.
HALL, CATALOGUE = "hall", "catalogue"


class News(NamedTuple):
    """What a bundle of papers brought: those that were news, by the names to keep them under, and those refused.

    `lacking`: the seals that are kept here and newer than any in the bundle: the city lost them, and is to have them.
    """

    papers: dict[str, bytes]
    refused: list[Refused]
    lacking: list[bytes]


class Papers:
    """The newest of each. `city_key` is the only signature that counts."""

    def __init__(self, township: str, city_key: bytes, roster: Iterable[RosterNode]) -> None:
        """Begin with the roster of the settings file."""
        self.hall: Hall | None = None
        self.catalogue: Catalogue | None = None
        self._shown: dict[str, bytes] = {}
        self._township = township
        self._city_key = city_key
        self._keys = _keys_on(roster)
        self._roster: tuple[int, bytes] = (0, b"")
        self._configs: dict[str, tuple[int, bytes]] = {}
        self._receipts: dict[StreamKey, tuple[Receipt, bytes]] = {}
        self._settled: dict[StreamKey, Ranges] = {}
        self._seals: dict[int, bytes] = {}

    def read(self, payload: bytes) -> News:
        """Take in a bundle of papers; raises `Refused` when the payload is no bundle at all.

        All of them come again with every connection: what is in force byte for byte was verified when it first came.
        """
        news = News({}, [], [])
        in_force = {self._roster[1], *self.configs.values(), *self._seals.values(), *self._shown.values()}
        entries = unpack(payload)
        for entry in entries:
            if entry.raw in in_force:
                continue
            try:
                name = self.take_in(entry)
            except Refused as bad:
                news.refused.append(bad)
            else:
                if name is not None:
                    news.papers[name] = entry.raw
        here = {entry.raw for entry in entries}
        if self._roster[1] in here:
            # All that the city has to say, and its newest seals among it.
            known = max((number for number, raw in self._seals.items() if raw in here), default=0)
            news.lacking.extend(raw for number, raw in sorted(self._seals.items()) if number > known)
        return news

    def take_in(self, entry: Signed) -> str | None:
        """Take in one paper; the name to keep it by, or None when it is no news. Raises `Refused`."""
        if not verify(entry.body, entry.signature, self._city_key):
            raise Refused(Reason.WRONG_SIGNATURE, "a paper that the city did not sign")
        match decode(entry.body):
            case Roster() as roster if roster.township == self._township:
                return self._new_roster(roster, entry.raw)
            case NodeConfig() as config if township_of(config.node) == self._township:
                return self._new_config(config, entry.raw)
            case Receipt() as receipt:
                return self.receipted(Receipted(receipt, entry.raw))
            case Seal() as seal:
                return self._new_seal(seal, entry.raw)
            case Hall() as hall if hall.township == self._township:
                return self._new_hall(hall, entry.raw)
            case Catalogue() as catalogue:
                return self._new_catalogue(catalogue, entry.raw)
            case other:
                raise Refused(Reason.WRONG_SENDER, f"{type(other).__name__} is not for township {self._township}")

    def _new_roster(self, roster: Roster, raw: bytes) -> str | None:
        if roster.version <= self.version:
            return None
        try:
            keys = _keys_on(roster.nodes)
        except ValueError as bad:
            raise Refused(Reason.UNDECODABLE, f"roster {roster.version}: {bad}") from bad
        self._keys = keys
        self._roster = (roster.version, raw)
        return "roster"

    def _new_config(self, config: NodeConfig, raw: bytes) -> str | None:
        if config.version <= self._configs.get(config.node, (0, b""))[0]:
            return None
        self._configs[config.node] = (config.version, raw)
        return config_name(config.node)

    def _new_seal(self, seal: Seal, raw: bytes) -> str | None:
        kept = self._seals.setdefault(seal.number, raw)
        if kept != raw:
            raise Refused(Reason.CONFLICT, f"the city signed two different seals {seal.number}; the first is kept")
        return seal_name(seal.number)

    def _new_hall(self, hall: Hall, raw: bytes) -> str | None:
        if self.hall is not None and hall.version <= self.hall.version:
            return None
        self.hall = hall
        self._shown[HALL] = raw
        return HALL

    def _new_catalogue(self, catalogue: Catalogue, raw: bytes) -> str | None:
        if self.catalogue is not None and catalogue.version <= self.catalogue.version:
            return None
        self.catalogue = catalogue
        self._shown[CATALOGUE] = raw
        return CATALOGUE

    def receipted(self, received: Receipted) -> str | None:
        """Take in a receipt whose signature was found good; else as `take_in`."""
        receipt, raw = received
        if township_of(receipt.node) != self._township:
            raise Refused(Reason.WRONG_SENDER, f"receipt for {receipt.node} is not for township {self._township}")
        known = self._receipts.get(receipt.stream)
        if known is not None and receipt.at <= known[0].at:
            return None
        self._receipts[receipt.stream] = (receipt, raw)
        self.settle(receipt.stream, Ranges(receipt.settled))
        return receipt_name(receipt.stream)

    def settle(self, stream: StreamKey, numbers: Ranges) -> None:
        """The city acknowledged `numbers`: known, but no leave to delete."""
        self._settled[stream] = self.settled_of(stream) | numbers

    def take_back(self, missing: Mapping[StreamKey, Ranges]) -> list[StreamKey]:
        """The city has lost `missing` of what it had settled: the streams whose receipts are void."""
        void = []
        for stream, numbers in missing.items():
            self._settled[stream] = self.settled_of(stream) - numbers
            receipt = self._receipts.get(stream)
            if receipt is not None and any(numbers.touches(lo, hi) for lo, hi in receipt[0].settled):
                del self._receipts[stream]
                void.append(stream)
        return void

    @property
    def version(self) -> int:
        """The version of the roster in force; 0 for that of the settings file."""
        return self._roster[0]

    @property
    def nodes(self) -> list[str]:
        """The names on the roster."""
        return sorted(self._keys)

    @property
    def configs(self) -> dict[str, bytes]:
        """Each node's newest configuration, as signed."""
        return {node: raw for node, (_, raw) in self._configs.items()}

    def configs_among(self, names: Container[str]) -> dict[str, bytes]:
        """Those of `configs` that are kept under one of `names`."""
        return {node: raw for node, raw in self.configs.items() if config_name(node) in names}

    def keys_of(self, node: str) -> Sequence[Key]:
        """The public keys of a node on the roster, newest first; none of anybody else."""
        return self._keys.get(node, ())

    def settled_of(self, stream: StreamKey) -> Ranges:
        """What is known to be in the ledger of one stream."""
        return self._settled.get(stream, Ranges())

    def receipt_of(self, stream: StreamKey) -> bytes | None:
        """The newest receipt for a stream, as signed."""
        known = self._receipts.get(stream)
        return known[1] if known else None


def _keys_on(roster: Iterable[RosterNode]) -> dict[str, tuple[Key, ...]]:
    """The keys of each node; raises `ValueError` where one is none."""
    return {one.node: (_key(one), *map(_key, one.former)) for one in roster}


def _key(told: RosterNode | FormerKey) -> Key:
    return Key(public_key(told.key), told.until)


def config_name(node: str) -> str:
    """The name that a node's configuration is kept under."""
    return f"config {node}"


def seal_name(number: int) -> str:
    """The name that a seal is kept under."""
    return f"{SEAL}{number}"


def receipt_name(stream: StreamKey) -> str:
    """The name that a stream's receipt is kept under."""
    return f"receipt {stream.node} {stream.epoch}"
