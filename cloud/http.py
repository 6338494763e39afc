"""The city's HTTP server inside the city's own loop."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from cloud.settings import Http
from contract.errors import SettingsError

# What is still being sent when the city stops has this long; streams are ended before.
GRACE_S = 1
_BACKLOG = 256


def bind(http: Http) -> socket.socket:
    """Take the port before anything else is started; `SettingsError` where somebody else has it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(http.host, http.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as bad:
        raise SettingsError(f"http.host: {http.host}: {bad.strerror or bad}") from bad
    try:
        # A port that was used a moment ago may be taken again; one that somebody listens on may not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as bad:
        listener.close()
        what = "is in use, choose another" if bad.errno == errno.EADDRINUSE else bad.strerror or str(bad)
        raise SettingsError(f"http.port: {http.port} on {http.host} {what}") from bad
    listener.setblocking(False)  # noqa: FBT003  (the socket's own signature)
    return listener


def address_of(listener: socket.socket) -> str:
    """Return where the wall is served, as a person types it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class Server(uvicorn.Server):
    """uvicorn as a task among others: signals belong to the composition root."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave SIGTERM and SIGINT alone."""
        yield

    def stop(self) -> None:
        """End `serve`: no new connections, then a short grace for the open ones."""
        self.should_exit = True
