"""Work that a cancellation must not tear: a commit and what memory makes of it belong together."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end even when the caller is cancelled meanwhile; the cancellation comes out afterwards.

    A statement that was handed to the disk happens whether somebody waits for it or not. Who gives numbers must know.
    """
    task = asyncio.get_running_loop().create_task(work, name="unbroken")
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as asked:
            cancelled = asked
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        # Looked at, so that asyncio does not complain of an error that nobody took.
        task.exception()
    raise cancelled
