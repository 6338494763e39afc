"""One store, one process: a lock that whoever writes a store holds for as long as it has it open.

Two processes on one outbox would give a number twice; on one journal or ledger, drop or count again what the other has
taken. The lock is the kernel's (flock(2)) on a file of its own beside the store, which is never removed: the store
itself is renamed when it is damaged, and closing any descriptor of it would undo the locks that SQLite has there.
Whatever ends a process ends its lock, `kill -9` and a power cut too. Who only reads takes none.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contract.errors import InUse, StoreFull

_AGAIN_S = 0.02


@contextmanager
def locked(store: Path, *, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the file `store`, which need not exist yet, against every other process and every other holder in this one.

    Where it is held this waits up to `patience_s`, and blocks its thread, and then raises `InUse`. Raises
    `StoreFull` where there is no room for a lock, or no right to one.
    """
    # A link to a store is the same store.
    whole = store.resolve()
    beside = whole.with_name(f"{whole.name}-lock")
    try:
        lock = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as bad:
        raise StoreFull(f"{store}: unable to open its lock {beside}: {bad.strerror}") from bad
    try:
        if os.geteuid() == 0:
            # Who looks as root should not leave a lock that the service itself cannot open. The service never comes
            # here: its unit forbids the call.
            with suppress(OSError):
                os.fchown(lock, beside.parent.stat().st_uid, -1)
        latest = time.monotonic() + patience_s
        while not _take(lock, store, beside, last=time.monotonic() >= latest):
            time.sleep(_AGAIN_S)
        yield
    finally:
        os.close(lock)


def _take(lock: int, store: Path, beside: Path, *, last: bool) -> bool:
    """Take the lock now; False where it is held, and `InUse` at the `last` attempt."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as held:
        if not last:
            return False
        raise InUse(
            f"{store} is in use by another process (`fuser {beside}` names it); "
            "stop that one, or give this one a store of its own"
        ) from held
    except OSError as bad:
        raise StoreFull(f"{store}: its lock {beside} cannot be taken: {bad.strerror}") from bad
    return True
