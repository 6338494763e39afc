"""An OpenID provider of one's own: the certified `oidc-provider` for node, with the few lines of `provider.mjs`."""

from pathlib import Path

import httpx

from cloud.settings import OidcSettings
from firmware_sim import loopback
from firmware_sim.servers.daemon import Daemon, Server, ServerError, program, take_port

HERE = Path(__file__).parent
PACKAGE = "Debian's package nodejs"
CLIENT, SECRET = "manyi-city", "tests-only-" * 4
_READY_S = 20.0


class OpenId(Server):
    """A provider at `issuer` on loopback, whose browsers go back to `site`; a restart gives it other keys.

    Its name is localhost, so that to a browser it is another site than the city at 127.0.0.1.
    """

    def __init__(self, folder: Path, site: str) -> None:
        self._folder = folder
        self._site = site
        self._port = 0
        self._daemon = Daemon("oidc-provider", folder / "oidc-provider.log")

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self._port}"

    @property
    def settings(self) -> OidcSettings:
        """What a city's settings say of it."""
        file = self._folder / "oidc.secret"
        file.touch(mode=0o600)
        file.write_text(f"{SECRET}\n", encoding="utf-8")
        return OidcSettings(self.issuer, CLIENT, str(file), self._site)

    async def start(self) -> None:
        """Return when it describes itself."""
        node = program("node", PACKAGE)
        if not (HERE / "node_modules").is_dir():
            raise ServerError(f"oidc-provider is not installed: run .ci/system, or npm ci in {HERE}")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._port = take_port("oidc-provider", self._port)
        command = [node, str(HERE / "provider.mjs"), str(self._port), CLIENT, SECRET, f"{self._site}/login/oidc/back"]
        await self._daemon.start(command, at=self.issuer, ready=self._answers, within_s=_READY_S)

    async def stop(self) -> None:
        """Stop it; codes and sessions are gone."""
        await self._daemon.stop()

    async def _answers(self) -> bool:
        try:
            async with loopback.client() as client:
                return (await client.get(f"{self.issuer}/.well-known/openid-configuration")).is_success
        except httpx.TransportError:
            return False
