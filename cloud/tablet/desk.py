"""Where tablets are set up, and where what they send is taken: numbered by them, signed here, and on disk."""

import logging
from collections.abc import Callable
from hmac import compare_digest

import msgspec

from cloud.changes import store as changes
from cloud.database import Database, unavailable
from cloud.door.allowances import Allowances
from cloud.people.rules import LINK_MS
from cloud.people.secret import digest
from cloud.people.secret import fresh as fresh_secret
from cloud.quarantine import store as quarantine
from cloud.quarantine.rules import poison
from cloud.registry.snapshot import Registry
from cloud.tablet import store
from cloud.tablet.rules import Anchor, Delivery, Refused, dated, fresh
from cloud.tablet.store import Standing, Tablet
from contract.batch import Batch, StreamKey
from contract.codec import encode
from contract.errors import ManyiError, Reason, Unavailable
from contract.identity import TABLET, epoch_text, node_of, township_of
from contract.signing import Signer

logger = logging.getLogger(__name__)

# A tablet comes at each rating and every few minutes; after an outage with a few hundred at a time.
BURST, EVERY_S = 60, 1.0
_NAME_BITS = 60


class NotKnown(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """No tablet in use shows this secret, or no link is good that says so."""


class Patience(ManyiError):  # noqa: N818  (as above)
    """A tablet comes too often; nothing was taken."""


class TabletDesk:
    """Takes ratings from tablets into `database`, signed by `signer`. `now` is the city's time in ms.

    `registry` is asked at each delivery. `taken` is called after each commit.
    """

    def __init__(
        self,
        database: Database,
        signer: Signer,
        *,
        registry: Callable[[], Registry],
        now: Callable[[], int],
        monotonic: Callable[[], float],
        random_bits: Callable[[int], int],
        taken: Callable[[], None],
    ) -> None:
        """`monotonic` counts seconds, `random_bits(n)` gives n random bits."""
        self._database = database
        self._signer = signer
        self._registry = registry
        self._now = now
        self._random_bits = random_bits
        self._allowances = Allowances(monotonic, burst=BURST, every_s=EVERY_S)
        self._taken = taken

    @property
    def now(self) -> int:
        """The city's time in ms."""
        return self._now()

    async def make(self, window: str, by: str) -> str:
        """Make a tablet of the registered `window`; return the secret of the link that sets it up, once."""
        now, link = self._now(), fresh_secret(self._random_bits)
        name = epoch_text(self._random_bits(_NAME_BITS))
        async with self._database.writer.begin() as connection:
            await store.add(connection, name, window, (digest(link), now + LINK_MS), (now, by))
            await changes.note(connection, now, by, "make-tablet", name, window)
        return link

    async def end(self, name: str, by: str) -> None:
        """Take nothing more of a tablet; what it keeps stays there."""
        now = self._now()
        async with self._database.writer.begin() as connection:
            if (window := await store.end(connection, name, now)) is not None:
                await changes.note(connection, now, by, "end-tablet", name, window)

    async def set_up(self, window: str, link: str, secret: str) -> None:
        """Let whoever has the `link` of `window` be known by `secret` from now on; the same may be asked again.

        Raises `NotKnown` and `Unavailable`.
        """
        now, shown = self._now(), digest(secret)
        with unavailable():
            async with self._database.writer.begin() as connection:
                found = await store.by_link(connection, digest(link))
                if found is None or found.ended_at is not None or found.window != window:
                    raise NotKnown
                if found.secret is None:
                    if now >= found.link_until or not await store.set_up(connection, found.name, shown, now):
                        raise NotKnown
                elif not compare_digest(found.secret, shown):
                    raise NotKnown

    async def take(self, secret: str, delivery: Delivery) -> int:
        """Take what a tablet sends; up to which number its epoch is held, on disk, when this returns.

        What is held already is held again. Raises `NotKnown`, `Patience`, `Refused`, and `Unavailable`: then it is not
        known what was taken, and the same may be sent again.
        """
        with unavailable():
            async with self._database.reader.connect() as connection:
                tablet = await store.by_secret(connection, digest(secret))
            if tablet is None or tablet.ended_at is not None:
                raise NotKnown
            stream = StreamKey(f"{node_of(tablet.window)}.{TABLET}", delivery.epoch)
            if not self._registry().keys(stream.node):
                # In a moment: whoever has that duty registers it.
                raise Unavailable(f"{stream.node} is not registered yet")
            if not self._allowances.take(tablet.name):
                raise Patience
            try:
                held = await self._take(tablet, stream, delivery)
            except Refused as bad:
                await self._tell(tablet, stream, delivery, bad)
                raise
        self._taken()
        return held

    async def _take(self, tablet: Tablet, stream: StreamKey, delivery: Delivery) -> int:
        now, short = self._now(), tablet.window.partition("/")[2]
        anchor = Anchor(delivery.run, delivery.mono, delivery.date, now)
        async with self._database.writer.begin() as connection:
            standing = await store.hold(connection, stream, tablet.window)
            if standing.window != tablet.window:
                raise Refused("elsewhere", 0)
            known = await store.given(connection, stream, delivery.first, min(delivery.last, standing.last))
            rows = fresh(delivery, standing.last, known)
            first = standing.last + 1
            made, floor = dated(rows, first, short, (anchor, standing.anchor), standing.floor)
            signed = [
                (one, self._signer.entry(encode(Batch(1, *stream, one.first, one.t0, one.quality, one.rows,
                                                       bounds=one.bounds))))
                for one in made
            ]  # fmt: skip
            await store.keep(connection, stream, signed, now)
            last = standing.last + len(rows)
            await store.move(connection, stream, tablet.name, Standing(standing.window, last, anchor, floor))
        return last

    async def _tell(self, tablet: Tablet, stream: StreamKey, delivery: Delivery, bad: Refused) -> None:
        """Put what was refused where operators look."""
        numbers = f"numbers {delivery.first} to {delivery.last} of {stream.epoch}"
        detail = f"tablet {tablet.name} of {tablet.window}: {numbers} are refused, {bad}"
        logger.warning("%s", detail)
        raw = msgspec.json.encode(delivery)
        async with self._database.writer.begin() as connection:
            found = poison(township_of(tablet.window), stream.node, Reason.CONFLICT, detail, raw)
            await quarantine.keep(connection, [found], self._now())
