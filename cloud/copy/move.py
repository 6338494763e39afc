"""A whole city from one database or backup to another database, its tallies counted again there."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.address import SQLITE, shown, url_of
from cloud.calendar import Calendar
from cloud.copy.copier import Copied, Tell, copy
from cloud.copy.look import free_revision
from cloud.copy.restore import make_fit, open_backup
from cloud.copy.source import open_source
from cloud.copy.target import Furnish, Target, as_it_is
from cloud.database import Database, open_database, unavailable, upgrade_database
from cloud.recount.recount import Account, recount
from contract.errors import SettingsError, Unavailable


class Place(NamedTuple):
    """A database: path or URL, and the file with the URL's password."""

    database: str
    password_file: str | None = None

    @property
    def url(self) -> URL:
        """Its URL; raises `SettingsError`."""
        return url_of(self.database, self.password_file)


class Moved(NamedTuple):
    """What was copied, and what a recount in the new place found; None where the copy itself does not agree."""

    copied: Copied
    account: Account | None


async def move(source: Place, target: Place, calendar: Calendar, tell: Tell) -> Moved:
    """Copy `source` into the empty `target`, or go on with that; interrupted anywhere it can be run again.

    Raises `SettingsError` when there is no city or the target holds something else, `Unavailable` when either fails.
    """
    if source.url == target.url:
        raise SettingsError(f"database {shown(source.url)}: is source and target at once")
    async with open_source(source.url) as moment, await _open_empty(target) as database:
        with _trouble_means_again():
            return await _carry(moment, shown(source.url), Target(database, shown(target.url)), calendar, tell)


async def bring_back(file: Path, target: Place, calendar: Calendar, *, now: int, tell: Tell) -> Moved:
    """Put the backup `file` into the empty `target` at city time `now` (ms), or go on with that. Raises as `move`."""
    fit = partial(make_fit, now=now)
    async with open_backup(file, tell) as moment, await _open_empty(target) as database:
        with _trouble_means_again():
            return await _carry(moment, str(file), Target(database, shown(target.url)), calendar, tell, fit)


async def _carry(
    source: AsyncConnection, name: str, target: Target, calendar: Calendar, tell: Tell, furnish: Furnish = as_it_is
) -> Moved:
    copied = await copy(source, target, name, tell)
    if copied.disagreements:
        return Moved(copied, None)
    account = await recount(target.database, calendar, lambda done, total: tell("recount", done, total))
    # Only now, so that what was cut off before goes on. What a recount finds was so in the source: the copy is whole.
    with unavailable():
        await target.finish(furnish)
    return Moved(copied, account)


@contextmanager
def _trouble_means_again() -> Iterator[None]:
    """Say what to do when a database goes away."""
    try:
        yield
    except Unavailable as bad:
        raise Unavailable(f"{bad}; run the same command again, it goes on where it was") from bad


async def _open_empty(target: Place) -> Database:
    # A database without tables gets them: a file as it is opened, a server's by this.
    if await free_revision(target.url) is None and target.url.drivername != SQLITE:
        await upgrade_database(target.database, password_file=target.password_file)
    return await open_database(target.database, password_file=target.password_file)
