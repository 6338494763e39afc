"""SQL of visits: kept with the ratings that belong to them, listed by place, counted by assistant, and forgotten."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.homes.tables  # noqa: F401  (its tables belong to the schema)
from cloud.carriers import store as carriers
from cloud.carriers.store import Carrier
from cloud.database import fetch, write
from cloud.homes.rules import KEEP_MS, Key, Visit, plain
from contract.batch import StreamKey
from contract.identity import HOME

KEEP = """
INSERT INTO home_visit (
  node, epoch, number, carrier, "window", run, mono, date, rating, received_at, kind, place, item, said, note
) VALUES (
  :node, :epoch, :number, :carrier, :window, :run, :mono, :date, :rating, :received_at,
  :kind, :place, :item, :said, :note
)
"""
KNOWN = """
SELECT number, run, mono, date, rating FROM home_visit
WHERE node = :node AND epoch = :epoch AND number >= :first AND number <= :last ORDER BY number
"""
# What tells it from every other visit stays, and so does which rating is its own.
FORGET = """
UPDATE home_visit SET kind = '', place = '', item = '', said = '', note = '' WHERE received_at <= :until AND kind <> ''
"""
# Newest first, behind the last one of the page before.
PAGE = """
SELECT v.received_at, v.epoch, v.number, v."window", c.holder, v.kind, v.place, v.item, v.said, v.note,
  v.rating IS NOT NULL
FROM home_visit AS v JOIN carrier AS c ON c.name = v.carrier
WHERE v."window" >= :low AND v."window" <= :high AND v.received_at >= :since AND v.received_at < :until
AND (v.received_at, v.epoch, v.number) < (:after, :epoch, :number)
ORDER BY v.received_at DESC, v.epoch DESC, v.number DESC LIMIT :limit
"""
SHARES = """
SELECT c.holder, v."window", count(*), count(v.rating) FROM home_visit AS v JOIN carrier AS c ON c.name = v.carrier
WHERE v."window" >= :low AND v."window" <= :high AND v.received_at >= :since AND v.received_at < :until
GROUP BY c.holder, v."window" ORDER BY v."window", c.holder
"""
KEPT = carriers.kept(HOME)._replace(prune=FORGET, keep_ms=KEEP_MS)
# Behind every epoch.
_LAST = "~"
_FAR = 1 << 60


class Cursor(NamedTuple):
    """Where a page ended."""

    received_at: int
    epoch: str
    number: int


FIRST = Cursor(_FAR, _LAST, _FAR)


class Listed(NamedTuple):
    """A visit that came at `received_at` (ms); what is "" was forgotten, or never written."""

    cursor: Cursor
    window: str
    holder: str
    kind: str
    place: str
    item: str
    said: str
    note: str
    rated: bool


class Share(NamedTuple):
    """Of so many `visits` of `holder` for `window` so many were `rated`."""

    holder: str
    window: str
    visits: int
    rated: int


async def known(connection: AsyncConnection, stream: StreamKey, first: int, last: int) -> list[tuple[int, Key]]:
    """Return what tells the visits `first` to `last` that are held."""
    rows = await fetch(connection, KNOWN, (*stream, first, last))
    ratings = [int(rating) for *_, rating in rows if rating is not None]
    given = await carriers.given(connection, stream, ratings[0], ratings[-1]) if ratings else []
    presses = dict(given)
    return [
        (int(number), Key(int(run), int(mono), int(date), None if rating is None else presses.get(int(rating))))
        for number, run, mono, date, rating in rows
    ]


async def keep(
    connection: AsyncConnection, carrier: Carrier, stream: StreamKey, numbered: Sequence[tuple[int, int | None, Visit]],
    at: int,
) -> None:  # fmt: skip
    """Keep visits of `stream` with their number and their rating's, which came at `at` (ms)."""
    rows = [
        (*stream, number, carrier.name, carrier.window, one.run, one.mono, one.date, rating, at,
         one.kind, plain(one.place), plain(one.item), one.said, plain(one.note))
        for number, rating, one in numbered
    ]  # fmt: skip
    await write(connection, KEEP, rows)


async def page(
    connection: AsyncConnection, between: tuple[str, str], span: tuple[int, int], after: Cursor, limit: int
) -> list[Listed]:
    """Return up to `limit` visits of windows between two names that came within `span` (ms), behind `after`."""
    rows = await fetch(connection, PAGE, (*between, *span, *after, limit))
    return [
        Listed(Cursor(int(at), str(epoch), int(number)), window, holder, kind, village, item, said, note, rated)
        for at, epoch, number, window, holder, kind, village, item, said, note, rated in rows
    ]


async def shares(connection: AsyncConnection, between: tuple[str, str], span: tuple[int, int]) -> list[Share]:
    """Return how many of each assistant's visits were rated, of windows between two names, that came within `span`."""
    rows = await fetch(connection, SHARES, (*between, *span))
    return [Share(str(holder), str(window), int(visits), int(rated)) for holder, window, visits, rated in rows]
