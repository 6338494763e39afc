"""What is read again and again: the newest answer, and the last one while none comes."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import Database
from cloud.looking import Looking


async def test_while_the_database_is_away_the_last_answer_stands(database: Database) -> None:
    asked = 0

    async def read(_connection: AsyncConnection) -> int:
        nonlocal asked
        asked += 1
        if 1 < asked < 4:
            raise OSError("the cable is out")
        return asked

    looking = Looking(database, read, 0, every_s=0.01)
    seen = {looking.seen}
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(looking.run())
        while looking.seen < 4:
            await asyncio.sleep(0)
            seen.add(looking.seen)
        reading.cancel()
    assert seen - {4} == {0, 1}
