"""Signs anew what a hall is told whenever it changed, in whichever worker speaks to its township."""

import logging
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from cloud.database import Database, unavailable
from cloud.halls import store
from cloud.halls.document import Document
from cloud.halls.rules import HORIZON_MS, Common, fitted, halls
from cloud.registry.snapshot import Registry
from cloud.rounds import Rounds
from contract.bundle import pack
from contract.codec import encode
from contract.hall import Catalogue, Hall
from contract.identity import township_of
from contract.signing import Signer, key_text

logger = logging.getLogger(__name__)

LOOK_S = 15.0
# Where nothing is known to have changed it is looked all the same: a window's time may have come.
_ANEW_MS = 300_000


class Halls(Rounds):
    """`tell` is called with the payloads, by township, that are to be retained in place of those before.

    `key_of` gives the key of a township's codes, 32 bytes, or None where nobody rates by telephone.
    """

    def __init__(
        self,
        database: Database,
        signer: Signer,
        common: Common,
        *,
        key_of: Callable[[str], bytes | None],
        registry: Callable[[], Registry],
        covers: Callable[[str], bool],
        now: Callable[[], int],
        known: Callable[[], bool],
        tell: Callable[[Iterable[tuple[str, bytes]]], None],
    ) -> None:
        """`now`: the city's time, ms, which counts only while it is `known()`; `covers`: whose townships are ours."""
        super().__init__(LOOK_S, stopped="halls are told nothing new")
        self._database = database
        self._signer = signer
        self._common = common
        self._key_of = key_of
        self._registry = registry
        self._covers = covers
        self._now = now
        self._known = known
        self._tell = tell
        self._seen: object = None
        self._document = Document()
        self._edition = -1
        # As composed, and as signed.
        self._halls: dict[str, tuple[Hall, bytes]] = {}
        self._catalogue: tuple[Catalogue, bytes] | None = None

    def payloads(self) -> Iterator[tuple[str, bytes]]:
        """What every township is told by now."""
        return self._payloads(self._halls)

    async def look(self) -> None:
        """Sign what changed, and tell it."""
        if not self._known():
            return
        registry, now = self._registry(), self._now()
        townships = {township_of(name) for name in registry.gateways if self._covers(township_of(name))}
        with unavailable():
            async with self._database.reader.connect() as connection:
                edition = await store.edition(connection)
                duties = await store.duties(connection, now, now + HORIZON_MS)
                seen = (registry.version, edition, duties, townships, now // _ANEW_MS)
                if seen == self._seen:
                    return
                if edition != self._edition:
                    self._document = await store.document(connection)
            composed = {
                hall.township: fitted(self._secret(hall))
                for hall in halls(registry, self._document, duties, self._common, townships=townships, now=now)
            }
            changed = [one for code, one in composed.items() if code not in self._halls or self._halls[code][0] != one]
            catalogue = self._document.catalogue()
            anew = self._catalogue is None or self._catalogue[0] != catalogue
            if changed or anew:
                async with self._database.writer.begin() as connection:
                    version = await store.raise_version(connection, now)
                self._halls = {code: one for code, one in self._halls.items() if code in composed}
                for hall in changed:
                    self._halls[hall.township] = hall, self._signer.entry(encode(replace(hall, version=version)))
                if anew:
                    self._catalogue = catalogue, self._signer.entry(encode(replace(catalogue, version=version)))
                self._tell(self._payloads(self._halls if anew else [hall.township for hall in changed]))
        self._seen, self._edition = seen, edition

    def _payloads(self, townships: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        catalogue = () if self._catalogue is None else (self._catalogue[1],)
        for township in townships:
            yield township, pack([self._halls[township][1], *catalogue])

    def _secret(self, hall: Hall) -> Hall:
        key = self._key_of(hall.township)
        return hall if key is None else replace(hall, codes=key_text(key))
