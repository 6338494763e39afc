"""An nginx of one's own on loopback, and the city's: the shipped `docker/nginx/cluster.conf` with a test's ports."""

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware_sim.servers.daemon import HOST, Daemon, Server, program, take_port

PACKAGE = "Debian's package nginx-light"
# Where an installation has what the shipped file includes; it stands beside that.
INSTALLED = "/etc/nginx/manyi"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx(Server):
    """A real nginx that serves what `block` puts into its http block; `block` is given the port to listen on."""

    def __init__(self, folder: Path, block: Callable[[int], str], *, port: int = 0) -> None:
        """Prepare it; the port is taken at the first start."""
        self._folder = folder
        self._block = block
        self._port = port
        self._daemon = Daemon("nginx", folder / "nginx.log")

    @staticmethod
    def check_installed() -> None:
        """Raise ServerError, which names the Debian package, where it is not there."""
        program("nginx", PACKAGE)

    @property
    def port(self) -> int:
        """The TCP port; 0 until started if none was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://{HOST}:{self._port}"

    async def start(self) -> None:
        """Return when it takes connections; raise ServerError with its own last words."""
        self._daemon.check_idle()
        nginx = program("nginx", PACKAGE)
        port = take_port("nginx", self._port)
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "nginx.conf"
        settings.write_text(whole(self._block(port)), encoding="utf-8")
        command = [nginx, "-p", str(self._folder), "-e", "stderr", "-c", str(settings)]
        await self._daemon.start(command, at=f"{HOST}:{port}", ready=lambda: _accepts(port))
        self._port = port

    async def stop(self) -> None:
        """Drop its connections and stop; does nothing when it is not running."""
        await self._daemon.stop()

    def kill(self) -> None:
        """Kill it and its workers with SIGKILL."""
        self._daemon.kill()


def whole(block: str) -> str:
    """Return a whole nginx.conf around `block`, what is in its http block; it writes below its prefix alone."""
    lines = [
        "daemon off;",
        "worker_processes 1;",
        "pid nginx.pid;",
        "error_log stderr warn;",
        "events { worker_connections 1024; }",
        "http {",
        "access_log off;",  # addresses hold what nobody shall read, such as the series' credentials
        *(f"{name}_temp_path {name};" for name in _TEMPORARY),
        block,
        "}",
    ]
    if os.geteuid() == 0:
        lines.insert(0, "user root;")  # else its workers become somebody who cannot read its folder
    return "\n".join(lines) + "\n"


class Front(Nginx):
    """The nginx in front of the city's API processes, by the file that an installation takes."""

    def __init__(self, folder: Path, shipped: Path, upstreams: Sequence[int], *, port: int = 0) -> None:
        """`shipped` is `docker/nginx/cluster.conf`, `upstreams` the processes' ports on loopback."""

        def block(own: int) -> str:
            text = rendered(shipped.read_text(encoding="utf-8"), own, upstreams)
            return text.replace(INSTALLED, str(shipped.parent))

        super().__init__(folder, block, port=port)


def rendered(shipped: str, port: int, upstreams: Sequence[int]) -> str:
    """Return the shipped file with other addresses and nothing else changed; ValueError where they are not found."""
    first, *more = re.findall(r"^ *server (\S+)( .*)?;$", shipped, flags=re.MULTILINE) or [("", "")]
    if not first[0] or any(options != first[1] for _, options in more):
        raise ValueError("docker/nginx/cluster.conf: API processes with the same options are expected in its upstreams")
    servers = "\n".join(f"    server {HOST}:{upstream}{first[1]};" for upstream in upstreams)
    text = re.sub(r"(^ *server \S+(?: .*)?;\n)+", f"{servers}\n", shipped, flags=re.MULTILINE)
    text, found = re.subn(r"^( *)listen 80;$", rf"\1listen {HOST}:{port};", text, flags=re.MULTILINE)
    if found != 1:
        raise ValueError("docker/nginx/cluster.conf: one `listen 80;` is expected")
    return text


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
