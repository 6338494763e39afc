"""What a node's TOML file may say, and reading it."""

from pathlib import Path
from typing import Annotated

import msgspec

from contract.batch import NodeName
from contract.config import KeyText, WindowPins, check_windows
from contract.errors import SettingsError
from contract.settings import parse
from contract.signing import public_key
from edge.pins import Kind
from transport.broker import Broker
from transport.log import Form
from transport.renewal import CityUrl
from transport.scrape import Scrape

_NS = 1_000_000_000


class Timing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a choice is final (`settle_s` after its last press; 0: at once), and how long its window then ignores."""

    settle_s: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.8
    cooldown_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 3.0

    @property
    def settle_ns(self) -> int:
        """`settle_s` in nanoseconds."""
        return round(self.settle_s * _NS)

    @property
    def cooldown_ns(self) -> int:
        """`cooldown_s` in nanoseconds."""
        return round(self.cooldown_s * _NS)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node.

    `store` is the file of the outbox, `key` the file of the node's 32-byte seed (base64url, made by `keygen`),
    `city_key` the city's public key (base64url), `broker` the township's. Each `[[window]]` wires three buttons, and
    lights where there are any, by line number. Every `heartbeat_s` the node says how it is. `log` is the form of
    what it says on stderr. With `metrics` it answers Prometheus there. With `city_url`,
    the address of the city's pages, its certificate renews itself.
    """

    node: NodeName
    store: str
    key: str
    city_key: KeyText
    broker: Broker
    window: Annotated[list[WindowPins], msgspec.Meta(min_length=1)]
    pins: Kind = "lgpio"
    timing: Timing = Timing()
    heartbeat_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 60.0
    log: Form = "json"
    metrics: Scrape | None = None
    city_url: CityUrl | None = None


def read(file: Path) -> Settings:
    """Read the settings in `file`, its relative paths made relative to the file's folder.

    Raises `SettingsError` with one line that names file, key and what is allowed.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as bad:
        raise SettingsError(f"{file}: cannot be read: {bad}") from bad
    settings = parse(text, Settings, file=str(file))
    try:
        check_windows(settings.window)
    except ValueError as bad:
        raise SettingsError(f"{file}: window: {bad}") from bad
    try:
        public_key(settings.city_key)
    except ValueError as bad:
        raise SettingsError(f"{file}: city_key: {bad}") from bad
    folder = file.resolve().parent
    store = folder / settings.store
    if not store.parent.is_dir():
        raise SettingsError(f"{file}: store: there is no folder {store.parent}; it must exist and be writable")
    broker = settings.broker.seen_from(folder, key=settings.key)
    return msgspec.structs.replace(settings, store=str(store), key=str(folder / settings.key), broker=broker)
