"""One end of a hop: who it is, in this run of its process."""

from typing import NamedTuple

from contract.signing import Signer
from transport.timepiece import Timepiece


class Station(NamedTuple):
    """The name and key that sign, the epoch of this process, the city's public key, and the time here."""

    name: str
    epoch: str
    signer: Signer
    city_key: bytes
    timepiece: Timepiece
