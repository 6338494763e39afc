"""A broker of one's own: mosquitto where this machine has it, else amqtt in this process.

Both listen on 127.0.0.1 only, take anybody, and keep nothing on disk: by law 2 a broker is a disposable pipe. amqtt
carries about 1,700 QoS 1 publishes a second (measured, and it shares our core): enough for a demo, not for a
measurement or a test of security.
"""

import asyncio
import logging
import os
import shutil
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from amqtt.broker import Broker as AmqttServer
from amqtt.errors import BrokerError as AmqttError
from amqtt.session import Session

READY_S = 10.0
STOP_S = 5.0
_POLL_S = 0.02
# An MQTT 3.1.1 CONNECT with a clean session, keepalive 5 s and an empty client id; what accepts it; and the goodbye.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"
_CONNACK = b"\x20\x02\x00\x00"
_DISCONNECT = b"\xe0\x00"


class BrokerError(Exception):
    """The broker did not start; the text is one line fit for a person."""


class Broker(ABC):
    """An address that answers MQTT 3.1.1 for as long as the context is open, or between `start` and `stop`.

    A port, once taken, is kept over restarts, so that clients find the broker again.
    """

    name: str

    def __init__(self, *, port: int = 0, host: str = "127.0.0.1") -> None:
        self.host = host
        self._port = port

    @property
    def port(self) -> int:
        """The TCP port; 0 until started if none was asked for."""
        return self._port

    @abstractmethod
    async def start(self) -> None:
        """Return when a CONNECT is answered; raise BrokerError otherwise."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop; does nothing when it is not running."""

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()


def choose(folder: Path, *, port: int = 0) -> Broker:
    """Return mosquitto where this machine has it, else amqtt; not started yet. `port` 0 means any free one."""
    return Mosquitto(folder, port=port) if mosquitto_path() else Amqtt(port=port)


def mosquitto_path() -> str | None:
    """Return the mosquitto program, looking also where Debian keeps it for administrators."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen at this address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections do not count
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


async def answers(host: str, port: int) -> bool:
    """Tell whether an MQTT broker accepts a CONNECT at this address within half a second.

    An open TCP port is not enough: a broker may listen before it serves.
    """
    try:
        async with asyncio.timeout(0.5):
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

    The child has a process group of its own: Ctrl-C in a terminal reaches us and not the broker, so the houses can
    still drain. Start it from a thread that lives as long as the broker should (the main one): where `setpriv` exists
    the kernel stops the child when that thread dies, even by SIGKILL.
    """

    name = "mosquitto"

    def __init__(self, folder: Path, *, port: int = 0, host: str = "127.0.0.1") -> None:
        super().__init__(port=port, host=host)
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The child's process id; BrokerError when it is not running."""
        if self._child is None:
            raise BrokerError("mosquitto is not running")
        return self._child.pid

    async def start(self) -> None:
        """Return when a CONNECT is answered; raise BrokerError with the broker's own last words."""
        if self._child is not None:
            raise BrokerError("mosquitto is already running")
        program = mosquitto_path()
        if program is None:
            raise BrokerError("mosquitto is not installed")
        port = self._port or free_port(self.host)
        if not port_is_free(self.host, port):  # asked first: otherwise whoever has it would answer our CONNECT
            raise BrokerError(f"mosquitto: {self.host}:{port} is in use")
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "mosquitto.conf"
        settings.write_text(_settings(self.host, port), encoding="utf-8")
        log = self._folder / "mosquitto.log"
        bond = shutil.which("setpriv")
        command = [*([bond, "--pdeathsig", "TERM"] if bond else []), program, "-c", str(settings)]
        with log.open("wb") as out:
            self._child = child = subprocess.Popen(  # noqa: ASYNC220, S603 - asyncio's would be tied to one loop
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, process_group=0
            )
        try:
            async with asyncio.timeout(READY_S):
                while child.poll() is None and not await answers(self.host, port):  # noqa: ASYNC110 - no Event to wait for
                    await asyncio.sleep(_POLL_S)
        except BaseException as error:
            self.kill()
            if isinstance(error, TimeoutError):
                raise BrokerError(f"mosquitto at {self.host}:{port}: no answer in {READY_S:.0f} s") from None
            raise
        if child.poll() is not None:
            self._child = None
            raise BrokerError(f"mosquitto at {self.host}:{port}: {_last_line(log)}")
        self._port = port

    async def stop(self) -> None:
        """Stop with SIGTERM, after STOP_S with SIGKILL; does nothing when it is not running."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            await asyncio.to_thread(self._child.wait, STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._child = None

    def kill(self) -> None:
        """Kill with SIGKILL, as a power cut would, and reap; what it held is gone."""
        if self._child is not None:
            self._child.send_signal(signal.SIGKILL)
            self._child.wait()
            self._child = None

    async def restart(self) -> None:
        """Start again at the same port, stopping first what still runs."""
        await self.stop()
        await self.start()


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

    def __init__(self, *, port: int = 0, host: str = "127.0.0.1") -> None:
        super().__init__(port=port, host=host)
        self._server: _Server | None = None

    async def start(self) -> None:
        """Return when it listens; raise BrokerError if the port is taken."""
        if self._server is not None:
            raise BrokerError("amqtt is already running")
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
            raise BrokerError(f"amqtt at {self.host}:{port}: {error}") from error
        self._server, self._port = server, port

    async def stop(self) -> None:
        """Close every connection and the port; does nothing when it is not running."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.shutdown()


def _settings(host: str, port: int) -> str:
    lines = [
        f"listener {port} {host}",
        "allow_anonymous true",
        "persistence false",
        "max_queued_messages 0",  # unlimited: the default of 1000 drops beyond it, silently
        "max_queued_bytes 0",
        "max_inflight_messages 0",
        "set_tcp_nodelay true",  # an ack shall not wait for the next segment
        "sys_interval 0",
        "connection_messages false",
        "log_type error",
        "log_type warning",
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # else it becomes `mosquitto`, who cannot read this folder
    return "\n".join(lines) + "\n"


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "stopped without a word"
