"""A Docker engine of one's own, and the base images, on machines where no registry can be reached."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware_sim.servers.daemon import HOST
from firmware_sim.servers.influx import SETTINGS, SHIM
from firmware_sim.servers.nginx import whole

BASE = "python:3.11-slim-bookworm"
SERVERS = {
    "eclipse-mosquitto:2": "mosquitto",
    "nginx:1": "nginx",
    "postgres:15": "postgres",
    "influxdb:1.8": "influxdb",
}
_HERE = Path(__file__).parent
_PYTHON = ("python3", "python3-pip", "python3-venv", "ca-certificates")
_DEBIAN = ("mosquitto", "mosquitto-clients", "nginx-light", "postgresql", "influxdb", "influxdb-client", "curl")
_START_S = 60
# What lets this machine install anything, if it is not like others.
_PIP = ("/etc/pip.conf", str(Path("~/.config/pip/pip.conf").expanduser()), str(Path("~/.pip/pip.conf").expanduser()))


class EngineError(Exception):
    """What a command of the engine said as it failed."""


def wait(what: str, seen: Callable[[], bool], within_s: float = 90.0) -> None:
    """Wait until `seen()`."""
    deadline = time.monotonic() + within_s
    while not seen():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.5)


class Engine:
    """A dockerd with its images and containers in `folder`; it and everything in it ends with `stop`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "docker.sock"
        self._log = folder / "dockerd.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = {
            **os.environ,
            # Debian's own first: elsewhere on a PATH there may be a client that is too new for the engine.
            "PATH": f"/usr/bin:/usr/sbin:/bin:/sbin:{os.environ['PATH']}",
            "DOCKER_HOST": f"unix://{self._socket}",
            "COMPOSE_HTTP_TIMEOUT": "180",
            "DOCKER_BUILDKIT": "0",
        }

    def start(self) -> None:
        """Return when it answers. No firewall is touched and no default bridge made: networks are the tests' own."""
        flags = ("--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false")
        command = [
            "dockerd",
            *("-H", f"unix://{self._socket}", "--data-root", str(self._folder / "data")),
            *("--exec-root", str(self._folder / "exec"), "--pidfile", str(self._folder / "dockerd.pid")),
            *flags,
            "--storage-driver=overlay2",
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment)
        deadline = time.monotonic() + _START_S
        while self._run(["docker", "info"]).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise EngineError(f"dockerd did not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End it and the containers that are left."""
        if self._process is not None:
            left = self._run(["docker", "ps", "-aq"]).stdout.split()
            if left:
                self._run(["docker", "rm", "-f", "-v", *left])
            self._process.terminate()
            self._process.wait(30)
            self._process = None
            # It leaves the namespace of its own network mounted, and a folder with a mount cannot be deleted.
            for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
                if (mounted := Path(line.split()[1])).is_relative_to(self._folder):
                    subprocess.run(["umount", str(mounted)], check=True)

    def docker(self, *words: str | Path) -> str:
        """Run `docker` with `words` and return what it printed; `EngineError` where it fails."""
        return self._checked(["docker", *map(str, words)])

    def compose(self, file: Path, *words: str | Path, **settings: str) -> str:
        """Run `docker-compose` on `file`, with further `settings` in its environment."""
        return self._checked(["docker-compose", "-f", str(file), *map(str, words)], **settings)

    def health(self, container: str) -> str:
        """Return what the container's health check says."""
        return self.docker("inspect", "-f", "{{.State.Health.Status}}", container).strip()

    def image_mb(self, image: str) -> float:
        """Return how large an image is, MB."""
        return int(self.docker("image", "inspect", "-f", "{{.Size}}", image)) / 1e6

    def make_base(self) -> None:
        """Make Debian's python the image that the Dockerfiles begin with."""
        self._import(BASE, _PYTHON, _equipped)

    def make_servers(self) -> None:
        """Make images with Debian's servers, by the names under which the compose files ask for them."""
        self._import("manyi-servers", ("ca-certificates", *_DEBIAN), _lightened)
        context = self._folder / "servers"
        shutil.copytree(_HERE / "servers", context)
        settings = SETTINGS.format(folder="/var/lib/influxdb", host=HOST, http=8087, rpc=8088)
        (context / "influxdb.conf").write_text(settings, encoding="utf-8")
        shim = SHIM.format(host=HOST, http=8087, port=8086).replace(f"listen {HOST}:8086", "listen 8086")
        (context / "influxdb.nginx").write_text(whole(shim), encoding="utf-8")
        for image, name in SERVERS.items():
            self.docker("build", "-q", "-t", image, "-f", context / f"{name}.Dockerfile", context)

    def _import(self, image: str, packages: Sequence[str], equip: Callable[[Path], None]) -> None:
        root = self._folder / f"root-{packages[-1]}"
        include = f"--include={','.join(packages)}"
        self._checked(["debootstrap", "--variant=minbase", include, "bookworm", str(root)])
        try:
            equip(root)
            archive = root.with_suffix(".tar")
            self._checked(["tar", "-C", str(root), "-cf", str(archive), "."])
            self._checked(["docker", "import", str(archive), image])
            archive.unlink()
        finally:
            shutil.rmtree(root)

    def _checked(self, command: Sequence[str], **settings: str) -> str:
        done = self._run(command, **settings)
        if done.returncode != 0:
            raise EngineError(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def _run(self, command: Sequence[str], **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **settings}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _equipped(root: Path) -> None:
    """Make a new Debian like this machine, as to where things are installed from, and like python's own image."""
    trusted = Path("/usr/local/share/ca-certificates")
    for certificate in trusted.glob("*.crt"):
        shutil.copy(certificate, root / trusted.relative_to("/"))
    subprocess.run(["chroot", str(root), "update-ca-certificates"], check=True, capture_output=True)
    settings = [Path(file).read_text(encoding="utf-8") for file in _PIP if Path(file).exists()]
    (root / "etc/pip.conf").write_text(_merged(settings), encoding="utf-8")
    (root / "usr/bin/python").symlink_to("python3")
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    _lightened(root)


def _lightened(root: Path) -> None:
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man"):
        shutil.rmtree(root / folder, ignore_errors=True)


def _merged(settings: Sequence[str]) -> str:
    lines = [line for text in settings for line in text.splitlines() if line.strip() not in {"", "[global]"}]
    # A folder of this machine is none of the image's.
    return (
        "\n".join(["[global]", *(line for line in lines if not line.startswith(("find-links", "extra-index")))]) + "\n"
    )
