"""What the city's TOML file may say, and reading it."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from cloud.loopback import LOOPBACK, is_kept
from contract.errors import SettingsError
from contract.hall import SITE
from contract.settings import parse
from transport.broker import Broker
from transport.log import Form

# How a mail server is talked to: TLS begun by STARTTLS, TLS from the first byte on, or neither.
Tls = Literal["starttls", "tls", "none"]
# The one role of a process that is not the whole city.
Only = Literal["ingest", "web"]


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where pages and REST are served; `port` 0 takes any free one.

    `names`: by which names, besides those of this machine alone, a browser may ask; those of the nginx in front of it.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8000
    names: list[Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.-]+$")]] = []


class SeriesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where ratings over time are kept: "embedded" in the city's own tallies, or "influx" in the InfluxDB at `url`.

    `database` is its name there. `token_file` holds an API token or, for 1.x, user:password; nobody else may be able to
    read it. `org` is asked for by InfluxDB 2.x.
    """

    kind: Literal["embedded", "influx"] = "embedded"
    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^@?#]+$")] = "http://127.0.0.1:8086"
    database: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "manyi"
    token_file: str | None = None
    org: str = "manyi"


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where notices are posted to; `secret_file` holds what they are signed with, and nobody else may read it."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,32}$")]
    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^@#\s]+$")]
    secret_file: str


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server that takes mail from `sender`; with `user` its password stands in `password_file`.

    `tls` "none" is for a server on this machine.
    """

    host: str
    sender: Annotated[str, msgspec.Meta(pattern=r"^[^@\s<>]+@[^@\s<>]+$")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    tls: Tls = "starttls"
    user: str | None = None
    password_file: str | None = None


class NoticesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which ways people are told outside the console; `site` is its public address, which the notices link to."""

    webhooks: list[WebhookSettings] = []
    mail: MailSettings | None = None
    site: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^/\s]+)?$")] = ""


class OidcSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By whom people can be let in besides the city's own passwords (OpenID Connect).

    The provider `issuer` knows the city as `client_id`, by what stands in `client_secret_file`, and sends browsers back
    to `site`, the console's public address. `label`: what the button on the login's page is called.
    """

    issuer: Annotated[str, msgspec.Meta(pattern=r"^https?://[^@?#\s]+$")]
    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    client_secret_file: str
    site: Annotated[str, msgspec.Meta(pattern=r"^https?://[^/@?#\s]+$")]
    label: Annotated[str, msgspec.Meta(max_length=40)] = ""


class HallSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That townships are told what their halls show; `site`: the address at which telephones find the city.

    The city's broker has to let it write the townships' `hall` topics.
    """

    site: Annotated[str, msgspec.Meta(pattern=rf"^({SITE.pattern})?$(?!\n)")] = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The city.

    `database` is a file or a postgresql:// URL, whose password may stand in `database_password_file`; `key` is the file
    of the city's 32-byte seed (base64url). `zone` owns the days. `clock`: "kernel" hands out the time only while the
    kernel says it is synchronised, "trusted" always. Below `least` ratings a place is shown with its count and no
    colour. A rating more than `future_s` ahead of the city's clock is held uncounted. Every `heartbeat_s` the city
    looks at its own health. `log` is the form of what it says on stderr. With `pki`, the CA's folder, devices that were
    invited enrol here (`manyi pki invite`); without it nobody does. `notices`: how leaders are told outside the
    console. `oidc`: by which provider people can come in. `attachments`: the folder of the files of cases; empty, it
    stands beside the database's file, or beside this one where the database is a PostgreSQL. `contacts`: likewise, of
    what citizens leave for a call back. `phones`: citizens rate by their telephones too. `tablets`: windows may be
    tablets, which work offline. `homes`: assistants have citizens rate at village stations and at home. `visits`:
    gateways tell of visits at which somebody was asked. With `hall` halls are told what they show.
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
    database_password_file: str | None = None
    log: Form = "json"
    series: SeriesSettings = SeriesSettings()
    pki: str | None = None
    notices: NoticesSettings = NoticesSettings()
    oidc: OidcSettings | None = None
    attachments: str = ""
    contacts: str = ""
    phones: bool = False
    tablets: bool = False
    homes: bool = False
    visits: bool = False
    hall: HallSettings | None = None


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
    password_file = settings.database_password_file
    beside = folder if "://" in database else Path(database).parent
    return msgspec.structs.replace(
        settings,
        database=database,
        database_password_file=None if password_file is None else str(folder / password_file),
        key=str(folder / settings.key),
        broker=settings.broker.seen_from(folder, key=settings.key),
        series=_series_seen_from(folder, settings.series),
        pki=None if settings.pki is None else str(folder / settings.pki),
        notices=_notices_seen_from(folder, settings.notices),
        oidc=_oidc_seen_from(folder, settings.oidc),
        attachments=str(folder / settings.attachments if settings.attachments else beside / "attachments"),
        contacts=str(folder / settings.contacts if settings.contacts else beside / "contacts"),
    )


def check(settings: Settings, *, file: str) -> Settings:
    """`settings` as they are, or `SettingsError` where a value is well-formed and still not allowed."""
    if settings.http.host not in LOOPBACK:
        allowed = ", ".join(sorted(LOOPBACK))
        raise SettingsError(f"{file}: http.host: {settings.http.host!r} is not allowed, only {allowed}; TLS is nginx's")
    try:
        ZoneInfo(settings.zone)
    except (ZoneInfoNotFoundError, ValueError) as bad:
        raise SettingsError(f"{file}: zone: {settings.zone!r} is no IANA time zone such as Asia/Shanghai") from bad
    _check_notices(settings.notices, file)
    if settings.oidc is not None:
        _check_kept(settings.oidc.issuer, f"{file}: oidc.issuer")
        _check_kept(settings.oidc.site, f"{file}: oidc.site")
    return settings


def _check_notices(notices: NoticesSettings, file: str) -> None:
    names = [webhook.name for webhook in notices.webhooks]
    if len(set(names)) != len(names):
        raise SettingsError(f"{file}: notices.webhooks: a name is given twice")
    for webhook in notices.webhooks:
        _check_kept(webhook.url, f"{file}: notices.webhooks: {webhook.name}: url")
    mail = notices.mail
    if mail is None:
        return
    if mail.tls == "none" and mail.host not in LOOPBACK:
        raise SettingsError(f'{file}: notices.mail: tls = "none" is for a server on this machine')
    if (mail.user is None) != (mail.password_file is None):
        raise SettingsError(f"{file}: notices.mail: user and password_file go together")


def _check_kept(url: str, setting: str) -> None:
    """Raise `SettingsError` where others could read on the way what `url` is asked."""
    try:
        kept = is_kept(url)
    except ValueError as bad:
        raise SettingsError(f"{setting}: {bad}") from bad
    if not kept:
        raise SettingsError(f"{setting}: only https leaves this machine")


def _notices_seen_from(folder: Path, notices: NoticesSettings) -> NoticesSettings:
    replace, mail = msgspec.structs.replace, notices.mail
    if mail is not None and mail.password_file is not None:
        mail = replace(mail, password_file=str(folder / mail.password_file))
    webhooks = [replace(one, secret_file=str(folder / one.secret_file)) for one in notices.webhooks]
    return replace(notices, webhooks=webhooks, mail=mail)


def _oidc_seen_from(folder: Path, oidc: OidcSettings | None) -> OidcSettings | None:
    if oidc is None:
        return None
    return msgspec.structs.replace(oidc, client_secret_file=str(folder / oidc.client_secret_file))


def _series_seen_from(folder: Path, series: SeriesSettings) -> SeriesSettings:
    if series.token_file is None:
        return series
    return msgspec.structs.replace(series, token_file=str(folder / series.token_file))
