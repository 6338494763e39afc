"""Closing a day: one tree over all that the ledger took in since the last seal, and one entry that says so."""

from collections.abc import AsyncIterator, Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import Database, unavailable
from cloud.ledger.store import Entry, enter
from cloud.seals import store
from contract.codec import encode
from contract.errors import Unavailable
from contract.signing import Signer
from proof.merkle import Tree
from proof.seals import Sealed, first_after, following, leaf, misfit, opened


async def close(database: Database, signer: Signer, *, day: str, at: int) -> Sealed | None:
    """Seal all that the ledger holds, as `day`, at city time `at` (ms); None where there is nothing since the last.

    What comes while it is counted belongs to the next one. Raises `Unavailable`, and then nothing has happened: also
    where somebody else sealed the same meanwhile, since no two seals have one number.
    """
    with unavailable():
        return await _close(database, signer, day, at)


async def _close(database: Database, signer: Signer, day: str, at: int) -> Sealed | None:
    async with database.reader.connect() as connection:
        before = next(iter(await store.newest(connection, 1)), None)
        first, last = first_after(await store.own(connection)), await store.head(connection)
        if last < first:
            return None
        tree = Tree()
        async for leaves in leaves_of(connection, first, last):
            for one in leaves:
                tree.add(one)
    if tree.size != last - first + 1:
        raise Unavailable(f"ledger: of positions {first} to {last} there are {tree.size}; `manyi audit` names the rest")
    seal = following(before, first=first, last=last, root=tree.root(), day=day, at=at, by=signer.public)
    raw = signer.entry(encode(seal))
    async with database.writer.begin() as connection:
        await enter(connection, Entry("seal", "", "", seal.number, last, at, "", raw))
    return opened(raw)


async def bear_witness(database: Database, returned: Iterable[Sealed], at: int) -> None:
    """Enter seals of a ledger that was lost, as townships `returned` them, at city time `at` (ms).

    Only those that follow the newest one there is, each after the other. Raises `Unavailable`.
    """
    with unavailable():
        async with database.reader.connect() as connection:
            before = next(iter(await store.newest(connection, 1)), None)
        for one in sorted(returned, key=lambda one: one.seal.number):
            if misfit(before, one) is None:
                seal = one.seal
                async with database.writer.begin() as connection:
                    await enter(connection, Entry("witness", "", "", seal.number, seal.last, at, "", one.raw))
                before = one


async def leaves_of(connection: AsyncConnection, first: int, last: int) -> AsyncIterator[list[bytes]]:
    """The hashes of the entries from position `first` to `last`, in pages."""
    async for page in store.entries(connection, first, last):
        yield [leaf(kind, raw) for kind, raw in page]
