"""SQL of what the registry holds of what a table names, before and after it is registered."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch
from cloud.imports.checks import Known, begin_of, windows_of
from cloud.imports.columns import Kind
from cloud.imports.differences import Cells, State
from cloud.imports.document import Touched
from cloud.imports.rules import Row
from cloud.registry import store
from cloud.staffing.rules import Tenure
from cloud.staffing.store import DUTIES, MEMBERSHIPS, standing

# Whole tables: but for duties they are as small as the city has windows.
WINDOWS = 'SELECT id, valid_from, valid_to FROM "window"'
NODES = "SELECT node, valid_from, kind, township, key, valid_to FROM node"
OFFICES = "SELECT code, zh, en FROM office"
PEOPLE = "SELECT code, zh, en FROM person"
HOURS = "SELECT place, first, last, body FROM office_hours"
CLOSURES = "SELECT place, first, last, reason FROM office_closure"
DAYS = "SELECT day, kind, reason FROM special_day"
OPEN_KEYS = "SELECT node, key FROM node WHERE kind = 'node' AND valid_to IS NULL"

# Of each kind of table, the registry's tables with how many columns their keys have.
_TABLES: Mapping[Kind, Sequence[tuple[str, str, int]]] = {
    "windows": (("window", WINDOWS, 2), ("node", NODES, 2)),
    "offices": (("office", OFFICES, 1),),
    "duties": (("person", PEOPLE, 1),),
    "closures": (("office_closure", CLOSURES, 2),),
    "days": (("special_day", DAYS, 1),),
    "hours": (("office_hours", HOURS, 2),),
}
_TENURES: Mapping[Kind, tuple[str, str]] = {"offices": ("office_window", MEMBERSHIPS), "duties": ("duty", DUTIES)}


async def known(connection: AsyncConnection, kind: Kind, rows: Sequence[Row], now: int) -> Known:
    """What is needed of the registry to tell what is wrong with `rows`, at city time `now` (ms)."""
    registry = await store.load(connection, now)
    tenures: dict[str, list[Tenure]] = {}
    if kind in _TENURES:
        since = min((begin_of(row) for row in rows), default=0)
        tenures = await standing(connection, _TENURES[kind][1], windows_of(rows), since)
    keys = dict(await fetch(connection, OPEN_KEYS))
    return Known(keys, frozenset(registry.windows), registry.places, tenures)


async def state(connection: AsyncConnection, kind: Kind, named: Sequence[Touched]) -> State:
    """What stands in the tables that a file of `kind` may change; of duties and the like, at the windows `named`."""
    found: dict[tuple[str, Cells], Cells] = {}
    for table, query, key in _TABLES[kind]:
        found |= {(table, row[:key]): row[key:] for row in await fetch(connection, query)}
    if kind in _TENURES:
        table, query = _TENURES[kind]
        keys = [one.key for one in named if one.table == table]
        # What ended before the first of them begins is not touched.
        since = min((int(key[1]) for key in keys), default=0)
        for some in (await standing(connection, query, {str(key[0]) for key in keys}, since)).values():
            found |= {(table, (one.window, one.valid_from)): (one.valid_to, one.code) for one in some}
    return found
