"""Bugs planted by hand, one at a time, to see that the model finds them. Each damages the product from outside."""

from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakKeyDictionary

import pytest

import edge.node
import transport.outbox
import transport.shelf
from contract.ack import Ack
from contract.batch import StreamKey
from contract.bundle import Signed
from contract.codec import decode_batch, is_batch
from contract.errors import Refused
from contract.hello import Welcome
from contract.ranges import Ranges
from contract.rating import Quality
from transport.answers import Answers
from transport.dating import Dated
from transport.greeting import Greeting, Heard
from transport.intake import Group, Verified
from transport.receiver import Receiver
from transport.timepiece import Timepiece

Planted = Callable[[pytest.MonkeyPatch], None]


def acknowledges_before_it_records(patch: pytest.MonkeyPatch) -> None:
    async def serve(self: Receiver, group: Group) -> None:
        self._reply(group)
        await self._record(group.batches)

    patch.setattr(Receiver, "_serve", serve)


def takes_nothing_back(patch: pytest.MonkeyPatch) -> None:
    """A welcome that lacks numbers is not understood: what a restored gateway or city has lost stays lost."""
    heard = Greeting.heard

    def content(self: Greeting, welcome: Welcome, now: float) -> Heard | None:
        found = heard(self, welcome, now)
        return None if found is None else found._replace(missing={})

    patch.setattr(Greeting, "heard", content)


def dedupes_before_it_verifies(patch: pytest.MonkeyPatch) -> None:
    """Numbers that a forged batch gave count as known, to the process that saw it."""
    seen: WeakKeyDictionary[Receiver, set[tuple[StreamKey, int]]] = WeakKeyDictionary()
    serve, record = Receiver._serve, Receiver._record

    async def noticing(self: Receiver, group: Group) -> None:
        for bad in group.quarantined:
            body = Signed.of(bad.raw).body
            if is_batch(body):
                try:
                    forged = decode_batch(body)
                except Refused:
                    continue
                known = seen.setdefault(self, set())
                known.update((forged.stream, number) for number in range(forged.first, forged.last + 1))
        await serve(self, group)

    async def unless_known(self: Receiver, batches: list[Verified]) -> None:
        known = seen.get(self, set())
        await record(self, [(batch, raw) for batch, raw in batches if (batch.stream, batch.first) not in known])

    patch.setattr(Receiver, "_serve", noticing)
    patch.setattr(Receiver, "_record", unless_known)


def deletes_what_is_held(patch: pytest.MonkeyPatch) -> None:
    """An ack of the gateway is taken for a receipt of the city."""
    answered = Answers._answered

    async def settling(self: Answers, ack: Ack) -> None:
        now = self._station.timepiece.now()
        if now is not None:
            await self._shelf.settle([(ack.stream, Ranges(ack.held), now.at)])
        await answered(self, ack)

    patch.setattr(Answers, "_answered", settling)


def gives_a_number_again_after_a_cancelled_append(patch: pytest.MonkeyPatch) -> None:
    async def broken(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        return await work

    patch.setattr(transport.outbox, "unbroken", broken)


def uses_its_epoch_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(edge.node, "epoch_text", lambda _bits: "AAAAAAAAAA")


def trusts_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    def at(self: Timepiece, boottime: int) -> Dated:
        return Dated(self.wall_ms() - (self.boottime_ms() - boottime), Quality.SYNCHRONISED, 0)

    patch.setattr(Timepiece, "at", at)


def keeps_for_a_day(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transport.shelf, "KEEP_MS", 86_400_000)


# What the model then says.
PLANTED: list[tuple[Planted, str]] = [
    (acknowledges_before_it_records, "law 1: .* calls held what is not on disk"),
    (takes_nothing_back, "not in the ledger"),
    (uses_its_epoch_again, "law [34]"),
    (dedupes_before_it_verifies, "law 1: .* calls held what is not on disk"),
    (deletes_what_is_held, "is deleted"),
    (gives_a_number_again_after_a_cancelled_append, "UNIQUE|law 3|not in the ledger"),
    (trusts_the_wall_clock, "law 6"),
    (keeps_for_a_day, "ms after its receipt"),
]
