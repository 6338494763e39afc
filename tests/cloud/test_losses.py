"""What nodes declare destroyed, from their hellos in the database to whoever shows devices."""

from collections.abc import Mapping, Sequence

from cloud.losses import store
from cloud.losses.rules import Loss
from contract.hello import Stream
from tests.cloud.conftest import EPOCH, GATEWAY, NODE, Desk, entry, hello

OLD = "AAAAAAAAAA"


async def read(desk: Desk, *damaged: str) -> Mapping[str, Sequence[Loss]]:
    async with desk.database.reader.connect() as connection:
        return await store.of_nodes(connection, damaged)


async def test_what_is_in_the_ledger_is_destroyed_and_not_lost(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3), ("01", 3)))
    await desk.exchange(
        hello(NODE, Stream(NODE, EPOCH, [(5, 5)], void=[(2, 4)]), Stream(NODE, OLD, [], void=[(7, 7)]), last=5)
    )
    assert await read(desk, NODE) == {NODE: [Loss(OLD, [(7, 7)], [(7, 7)]), Loss(EPOCH, [(2, 4)], [(3, 4)])]}


async def test_a_gateway_says_nothing_of_what_its_nodes_lost(desk: Desk) -> None:
    await desk.exchange(hello(GATEWAY, Stream(NODE, EPOCH, [], void=[(2, 4)])))
    assert await read(desk, GATEWAY, NODE) == {GATEWAY: [], NODE: []}


async def test_nobody_is_asked_about_who_says_that_it_lost_nothing(desk: Desk) -> None:
    await desk.exchange(hello(NODE, Stream(NODE, EPOCH, [], void=[(2, 4)])))
    assert await read(desk) == {}
