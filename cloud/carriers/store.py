"""SQL of carriers: who they are, how far their streams go, and what the ledger has not got yet."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.carriers.tables  # noqa: F401  (its tables belong to the schema)
from cloud.carriers.rules import Anchor, Dated, Press
from cloud.database import fetch, write
from cloud.spoken.store import Kept
from contract.batch import StreamKey
from contract.identity import channel_of

ADD = """
INSERT INTO carrier (name, channel, "window", holder, link, link_until, made_at, made_by)
VALUES (:name, :channel, :window, :holder, :link, :link_until, :made_at, :made_by)
"""
LIST = """
SELECT name, channel, "window", holder, link_until, secret, made_at, made_by, set_up_at, heard, ended_at FROM carrier
WHERE channel = :channel ORDER BY ended_at IS NOT NULL, "window", made_at DESC, name LIMIT 1000
"""
BY_LINK = """
SELECT name, channel, "window", holder, link_until, secret, made_at, made_by, set_up_at, heard, ended_at FROM carrier
WHERE channel = :channel AND link = :link
"""
BY_SHOWN = """
SELECT name, channel, "window", holder, link_until, secret, made_at, made_by, set_up_at, heard, ended_at FROM carrier
WHERE channel = :channel AND secret = :secret
"""
# Whoever comes second with the same link finds it set up already.
SET_UP = "UPDATE carrier SET secret = :secret, set_up_at = :at WHERE name = :name AND secret IS NULL RETURNING name"
END = """
UPDATE carrier SET ended_at = :at WHERE channel = :channel AND name = :name AND ended_at IS NULL RETURNING "window"
"""
HEARD = "UPDATE carrier SET heard = :at WHERE name = :name"

# Until the commit nobody else takes anything of this stream. Nothing was pressed before the window's first set-up.
HOLD = """
INSERT INTO carrier_stream (node, epoch, "window", last, rated, run, mono, date, at, floor)
VALUES (:node, :epoch, :window, 0, 0, 0, 0, 0, 0, (
  SELECT min(set_up_at) FROM carrier WHERE channel = :channel AND "window" = :of
))
ON CONFLICT (node, epoch) DO UPDATE SET last = carrier_stream.last
RETURNING "window", last, rated, run, mono, date, at, floor
"""
MOVE = """
UPDATE carrier_stream
SET last = :last, rated = :rated, run = :run, mono = :mono, date = :date, at = :at, floor = :floor
WHERE node = :node AND epoch = :epoch
"""
GIVEN = """
SELECT first, given FROM carrier_batch
WHERE node = :node AND epoch = :epoch AND last >= :first AND first <= :last ORDER BY first
"""
KEEP = """
INSERT INTO carrier_batch (channel, node, epoch, first, last, given, at, raw)
VALUES (:channel, :node, :epoch, :first, :last, :given, :at, :raw)
"""
WAITING = """
SELECT b.node, b.epoch, b.first, b.last, b.raw, (
  SELECT e.position FROM ledger_entry AS e
  WHERE e.kind = 'batch' AND e.node = b.node AND e.epoch = b.epoch AND e.first = b.first AND e.last = b.last
)
FROM carrier_batch AS b WHERE b.channel = '{channel}' AND b.settled IS NULL
ORDER BY b.node, b.epoch, b.first LIMIT :limit
"""
SETTLE = """
UPDATE carrier_batch SET settled = :at WHERE node = :node AND epoch = :epoch AND first = :first AND settled IS NULL
"""
_given = msgspec.json.Decoder(list[Press])


class Carrier(NamedTuple):
    """A carrier of `window`; its link is good until `link_until`. `secret` is a digest, and None until it is set up."""

    name: str
    channel: str
    window: str
    holder: str
    link_until: int
    secret: str | None
    made_at: int
    made_by: str
    set_up_at: int | None
    heard: int | None
    ended_at: int | None


class Standing(NamedTuple):
    """A stream of the carriers of `window`: numbers up to `last` are held, `rated` of them ratings.

    `anchor` is the newest; no rating that is to come was pressed before `floor` (ms).
    """

    window: str
    last: int
    rated: int
    anchor: Anchor | None
    floor: int


async def add(
    connection: AsyncConnection, who: tuple[str, str, str, str], link: tuple[str, int], made: tuple[int, str]
) -> None:
    """Add a carrier: `who` (name, channel, window, holder), by its `link` (digest, good until), `made` when by whom."""
    await write(connection, ADD, [(*who, *link, *made)])


async def listed(connection: AsyncConnection, channel: str) -> list[Carrier]:
    """Return every carrier of `channel`, those in use first."""
    return [Carrier(*row) for row in await fetch(connection, LIST, (channel,))]


async def by_link(connection: AsyncConnection, channel: str, link: str) -> Carrier | None:
    """Return the carrier of `channel` whose link has this digest."""
    return next((Carrier(*row) for row in await fetch(connection, BY_LINK, (channel, link))), None)


async def by_secret(connection: AsyncConnection, channel: str, secret: str) -> Carrier | None:
    """Return the carrier of `channel` whose secret has this digest."""
    return next((Carrier(*row) for row in await fetch(connection, BY_SHOWN, (channel, secret))), None)


async def set_up(connection: AsyncConnection, name: str, secret: str, at: int) -> bool:
    """Give a carrier the `secret` (digest) that it is known by from `at` (ms) on; False where it has one."""
    return bool(await fetch(connection, SET_UP, (secret, at, name)))


async def end(connection: AsyncConnection, channel: str, name: str, at: int) -> str | None:
    """Take nothing more of a carrier from `at` (ms) on; return its window, None where there is no such one in use."""
    found = await fetch(connection, END, (at, channel, name))
    return str(found[0][0]) if found else None


async def hold(connection: AsyncConnection, stream: StreamKey, window: str) -> Standing:
    """Return how far `stream` goes, for this transaction alone; a new one is of `window`, which has a carrier."""
    of = (*stream, window, channel_of(stream.node), window)
    ((found, last, rated, run, mono, date, at, begin),) = await fetch(connection, HOLD, of)
    anchor = Anchor(int(run), int(mono), int(date), int(at)) if run else None
    return Standing(str(found), int(last), int(rated), anchor, int(begin))


def kept(channel: str) -> Kept:
    """Return the statements of what waits of `channel`."""
    return Kept(WAITING.format(channel=channel), SETTLE)


async def given(connection: AsyncConnection, stream: StreamKey, first: int, last: int) -> list[tuple[int, Press]]:
    """Return those of the ratings `first` to `last` that are held, as the carrier gave them."""
    rows = await fetch(connection, GIVEN, (*stream, first, last))
    every = [(int(begin) + index, row) for begin, raw in rows for index, row in enumerate(_given.decode(raw))]
    return [(number, row) for number, row in every if first <= number <= last]


async def keep(connection: AsyncConnection, stream: StreamKey, made: Sequence[tuple[Dated, bytes]], at: int) -> None:
    """Keep batches with what was signed of each."""
    channel = channel_of(stream.node)
    rows = [
        (channel, *stream, one.first, one.first + len(one.rows) - 1, msgspec.json.encode(one.given), at, raw)
        for one, raw in made
    ]
    await write(connection, KEEP, rows)


async def move(connection: AsyncConnection, stream: StreamKey, name: str, to: Standing) -> None:
    """Note that `stream` of the carrier `name` goes as far as `to`, which has an anchor."""
    if to.anchor is None:
        raise ValueError(f"{stream}: a delivery is an anchor")
    await write(connection, MOVE, [(to.last, to.rated, *to.anchor, to.floor, *stream)])
    await write(connection, HEARD, [(to.anchor.at, name)])
