"""The line between townships and city: TCP from one port to another, cut until it is opened.

The gateways of this measurement are run by this module too, `python -m bench.line SPEC.json`, so that they find the
line within seconds of its return: after a day each would wait up to two minutes, which spreads them kindly.
"""

import asyncio
import sys
from functools import partial
from typing import Self

from firmware_sim.servers.daemon import HOST, free_port
from firmware_sim.townships import main
from transport import link
from transport.backoff import Backoff

LONGEST_WAIT_S = 4.0


class Line:
    """`port` is there from the beginning, and refuses until `open`; what then connects is passed on to `beyond`."""

    def __init__(self, beyond: int) -> None:
        self.port = free_port()
        self._beyond = beyond
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Let connections through from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _End(self._beyond), HOST, self.port, backlog=1024)

    async def __aenter__(self) -> Self:
        """Begin cut."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take nobody any more."""
        if self._server is not None:
            self._server.close()


class _End(asyncio.Protocol):
    """One end of one connection; what comes before the other end stands waits."""

    def __init__(self, beyond: int = 0, other: asyncio.Transport | None = None) -> None:
        self._beyond = beyond
        self._other = other
        self._early = bytearray()
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        if self._beyond:
            loop = asyncio.get_running_loop()
            self._connecting = loop.create_task(self._connect(transport), name="line")

    async def _connect(self, near: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        self._other, _ = await loop.create_connection(lambda: _End(other=near), HOST, self._beyond)
        self._other.write(bytes(self._early))
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early += data
        else:
            self._other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (the protocol's signature)
        if self._other is not None:
            self._other.close()


if __name__ == "__main__":
    link.Backoff = partial(Backoff, last_s=LONGEST_WAIT_S)  # type: ignore[attr-defined,assignment]
    sys.exit(main())
