"""The city's command line: `python -m cloud run --config FILE`, also as `manyi cloud`. The composition root."""

import argparse
import asyncio
import gc
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cloud.settings import Only, read
from contract.errors import SettingsError, Unavailable
from contract.version import __version__
from transport.boot import wall_ms
from transport.keys import new_key, read_key
from transport.log import set_up
from transport.tls import context
from transport.watchdog import watched

# Python looks for unreachable cycles whenever so many objects more are there than before. A commit makes thousands
# that hold no cycle; by Python's own 700 that took a seventh of what ingest's thread did.
LOOKED_THROUGH = 50_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`; the exit code.

    2 after one line on stderr where settings cannot be used, 1 after one where the database went away.
    """
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "keygen":
            print(new_key(arguments.file))
        elif arguments.command == "register":
            print(_register(arguments.config, arguments.file))
        elif arguments.command == "hall":
            print(_tell_halls(arguments.config, arguments.file))
        else:
            _run(arguments.config, arguments.only)
    except SettingsError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except Unavailable as bad:
        print(bad, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="manyi cloud", description="The city: ledger, board, wall.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="take in ratings and serve the wall until SIGTERM or Ctrl-C")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="the city's TOML file")
    run.add_argument(
        "--only", choices=("ingest", "web"), help="one role of the city, of which there may be several; on PostgreSQL"
    )
    registering = commands.add_parser("register", help="register nodes, gateways and windows, also while the city runs")
    registering.add_argument("--config", type=Path, required=True, metavar="FILE", help="the city's TOML file")
    registering.add_argument("file", type=Path, metavar="JSON", help="what to register")
    hall = commands.add_parser("hall", help="put what halls show and kiosks answer, also while the city runs")
    hall.add_argument("--config", type=Path, required=True, metavar="FILE", help="the city's TOML file")
    hall.add_argument("file", type=Path, metavar="TOML", help="plates, notices, services, questions")
    keygen = commands.add_parser("keygen", help="make the city's private key and print its public one")
    keygen.add_argument("file", type=Path, metavar="FILE", help="a file that does not exist yet")
    return parser


def _run(config: Path, only: Only | None) -> None:
    from cloud.city import City  # noqa: PLC0415  (making a key needs no web server)
    from cloud.http import bind  # noqa: PLC0415

    settings = read(config)
    signer = read_key(Path(settings.key))
    context(settings.broker)
    try:
        listener = bind(settings.http)
    except SettingsError as wrong:
        raise SettingsError(f"{config}: {wrong}") from wrong
    set_up(settings.log, house="city", who=only or "city")

    async def serve() -> None:
        city = City(
            settings,
            signer=signer,
            now=wall_ms,
            monotonic=time.monotonic,
            random_bits=secrets.randbits,
            listener=listener,
            only=only,
            # Not into the log, which is kept: whoever reads it within the hour could come in.
            tell=lambda line: print(line, flush=True),
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, city.stop)
        async with watched(city.ready, os.environ):
            await city.run()

    gc.freeze()
    gc.set_threshold(LOOKED_THROUGH)
    with listener:
        asyncio.run(serve())


def _register(config: Path, file: Path) -> str:
    from cloud.address import shown, url_of  # noqa: PLC0415
    from cloud.copy.target import check_finished  # noqa: PLC0415
    from cloud.database import open_database, unavailable  # noqa: PLC0415
    from cloud.registry.load import register  # noqa: PLC0415

    settings = read(config)
    try:
        document = file.read_bytes()
    except OSError as bad:
        raise SettingsError(f"{file}: cannot be read: {bad.strerror}") from bad

    async def put() -> str:
        opened = await open_database(settings.database, password_file=settings.database_password_file)
        async with opened as database:
            try:
                with unavailable():
                    await check_finished(database, shown(url_of(settings.database)))
                    summary = await register(database.writer, document, wall_ms())
            except SettingsError as wrong:
                raise SettingsError(f"{file}: {wrong}") from wrong
            except Unavailable as bad:
                raise Unavailable(f"{file}: {bad}; run the same command again") from bad
            return msgspec.json.encode(summary).decode()

    return asyncio.run(put())


def _tell_halls(config: Path, file: Path) -> str:
    from cloud.address import shown, url_of  # noqa: PLC0415
    from cloud.copy.target import check_finished  # noqa: PLC0415
    from cloud.database import open_database, unavailable  # noqa: PLC0415
    from cloud.halls import store  # noqa: PLC0415
    from cloud.halls.document import read as read_document  # noqa: PLC0415

    settings = read(config)
    if settings.hall is None:
        raise SettingsError(f"{config}: there is no [hall], so halls are told nothing; add it and start the city again")
    try:
        document = read_document(file.read_text(encoding="utf-8"), file=str(file))
    except (OSError, UnicodeDecodeError) as bad:
        raise SettingsError(f"{file}: cannot be read: {bad}") from bad

    async def put() -> str:
        opened = await open_database(settings.database, password_file=settings.database_password_file)
        async with opened as database:
            try:
                with unavailable():
                    await check_finished(database, shown(url_of(settings.database)))
                    async with database.writer.begin() as connection:
                        edition = await store.put(connection, document, wall_ms())
            except Unavailable as bad:
                raise Unavailable(f"{file}: {bad}; run the same command again") from bad
        counted = {name: len(getattr(document, name)) for name in document.__struct_fields__}
        return msgspec.json.encode({"edition": edition, **counted}).decode()

    return asyncio.run(put())


if __name__ == "__main__":
    sys.exit(main())
