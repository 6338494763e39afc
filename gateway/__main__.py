"""The gateway's command line: `python -m gateway run --config FILE`, also as `manyi gateway`."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec

from contract.errors import SettingsError, Unavailable
from contract.identity import township_of
from contract.settings import parse
from contract.signing import public_key
from contract.version import __version__
from gateway.post import Gateway
from gateway.seals import kept
from gateway.settings import Settings
from proof.seals import written
from transport.enrolment import add_command, enrol, invitation
from transport.keys import new_key, read_key
from transport.log import set_up
from transport.renewal import Renewal, renewing
from transport.tls import context
from transport.watchdog import watched


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`; the exit code.

    2 after one line on stderr where settings cannot be used, 1 after one where the city did not answer.
    """
    parser = argparse.ArgumentParser(prog="manyi gateway", description="A township's gateway.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="take ratings from the nodes and pass them on to the city")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    keygen = commands.add_parser("keygen", help="make the gateway's private key and print its public one")
    keygen.add_argument("file", type=Path, metavar="FILE", help="a file that does not exist yet")
    seals = commands.add_parser("seals", help="print the seals of the city's ledger that this gateway keeps")
    seals.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    add_command(commands)
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "keygen":
            print(new_key(arguments.file))
            return 0
        settings = read(arguments.config)
        if arguments.command == "seals":
            print(*(written(seal) for seal in kept(Path(settings.store))), sep="\n", end="")
            return 0
        brokers, key = (settings.node_broker, settings.city_broker), Path(settings.key)
        if arguments.command == "enrol":
            invited = invitation(arguments.token_file)
            city, config, anew = arguments.city, arguments.config, arguments.new_key
            print(enrol(city, invited, node=settings.node, key=key, brokers=brokers, config=config, anew=anew))
            return 0
        for broker in brokers:
            context(broker)
        gateway = Gateway(settings, read_key(key))
    except (SettingsError, Unavailable) as wrong:
        print(wrong, file=sys.stderr)
        return 2 if isinstance(wrong, SettingsError) else 1
    set_up(settings.log, house="gateway", who=settings.node)
    try:
        asyncio.run(_serve(gateway, settings))
    except SettingsError as wrong:
        print(f"{arguments.config}: {wrong}", file=sys.stderr)
        return 2
    return 0


def read(file: Path) -> Settings:
    """Read the settings in `file`, its relative paths made relative to the file's folder; `SettingsError` otherwise."""
    try:
        settings = parse(file.read_text(encoding="utf-8"), Settings, file=str(file))
    except (OSError, UnicodeDecodeError) as bad:
        raise SettingsError(f"{file}: cannot be read: {bad}") from bad
    on_roster = [(f"roster: {n.node}", key) for n in settings.roster for key in (n.key, *(one.key for one in n.former))]
    for where, key in [("city_key", settings.city_key), *on_roster]:
        try:
            public_key(key)
        except ValueError as bad:
            raise SettingsError(f"{file}: {where}: {bad}") from bad
    for node in settings.roster:
        if township_of(node.node) != settings.township:
            raise SettingsError(f"{file}: roster: {node.node} is not of township {settings.township}")
    folder = file.resolve().parent
    if not (folder / settings.store).parent.is_dir():
        raise SettingsError(f"{file}: store: there is no folder {(folder / settings.store).parent}")
    if settings.visits is not None and settings.web is None:
        raise SettingsError(f"{file}: visits: they are told over HTTP; say where in [web]")
    return msgspec.structs.replace(
        settings,
        visits=None if settings.visits is None else settings.visits.seen_from(folder),
        store=str(folder / settings.store),
        key=str(folder / settings.key),
        node_broker=settings.node_broker.seen_from(folder, key=settings.key),
        city_broker=settings.city_broker.seen_from(folder, key=settings.key),
    )


async def _serve(gateway: Gateway, settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, gateway.stop)
    async with AsyncExitStack() as stack:
        if settings.metrics is not None:
            from gateway.metrics import figures  # noqa: PLC0415  (its library costs memory)
            from transport.exposition import exposed  # noqa: PLC0415

            await stack.enter_async_context(exposed(settings.metrics, partial(figures, gateway)))
        if settings.web is not None:
            from gateway.web.routers import routers  # noqa: PLC0415  (its libraries cost memory)
            from gateway.web.server import serving  # noqa: PLC0415

            await stack.enter_async_context(serving(settings.web, routers(gateway, settings)))
        if settings.city_url is not None:
            # One certificate for both brokers, or two to be renewed.
            brokers = (settings.node_broker, settings.city_broker)
            for broker in {broker.certificate: broker for broker in brokers}.values():
                asking = Renewal(settings.city_url, broker, settings.city_key, name=settings.township)
                await stack.enter_async_context(renewing(asking))
        await stack.enter_async_context(watched(gateway.ready, os.environ))
        await gateway.run()


if __name__ == "__main__":
    sys.exit(main())
