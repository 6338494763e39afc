"""One MQTT connection: paho in its own thread, everything else on the asyncio loop.

The broker is a disposable pipe: each connection gets a new client with a clean session, so nothing that paho kept in
memory is sent twice by it, and whatever is lost with a connection is sent again by the durable hop above.

The thread drives paho by its `loop_read`, `loop_write` and `loop_misc` and not by `loop_forever`, for two reasons read
in paho 2.2: there a publish writes to the socket from the calling thread too, so that two half-written packets can mix;
and it waits with `select`, which fails in a process with more than 1,024 open files.
"""

import asyncio
import logging
import os
import random
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self, cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from contract.errors import SettingsError, Unavailable
from transport import tls
from transport.backoff import Backoff
from transport.broker import Broker

logger = logging.getLogger(__name__)

KEEPALIVE_S = 15
CONNECT_TIMEOUT_S = 5.0
# How long a stop waits until what was published before it is written.
STOP_S = 2.0
QOS = 1
_MISC_MS = 1000
_LEAVING_MS = 50


class Link:
    """A connection that comes back by itself.

    `on_up` is called on the loop after every subscription was granted, `on_down` after the connection was lost, and
    `on_receive(topic, payload)` for each arrival. A publish while down is not kept: `publish` answers False.
    `on_carried` is called each time that the broker says it has a publish: it tells how fast the line is, and nothing
    of delivery. `up` tells whether it stands, and `trouble` why the last attempt came to nothing.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        subscribe: Sequence[str],
        on_receive: Callable[[str, bytes], None],
        on_up: Callable[[], None],
        on_down: Callable[[], None],
        on_carried: Callable[[], None] | None = None,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        """Prepare; the connection begins with `async with`."""
        self.up = False
        self.trouble = ""
        self._broker = broker
        self._client_id = client_id
        self._subscribe = [(topic, QOS) for topic in subscribe]
        self._on_receive = on_receive
        self._on_up = on_up
        self._on_down = on_down
        self._on_carried = on_carried
        self._will = will
        self._client: mqtt.Client | None = None
        self._backoff = Backoff(random.uniform, tries=len(broker.addresses))
        # Where to connect to, in turn; each client in an order of its own, so that a cluster's nodes share them.
        self._addresses = deque(broker.addresses)
        random.shuffle(self._addresses)
        self._granted: dict[int, Callable[[], None]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mqtt {client_id}", daemon=True)
        self._bell = -1
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        """Start the thread; `on_up` tells when the connection stands."""
        self._loop = asyncio.get_running_loop()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send what is queued, disconnect properly (the broker drops the will) and end the thread."""
        self.up = False
        self._stopping.set()
        self._ring()
        await asyncio.to_thread(self._thread.join, STOP_S + 0.5)
        # A thread that still waits for a host that never answers ends by itself, and keeps its bell.
        if not self._thread.is_alive():
            os.close(self._bell)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand `payload` to the connection with QoS 1; False when there is none. Never an acknowledgement."""
        client = self._client
        if not self.up or client is None:
            return False
        return client.publish(topic, payload, QOS, retain).rc == mqtt.MQTT_ERR_SUCCESS

    def subscribe(self, topics: Sequence[str], granted: Callable[[], None] = lambda: None) -> None:
        """Subscribe to further topics, now if connected and at every connect from here on.

        `granted` is called on the loop once the broker delivers them, soon where it does already; not while down: then
        `on_up` tells it.
        """
        new = [(topic, QOS) for topic in topics if (topic, QOS) not in self._subscribe]
        self._subscribe.extend(new)
        if not self.up or self._client is None:
            return
        if new:
            _, mid = self._client.subscribe(new)
            if mid is not None:
                self._granted[mid] = granted
        else:
            self._call(granted)

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Listen to `topics` no more, now and after every connect from here on."""
        gone = [topic for topic in topics if (topic, QOS) in self._subscribe]
        self._subscribe = [wanted for wanted in self._subscribe if wanted[0] not in gone]
        if gone and self.up and self._client is not None:
            self._client.unsubscribe(gone)

    # On the link's own thread:

    def _run(self) -> None:
        while not self._stopping.is_set():
            host, port = self._addresses[0]
            self._addresses.rotate(-1)
            try:
                self._client = client = self._new_client()
                client.connect(host, port, KEEPALIVE_S)
                began = time.monotonic()
                self._converse(client)
            except OSError as refused:
                self.trouble = str(refused)
                logger.info("%s: broker %s:%d: %s", self._client_id, host, port, refused)
            except (Unavailable, SettingsError) as refused:
                self.trouble = str(refused)
                logger.warning("%s: broker %s:%d: %s", self._client_id, host, port, refused)
            except Exception:
                # The supervisor of a library: whatever it could not digest, the next connection begins afresh.
                logger.exception("%s: connection to %s:%d", self._client_id, host, port)
            else:
                self._backoff.lasted(time.monotonic() - began)
            finally:
                self._close()
            self._call(self._went_down)
            self._stopping.wait(self._backoff.next_s())

    def _close(self) -> None:
        """Close what a connection that ended in the midst of something left open."""
        wire = None if self._client is None else self._client.socket()
        if wire is not None:
            wire.close()

    def _converse(self, client: mqtt.Client) -> None:
        """Read and write until the connection ends; once stopping, until all is written but `STOP_S` at most."""
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        leave_by: float | None = None
        misc_at = 0.0
        while (wire := client.socket()) is not None:
            if leave_by is None and self._stopping.is_set():
                leave_by = time.monotonic() + STOP_S
                client.disconnect()
            if leave_by is not None and time.monotonic() >= leave_by:
                wire.close()
                return
            poll.register(wire, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
            # TLS unpacks a whole record where one packet is read; of what it holds back no poll tells.
            unpacked = isinstance(wire, ssl.SSLSocket) and wire.pending() > 0
            ready = dict(poll.poll(0 if unpacked else _MISC_MS if leave_by is None else _LEAVING_MS))
            if self._bell in ready:
                os.eventfd_read(self._bell)
            if unpacked or ready.get(wire.fileno(), 0) & ~select.POLLOUT:
                client.loop_read()
            if client.want_write():
                client.loop_write()
            if (now := time.monotonic()) >= misc_at:
                # Keepalive; its bounds are seconds.
                misc_at = now + _MISC_MS / 1000
                client.loop_misc()

    def _ring(self, *_: object) -> None:
        """Wake the thread, if somebody else has something for it to write."""
        if threading.current_thread() is not self._thread:
            os.eventfd_write(self._bell, 1)

    def _new_client(self) -> mqtt.Client:
        shown = tls.client_id(self._broker, self._client_id)
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=shown, clean_session=True, reconnect_on_failure=False
        )
        if (secured := tls.context(self._broker)) is not None:
            client.tls_set_context(secured)
        client.enable_logger(logging.getLogger("paho"))
        client.connect_timeout = CONNECT_TIMEOUT_S
        # Ours are the only limits: paho would queue silently and still answer rc 0.
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._password())
        if self._will is not None:
            client.will_set(self._will[0], self._will[1], QOS, retain=True)
        client.on_socket_open = _at_once
        client.on_connect = self._connected
        client.on_message = self._arrived
        on_carried = self._on_carried
        if on_carried is not None:
            client.on_publish = lambda *_: self._call(on_carried)
        # With this set, a publish leaves the writing to our thread.
        client.on_socket_register_write = self._ring
        return client

    def _password(self) -> str | None:
        if self._broker.password_file is None:
            return None
        return Path(self._broker.password_file).read_text(encoding="utf-8").strip()

    def _connected(
        self, client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self.trouble = f"it refuses us: {reason}"
            logger.warning("%s: broker %s refused: %s", self._client_id, client.host, reason)
            client.disconnect()
            return
        topics = list(self._subscribe)

        def subscribed(*answer: object) -> None:
            codes = cast("list[ReasonCode]", answer[3])
            if any(granted.is_failure for granted in codes):
                # A cluster without a leader does that for some seconds. Who stayed would be deaf and not know it.
                wanted = [topic for topic, _ in self._subscribe]
                self.trouble = f"it refuses a subscription to {', '.join(wanted)}"
                logger.warning("%s: broker %s refuses a subscription to %s", self._client_id, client.host, wanted)
                client.disconnect()
                return
            self._call(self._subscribed, client, answer[2], topics)

        client.on_subscribe = subscribed
        if topics:
            client.subscribe(topics)
        else:
            self._call(self._came_up, client, topics)

    def _arrived(self, _client: mqtt.Client, _userdata: object, arrival: mqtt.MQTTMessage) -> None:
        self._call(self._on_receive, arrival.topic, arrival.payload)

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        assert self._loop is not None  # noqa: S101  (the thread is started by __aenter__, which sets it)
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            # The loop was closed before this thread ended: nobody is left to tell.
            self._stopping.set()

    # On the loop:

    def _subscribed(self, client: mqtt.Client, mid: int, topics: list[tuple[str, int]]) -> None:
        if client is self._client and mid in self._granted:
            self._granted.pop(mid)()
        else:
            self._came_up(client, topics)

    def _came_up(self, client: mqtt.Client, granted: list[tuple[str, int]]) -> None:
        if client is not self._client or self.up or self._stopping.is_set():
            return
        # What was asked for, or no more wanted, while the connection was being made.
        more = [wanted for wanted in self._subscribe if wanted not in granted]
        if gone := [topic for topic, qos in granted if (topic, qos) not in self._subscribe]:
            client.unsubscribe(gone)
        if more:
            _, mid = client.subscribe(more)
            if mid is not None:
                self._granted[mid] = partial(self._came_up, client, [*granted, *more])
            return
        self.up = True
        self._on_up()

    def _went_down(self) -> None:
        self._granted.clear()
        if self.up:
            self.up = False
            self._on_down()


def _at_once(_client: mqtt.Client, _userdata: object, opened: "mqtt.SocketLike") -> None:
    """Let no segment wait for the acknowledgement of the one before (Nagle): that cost 40 ms a hop, measured."""
    # Another kind of socket comes with websockets only, and with TLS one that is a socket too.
    cast("socket.socket", opened).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
