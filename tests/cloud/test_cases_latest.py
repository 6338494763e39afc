"""A list of cases is made once for all desks that ask the same, and again as soon as it may be another."""

import asyncio

from cloud.cases import store
from cloud.cases.latest import Latest
from cloud.database import Database


class Asking:
    """Somebody who asks, and counts how often an answer had to be made."""

    def __init__(self, database: Database) -> None:
        self.made = 0
        self._database = database
        self._latest: Latest[int] = Latest()

    async def ask(self, question: str, now: int = 0) -> int:
        async with self._database.reader.connect() as connection:
            return await self._latest.of(connection, now, question, self._make)

    async def _make(self) -> int:
        self.made += 1
        await asyncio.sleep(0)
        return self.made


async def change(database: Database) -> None:
    async with database.writer.begin() as connection:
        await store.tell(connection)


async def test_the_same_question_is_answered_once_until_something_changes(database: Database) -> None:
    asking = Asking(database)
    assert [await asking.ask("a"), await asking.ask("a"), await asking.ask("b"), await asking.ask("a")] == [1, 1, 2, 1]
    await change(database)
    assert [await asking.ask("a"), await asking.ask("a")] == [3, 3]


async def test_each_minute_is_looked_at_anew_for_what_is_due_by_then(database: Database) -> None:
    asking = Asking(database)
    assert [await asking.ask("a", 59_999), await asking.ask("a", 0), await asking.ask("a", 60_000)] == [1, 1, 2]


async def test_an_answer_that_was_begun_before_a_change_is_not_given_after_it(database: Database) -> None:
    latest: Latest[str] = Latest()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> str:
        begun.set()
        await go_on.wait()
        return "old"

    async def at_once() -> str:
        return "new"

    async with database.reader.connect() as connection:
        early = asyncio.ensure_future(latest.of(connection, 0, "a", slowly))
        await begun.wait()
        await change(database)
        async with database.reader.connect() as other:
            assert await latest.of(other, 0, "a", at_once) == "new"
            go_on.set()
            assert await early == "old"
            assert await latest.of(other, 0, "a", slowly) == "new"
