"""`manyi edge check`: looks at all that a node needs, from its settings to the broker, and changes nothing.

It may run beside the node: what the node holds it does not touch, and at the broker it is a client of its own.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import msgspec

from contract import topics
from contract.config import WindowPins
from contract.errors import InUse, SettingsError, StoreDamaged, StoreFull
from edge.config import in_force
from edge.findings import Finding
from edge.pins import Factory, reach
from edge.settings import Settings
from transport.broker import Broker
from transport.dating import Anchor, Dated, Dating, Tie
from transport.deposit import create
from transport.disk import RESERVE_BYTES, look
from transport.keys import read_key
from transport.link import Link
from transport.lock import locked
from transport.tls import context
from transport.validity import validity

# Below it a card's commit keeps a finger waiting for its light.
SLOW_MS = 500
# How long a broker is waited for: a connection takes 5 s to fail, and the next try some more.
PATIENCE_S = 8.0
# A certificate that ends sooner should have been renewed.
SOON_DAYS = 30
_DAY_MS = 86_400_000
_IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs", "overlay"})
_WAITING = """
SELECT (SELECT count(*) FROM rating) + coalesce(sum(last - first + 1), 0) FROM batch WHERE settled_at IS NULL
"""
_ANCHORS = "SELECT boot, boottime, at, error FROM anchor ORDER BY rowid"
_TIES = "SELECT boot, boottime, peer_boot, peer_boottime, error FROM tie ORDER BY rowid"
_DETAIL = 160


class Clocks(msgspec.Struct, frozen=True):
    """How a check tells the time.

    `kernel_error_ms`: how far off the kernel says its clock is, None while that is not synchronised; `wall_ms` reads
    it. `boot` is this boot's name, `boottime_ms` how long it has lasted.
    """

    kernel_error_ms: Callable[[], int | None]
    wall_ms: Callable[[], int]
    boot: str
    boottime_ms: Callable[[], int]


async def checkup(settings: Settings, *, pins: Callable[[], Factory], clocks: Clocks) -> list[Finding]:
    """Look at everything; each finding says what was found, and what to do about it if anything.

    `pins` opens the pins, and raises `SettingsError` where there are none.
    """
    settings = in_force(settings)
    store = Path(settings.store)
    now = _now(store, clocks)
    return [
        Finding("settings", "good", "settings", _size(settings)),
        _key(Path(settings.key)),
        *_pins(settings, pins),
        _clock(clocks, now),
        _disk(store.parent),
        _store(store),
        _certificate(settings, clocks.wall_ms() if now is None else now.at),
        # One after the other: they come under one name, and a cluster ends the older of two such connections.
        *[await _broker(settings, one) for one in _each(settings.broker)],
    ]


def _size(settings: Settings) -> dict[str, object]:
    windows = settings.window
    lights = sum(len(window.lights) for window in windows)
    return {"windows": len(windows), "buttons": sum(len(window.buttons) for window in windows), "lights": lights}


def _key(file: Path) -> Finding:
    try:
        return Finding("key", "good", "key", {"public": read_key(file).public})
    except SettingsError as wrong:
        return Finding("key", "bad", "said", {"detail": str(wrong)})


def _pins(settings: Settings, pins: Callable[[], Factory]) -> Iterator[Finding]:
    try:
        with locked(Path(settings.store)):
            factory = pins()
            try:
                yield from [_window(factory, window) for window in settings.window]
            finally:
                factory.close()
    except StoreFull as failed:
        yield Finding("pins", "bad", "said", {"detail": str(failed)})
    except InUse:
        # By the node, which then holds the pins too.
        yield Finding("pins", "warn", "running", {})
    except SettingsError as wrong:
        yield Finding("pins", "bad", "said", {"detail": str(wrong)})
    if settings.pins == "mock":
        yield Finding("pins", "warn", "mock", {})


def _window(factory: Factory, window: WindowPins) -> Finding:
    try:
        reach(factory, [window])
    except SettingsError as absent:
        return Finding("pins", "bad", "absent", {"window": window.id, "detail": str(absent)})
    down = []
    for level, number in window.buttons.items():
        pin = factory.pin(number)
        pin.input_with_pull("up")
        if not pin.state:
            down.append((level, number))
        pin.close()
    told = {"window": window.id, "buttons": len(window.buttons)}
    return Finding("pins", "bad", "down", told, down) if down else Finding("pins", "good", "open", told)


def _now(store: Path, clocks: Clocks) -> Dated | None:
    """Return the city's time by what the node has learnt, None where it has learnt nothing of this boot."""
    if not store.exists():
        return None
    try:
        anchors = [Anchor(*row) for row in look(store, _ANCHORS)]
        ties = [Tie(*row) for row in look(store, _TIES)]
    except (StoreFull, StoreDamaged):
        return None
    return Dating(anchors, ties).now(clocks.boot, clocks.boottime_ms())


def _clock(clocks: Clocks, now: Dated | None) -> Finding:
    error = clocks.kernel_error_ms()
    if error is not None:
        return Finding("clock", "good", "synchronised", {"error_ms": error})
    return Finding("clock", "bad", "lost", {}) if now is None else Finding("clock", "good", "told", {})


def _disk(folder: Path) -> Finding:
    trial = folder / f".check-{os.getpid()}"
    began = perf_counter()
    try:
        create(trial, b"manyi")
        sync_ms = round((perf_counter() - began) * 1000)
        free = os.statvfs(folder)
    except OSError as failed:
        return Finding("disk", "bad", "unwritable", {"folder": str(folder), "detail": failed.strerror or str(failed)})
    finally:
        trial.unlink(missing_ok=True)
    kind, room = _filesystem(folder), free.f_bavail * free.f_frsize
    told: dict[str, object] = {
        "folder": str(folder),
        "kind": kind,
        "free_mb": room // 1_000_000,
        "least_mb": 2 * RESERVE_BYTES // 1_000_000,
        "sync_ms": sync_ms,
    }
    if kind in _IN_MEMORY:
        return Finding("disk", "bad", "memory", told)
    if room < 2 * RESERVE_BYTES:
        return Finding("disk", "bad", "cramped", told)
    return Finding("disk", "warn", "slow", told) if sync_ms > SLOW_MS else Finding("disk", "good", "room", told)


def _filesystem(folder: Path) -> str:
    """Return what kind of filesystem `folder` is on, by the mount with the longest name above it."""
    there = str(folder.resolve())
    best, kind = "", "?"
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, place, name = line.split(" ")[:3]
        place = place.replace("\\040", " ")
        inside = there == place or there.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, name
    return kind


def _store(store: Path) -> Finding:
    if not store.exists():
        return Finding("store", "good", "new", {})
    try:
        ((said,),) = look(store, "PRAGMA quick_check(1)")
        if said != "ok":
            return Finding("store", "bad", "damaged", {"detail": f"{store}: {said}"})
        ((waiting,),) = look(store, _WAITING)
    except (StoreFull, StoreDamaged) as failed:
        return Finding("store", "bad", "damaged", {"detail": str(failed)})
    return Finding("store", "good", "sound", {"waiting": waiting})


def _certificate(settings: Settings, now: int) -> Finding:
    file = settings.broker.certificate
    if file is None:
        return Finding("certificate", "warn", "bare", {})
    try:
        context(settings.broker)
        dates = validity(Path(file).read_text(encoding="ascii"))
    except (SettingsError, OSError, ValueError) as wrong:
        detail = str(wrong) if isinstance(wrong, SettingsError) else f"{file}: {wrong}"
        return Finding("certificate", "bad", "said", {"detail": detail})
    days = (dates.ends - now) // _DAY_MS
    told = {"since": _day(dates.begins), "until": _day(dates.ends), "days": days}
    if dates.ends <= now:
        return Finding("certificate", "bad", "ended", told)
    if dates.begins > now:
        return Finding("certificate", "bad", "early", told)
    if days < SOON_DAYS and settings.city_url is None:
        return Finding("certificate", "warn", "ending", told)
    return Finding("certificate", "good", "valid", told)


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()


def _each(broker: Broker) -> list[Broker]:
    """Return every node of the broker's cluster as a broker of its own."""
    return [msgspec.structs.replace(broker, host=host, port=port, also=()) for host, port in broker.addresses]


async def _broker(settings: Settings, broker: Broker) -> Finding:
    where = f"{broker.host}:{broker.port}"
    up = asyncio.Event()
    link = Link(
        broker,
        # A client of its own: under the node's name it would throw the node off.
        client_id=f"{settings.node}-check",
        subscribe=[topics.node(settings.node, "acks"), topics.node(settings.node, "config")],
        on_receive=lambda _topic, _payload: None,
        on_up=up.set,
        on_down=lambda: None,
    )
    async with link:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await up.wait()
        except TimeoutError:
            detail = link.trouble or f"no answer within {PATIENCE_S:.0f} s"
            return Finding("broker", "bad", "refused", {"where": where, "detail": detail[:_DETAIL]})
    return Finding("broker", "good", "heard", {"where": where})
