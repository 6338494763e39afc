"""Where a database is: the path of an SQLite file, or the URL of a PostgreSQL. No password is ever shown."""

import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from contract.errors import SettingsError

SQLITE = "sqlite+aiosqlite"
POSTGRESQL = "postgresql+asyncpg"
_DRIVERS = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "postgres": POSTGRESQL}
# `host` and `port` name a socket's folder, or several machines; `sslmode` is libpq's word for asyncpg's `ssl`.
_OPTIONS = ("host", "port", "ssl", "sslmode")
# A URL with a slash too few; settings may have put their folder before what they took for a path.
_MISSPELT = re.compile(r"(?:^|/)postgres(?:ql)?(?:\+\w+)?:", re.IGNORECASE)


def url_of(database: str, password_file: str | None = None) -> URL:
    """Return the SQLAlchemy URL of `database`, a path or URL, with the password that stands in `password_file`.

    Raises `SettingsError`.
    """
    if "://" not in database:
        if _MISSPELT.search(database):
            raise _unreadable("postgresql")
        return URL.create(SQLITE, database=database)
    scheme = database.partition("://")[0]
    try:
        url = make_url(database)
    except (ArgumentError, ValueError):
        raise _unreadable(scheme) from None
    if "@" in (url.host or ""):
        raise _unreadable(scheme)
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if url.drivername not in _DRIVERS.values():
        raise SettingsError(f"database {shown(url)}: only a file's path and postgresql:// are known here")
    for option in url.query:
        if option not in _OPTIONS:
            raise SettingsError(f"database {shown(url)}: there is no option {option}; allowed: {', '.join(_OPTIONS)}")
    if "sslmode" in url.query:
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
    return url if password_file is None else url.set(password=_password(password_file))


def shown(url: URL) -> str:
    """Return how people are told of `url`: a file's path, or a URL without password and options."""
    if url.drivername == SQLITE:
        return url.database or ""
    plain = url.set(drivername="postgresql" if url.drivername == POSTGRESQL else url.drivername, query={})
    return plain.render_as_string(hide_password=True)


def _password(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as bad:
        raise SettingsError(f"database_password_file: {file}: cannot be read: {bad}") from bad


def _unreadable(scheme: str) -> SettingsError:
    """Say so of a URL that cannot be taken apart; as nobody knows where its password ends, it is not quoted."""
    allowed = f"{scheme}://user:password@host:port/name, with %40 for an @ in the password"
    return SettingsError(f"database: a URL that cannot be read; expected {allowed}")
