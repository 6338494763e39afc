"""The edge's command line: `python -m edge run --config FILE`, also as `manyi edge`.

The composition root: it reads the settings once and builds everything. argparse, because a Pi carries nothing heavier.
"""

import argparse
import asyncio
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
    from edge.installing import Language
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
    add_command(commands)
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "keygen":
            return _keygen(arguments.file)
        if arguments.command == "test":
            return _test(arguments.config, arguments.wait, arguments.language, as_json=arguments.as_json)
        if arguments.command == "label":
            return _label(arguments.config, arguments.out)
        if arguments.command == "enrol":
            return _enrol(arguments.config, arguments.city, arguments.token_file, anew=arguments.new_key)
        return _run(arguments.config)
    except (SettingsError, Unavailable) as wrong:
        print(wrong, file=sys.stderr)
        return 2 if isinstance(wrong, SettingsError) else 1


def _keygen(file: Path) -> int:
    from transport.keys import new_key  # noqa: PLC0415  (only what the command needs is loaded)

    print(new_key(file))
    return 0


def _test(config: Path, wait_s: float, language: "Language", *, as_json: bool) -> int:
    from edge.installing import press_test  # noqa: PLC0415
    from edge.settings import read  # noqa: PLC0415

    settings = read(config)
    pins = _pins(settings, config)
    try:
        passed = asyncio.run(
            press_test(
                settings,
                factory=pins,
                monotonic_ns=time.monotonic_ns,
                wait_s=wait_s,
                language=language,
                as_json=as_json,
                out=sys.stdout,
            )
        )
    finally:
        pins.close()
    return 0 if passed else 1


def _label(config: Path, out: Path | None) -> int:
    from edge.label import lines, svg  # noqa: PLC0415
    from edge.settings import read  # noqa: PLC0415
    from transport.keys import read_key  # noqa: PLC0415

    settings = read(config)
    today = time.strftime("%Y-%m-%d")
    told = lines(settings.node, [window.id for window in settings.window], read_key(Path(settings.key)).public, today)
    if out is None:
        print(*told, sep="\n")
        return 0
    try:
        out.write_text(svg(told), encoding="utf-8")
    except OSError as bad:
        raise SettingsError(f"{out} cannot be written: {bad.strerror or bad}") from bad
    return 0


def _pins(settings: "Settings", config: Path) -> "Factory":
    from edge.pins import factory  # noqa: PLC0415

    if settings.pins == "lgpio":
        # When imported, lgpio changes into this folder and makes a pipe there; a service's own folder is often "/".
        os.environ.setdefault("LG_WD", str(Path(settings.store).parent))
    try:
        return factory(settings.pins)
    except SettingsError as wrong:
        raise SettingsError(f"{config}: {wrong}") from wrong


def _enrol(config: Path, city: str, token_file: Path | None, *, anew: bool) -> int:
    from edge.settings import read  # noqa: PLC0415
    from transport.enrolment import enrol, invitation  # noqa: PLC0415

    settings = read(config)
    invited = invitation(token_file)
    key = Path(settings.key)
    print(enrol(city, invited, node=settings.node, key=key, brokers=[settings.broker], config=config, anew=anew))
    return 0


def _run(config: Path) -> int:
    from edge.node import Node  # noqa: PLC0415
    from edge.settings import read  # noqa: PLC0415
    from transport.keys import read_key  # noqa: PLC0415
    from transport.log import set_up  # noqa: PLC0415
    from transport.renewal import Renewal, renewing  # noqa: PLC0415
    from transport.tls import context  # noqa: PLC0415

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
            await node.run()

    try:
        asyncio.run(serve())
    except SettingsError as wrong:
        raise SettingsError(f"{config}: {wrong}") from wrong
    finally:
        pins.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
