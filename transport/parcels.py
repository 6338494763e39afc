"""What a dispatch looks like as bytes, and which payload was which flight."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from contract.bundle import digest, pack
from transport.lanes import Dispatch
from transport.shelf import Shelf

# Payloads whose digest is remembered, to know which one a peer could not read.
_REMEMBERED = 64
# Batches that are remembered from their making until they are first sent, to spare reading them back.
_FRESH = 4096


class Parcel(NamedTuple):
    """The payload of one dispatch, None when nothing of it is left; `gone`: ids that the shelf has no longer."""

    payload: bytes | None
    gone: list[int]


class Parcels:
    """Makes payloads of what is on `shelf`."""

    def __init__(self, shelf: Shelf) -> None:
        """Begin with nothing fresh and nothing sent."""
        self._shelf = shelf
        self._fresh: dict[int, bytes] = {}
        self._flights: dict[str, int] = {}

    def fresh(self, raws: Mapping[int, bytes]) -> None:
        """These batches were just written and will be sent soon."""
        if len(self._fresh) < _FRESH:
            self._fresh |= raws

    def forget(self) -> None:
        """Nothing will be sent soon."""
        self._fresh.clear()

    def acked(self, id_: int) -> None:
        """This batch will not be sent any more."""
        self._fresh.pop(id_, None)

    async def wrap(self, dispatch: Dispatch) -> Parcel:
        """Make the payload of `dispatch`, each batch byte for byte as it was signed."""
        wanted = [item.id for item in dispatch.items]
        raws = {id_: self._fresh.pop(id_) for id_ in wanted if id_ in self._fresh}
        unread = [id_ for id_ in wanted if id_ not in raws]
        if unread:
            raws |= await self._shelf.raws(unread)
        here = [id_ for id_ in wanted if id_ in raws]
        if not here:
            return Parcel(None, wanted)
        payload = pack(raws[id_] for id_ in here)
        while len(self._flights) >= _REMEMBERED:
            del self._flights[next(iter(self._flights))]
        self._flights[digest(payload)] = dispatch.flight
        return Parcel(payload, [id_ for id_ in wanted if id_ not in raws])

    def flight_of(self, name: str) -> int | None:
        """The flight whose payload has the digest `name`."""
        return self._flights.get(name)

    def flights(self) -> Iterator[int]:
        """The flights of the payloads that are remembered."""
        return iter(self._flights.values())
