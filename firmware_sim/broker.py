"""A broker of one's own: mosquitto where this machine has it, else amqtt in this process.

Both listen on 127.0.0.1 only, take anybody, and keep nothing on disk: by law 2 a broker is a disposable pipe. amqtt
carries about 1,700 QoS 1 publishes a second (measured, and it shares our core): enough for a demo, not for a
measurement or a test of security.
"""

import asyncio
import logging
import os
import re
import shutil
import signal
import ssl
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from amqtt.broker import Broker as AmqttServer
from amqtt.errors import BrokerError as AmqttError
from amqtt.session import Session

from firmware_sim.servers.daemon import HOST, Daemon, Server, ServerError, free_port, take_port

# An MQTT 3.1.1 CONNECT with a clean session, keepalive 5 s and an empty client id; what accepts it; and the goodbye.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"
_CONNACK = b"\x20\x02\x00\x00"
_DISCONNECT = b"\xe0\x00"


class Broker(Server):
    """An address that answers MQTT 3.1.1. Started is what answers a CONNECT: a broker may listen before it serves."""

    name: str
    also: Sequence[str] = ()  # further addresses of the same cluster, `host:port`

    def __init__(self, *, port: int = 0, host: str = HOST) -> None:
        self.host = host
        self._port = port

    @property
    def port(self) -> int:
        """The TCP port; 0 until started if none was asked for."""
        return self._port

    @abstractmethod
    async def start(self) -> None:
        """Return when a CONNECT is answered; raise ServerError otherwise."""


def choose(folder: Path, *, port: int = 0) -> Broker:
    """Return mosquitto where this machine has it, else amqtt; not started yet. `port` 0 means any free one."""
    return Mosquitto(folder, port=port) if mosquitto_path() else Amqtt(port=port)


def mosquitto_path() -> str | None:
    """Return the mosquitto program, looking also where Debian keeps it for administrators."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


async def greets(host: str, port: int, *, within_s: float = 0.5) -> bool:
    """Tell whether a server at this address speaks TLS; who it is, and whom it takes a CONNECT from, is not asked."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(host, port, ssl=trusting)
            # Not awaited: a broker that wants a certificate ends such a connection with an error.
            writer.transport.abort()
    except (OSError, TimeoutError):
        return False
    return True


async def answers(host: str, port: int, *, within_s: float = 0.5) -> bool:
    """Tell whether an MQTT broker accepts a CONNECT at this address.

    An open TCP port is not enough: a broker may listen before it serves.
    """
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_CONNECT)
                accepted = await reader.readexactly(len(_CONNACK)) == _CONNACK
                writer.write(_DISCONNECT)
            finally:
                writer.close()
            await writer.wait_closed()
            return accepted
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


class Mosquitto(Broker):
    """A real mosquitto 2 as a child process, with its settings and log in `folder`.

    `identity` is a folder that `manyi pki broker` made: then it runs by the settings there, which ask everybody for a
    certificate, and only its address is ours.
    """

    name = "mosquitto"

    def __init__(self, folder: Path, *, port: int = 0, host: str = HOST, identity: Path | None = None) -> None:
        super().__init__(port=port, host=host)
        self._folder = folder
        self._identity = identity
        self._changed: dict[str, str] = {}
        self._daemon = Daemon(self.name, folder / "mosquitto.log")

    @property
    def pid(self) -> int:
        """The child's process id; ServerError when it is not running."""
        return self._daemon.pid

    async def start(self) -> None:
        """Return when a CONNECT is answered; raise ServerError with the broker's own last words."""
        program = mosquitto_path()
        if program is None:
            raise ServerError("mosquitto is not installed: it comes with Debian's package mosquitto")
        self._daemon.check_idle()
        port = take_port(self.name, self._port, self.host)
        command = [program, "-c", str(self._write(port))]
        await self._daemon.start(command, at=f"{self.host}:{port}", ready=lambda: self._ready(port))
        self._port = port

    async def stop(self) -> None:
        """Stop with SIGTERM; does nothing when it is not running."""
        await self._daemon.stop()

    def kill(self) -> None:
        """Kill with SIGKILL, as a power cut would, and reap; what it held is gone."""
        self._daemon.kill()

    def configure(self, settings: Mapping[str, str]) -> None:
        """Let these settings stand in place of ours or beside them, now if it runs and at every start from here on.

        A running mosquitto applies access lists at once; limits of queues it takes up only as it starts.
        """
        self._changed = dict(settings)
        if self._daemon.alive:
            self._write(self._port)
            os.kill(self.pid, signal.SIGHUP)

    async def _ready(self, port: int) -> bool:
        return await (answers if self._identity is None else greets)(self.host, port)

    def _write(self, port: int) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "mosquitto.conf"
        made = None if self._identity is None else (self._identity / "mosquitto.conf").read_text(encoding="utf-8")
        file.write_text(_conf(self.host, port, self._changed, made), encoding="utf-8")
        return file


class _Server(AmqttServer):  # type: ignore[misc]  # amqtt has no types
    """amqtt 0.12 without its slip at a connect, where it replays what is retained for everybody's subscriptions.

    That would hand a newcomer what it never asked for, and while it sends, other subscriptions come and break its
    loop: the newcomer is then connected and never served (621 times in one demo of 124 nodes).
    """

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        subscribers = self.subscriptions.get(subscription[0], ())
        if any(subscriber.client_id == session.client_id for subscriber, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)


class Amqtt(Broker):
    """amqtt in this process and this loop, for machines without mosquitto."""

    name = "amqtt"

    def __init__(self, *, port: int = 0, host: str = HOST) -> None:
        super().__init__(port=port, host=host)
        self._server: _Server | None = None

    async def start(self) -> None:
        """Return when it listens; raise ServerError if the port is taken."""
        if self._server is not None:
            raise ServerError("amqtt is already running")
        # It logs every packet, and every state change through `transitions`.
        logging.getLogger("amqtt").setLevel(logging.ERROR)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        port = self._port or free_port(self.host)
        listener = {"type": "tcp", "bind": f"{self.host}:{port}"}
        anybody = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        server = _Server({"listeners": {"default": listener}, "plugins": anybody})
        try:
            await server.start()
        except (AmqttError, OSError) as error:
            raise ServerError(f"amqtt at {self.host}:{port}: {error}") from error
        self._server, self._port = server, port

    async def stop(self) -> None:
        """Close every connection and the port; does nothing when it is not running."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.shutdown()


def _conf(host: str, port: int, changed: Mapping[str, str], made: str | None = None) -> str:
    settings = {
        "allow_anonymous": "true",
        "persistence": "false",
        "max_queued_messages": "0",  # unlimited: the default of 1000 drops beyond it, silently
        "max_queued_bytes": "0",
        "max_inflight_messages": "0",
        "set_tcp_nodelay": "true",  # an ack shall not wait for the next segment
        "sys_interval": "0",
        "connection_messages": "false",
    }
    lines = [f"listener {port} {host}", "log_type error", "log_type warning"]
    if made is not None:
        settings, lines = {}, [re.sub(r"^listener .*$", lines[0], made.rstrip(), count=1, flags=re.MULTILINE)]
    if os.geteuid() == 0:
        settings["user"] = "root"  # else it becomes `mosquitto`, who cannot read this folder
    return "\n".join([*lines, *(f"{key} {value}" for key, value in {**settings, **changed}.items())]) + "\n"
