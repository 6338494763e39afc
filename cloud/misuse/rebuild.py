"""Making all flags again from the ledger's first entry, to show that they follow from it."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.copy.rules import Sum
from cloud.database import Database, fetch, unavailable
from cloud.misuse import store
from cloud.misuse.worker import Filter, Tell


@dataclass(frozen=True, slots=True)
class Account:
    """How many flags there were before a rebuild and are after it, and a digest of each: equal ones are the same flags.

    `position`: up to where the ledger was read.
    """

    position: int
    before: int
    after: int
    digest_before: str
    digest_after: str

    @property
    def equal(self) -> bool:
        """Whether the flags are the same as before."""
        return self.digest_before == self.digest_after


async def rebuild(database: Database, judging: Filter, tell: Tell) -> Account:
    """Forget every flag and what was seen, and let `judging` begin anew. The city may run, and then shares the work.

    Cut off at any moment, it is carried on by the city. Raises `Unavailable`.
    """
    await judging.catch_up(tell)
    with unavailable():
        async with database.reader.begin() as connection:
            _, before = await _digest(connection)
        async with database.writer.begin() as connection:
            await store.start_over(connection)
    await judging.catch_up(tell)
    with unavailable():
        async with database.reader.begin() as connection:
            position, after = await _digest(connection)
    return Account(position, before.rows, after.rows, before.text, after.text)


async def _digest(connection: AsyncConnection) -> tuple[int, Sum]:
    found = Sum()
    found.add(await fetch(connection, store.ROWS))
    return (await store.cursor(connection)).position, found
