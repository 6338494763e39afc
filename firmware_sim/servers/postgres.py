"""A PostgreSQL of one's own: TCP on loopback with a random password, all its files in one folder."""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from firmware_sim.servers.daemon import HOST, Daemon, Server, ServerError, bonded, last_line, program, take_port

PACKAGE = "Debian's package postgresql"
USER = "manyi"
_FAST = signal.SIGINT  # ends it without waiting for its clients to go; SIGTERM would wait
_READY_S = 30.0  # after a kill it replays its log first
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "250",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "password_encryption": "scram-sha-256",
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """A real PostgreSQL, made in `folder` at its first start; `kill` and `restart` keep what was committed.

    It refuses to run as root. Under root it runs as Debian's `postgres`, with the one right more to walk through our
    folders. `durable` off forgets what a power cut forgets, and is for tests that cut no power.
    """

    def __init__(self, folder: Path, *, port: int = 0, durable: bool = True) -> None:
        """Prepare it; the port is taken at the first start."""
        self._folder = folder
        self._port = port
        self._durable = durable
        self._daemon = Daemon("postgres", folder / "postgres.log")
        self.password_file = folder / "password"

    @staticmethod
    def check_installed() -> None:
        """Raise ServerError, which names the Debian package, where it is not there."""
        program("postgres", PACKAGE, *_places())

    @property
    def port(self) -> int:
        """The TCP port; 0 until started if none was asked for."""
        return self._port

    @property
    def pid(self) -> int:
        """The postmaster's process id; ServerError when it is not running."""
        return self._daemon.pid

    @property
    def password(self) -> str:
        """The password of `USER`."""
        return self.password_file.read_text(encoding="utf-8").strip()

    def url(self, name: str) -> str:
        """Return the address of a database, without the password: that is in `password_file`."""
        return f"postgresql://{USER}@{HOST}:{self._port}/{name}"

    def url_with_password(self, name: str) -> str:
        """Return the address of a database as drivers take it."""
        parts = urlsplit(self.url(name))
        return urlunsplit(parts._replace(netloc=f"{USER}:{self.password}@{HOST}:{self._port}"))

    async def start(self) -> None:
        """Return when it answers a query; raise ServerError with its own last words."""
        self._daemon.check_idle()
        postgres = program("postgres", PACKAGE, *_places())
        port = take_port("postgres", self._port)
        data = self._folder / "data"
        if not data.exists():
            await asyncio.to_thread(self._make, data)
        self._port = port
        settings = {**_SETTINGS, **({} if self._durable else _CARELESS), "port": str(port)}
        command = [postgres, "-D", str(data), *(f"--{key}={value}" for key, value in settings.items())]
        await self._daemon.start(
            command, at=f"{HOST}:{port}", ready=self._answers, within_s=_READY_S, bond=_as_another_user()
        )

    async def stop(self) -> None:
        """Close its connections and stop; does nothing when it is not running."""
        await self._daemon.stop(_FAST)

    def kill(self) -> None:
        """Kill it and all its sessions with SIGKILL."""
        self._daemon.kill()

    def pause(self) -> None:
        """Make it hang: sessions stay, nothing is answered."""
        self._daemon.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._daemon.resume()

    async def create(self, name: str, *, template: str = "template1") -> str:
        """Make a database, a copy of `template` (to which nobody is connected), and return its `url`."""
        await self._do(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    async def drop(self, name: str) -> None:
        """Throw a database away, and whoever is connected to it out; none of that name is fine."""
        await self._do(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _do(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url_with_password("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _answers(self) -> bool:
        try:
            await self._do("SELECT 1")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    def _make(self, data: Path) -> None:
        initdb = program("initdb", PACKAGE, *_places())
        self._folder.mkdir(parents=True, exist_ok=True)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(data, "postgres", "postgres")
        options = ["--username", USER, "--pwfile", "/dev/stdin", "--auth", "scram-sha-256", "--no-sync"]
        locale = ["--encoding", "UTF8", "--no-locale"]  # bytes sort alike on every machine, and as SQLite sorts them
        log = self._folder / "initdb.log"
        with log.open("wb") as out, self.password_file.open("rb") as password:
            made = subprocess.run(  # noqa: S603
                [*_as_another_user(), initdb, "-D", str(data), *options, *locale],
                stdin=password,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if made.returncode:
            shutil.rmtree(data)
            raise ServerError(f"initdb in {data}: {last_line(log)}")


def _places() -> list[str]:
    """Return where Debian keeps each version's programs, the newest first."""
    found = Path("/usr/lib/postgresql").glob("*/bin")
    return [str(path) for path in sorted(found, key=lambda path: path.parent.name, reverse=True)]


def _as_another_user() -> list[str]:
    """Return the words before a command that end it with us, and that make root somebody else."""
    bond = bonded(_FAST)
    if os.geteuid() != 0:
        return bond
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise ServerError(f"postgres does not run as root, and there is no user postgres: {PACKAGE} makes it") from None
    if not bond:
        raise ServerError("postgres does not run as root, and there is no setpriv: Debian's package util-linux has it")
    # In one call: whoever changes users is no longer bound.
    user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return [*bond, *user, "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
