"""The edge's command line: `python -m edge run --config FILE`, also as `manyi edge`.

The composition root: it reads the settings once and builds everything. argparse, because a Pi carries nothing heavier.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from contract.errors import SettingsError
from contract.version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`; the exit code, 2 after one line on stderr where settings cannot be used."""
    parser = argparse.ArgumentParser(prog="manyi edge", description="A node at the service windows.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="serve the windows until SIGTERM or Ctrl-C")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="the node's TOML file")
    keygen = commands.add_parser("keygen", help="make the node's private key and print its public one")
    keygen.add_argument("file", type=Path, metavar="FILE", help="a file that does not exist yet")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "keygen":
            return _keygen(arguments.file)
        return _run(arguments.config)
    except SettingsError as wrong:
        print(wrong, file=sys.stderr)
        return 2


def _keygen(file: Path) -> int:
    from transport.keys import new_key  # noqa: PLC0415  (only what the command needs is loaded)

    print(new_key(file))
    return 0


def _run(config: Path) -> int:
    from edge.node import Node  # noqa: PLC0415
    from edge.pins import factory  # noqa: PLC0415
    from edge.settings import read  # noqa: PLC0415
    from transport.keys import read_key  # noqa: PLC0415
    from transport.log import set_up  # noqa: PLC0415
    from transport.tls import context  # noqa: PLC0415

    settings = read(config)
    signer = read_key(Path(settings.key))
    context(settings.broker)
    if settings.pins == "lgpio":
        # When imported, lgpio changes into this folder and makes a pipe there; a service's own folder is often "/".
        os.environ.setdefault("LG_WD", str(Path(settings.store).parent))
    try:
        pins = factory(settings.pins)
    except SettingsError as wrong:
        raise SettingsError(f"{config}: {wrong}") from wrong
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
