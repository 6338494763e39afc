"""What the city remembers of the ledger, read from it when a stream is first heard of."""

from collections import defaultdict
from random import Random
from typing import Any

from sqlalchemy import event

from cloud.database import Database
from cloud.ledger import store
from cloud.ledger.memory import Memory
from contract.batch import StreamKey
from contract.ranges import Ranges

STREAMS = [StreamKey(f"371721121-a{number}", f"epoch{number % 7:05d}") for number in range(300)]
ABSENT = [StreamKey("371721121-a1", "elsewhere0"), StreamKey("371721122-b2", "epoch00001")]


async def written(database: Database, seed: int) -> dict[StreamKey, set[int]]:
    """Batches of every stream, with gaps between some and in no order; the numbers that they give."""
    random = Random(seed)
    numbers: defaultdict[StreamKey, set[int]] = defaultdict(set)
    entries = []
    for stream in STREAMS:
        first = random.randint(1, 3)
        for _ in range(random.randint(1, 6)):
            last = first + random.randint(0, 9)
            entries.append(store.Entry("batch", *stream, first, last, 0, "live", b"{}"))
            numbers[stream].update(range(first, last + 1))
            first = last + random.choice((1, 1, 2, 40))
    random.shuffle(entries)
    async with database.writer.begin() as connection:
        await store.append(connection, entries)
    return numbers


async def test_all_streams_of_a_group_are_read_with_a_few_questions(database: Database) -> None:
    numbers = await written(database, seed=1)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:  # noqa: ANN401
        asked.append(statement)

    event.listen(database.reader.sync_engine, "before_cursor_execute", note)
    memory = Memory(database.reader)
    found = await memory.standing([*STREAMS, *ABSENT])
    assert len([statement for statement in asked if "ledger_entry" in statement]) <= 3
    for stream in STREAMS:
        assert {n for lo, hi in found[stream].pairs for n in range(lo, hi + 1)} == numbers[stream]
    assert [found[stream] for stream in ABSENT] == [Ranges(), Ranges()]
    asked.clear()
    assert await memory.standing(STREAMS) == {stream: found[stream] for stream in STREAMS}
    assert asked == []


async def test_few_streams_and_one_are_read_as_well(database: Database) -> None:
    numbers = await written(database, seed=2)
    for some in (STREAMS[:1], STREAMS[5:7], STREAMS[10:40]):
        found = await Memory(database.reader).standing(some)
        for stream in some:
            assert {n for lo, hi in found[stream].pairs for n in range(lo, hi + 1)} == numbers[stream]
            assert len(found[stream].pairs) == sum(n - 1 not in numbers[stream] for n in numbers[stream])
