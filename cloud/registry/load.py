"""Registering nodes, gateways, windows and the time of offices from a JSON document.

```
{"nodes": [{"node": "371721121-a1", "key": "...", "windows": ["01", {"id": "02", "to": "2027-01-01T00:00:00+08:00"}],
            "config": {"windows": [...], "settle_ms": 800, "cooldown_ms": 3000}}],
 "gateways": [{"node": "371721121-g0", "key": "..."}],
 "auditors": [{"name": "wang", "zh": "王审计", "key": "..."}],
 "townships": [{"code": "371721122", "to": "2027-01-01T00:00:00+08:00"}],
 "hours": [...], "closures": [...], "days": [...],
 "offices": [...], "duties": [...], "tokens": [...]}
```

Townships are `cloud.registry.townships`', auditors `cloud.registry.auditors`', hours, closures and days
`cloud.hours.forms`', offices and duties `cloud.staffing.forms`', tokens `cloud.people.tokens`'.

It adds and changes what it names and leaves everything else alone. A first registration holds for all times, so that
ratings pressed before it count; another key holds from now on, and one that ended never comes back.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.calendar import milliseconds
from cloud.configs import store as configs
from cloud.database import fetch, write
from cloud.hours import store as hours
from cloud.hours.forms import ClosureForm, DayForm, HoursForm, closures_of, days_of, hours_of
from cloud.hours.rules import CITY
from cloud.people import tokens
from cloud.people.tokens import TokenForm
from cloud.registry import auditors, certificates, store, townships
from cloud.registry.auditors import AuditorForm
from cloud.registry.snapshot import Kind, RegisteredNode
from cloud.registry.townships import TownshipForm
from cloud.staffing import store as staffing
from cloud.staffing.forms import DutyForm, OfficeForm, staff_of
from contract.batch import NodeName
from contract.config import KeyText, NodeConfig, WindowName, WindowPins
from contract.errors import SettingsError
from contract.identity import BUTTON, channel_of, counter_of, township_of, window_id
from contract.signing import public_key

# A key that another replaces holds so long yet: its device signs with it until it starts again.
HANDOVER_MS = 24 * 3_600_000
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class WindowForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A window with the dates it is open for; without them, always."""

    id: WindowName
    from_: _Moment | None = msgspec.field(default=None, name="from")
    to: _Moment | None = None


class ConfigForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a node is set up; what is left out is the design's default."""

    windows: list[WindowPins]
    settle_ms: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 800
    cooldown_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 3_000


class NodeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node with its public key and windows, and its certificate (PEM) where there is one."""

    node: NodeName
    key: KeyText
    certificate: str | None = None
    windows: list[WindowName | WindowForm] = []
    config: ConfigForm | None = None


class GatewayForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway with its public key, and its certificate (PEM) where there is one."""

    node: NodeName
    key: KeyText
    certificate: str | None = None


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole document."""

    nodes: list[NodeForm] = []
    gateways: list[GatewayForm] = []
    auditors: list[AuditorForm] = []
    townships: list[TownshipForm] = []
    hours: list[HoursForm] = []
    closures: list[ClosureForm] = []
    days: list[DayForm] = []
    offices: list[OfficeForm] = []
    duties: list[DutyForm] = []
    tokens: list[TokenForm] = []


class Summary(msgspec.Struct, frozen=True):
    """What the registry holds of the document now: `added` are new names or new keys; `version` is the registry's.

    `offices`: hours, closures and days together; `members`: windows given to offices. `auditors` are those that the
    document names.
    """

    nodes: int
    gateways: int
    windows: int
    added: int
    version: int
    offices: int = 0
    members: int = 0
    duties: int = 0
    auditors: int = 0


def read(text: str | bytes) -> Registration:
    """Read the document; raises `SettingsError` with one line that says where it is wrong."""
    try:
        document = msgspec.json.decode(text, type=Registration)
    except msgspec.DecodeError as bad:
        raise SettingsError(f"registration: {bad}") from bad
    seen: set[str] = set()
    for form in forms_of(document):
        if form.node in seen:
            raise SettingsError(f"registration: {form.node} is named twice")
        seen.add(form.node)
        try:
            public_key(form.key)
        except ValueError as bad:
            raise SettingsError(f"registration: {form.node}: {bad}") from bad
        if form.certificate is not None:
            _check_certificate(form, form.certificate)
    for node in document.nodes:
        if channel_of(node.node) != BUTTON and (node.windows or node.config):
            raise SettingsError(f"registration: {node.node}: its windows are those of {counter_of(node.node)}")
        names = [window if isinstance(window, str) else window.id for window in node.windows]
        if len(set(names)) != len(names):
            raise SettingsError(f"registration: {node.node}: a window is named twice")
    return document


def forms_of(document: Registration) -> list[NodeForm | GatewayForm]:
    """The nodes and gateways that `document` names."""
    return [*document.nodes, *document.gateways]


def _check_certificate(form: NodeForm | GatewayForm, text: str) -> None:
    from cloud.pki.certificate import subject  # noqa: PLC0415  (its library takes a while to load)

    name = form.node if isinstance(form, NodeForm) else township_of(form.node)
    try:
        certified = subject(text.encode())
    except ValueError as bad:
        raise SettingsError(f"registration: {form.node}: certificate: {bad}; `manyi pki issue` prints one") from bad
    if certified != (name, public_key(form.key)):
        raise SettingsError(f"registration: {form.node}: this is not the certificate of {name} and its key")


async def register(engine: AsyncEngine, text: str | bytes, now: int) -> Summary:
    """Register what `text` names, at city time `now` (ms). Raises `SettingsError`; then nothing has changed."""
    document = read(text)
    await store.seed_places(engine)
    async with engine.begin() as connection:
        return await enter(connection, document, now)


async def enter(connection: AsyncConnection, document: Registration, now: int) -> Summary:
    """Register `document`, which `read` gave, within a transaction at city time `now` (ms).

    Raises `SettingsError`; the transaction is then to be undone.
    """
    office_hours, closures, days = hours_of(document.hours), closures_of(document.closures), days_of(document.days)
    staff = staff_of(document.offices, document.duties)
    # First: a document may found a township and register what is in it.
    await townships.put(connection, document.townships, now)
    before = await store.load(connection, now)
    for name in [form.node for form in document.nodes] + [form.node for form in document.gateways]:
        if township_of(name) not in before.townships:
            raise SettingsError(f"registration: {name}: there is no township {township_of(name)}")
    for place in (*(form.place for form in document.hours), *(form.place for form in document.closures)):
        if place != CITY and place not in before.places:
            raise SettingsError(f"registration: hours and closures: there is no place {place}")
    version = await store.raise_version(connection, now)
    known: dict[str, list[RegisteredNode]] = {}
    for row in await store.nodes(connection):
        known.setdefault(row.node, []).append(row)
    added = await _put_nodes(connection, document.nodes, "node", known, now)
    added += await _put_nodes(connection, document.gateways, "gateway", known, now)
    for form in forms_of(document):
        if form.certificate is not None:
            name = form.node if isinstance(form, NodeForm) else township_of(form.node)
            await certificates.keep(connection, name, form.certificate.encode(), now)
    windows = [_window_row(form.node, window) for form in document.nodes for window in form.windows]
    await write(connection, store.PUT_WINDOW, windows)
    wanted = [_config(form, version) for form in document.nodes if form.config is not None]
    await configs.give(connection, await configs.unlike(connection, wanted), at=now, who="registration")
    await hours.put(connection, office_hours, closures, days)
    await staffing.put(connection, staff, {*before.windows, *(window for window, _, _ in windows)})
    await auditors.put(connection, document.auditors, now)
    await tokens.put(connection, document.tokens, now)
    return Summary(
        len(document.nodes),
        len(document.gateways),
        len(windows),
        added,
        version,
        offices=len(office_hours) + len(closures) + len(days),
        members=len(staff.memberships),
        duties=len(staff.duties),
        auditors=len(document.auditors),
    )


async def end_keys(engine: AsyncEngine, keys: Iterable[str], revoked: bytes, now: int) -> list[str]:
    """End public `keys` (base64url) at city time `now` (ms): what they sign of later is refused. Whose they were.

    `revoked` is the list that says so (PEM), which the ledger keeps.
    """
    async with engine.begin() as connection:
        await certificates.keep_list(connection, revoked, now)
        ended = [node for key in keys for (node,) in await fetch(connection, store.END_KEY, (now, key, now))]
        if ended:
            await store.raise_version(connection, now)
    return ended


async def _put_nodes(
    connection: AsyncConnection,
    forms: Sequence[NodeForm | GatewayForm],
    kind: Kind,
    known: Mapping[str, Sequence[RegisteredNode]],
    now: int,
) -> int:
    new: list[tuple[object, ...]] = []
    closed: list[tuple[object, ...]] = []
    for form in forms:
        rows, key = known.get(form.node, ()), public_key(form.key)
        if any(row.kind != kind for row in rows):
            raise SettingsError(f"registration: {form.node} is registered as a {rows[0].kind}, not as a {kind}")
        same = [row for row in rows if row.key == key]
        if any(row.valid_to is None for row in same):
            continue
        if same:
            raise SettingsError(f"registration: {form.node}: this key was replaced or revoked: make a new one")
        closed += [(now + HANDOVER_MS, form.node) for row in rows if row.valid_to is None]
        # Nobody had the name before: what was pressed before today counts too.
        new.append((form.node, kind, township_of(form.node), form.key, now if rows else 0))
    await write(connection, store.CLOSE_NODE, closed)
    await write(connection, store.ADD_NODE, new)
    return len(new)


def _window_row(node: str, window: str | WindowForm) -> tuple[str, int, int | None]:
    if isinstance(window, str):
        return window_id(node, window), 0, None
    start = 0 if window.from_ is None else milliseconds(window.from_)
    end = None if window.to is None else milliseconds(window.to)
    if end is not None and end <= start:
        raise SettingsError(f"registration: {node}: window {window.id} ends before it begins")
    return window_id(node, window.id), start, end


def _config(form: NodeForm, version: int) -> NodeConfig:
    assert form.config is not None  # noqa: S101  (the caller asks only for those that have one)
    try:
        return NodeConfig(form.node, version, form.config.windows, form.config.settle_ms, form.config.cooldown_ms)
    except ValueError as bad:
        raise SettingsError(f"registration: {form.node}: config: {bad}") from bad
