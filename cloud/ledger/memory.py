"""What the city remembers of the ledger, so that a batch costs no query: numbers by stream, and the latest batches.

Memory never runs ahead of the disk: it is told of a commit after it, and after a failed one it forgets everything and
reads again.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.ledger import store
from cloud.ledger.rules import Numbers, Verified
from contract.batch import StreamKey
from contract.ranges import Ranges

K = TypeVar("K")
V = TypeVar("V")

# A stream takes some 400 bytes, a remembered batch some 250.
MAX_STREAMS = 200_000
MAX_BATCHES = 50_000


class Memory:
    """Numbers in the ledger by stream, loaded when first asked for; the oldest-loaded are dropped beyond a bound."""

    def __init__(self, reader: AsyncEngine) -> None:
        """Read from `reader`."""
        self._reader = reader
        self._streams: dict[StreamKey, Ranges] = {}
        # By the mark of their exact bytes. Looked at by reading threads, written by the loop.
        self.batches: dict[bytes, Numbers] = {}

    async def standing(self, streams: Iterable[StreamKey]) -> dict[StreamKey, Ranges]:
        """The numbers in the ledger of each of `streams`."""
        wanted = dict.fromkeys(streams)
        unknown = [stream for stream in wanted if stream not in self._streams]
        if unknown:
            async with self._reader.connect() as connection:
                for stream, pairs in (await store.standing(connection, unknown)).items():
                    self._streams[stream] = Ranges(pairs)
        found = {stream: self._streams[stream] for stream in wanted}
        self._trim()
        return found

    def committed(self, known: Mapping[StreamKey, Ranges], entries: Iterable[Verified]) -> None:
        """A commit succeeded: `known` are the numbers now, `entries` the batches it brought."""
        self._streams.update(known)
        self.batches.update((entry.mark, entry.numbers) for entry in entries)
        self._trim()

    def forget(self) -> None:
        """What is on the disk is in doubt: read it again when asked."""
        self._streams.clear()
        self.batches.clear()

    def _trim(self) -> None:
        _drop_oldest(self._streams, MAX_STREAMS)
        _drop_oldest(self.batches, MAX_BATCHES)


def _drop_oldest(kept: dict[K, V], most: int) -> None:
    """Drop what came first; found in one walk, since each walk passes over all that was dropped before."""
    for key in list(islice(kept, max(0, len(kept) - most))):
        del kept[key]
