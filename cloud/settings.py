"""What the city's TOML file may say, and reading it."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from contract.errors import SettingsError
from contract.settings import parse
from transport.link import Broker

# Until there is a login, nothing but this machine may reach the pages.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where pages and REST are served; `port` 0 takes any free one."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8000


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The city.

    `database` is a file or an SQLAlchemy URL, `key` the file of the city's 32-byte seed (base64url). `zone` owns the
    days. `clock`: "kernel" hands out the time only while the kernel says it is synchronised, "trusted" always. Below
    `least` ratings a place is shown with its count and no colour. A rating more than `future_s` ahead of the city's
    clock is held uncounted. Every `heartbeat_s` the city looks at its own health.
    """

    database: str
    key: str
    broker: Broker
    http: Http = Http()
    zone: str = "Asia/Shanghai"
    clock: Literal["kernel", "trusted"] = "kernel"
    least: Annotated[int, msgspec.Meta(ge=1)] = 20
    future_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 60
    heartbeat_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 10.0


def read(file: Path) -> Settings:
    """The settings in `file`, its relative paths made relative to the file's folder.

    Raises `SettingsError` with one line that names file, key and what is allowed.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as bad:
        raise SettingsError(f"{file}: cannot be read: {bad}") from bad
    settings = check(parse(text, Settings, file=str(file)), file=str(file))
    folder = file.resolve().parent
    database = settings.database if "://" in settings.database else str(folder / settings.database)
    broker = settings.broker.seen_from(folder)
    return msgspec.structs.replace(settings, database=database, key=str(folder / settings.key), broker=broker)


def check(settings: Settings, *, file: str) -> Settings:
    """`settings` as they are, or `SettingsError` where a value is well-formed and still not allowed."""
    if settings.http.host not in LOOPBACK:
        allowed = ", ".join(sorted(LOOPBACK))
        raise SettingsError(f"{file}: http.host: {settings.http.host!r} is not allowed without a login, only {allowed}")
    try:
        ZoneInfo(settings.zone)
    except (ZoneInfoNotFoundError, ValueError) as bad:
        raise SettingsError(f"{file}: zone: {settings.zone!r} is no IANA time zone such as Asia/Shanghai") from bad
    return settings
