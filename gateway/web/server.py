"""The gateway's HTTP server inside its own loop: the routes it is given, and nothing else.

Only a settings file that asks for it has this module and its libraries loaded.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from contract.errors import SettingsError
from gateway.web.guard import Guard
from gateway.web.settings import Web

# A page elsewhere that makes its own name point here must not be able to read the hall's codes.
HOSTS = ["127.0.0.1", "localhost", "[::1]"]
# What is still being sent when the gateway stops has this long.
GRACE_S = 1
_BACKLOG = 64


def create_app(web: Web, routers: Sequence[APIRouter]) -> FastAPI:
    """Return the application with `routers`; whatever they do not answer is not found."""
    app = FastAPI(title="Manyi", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    for router in routers:
        app.router.routes += router.routes
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*HOSTS, web.host, *web.names], www_redirect=False)
    app.add_middleware(Guard)
    return app


@asynccontextmanager
async def serving(web: Web, routers: Sequence[APIRouter]) -> AsyncIterator[None]:
    """Serve `routers` at `web` while the context is open; what ends the house stays as it is, in no group.

    Raises `SettingsError` where the address cannot be taken.
    """
    server = _Server(create_app(web, routers))
    with _bind(web) as listener:
        answering = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]), name="web")
        try:
            # One that is told to stop before it began would not close what it listens on.
            while not (server.started or answering.done()):  # noqa: ASYNC110  (uvicorn tells by nothing else)
                await asyncio.sleep(0.01)
            yield
        finally:
            server.should_exit = True
            await answering


class _Server(uvicorn.Server):
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


def _bind(web: Web) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as bad:
        raise SettingsError(f"web.host: {web.host}: {bad.strerror or bad}") from bad
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as bad:
        listener.close()
        what = "is in use, choose another" if bad.errno == errno.EADDRINUSE else bad.strerror or str(bad)
        raise SettingsError(f"web.port: {web.port} on {web.host} {what}") from bad
    listener.setblocking(False)  # noqa: FBT003  (the socket's own signature)
    return listener
