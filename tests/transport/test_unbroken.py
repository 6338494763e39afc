"""Work that was begun ends, cancelled or not."""

import asyncio
import gc
from contextlib import suppress

import pytest

from transport.unbroken import unbroken


async def test_the_result_comes_out() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await unbroken(work()) == 7


async def test_an_error_comes_out() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise KeyError("missing")

    with pytest.raises(KeyError):
        await unbroken(work())


@pytest.mark.parametrize("cancels", [1, 3])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_caller_waits_for_the_end(cancels: int, *, fails: bool) -> None:
    go, done = asyncio.Event(), []

    async def work() -> None:
        await go.wait()
        done.append("done")
        if fails:
            raise KeyError("missing")

    async with asyncio.TaskGroup() as tasks:
        caller = tasks.create_task(unbroken(work()), name="caller")
        for _ in range(cancels):
            await asyncio.sleep(0)
            caller.cancel()
        await asyncio.sleep(0)
        assert not caller.done()
        go.set()

    assert caller.cancelled()
    assert done == ["done"]


async def test_an_error_that_the_cancellation_outranks_is_not_complained_of() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))

    async def work() -> None:
        await asyncio.sleep(0)
        raise KeyError("missing")

    caller = asyncio.get_running_loop().create_task(unbroken(work()), name="caller")
    await asyncio.sleep(0)
    caller.cancel()
    with suppress(asyncio.CancelledError):
        await caller
    del caller
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []


async def test_work_that_cancels_itself() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await unbroken(work())


async def test_work_and_caller_both_cancelled() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        caller = tasks.create_task(unbroken(work()), name="caller")
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.sleep(0)
        [inner] = [task for task in asyncio.all_tasks() if task.get_name() == "unbroken"]
        inner.cancel()

    assert caller.cancelled()
