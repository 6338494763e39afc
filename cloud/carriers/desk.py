"""Where carriers are set up, and where what they send is taken: numbered by them, signed here, and on disk."""

import logging
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Generic, Protocol, TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.carriers import store
from cloud.carriers.rules import Anchor, Delivery, Press, Refused, dated, fresh
from cloud.carriers.store import Carrier, Standing
from cloud.changes import store as changes
from cloud.database import Database, unavailable
from cloud.door.allowances import Allowances
from cloud.people.rules import LINK_MS
from cloud.people.secret import digest
from cloud.people.secret import fresh as fresh_secret
from cloud.quarantine import store as quarantine
from cloud.quarantine.rules import poison
from cloud.registry.snapshot import Registry
from contract.batch import Batch, StreamKey
from contract.codec import encode
from contract.errors import ManyiError, Reason, Unavailable
from contract.identity import epoch_text, node_of, township_of
from contract.signing import Signer

logger = logging.getLogger(__name__)

# A carrier comes at each rating and every few minutes; after an outage with a few hundred at a time.
BURST, EVERY_S = 60, 1.0
_NAME_BITS = 60
D_contra = TypeVar("D_contra", bound=Delivery, contravariant=True)
# What a carrier of the channel gives a number to.
E = TypeVar("E")


class NotKnown(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """No carrier in use shows this secret, or no link is good that says so."""


class Patience(ManyiError):  # noqa: N818  (as above)
    """A carrier comes too often; nothing was taken."""


class Channel(Protocol[D_contra, E]):
    """What the deliveries of the channel `name` are: what stands in them under each number, and how it is kept."""

    name: str
    # What is written in the log of changes when a carrier is made, and when it is ended.
    noted: tuple[str, str]

    def given(self, delivery: D_contra) -> Sequence[E]:
        """What `delivery` holds, in the order of its numbers."""

    def press(self, one: E) -> Press | None:
        """The rating in it, if it is one."""

    def key(self, one: E) -> object:
        """What tells it from everything else that might stand under its number."""

    async def known(
        self, connection: AsyncConnection, stream: StreamKey, first: int, last: int
    ) -> Sequence[tuple[int, object]]:
        """The keys of what is held under the numbers `first` to `last`."""

    async def keep(
        self, connection: AsyncConnection, carrier: Carrier, stream: StreamKey, fresh: Sequence[E], to: Standing
    ) -> None:
        """Keep what of `fresh` no batch holds; with it `stream` goes as far as `to`, whose anchor says when it came."""


class Desk(Generic[D_contra, E]):
    """Takes what carriers of `channel` send into `database`, signed by `signer`. `now` is the city's time in ms.

    `registry` is asked at each delivery. `taken` is called after each commit.
    """

    def __init__(
        self,
        database: Database,
        channel: Channel[D_contra, E],
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
        self._channel = channel
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

    async def make(self, window: str, holder: str, by: str) -> str:
        """Make a carrier of the registered `window` for `holder`; return the secret of the link that sets it up."""
        now, link, channel = self._now(), fresh_secret(self._random_bits), self._channel.name
        name = epoch_text(self._random_bits(_NAME_BITS))
        async with self._database.writer.begin() as connection:
            await store.add(connection, (name, channel, window, holder), (digest(link), now + LINK_MS), (now, by))
            await changes.note(connection, now, by, self._channel.noted[0], name, window)
        return link

    async def end(self, name: str, by: str) -> None:
        """Take nothing more of a carrier; what it keeps stays there."""
        now, channel = self._now(), self._channel.name
        async with self._database.writer.begin() as connection:
            if (window := await store.end(connection, channel, name, now)) is not None:
                await changes.note(connection, now, by, self._channel.noted[1], name, window)

    async def set_up(self, window: str, link: str, secret: str) -> None:
        """Let whoever has the `link` of `window` be known by `secret` from now on; the same may be asked again.

        Raises `NotKnown` and `Unavailable`.
        """
        now, shown = self._now(), digest(secret)
        with unavailable():
            async with self._database.writer.begin() as connection:
                found = await store.by_link(connection, self._channel.name, digest(link))
                if found is None or found.ended_at is not None or found.window != window:
                    raise NotKnown
                if found.secret is None:
                    if now >= found.link_until or not await store.set_up(connection, found.name, shown, now):
                        raise NotKnown
                elif not compare_digest(found.secret, shown):
                    raise NotKnown

    async def take(self, secret: str, delivery: D_contra) -> int:
        """Take what a carrier sends; up to which number its epoch is held, on disk, when this returns.

        What is held already is held again. Raises `NotKnown`, `Patience`, `Refused`, and `Unavailable`: then it is not
        known what was taken, and the same may be sent again.
        """
        with unavailable():
            async with self._database.reader.connect() as connection:
                carrier = await store.by_secret(connection, self._channel.name, digest(secret))
            if carrier is None or carrier.ended_at is not None:
                raise NotKnown
            stream = StreamKey(f"{node_of(carrier.window)}.{self._channel.name}", delivery.epoch)
            if not self._registry().keys(stream.node):
                # In a moment: whoever has that duty registers it.
                raise Unavailable(f"{stream.node} is not registered yet")
            if not self._allowances.take(carrier.name):
                raise Patience
            try:
                held = await self._take(carrier, stream, delivery)
            except Refused as bad:
                await self._tell(carrier, stream, delivery, bad)
                raise
        self._taken()
        return held

    async def _take(self, carrier: Carrier, stream: StreamKey, delivery: D_contra) -> int:
        now, short = self._now(), carrier.window.partition("/")[2]
        anchor = Anchor(delivery.run, delivery.mono, delivery.date, now)
        given, first = self._channel.given(delivery), delivery.first
        async with self._database.writer.begin() as connection:
            standing = await store.hold(connection, stream, carrier.window)
            if standing.window != carrier.window:
                raise Refused("elsewhere", 0)
            last = min(first + len(given) - 1, standing.last)
            known = await self._channel.known(connection, stream, first, last)
            new = fresh(given, first, standing.last, known, self._channel.key)
            rated = [press for one in new if (press := self._channel.press(one)) is not None]
            made, floor = dated(rated, standing.rated + 1, short, (anchor, standing.anchor), standing.floor)
            signed = [
                (one, self._signer.entry(encode(Batch(1, *stream, one.first, one.t0, one.quality, one.rows,
                                                       bounds=one.bounds))))
                for one in made
            ]  # fmt: skip
            await store.keep(connection, stream, signed, now)
            to = Standing(standing.window, standing.last + len(new), standing.rated + len(rated), anchor, floor)
            await self._channel.keep(connection, carrier, stream, new, to)
            await store.move(connection, stream, carrier.name, to)
        return to.last

    async def _tell(self, carrier: Carrier, stream: StreamKey, delivery: D_contra, bad: Refused) -> None:
        """Put what was refused where operators look."""
        count = len(self._channel.given(delivery))
        numbers = f"{count} numbers from {delivery.first} on of {stream.epoch}"
        detail = f"{self._channel.name} {carrier.name} of {carrier.window}: {numbers} are refused, {bad}"
        logger.warning("%s", detail)
        raw = msgspec.json.encode(delivery)
        async with self._database.writer.begin() as connection:
            found = poison(township_of(carrier.window), stream.node, Reason.CONFLICT, detail, raw)
            await quarantine.keep(connection, [found], self._now())
