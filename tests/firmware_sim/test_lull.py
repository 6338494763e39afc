"""What leaps by days does it between visits; else a visit is two, or a press has a time that nobody pressed at."""

import asyncio

from firmware_sim.lull import Lull


async def test_a_deed_waits_for_every_visit_and_holds_up_those_that_come_later() -> None:
    lull, order = Lull(), list[str]()
    first_may_end, second_may_end = asyncio.Event(), asyncio.Event()

    async def visit(name: str, may_end: asyncio.Event) -> None:
        async with lull.visit():
            order.append(f"{name} begins")
            await may_end.wait()
            order.append(f"{name} ends")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(visit("first", first_may_end))
        tasks.create_task(visit("second", second_may_end))
        await asyncio.sleep(0)
        deed = tasks.create_task(asyncio.to_thread(lull.use, lambda: order.append("leap")))
        while not lull._wanted:
            await asyncio.sleep(0.001)
        third_may_end = asyncio.Event()
        third_may_end.set()
        third = tasks.create_task(visit("third", third_may_end))
        first_may_end.set()
        await asyncio.sleep(0.05)
        assert not deed.done()
        assert not third.done()
        second_may_end.set()

    assert order[:2] == ["first begins", "second begins"]
    assert order[2:] == ["first ends", "second ends", "leap", "third begins", "third ends"]


async def test_a_visit_that_is_given_up_is_over() -> None:
    lull = Lull()
    visiting = asyncio.create_task(_for_ever(lull))
    await asyncio.sleep(0)
    visiting.cancel()
    await asyncio.wait([visiting])
    done: list[bool] = []
    await asyncio.to_thread(lull.use, lambda: done.append(True))
    assert done


async def _for_ever(lull: Lull) -> None:
    async with lull.visit():
        await asyncio.Event().wait()
