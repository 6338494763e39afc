"""SQL of tablets: who they are, how far their streams go, and what the ledger has not got yet."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.tablet.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, write
from cloud.spoken.store import Kept
from cloud.tablet.rules import Anchor, Dated, Press
from contract.batch import StreamKey

ADD = """
INSERT INTO tablet (name, "window", link, link_until, made_at, made_by)
VALUES (:name, :window, :link, :link_until, :made_at, :made_by)
"""
LIST = """
SELECT name, "window", link_until, secret, made_at, made_by, set_up_at, heard, ended_at FROM tablet
ORDER BY ended_at IS NOT NULL, "window", made_at DESC, name LIMIT 1000
"""
BY_LINK = """
SELECT name, "window", link_until, secret, made_at, made_by, set_up_at, heard, ended_at FROM tablet WHERE link = :link
"""
BY_SHOWN = """
SELECT name, "window", link_until, secret, made_at, made_by, set_up_at, heard, ended_at FROM tablet
WHERE secret = :secret
"""
# Whoever comes second with the same link finds it set up already.
SET_UP = "UPDATE tablet SET secret = :secret, set_up_at = :at WHERE name = :name AND secret IS NULL RETURNING name"
END = 'UPDATE tablet SET ended_at = :at WHERE name = :name AND ended_at IS NULL RETURNING "window"'
HEARD = "UPDATE tablet SET heard = :at WHERE name = :name"

# Until the commit nobody else takes anything of this stream. Nothing was pressed before the window's first set-up.
HOLD = """
INSERT INTO tablet_stream (node, epoch, "window", last, run, mono, date, at, floor)
VALUES (:node, :epoch, :window, 0, 0, 0, 0, 0, (SELECT min(set_up_at) FROM tablet WHERE "window" = :of))
ON CONFLICT (node, epoch) DO UPDATE SET last = tablet_stream.last
RETURNING "window", last, run, mono, date, at, floor
"""
MOVE = """
UPDATE tablet_stream SET last = :last, run = :run, mono = :mono, date = :date, at = :at, floor = :floor
WHERE node = :node AND epoch = :epoch
"""
GIVEN = """
SELECT first, given FROM tablet_batch
WHERE node = :node AND epoch = :epoch AND last >= :first AND first <= :last ORDER BY first
"""
KEEP = """
INSERT INTO tablet_batch (node, epoch, first, last, given, at, raw)
VALUES (:node, :epoch, :first, :last, :given, :at, :raw)
"""
WAITING = """
SELECT b.node, b.epoch, b.first, b.last, b.raw, (
  SELECT e.position FROM ledger_entry AS e
  WHERE e.kind = 'batch' AND e.node = b.node AND e.epoch = b.epoch AND e.first = b.first AND e.last = b.last
)
FROM tablet_batch AS b WHERE b.settled IS NULL ORDER BY b.node, b.epoch, b.first LIMIT :limit
"""
SETTLE = """
UPDATE tablet_batch SET settled = :at WHERE node = :node AND epoch = :epoch AND first = :first AND settled IS NULL
"""
KEPT = Kept(WAITING, SETTLE)
_given = msgspec.json.Decoder(list[Press])


class Tablet(NamedTuple):
    """A tablet of `window`; its link is good until `link_until`. `secret` is a digest, and None until it is set up."""

    name: str
    window: str
    link_until: int
    secret: str | None
    made_at: int
    made_by: str
    set_up_at: int | None
    heard: int | None
    ended_at: int | None


class Standing(NamedTuple):
    """A stream of the tablets of `window` of which numbers up to `last` are held; `anchor` is the newest."""

    window: str
    last: int
    anchor: Anchor | None
    floor: int


async def add(
    connection: AsyncConnection, name: str, window: str, link: tuple[str, int], made: tuple[int, str]
) -> None:
    """Add a tablet by its `link` (digest, good until), `made` when (ms) by whom."""
    await write(connection, ADD, [(name, window, *link, *made)])


async def listed(connection: AsyncConnection) -> list[Tablet]:
    """Return every tablet, those in use first."""
    return [Tablet(*row) for row in await fetch(connection, LIST)]


async def by_link(connection: AsyncConnection, link: str) -> Tablet | None:
    """Return the tablet of the link with this digest."""
    return next((Tablet(*row) for row in await fetch(connection, BY_LINK, (link,))), None)


async def by_secret(connection: AsyncConnection, secret: str) -> Tablet | None:
    """Return the tablet of the secret with this digest."""
    return next((Tablet(*row) for row in await fetch(connection, BY_SHOWN, (secret,))), None)


async def set_up(connection: AsyncConnection, name: str, secret: str, at: int) -> bool:
    """Give a tablet the `secret` (digest) that it is known by from `at` (ms) on; False where it has one."""
    return bool(await fetch(connection, SET_UP, (secret, at, name)))


async def end(connection: AsyncConnection, name: str, at: int) -> str | None:
    """Take nothing more of a tablet from `at` (ms) on; return its window, None where there is no such one in use."""
    found = await fetch(connection, END, (at, name))
    return str(found[0][0]) if found else None


async def hold(connection: AsyncConnection, stream: StreamKey, window: str) -> Standing:
    """Return how far `stream` goes, for this transaction alone; a new one is of `window`, which has a tablet."""
    ((of, last, run, mono, date, at, begin),) = await fetch(connection, HOLD, (*stream, window, window))
    anchor = Anchor(int(run), int(mono), int(date), int(at)) if run else None
    return Standing(str(of), int(last), anchor, int(begin))


async def given(connection: AsyncConnection, stream: StreamKey, first: int, last: int) -> list[tuple[int, Press]]:
    """Return those of the numbers `first` to `last` that are held, as the tablet gave them."""
    rows = await fetch(connection, GIVEN, (*stream, first, last))
    every = [(int(begin) + index, row) for begin, raw in rows for index, row in enumerate(_given.decode(raw))]
    return [(number, row) for number, row in every if first <= number <= last]


async def keep(connection: AsyncConnection, stream: StreamKey, made: Sequence[tuple[Dated, bytes]], at: int) -> None:
    """Keep batches with what was signed of each."""
    rows = [
        (*stream, one.first, one.first + len(one.rows) - 1, msgspec.json.encode(one.given), at, raw)
        for one, raw in made
    ]
    await write(connection, KEEP, rows)


async def move(connection: AsyncConnection, stream: StreamKey, name: str, to: Standing) -> None:
    """Note that `stream` of the tablet `name` goes as far as `to`, which has an anchor."""
    if to.anchor is None:
        raise ValueError(f"{stream}: a delivery is an anchor")
    await write(connection, MOVE, [(to.last, *to.anchor, to.floor, *stream)])
    await write(connection, HEARD, [(to.anchor.at, name)])
