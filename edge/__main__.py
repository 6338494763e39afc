"""The edge's command line: `python -m edge run --config FILE`, also as `manyi edge`.

The composition root: it reads the settings once and builds everything. argparse, because a Pi carries nothing heavier.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import SettingsError, Unavailable
from contract.version import __version__
from transport.enrolment import add_command

if TYPE_CHECKING:
    from edge.pins import Factory
    from edge.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`; the exit code.

    2 after one line on stderr where settings cannot be used, 1 after one where the city did not answer.
    """
    parser = argparse.ArgumentParser(prog="manyi edge", description="A node at the service windows.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="serve the windows until SIGTERM or Ctrl-C")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="the node's TOML file")
    keygen = commands.add_parser("keygen", help="make the node's private key and print its public one")
    keygen.add_argument("file", type=Path, metavar="FILE", help="a file that does not exist yet")
    test = commands.add_parser("test", help="ask for every button once; no press of it becomes a rating")
    test.add_argument("--config", type=Path, required=True, metavar="FILE", help="the node's TOML file")
    test.add_argument("--wait", type=float, default=30.0, metavar="S", help="seconds for each button; 30")
    test.add_argument("--language", choices=["zh", "en"], default="zh", help="to speak; zh")
    test.add_argument("--json", dest="as_json", action="store_true", help="one JSON object on stdout, at the end")
    label = commands.add_parser("label", help="print the label to stick on the node")
    label.add_argument("--config", type=Path, required=True, metavar="FILE", help="the node's TOML file")
    label.add_argument("--out", type=Path, metavar="SVG", help="as a drawing of its real size; else lines of text")
    check = commands.add_parser("check", help="look at pins, clock, disk, broker and certificate; changes nothing")
    check.add_argument("--config", type=Path, required=True, metavar="FILE", help="the node's TOML file")
    check.add_argument("--language", choices=["zh", "en"], default="zh", help="of the table; zh")
    check.add_argument("--json", dest="as_json", action="store_true", help="one JSON object instead of the table")
    wiring = commands.add_parser("wiring", help="print which wire goes to which pin")
    wiring.add_argument("--config", type=Path, required=True, metavar="FILE", help="the node's TOML file")
    wiring.add_argument("--out", type=Path, metavar="SVG", help="as a drawing of the header; else a table")
    wiring.add_argument("--language", choices=["zh", "en"], default="zh", help="of the names; zh")
    add_command(commands)
    arguments = parser.parse_args(argv)
    try:
        return _COMMANDS[arguments.command](arguments)
    except (SettingsError, Unavailable) as wrong:
        print(wrong, file=sys.stderr)
        return 2 if isinstance(wrong, SettingsError) else 1


def _keygen(given: argparse.Namespace) -> int:
    from transport.keys import new_key  # noqa: PLC0415  (only what the command needs is loaded)

    print(new_key(given.file))
    return 0


def _test(given: argparse.Namespace) -> int:
    from edge.installing import press_test  # noqa: PLC0415
    from edge.settings import read  # noqa: PLC0415

    settings = read(given.config)
    pins = _pins(settings, given.config)
    try:
        passed = asyncio.run(
            press_test(
                settings,
                factory=pins,
                monotonic_ns=time.monotonic_ns,
                wait_s=given.wait,
                language=given.language,
                as_json=given.as_json,
                out=sys.stdout,
            )
        )
    finally:
        pins.close()
    return 0 if passed else 1


def _label(given: argparse.Namespace) -> int:
    from edge.label import lines, svg  # noqa: PLC0415
    from edge.settings import read  # noqa: PLC0415
    from transport.keys import read_key  # noqa: PLC0415

    settings = read(given.config)
    today = time.strftime("%Y-%m-%d")
    told = lines(settings.node, [window.id for window in settings.window], read_key(Path(settings.key)).public, today)
    if given.out is None:
        print(*told, sep="\n")
    else:
        _write(given.out, svg(told))
    return 0


def _check(given: argparse.Namespace) -> int:
    from edge.checkup import Clocks, checkup  # noqa: PLC0415
    from edge.findings import Finding, passed, plain, table  # noqa: PLC0415
    from edge.settings import read  # noqa: PLC0415
    from transport.boot import boot_id, boottime_ms, wall_ms  # noqa: PLC0415
    from transport.kernel import kernel_error_ms  # noqa: PLC0415

    clocks = Clocks(kernel_error_ms, wall_ms, boot_id(), boottime_ms)
    try:
        settings = read(given.config)
    except SettingsError as wrong:
        findings = [Finding("settings", "bad", "said", {"detail": str(wrong)})]
    else:
        findings = asyncio.run(checkup(settings, pins=lambda: _pins(settings, given.config), clocks=clocks))
    if given.as_json:
        print(json.dumps(plain(findings), ensure_ascii=False))
    else:
        print(*table(findings, given.language, colours=sys.stdout.isatty()), sep="\n")
    return 0 if passed(findings) else 1


def _wiring(given: argparse.Namespace) -> int:
    from edge.config import in_force  # noqa: PLC0415
    from edge.drawing import svg  # noqa: PLC0415
    from edge.settings import read  # noqa: PLC0415
    from edge.wiring import advice, table, wires  # noqa: PLC0415

    settings = in_force(read(given.config))
    wired = wires(settings.window)
    if given.out is not None:
        _write(given.out, svg(settings.node, wired, given.language))
        return 0
    for row in table(wired, given.language):
        print(*row, sep="\t")
    print("", *advice(wired, given.language), sep="\n")
    return 0


def _write(out: Path, drawing: str) -> None:
    try:
        out.write_text(drawing, encoding="utf-8")
    except OSError as bad:
        raise SettingsError(f"{out} cannot be written: {bad.strerror or bad}") from bad


def _pins(settings: "Settings", config: Path) -> "Factory":
    from edge.pins import factory  # noqa: PLC0415

    if settings.pins == "lgpio":
        # When imported, lgpio changes into this folder and makes a pipe there; a service's own folder is often "/".
        os.environ.setdefault("LG_WD", str(Path(settings.store).parent))
    try:
        return factory(settings.pins)
    except SettingsError as wrong:
        raise SettingsError(f"{config}: {wrong}") from wrong


def _enrol(given: argparse.Namespace) -> int:
    from edge.settings import read  # noqa: PLC0415
    from transport.enrolment import enrol, invitation  # noqa: PLC0415

    settings = read(given.config)
    invited = invitation(given.token_file)
    key = Path(settings.key)
    brokers, config, anew = [settings.broker], given.config, given.new_key
    print(enrol(given.city, invited, node=settings.node, key=key, brokers=brokers, config=config, anew=anew))
    return 0


def _run(given: argparse.Namespace) -> int:
    from edge.node import Node  # noqa: PLC0415
    from edge.settings import read  # noqa: PLC0415
    from transport.keys import read_key  # noqa: PLC0415
    from transport.log import set_up  # noqa: PLC0415
    from transport.renewal import Renewal, renewing  # noqa: PLC0415
    from transport.tls import context  # noqa: PLC0415
    from transport.watchdog import watched  # noqa: PLC0415

    config = given.config
    settings = read(config)
    signer = read_key(Path(settings.key))
    context(settings.broker)
    pins = _pins(settings, config)
    set_up(settings.log, house="edge", who=settings.node)

    async def serve() -> None:
        node = Node(settings, factory=pins, signer=signer)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, node.stop)
        async with AsyncExitStack() as stack:
            if settings.metrics is not None:
                from edge.metrics import figures  # noqa: PLC0415
                from transport.exposition import exposed  # noqa: PLC0415

                await stack.enter_async_context(exposed(settings.metrics, partial(figures, node)))
            if settings.city_url is not None:
                asking = Renewal(settings.city_url, settings.broker, settings.city_key, name=settings.node)
                await stack.enter_async_context(renewing(asking))
            await stack.enter_async_context(watched(node.ready, os.environ))
            await node.run()

    try:
        asyncio.run(serve())
    except SettingsError as wrong:
        raise SettingsError(f"{config}: {wrong}") from wrong
    finally:
        pins.close()
    return 0


_COMMANDS = {
    "run": _run,
    "keygen": _keygen,
    "test": _test,
    "label": _label,
    "check": _check,
    "wiring": _wiring,
    "enrol": _enrol,
}


if __name__ == "__main__":
    sys.exit(main())
