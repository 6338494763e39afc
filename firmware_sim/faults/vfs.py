"""SQLite's own file layer with a witness in it: every write, truncation, sync and deletion is seen, and may be refused.

It stands between SQLite and its default VFS, in the library that Python's `sqlite3` uses, so aiosqlite, SQLAlchemy and
the product above them know nothing of it. A file is opened by the real VFS; only the entries of its method table that
are watched are replaced, so locks and shared memory are the real ones (https://sqlite.org/vfs.html).
"""

import _sqlite3
import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from itertools import count
from typing import Any, Literal, NamedTuple

from firmware_sim.faults.platter import Found, Op, Removed, Resized, Synced, Syncing, Wrote

Deed = Literal["read", "write", "sync", "open", "delete"]

OK = 0
FULL = 13
READ_ONLY = 8
EIO_READ = 10 | 1 << 8
EIO_WRITE = 10 | 3 << 8
EIO_SYNC = 10 | 4 << 8

_CREATE = 0x4
# The first sync of a journal or a WAL that was opened to be made, there or not, syncs its folder too (os_unix.c).
_JOURNALS = 0x800 | 0x80000
# The main database, its journal and its WAL; SQLite's temporary files are nobody's memory.
_KEPT = 0x100 | _JOURNALS

_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_CLOSE = CFUNCTYPE(c_int, c_void_p)
_TRANSFER = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("own", c_void_p),
        ("open", _OPEN),
        ("delete", _DELETE),
        ("others", c_void_p * 14),
    )


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`."""

    _fields_ = (
        ("version", c_int),
        ("close", _CLOSE),
        ("read", _TRANSFER),
        ("write", _TRANSFER),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        ("others", c_void_p * 13),
    )


class _File(ctypes.Structure):
    """`sqlite3_file`."""

    _fields_ = (("methods", POINTER(_Methods)),)


class _Handle(NamedTuple):
    path: str
    real: Any
    fresh: bool


# SQLite may call a replaced method for as long as a connection is open: nothing of this is ever freed.
_kept_alive: list[object] = []


class Shim:
    """`saw(op)` is told of what has happened, on the thread of the connection; `refuse` answers before it does.

    `refuse(deed, path)` gives SQLite's code: `OK` to let it pass.
    """

    def __init__(self, saw: Callable[[Op], None], refuse: Callable[[Deed, str], int]) -> None:
        """Prepare; `install` puts it in."""
        self._saw = saw
        self._refuse = refuse
        self._library = ctypes.CDLL(_sqlite3.__file__)
        self._library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._real = self._library.sqlite3_vfs_find(None)
        self._handles: dict[int, _Handle] = {}
        self._known: set[str] = set()
        self._tables: dict[int, _Methods] = {}
        self._tokens = count(1)
        vfs = _Vfs.from_buffer_copy(self._real.contents)
        vfs.next, vfs.name = None, b"manyi-faults"
        vfs.open, vfs.delete = _OPEN(self._open), _DELETE(self._delete)
        self._vfs = vfs
        self._own = _Methods(
            close=_CLOSE(self._close),
            read=_TRANSFER(self._read),
            write=_TRANSFER(self._write),
            truncate=_TRUNCATE(self._truncate),
            sync=_SYNC(self._sync),
        )
        _kept_alive.append(self)

    def install(self) -> None:
        """Make it the default for every connection from here on."""
        self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)

    def remove(self) -> None:
        """Give the default back; connections that are open keep the shim."""
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
        self._library.sqlite3_vfs_register(self._real, 1)

    def _open(self, _vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = ctypes.string_at(name).decode() if name and flags & _KEPT else ""
        if path and (refused := self._refuse("open", path)):
            return refused
        was_there = bool(path) and os.path.exists(path)  # noqa: PTH110  (as SQLite names it)
        code: int = self._real.contents.open(ctypes.addressof(self._real.contents), name, file, flags, out)
        if code != OK or not path:
            return code
        opened = _File.from_address(file)
        real = opened.methods.contents
        fresh = bool(flags & _CREATE) and bool(flags & _JOURNALS)
        self._handles[file] = _Handle(path, real, fresh)
        # One that is gone was renamed, by a house that put it aside.
        if path not in self._known or not was_there:
            self._known.add(path)
            self._saw(Found(path, _content(path) if was_there else None))
        opened.methods = ctypes.pointer(self._table(real))
        return code

    def _table(self, real: _Methods) -> _Methods:
        address = ctypes.addressof(real)
        if address not in self._tables:
            table = _Methods.from_buffer_copy(real)
            for name in ("close", "read", "write", "truncate", "sync"):
                setattr(table, name, getattr(self._own, name))
            self._tables[address] = table
        return self._tables[address]

    def _delete(self, _vfs: int, name: bytes, folder: int) -> int:
        path = name.decode()
        if refused := self._refuse("delete", path):
            return refused
        code: int = self._real.contents.delete(ctypes.addressof(self._real.contents), name, folder)
        if code == OK and path in self._known:
            self._known.discard(path)
            self._saw(Removed(path, bool(folder)))
        return code

    def _close(self, file: int) -> int:
        code: int = self._handles.pop(file).real.close(file)
        return code

    def _read(self, file: int, into: int, size: int, offset: int) -> int:
        handle = self._handles[file]
        if refused := self._refuse("read", handle.path):
            return refused
        code: int = handle.real.read(file, into, size, offset)
        return code

    def _write(self, file: int, content: int, size: int, offset: int) -> int:
        handle = self._handles[file]
        if refused := self._refuse("write", handle.path):
            return refused
        code: int = handle.real.write(file, content, size, offset)
        if code == OK:
            self._saw(Wrote(handle.path, offset, ctypes.string_at(content, size)))
        return code

    def _truncate(self, file: int, size: int) -> int:
        handle = self._handles[file]
        if refused := self._refuse("write", handle.path):
            return refused
        code: int = handle.real.truncate(file, size)
        if code == OK:
            self._saw(Resized(handle.path, size))
        return code

    def _sync(self, file: int, flags: int) -> int:
        handle, token = self._handles[file], next(self._tokens)
        if refused := self._refuse("sync", handle.path):
            return refused
        self._saw(Syncing(handle.path, token))
        code: int = handle.real.sync(file, flags)
        if code == OK:
            self._handles[file] = handle._replace(fresh=False)
            self._saw(Synced(handle.path, token, handle.fresh))
        return code


def _content(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123  (as SQLite names it)
        return file.read()


def _never(_deed: Deed, _path: str) -> int:
    return OK


@contextmanager
def shimmed(saw: Callable[[Op], None], refuse: Callable[[Deed, str], int] = _never) -> Iterator[None]:
    """Have a shim in place while the context is open."""
    shim = Shim(saw, refuse)
    shim.install()
    try:
        yield
    finally:
        shim.remove()
