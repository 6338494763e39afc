"""A whole city from one database to another, its tallies counted again there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL

from cloud.address import shown, url_of
from cloud.calendar import Calendar
from cloud.copy.copier import Copied, Tell, copy
from cloud.copy.restore import restore
from cloud.copy.source import open_source, revision
from cloud.copy.target import Target
from cloud.database import Database, open_database, upgrade_database
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
    """Copy `source` into the empty `target`, or go on with that. Raises as `copy` does."""
    if source.url == target.url:
        raise SettingsError(f"database {shown(source.url)}: is source and target at once")
    async with open_source(source.url) as moment, await _open_empty(target) as database:
        with _trouble_means("run the same command again, it goes on where it was"):
            copied = await copy(moment, Target(database, shown(target.url)), shown(source.url), tell)
        return await _recounted(database, copied, calendar, tell)


async def bring_back(file: Path, target: Place, calendar: Calendar, *, now: int, tell: Tell) -> Moved:
    """Put the backup `file` into the empty `target` at city time `now` (ms). Raises as `restore` does."""
    async with await _open_empty(target) as database:
        with _trouble_means("run the same command again, it goes on where it was"):
            copied = await restore(file, database, shown(target.url), now=now, tell=tell)
        return await _recounted(database, copied, calendar, tell)


@contextmanager
def _trouble_means(remedy: str) -> Iterator[None]:
    """Say what to do when a database goes away."""
    try:
        yield
    except Unavailable as bad:
        raise Unavailable(f"{bad}; {remedy}") from bad


async def _open_empty(target: Place) -> Database:
    # A database without tables gets them; one of another version is somebody's city, and is left alone.
    if "://" in target.database and await revision(target.url) is None:
        await upgrade_database(target.database, password_file=target.password_file)
    return await open_database(target.database, password_file=target.password_file)


async def _recounted(database: Database, copied: Copied, calendar: Calendar, tell: Tell) -> Moved:
    if copied.disagreements:
        return Moved(copied, None)
    with _trouble_means("everything is copied and verified; count it again by `manyi db recount`"):
        return Moved(copied, await recount(database, calendar, lambda done, total: tell("recount", done, total)))
