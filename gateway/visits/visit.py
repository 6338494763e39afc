"""A visit: a service that was finished at a window, and what became of asking for a rating of it."""

from typing import Annotated, Literal, NamedTuple

import msgspec

from contract.batch import NodeName
from contract.config import WindowName
from contract.identity import node_of
from contract.rating import Became, Item

Because = Literal["service", "payment", "file"]
# As the queue's system has it; no white space, so that it can stand in an address.
Called = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}$(?!\n)")]
WAITING = "waiting"


class Finished(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the queue's system says: at the city-wide `window` the transaction `token` is finished.

    `item`: the service's code; `because`: what was finished.
    """

    window: str
    token: Called
    item: Item | None = None
    because: Because = "service"


class Visit(NamedTuple):
    """A visit as it is kept: `token` stands for it on the wire, `called` is its transaction (None: forgotten).

    `at`: the city's time, ms, when it was told; None while unknown. `became` is None while nobody knows.
    """

    token: str
    called: str | None
    window: str
    item: str | None
    because: str
    at: int | None
    became: Became | None

    @property
    def node(self) -> str:
        """The node whose window it is."""
        return node_of(self.window)


class Told(msgspec.Struct, frozen=True):
    """What the gateway answers: the visit, and what `became` of it: waiting, rated, silent or unshown. No grade."""

    window: str
    token: str
    item: str | None
    because: str
    at: int | None
    became: str


def told(visit: Visit) -> Told:
    """Return `visit`, whose transaction is known, as its teller hears of it."""
    became = WAITING if visit.became is None else visit.became.name.lower()
    return Told(visit.window, visit.called or "", visit.item, visit.because, visit.at, became)


class _Place(msgspec.Struct):
    node: NodeName
    window: WindowName


def place_of(window: str) -> tuple[str, str]:
    """Return node and window of a city-wide `window` name; `ValueError` says what is wrong with it."""
    node, _, short = window.partition("/")
    try:
        place = msgspec.convert({"node": node, "window": short}, _Place)
    except msgspec.ValidationError as bad:
        raise ValueError(f"window {window!r}: expected node/window, e.g. 371721121-a1/02") from bad
    return place.node, place.window
