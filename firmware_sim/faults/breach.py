"""Breaks one law in a house, from outside: `python -m firmware_sim.faults.breach LAW MODULE WORDS...`.

MODULE is damaged and then run. Each breach is what a careless change of the product would be. That the verdict of a
fault test turns red with it, and is clean without it, shows that the test can see that law.
"""

import asyncio
import runpy
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec

import edge.node
import transport.disk
from contract.batch import Batch, StreamKey
from contract.bundle import Signed
from contract.codec import decode_batch, encode
from contract.errors import StoreFull
from contract.ranges import Ranges
from contract.signing import Signer
from transport.dating import Dated
from transport.intake import Verified
from transport.lanes import Dispatch, Item, Lanes
from transport.outbox import Outbox, Settled
from transport.receiver import Receiver
from transport.sender import Sender
from transport.shelf import Shelf
from transport.timepiece import Timepiece

LATER_S = 1.0


def light_before_commit() -> None:
    """Law 1 at the node: the button lights up, and the rating is written a second later."""
    append = Outbox.append
    writing: set[asyncio.Task[None]] = set()

    async def promise(self: Outbox, choice: Settled, *, cut: bool) -> list[Item]:
        async def write() -> None:
            await asyncio.sleep(LATER_S)
            await append(self, choice, cut=False)

        task = asyncio.get_running_loop().create_task(write(), name="write later")
        writing.add(task)
        task.add_done_callback(writing.discard)
        return []

    Outbox.append = promise  # type: ignore[method-assign]


def ack_before_commit() -> None:
    """Law 1 at the gateway: every third group is acknowledged and not recorded."""
    record = Receiver._record
    groups = count(1)

    async def forget(self: Receiver, batches: list[Verified]) -> None:
        if batches and next(groups) % 3:
            await record(self, batches)

    Receiver._record = forget  # type: ignore[method-assign]


def trust_the_broker() -> None:
    """Law 2: what the broker has taken counts as delivered."""
    depart = Sender._depart

    async def sent(self: Sender, dispatch: Dispatch) -> None:
        await depart(self, dispatch)
        for item in dispatch.items:
            self._answers.arrived(item.stream, Ranges([(item.first, item.last)]))

    Sender._depart = sent  # type: ignore[method-assign]


def reuse_epoch() -> None:
    """Law 3: a node begins where it thinks it ended, under the same name."""
    edge.node.epoch_text = lambda bits: "AAAAAAAAAA"  # type: ignore[attr-defined]
    begin = Outbox.begin

    async def resume(self: Outbox, stream: StreamKey, signer: Signer, boot: str) -> None:
        await begin(self, stream, signer, boot)
        found = await self.disk.read(
            "SELECT max(coalesce((SELECT max(last) FROM batch), 0), coalesce((SELECT max(seq) FROM rating), 0))"
        )
        self.last = int(found[0][0])

    Outbox.begin = resume  # type: ignore[method-assign]


def cut_again() -> None:
    """Law 4: a batch is made anew for each sending: the same ratings, other bytes."""
    raws = Shelf.raws
    sendings = count()

    async def anew(self: Shelf, ids: Sequence[int]) -> dict[int, bytes]:
        made = await raws(self, ids)
        assert isinstance(self, Outbox)
        return {id_: self._signer.entry(encode(_shifted(raw, next(sendings) % 1000))) for id_, raw in made.items()}

    Shelf.raws = anew  # type: ignore[method-assign]


def _shifted(raw: bytes, ms: int) -> Batch:
    batch = decode_batch(Signed.of(raw).body)
    rows = [msgspec.structs.replace(row, ms=row.ms + ms) for row in batch.rows]
    return msgspec.structs.replace(batch, t0=batch.t0 - ms, rows=rows)


def date_on_arrival() -> None:
    """Law 6: a rating gets the time at which the gateway is reached, not that of its press."""
    append = Outbox.append

    async def undated(self: Outbox, choice: Settled, *, cut: bool) -> list[Item]:
        return await append(self, choice._replace(dated=None), cut=cut)

    def now(self: Timepiece, _: object) -> Callable[[str, int], Dated | None]:
        return lambda _boot, _boottime: self.now()

    Outbox.append = undated  # type: ignore[method-assign]
    Timepiece.later = now  # type: ignore[method-assign,assignment]


def trust_wall_clock() -> None:
    """Law 6: a node that knows the city's time dates by its own wall clock all the same."""
    at = Timepiece.at

    def believe(self: Timepiece, boottime: int) -> Dated | None:
        known = at(self, boottime)
        return None if known is None else known._replace(at=edge.node.wall_ms())  # type: ignore[attr-defined]

    Timepiece.at = believe  # type: ignore[method-assign]


def one_queue() -> None:
    """Law 7: who comes last is served last."""
    Lanes.offer = Lanes.refill  # type: ignore[method-assign]


def full(flag: str) -> None:
    """No breach: the disk is full for as long as there is a file `flag`."""
    free = transport.disk.Disk.free
    transport.disk.Disk.free = lambda self: 0 if Path(flag).exists() else free(self)  # type: ignore[method-assign]


def full_city(flag: str) -> None:
    """No breach: the file of the city's database cannot grow for as long as there is a file `flag`."""
    from sqlalchemy import event  # noqa: PLC0415  (only the city carries its weight)
    from sqlalchemy.ext.asyncio import AsyncEngine  # noqa: PLC0415

    from cloud import engines  # noqa: PLC0415

    furnish = engines._furnish

    def limited(engine: AsyncEngine, *, begin: str, pragmas: Sequence[str]) -> None:
        furnish(engine, begin=begin, pragmas=pragmas)

        def begun(connection) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  (not exported)
            # Fewer pages than there are means as many as there are.
            connection.exec_driver_sql(f"PRAGMA max_page_count = {1 if Path(flag).exists() else 1 << 30}")

        event.listen(engine.sync_engine, "begin", begun)

    engines._furnish = limited


def thank_when_full(flag: str = "") -> None:
    """Law 9: what finds no room is thrown away, and thanked for; the disk is full as in `full`, if there is a flag."""
    if flag:
        full(flag)
    append = Outbox.append

    async def hush(self: Outbox, choice: Settled, *, cut: bool) -> list[Item]:
        try:
            return await append(self, choice, cut=cut)
        except StoreFull:
            return []

    Outbox.append = hush  # type: ignore[method-assign]


class Breach(NamedTuple):
    """How a law is broken, in which children of a box, and which faults bring it to light; none: other tests do."""

    commit: Callable[..., None]
    children: tuple[str, ...]
    kinds: tuple[str, ...] = ()


BREACHES: dict[str, Breach] = {
    breach.commit.__name__.replace("_", "-"): breach
    for breach in (
        Breach(light_before_commit, ("fleet",), ("kill-fleet",)),
        Breach(ack_before_commit, ("gateways",), ("partition",)),
        Breach(trust_the_broker, ("fleet",), ("queue-overflow", "one-way-loss")),
        Breach(reuse_epoch, ("fleet",), ("two-with-one-identity",)),
        Breach(cut_again, ("fleet",), ("delayed-acks", "one-way-loss")),
        Breach(date_on_arrival, ("fleet",), ("partition",)),
        Breach(trust_wall_clock, ("fleet",), ("clock-stepped-mid-batch",)),
        Breach(one_queue, ("fleet", "gateways")),
        Breach(full, ("fleet", "gateways")),
        Breach(full_city, ("cloud",)),
        Breach(thank_when_full, ("fleet",), ("disk-full",)),
    )
}
# Those that a run of the fault simulator shows.
SHOWN = tuple(law for law, breach in BREACHES.items() if breach.kinds)


def way(law: str) -> tuple[str, ...]:
    """Return the words that stand before a child's module to break `law` in it; "LAW:WORD" where it takes a word."""
    return ("-m", __spec__.name, law)


def main() -> None:
    """Break, then run."""
    law, module, *words = sys.argv[1:]
    name, _, word = law.partition(":")
    BREACHES[name].commit(*([word] if word else []))
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
