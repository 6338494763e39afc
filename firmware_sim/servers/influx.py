"""An InfluxDB of one's own: Debian's 1.6.7 behind an nginx that gives it the writing address of version 2.

It asks for a user and a password, which clients send as version 2 does: `Authorization: Token user:password`. 1.6 does
not know that word, so nginx passes both on as parameters; nothing here logs what was asked.
"""

import secrets
from pathlib import Path
from urllib.parse import urlencode

import httpx

from firmware_sim import loopback
from firmware_sim.servers.daemon import HOST, Daemon, Server, ServerError, program, take_port
from firmware_sim.servers.nginx import Nginx

PACKAGE = "Debian's package influxdb"
USER = "manyi"
_READY_S = 20.0
SETTINGS = """\
reporting-disabled = true
bind-address = "{host}:{rpc}"
[meta]
  dir = "{folder}/meta"
  logging-enabled = false
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  wal-fsync-delay = "0s"
  index-version = "tsi1"
  query-log-enabled = false
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[http]
  bind-address = "{host}:{http}"
  auth-enabled = true
  log-enabled = false
  suppress-write-log = true
  pprof-enabled = false
[ifql]
  enabled = false
[logging]
  level = "warn"
  suppress-logo = true
[continuous_queries]
  enabled = false
"""
SHIM = """\
map $arg_bucket $database {{ default $arg_bucket; "~*^(?<before>.+?)(/|%2F)(.+)$" $before; }}
map $arg_bucket $retention {{ default ""; "~*^(.+?)(/|%2F)(?<after>.+)$" $after; }}
map $arg_precision $unit {{ default "n"; "us" "u"; "ms" "ms"; "s" "s"; }}
map $http_authorization $user {{ default ""; "~^Token (?<name>[^:]+):.+$" $name; }}
map $http_authorization $password {{ default ""; "~^Token [^:]+:(?<word>.+)$" $word; }}
map $http_authorization $as {{ default ""; "~^Token " "&u=$user&p=$password"; }}
map $http_authorization $otherwise {{ default $http_authorization; "~^Token " ""; }}
client_max_body_size 64m;
upstream influx {{ server {host}:{http}; keepalive 16; }}
server {{
    listen {host}:{port};
    error_log stderr crit;  # below that it would write down what it passed on, password and all
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization $otherwise;
    location = /api/v2/write {{ proxy_pass http://influx/write?db=$database&rp=$retention&precision=$unit$as; }}
    location = /query {{ proxy_pass http://influx/query?$args$as; }}
    location = /ping {{ proxy_pass http://influx/ping; }}
    location = /health {{ default_type application/json; return 200 '{{"name":"influxdb","status":"pass"}}'; }}
}}
"""


class Influx(Server):
    """InfluxDB and its nginx. `kill`, `pause` and `resume` hurt InfluxDB alone; nginx then answers 502 or waits."""

    def __init__(self, folder: Path) -> None:
        """Prepare it; ports and password are chosen at the first start."""
        self._folder = folder
        self._daemon = Daemon("influxd", folder / "influxd.log")
        self._http = 0
        self._shim = Nginx(folder / "shim", lambda port: SHIM.format(host=HOST, http=self._http, port=port))
        self.token_file = folder / "token"

    @staticmethod
    def check_installed() -> None:
        """Raise ServerError, which names the Debian package, where a program that it needs is not there."""
        program("influxd", PACKAGE)
        Nginx.check_installed()

    @property
    def url(self) -> str:
        """Where clients of version 2 find it, without a slash at the end."""
        return self._shim.url

    @property
    def token(self) -> str:
        """What clients send: user and password with a colon between."""
        return self.token_file.read_text(encoding="utf-8").strip()

    @property
    def pid(self) -> int:
        """InfluxDB's process id; ServerError when it is not running."""
        return self._daemon.pid

    async def start(self) -> None:
        """Return when both answer; raise ServerError with the last words of the one that does not."""
        await self.come_back()
        try:
            await self._shim.start()
        except BaseException:
            self._daemon.kill()
            raise

    async def stop(self) -> None:
        """Stop both; does nothing when they are not running."""
        await self._shim.stop()
        await self.go_away()

    async def come_back(self) -> None:
        """Start InfluxDB alone, after `go_away` or `kill`."""
        self._daemon.check_idle()
        influxd = program("influxd", PACKAGE)
        http = take_port("influxd", self._http)
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "influxdb.conf"
        # Nobody asks for its second port, which serves backups: any will do.
        text = SETTINGS.format(folder=self._folder, host=HOST, http=http, rpc=take_port("influxd", 0))
        settings.write_text(text, encoding="utf-8")
        self._http = http
        command = [influxd, "-config", str(settings)]
        await self._daemon.start(command, at=f"{HOST}:{http}", ready=self._answers, within_s=_READY_S)
        if not self.token_file.exists():
            await self._make_user()

    async def go_away(self) -> None:
        """Stop InfluxDB alone: its nginx stays and answers 502."""
        await self._daemon.stop()

    def kill(self) -> None:
        """Kill InfluxDB with SIGKILL; `come_back` brings it back with what it acknowledged."""
        self._daemon.kill()

    def pause(self) -> None:
        """Make InfluxDB hang."""
        self._daemon.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._daemon.resume()

    async def query(self, statement: str, database: str = "") -> list[dict[str, object]]:
        """Ask in InfluxQL and return the series of the first answer; ServerError where it refuses."""
        asked = urlencode({"q": statement, "db": database})
        async with loopback.client(timeout=30) as client:
            answer = await client.post(f"{self.url}/query?{asked}", headers={"Authorization": f"Token {self.token}"})
        said = answer.json()
        (first,) = said.get("results", [{}])
        if failed := said.get("error") or first.get("error"):
            raise ServerError(f"influxd: {failed}")
        series: list[dict[str, object]] = first.get("series", [])
        return series

    async def _make_user(self) -> None:
        password = secrets.token_urlsafe(24)
        # As long as there is nobody it lets anybody make the first user.
        statement = f"CREATE USER {USER} WITH PASSWORD '{password}' WITH ALL PRIVILEGES"
        async with loopback.client() as client:
            answer = await client.post(f"http://{HOST}:{self._http}/query", data={"q": statement})
        if not answer.is_success:
            raise ServerError(f"influxd: no user was made: {answer.text.strip()}")
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(f"{USER}:{password}", encoding="utf-8")

    async def _answers(self) -> bool:
        try:
            async with loopback.client(timeout=1) as client:
                return (await client.get(f"http://{HOST}:{self._http}/ping")).is_success
        except httpx.TransportError:
            return False
