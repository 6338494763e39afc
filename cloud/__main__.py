"""The city's command line: `python -m cloud run --config FILE`, also as `manyi cloud`. The composition root."""

import argparse
import asyncio
import logging
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cloud.settings import read
from contract.errors import SettingsError
from contract.version import __version__
from transport.keys import new_key, read_key


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`; the exit code, 2 after one line on stderr where settings cannot be used."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "keygen":
            print(new_key(arguments.file))
        elif arguments.command == "register":
            print(_register(arguments.config, arguments.file))
        else:
            _run(arguments.config)
    except SettingsError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="manyi cloud", description="The city: ledger, board, wall.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="take in ratings and serve the wall until SIGTERM or Ctrl-C")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="the city's TOML file")
    registering = commands.add_parser("register", help="register nodes, gateways and windows, also while the city runs")
    registering.add_argument("--config", type=Path, required=True, metavar="FILE", help="the city's TOML file")
    registering.add_argument("file", type=Path, metavar="JSON", help="what to register")
    keygen = commands.add_parser("keygen", help="make the city's private key and print its public one")
    keygen.add_argument("file", type=Path, metavar="FILE", help="a file that does not exist yet")
    return parser


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _run(config: Path) -> None:
    from cloud.city import City  # noqa: PLC0415  (making a key needs no web server)
    from cloud.http import bind  # noqa: PLC0415

    settings = read(config)
    signer = read_key(Path(settings.key))
    try:
        listener = bind(settings.http)
    except SettingsError as wrong:
        raise SettingsError(f"{config}: {wrong}") from wrong
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)

    async def serve() -> None:
        city = City(
            settings,
            signer=signer,
            now=_now_ms,
            monotonic=time.monotonic,
            random_bits=secrets.randbits,
            listener=listener,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, city.stop)
        await city.run()

    with listener:
        asyncio.run(serve())


def _register(config: Path, file: Path) -> str:
    from cloud.database import open_database  # noqa: PLC0415
    from cloud.registry.load import register  # noqa: PLC0415

    settings = read(config)
    try:
        document = file.read_bytes()
    except OSError as bad:
        raise SettingsError(f"{file}: cannot be read: {bad.strerror}") from bad

    async def put() -> str:
        async with await open_database(settings.database) as database:
            summary = await register(database.writer, document, _now_ms())
            return msgspec.json.encode(summary).decode()

    try:
        return asyncio.run(put())
    except SettingsError as wrong:
        raise SettingsError(f"{file}: {wrong}") from wrong


if __name__ == "__main__":
    sys.exit(main())
