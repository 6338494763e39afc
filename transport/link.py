"""One MQTT connection: paho in its own thread, everything else on the asyncio loop.

The broker is a disposable pipe: each connection gets a new client with a clean session, so nothing that paho kept in
memory is sent twice by it, and whatever is lost with a connection is sent again by the durable hop above.
"""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from transport.backoff import Backoff

logger = logging.getLogger(__name__)

KEEPALIVE_S = 15
CONNECT_TIMEOUT_S = 5.0
QOS = 1


class Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a broker is and who we are there; the password stands in a file of its own."""

    host: str
    port: int = 1883
    username: str | None = None
    password_file: str | None = None


class Link:
    """A connection that comes back by itself.

    `on_up` is called on the loop after every subscription was granted, `on_down` after the connection was lost, and
    `on_receive(topic, payload)` for each arrival. A publish while down is not kept: `publish` answers False.
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
        will: tuple[str, bytes] | None = None,
    ) -> None:
        """Prepare; the connection begins with `async with`."""
        self.up = False
        self._broker = broker
        self._client_id = client_id
        self._subscribe = [(topic, QOS) for topic in subscribe]
        self._on_receive = on_receive
        self._on_up = on_up
        self._on_down = on_down
        self._will = will
        self._client: mqtt.Client | None = None
        self._backoff = Backoff(random.uniform)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mqtt {client_id}", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        """Start the thread; `on_up` tells when the connection stands."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send what is queued, disconnect properly (the broker drops the will) and end the thread."""
        self._stopping.set()
        client = self._client
        if client is not None:
            client.disconnect()
        await asyncio.to_thread(self._thread.join, CONNECT_TIMEOUT_S + 1.0)
        self.up = False

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand `payload` to the connection with QoS 1; False when there is none. Never an acknowledgement."""
        client = self._client
        if not self.up or client is None:
            return False
        return client.publish(topic, payload, QOS, retain).rc == mqtt.MQTT_ERR_SUCCESS

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe to further topics, now if connected and at every connect from here on."""
        new = [(topic, QOS) for topic in topics if (topic, QOS) not in self._subscribe]
        self._subscribe.extend(new)
        if new and self.up and self._client is not None:
            self._client.subscribe(new)

    def _run(self) -> None:
        while not self._stopping.is_set():
            client = self._new_client()
            self._client = client
            try:
                client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
                client.loop_forever(retry_first_connection=False)
            except OSError as refused:
                logger.info("%s: broker %s:%d: %s", self._client_id, self._broker.host, self._broker.port, refused)
            self._call(self._went_down)
            self._stopping.wait(self._backoff.next_s())

    def _new_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._client_id, clean_session=True, reconnect_on_failure=False
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        # Ours are the only limits: paho would queue silently and still answer rc 0.
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._password())
        if self._will is not None:
            client.will_set(self._will[0], self._will[1], QOS, retain=True)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._arrived
        return client

    def _password(self) -> str | None:
        if self._broker.password_file is None:
            return None
        return Path(self._broker.password_file).read_text(encoding="utf-8").strip()

    # On paho's thread:

    def _connected(
        self, client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            logger.warning("%s: broker %s refused: %s", self._client_id, self._broker.host, reason)
            client.disconnect()
        elif self._subscribe:
            client.subscribe(self._subscribe)
        else:
            self._call(self._came_up, client)

    def _subscribed(self, client: mqtt.Client, *_: object) -> None:
        if not self.up:
            self._call(self._came_up, client)

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

    def _came_up(self, client: mqtt.Client) -> None:
        if client is self._client and not self.up and not self._stopping.is_set():
            self._backoff.reset()
            self.up = True
            self._on_up()

    def _went_down(self) -> None:
        if self.up:
            self.up = False
            self._on_down()
