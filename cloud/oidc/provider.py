"""Asking the identity provider over HTTP: what it says of itself, its keys, and a code made into an ID token.

Nothing is asked before somebody wants to come in, and what was told holds for a while: a provider that is down is no
matter to a city that starts.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

import httpx
from joserfc.jwk import KeySet

from cloud.oidc.rules import (
    Client,
    Endpoints,
    Subject,
    Unfit,
    Unsigned,
    Untrue,
    described_at,
    endpoints_of,
    keys_of,
    question,
    subject_of,
    token_of,
    way_out,
)
from contract.errors import ManyiError

T = TypeVar("T")

ANSWER_S = 10.0
HOLDS_S = 3600.0
LONGEST_ANSWER = 256 * 1024
_SERVER_ERROR = 500


class Away(ManyiError):  # noqa: N818  (it says what happened)
    """The provider did not answer as one does; the text says what was met, without a secret."""


class _Kept(Generic[T]):
    """What was told, for `HOLDS_S`."""

    def __init__(self, ask: Callable[[], Awaitable[T]], monotonic: Callable[[], float]) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._held: tuple[T, float] | None = None

    async def get(self, *, anew: bool = False) -> T:
        held = self._held
        if held is None or anew or self._monotonic() >= held[1]:
            self._held = held = (await self._ask(), self._monotonic() + HOLDS_S)
        return held[0]


class Provider:
    """The provider that knows the city as `client`; `monotonic` counts seconds."""

    def __init__(self, client: Client, *, monotonic: Callable[[], float]) -> None:
        self.client = client
        self._endpoints = _Kept(self._ask_endpoints, monotonic)
        self._keys = _Kept(self._ask_keys, monotonic)
        # The system's own authorities, among which an office's may be.
        self._trust = ssl.create_default_context()

    async def way_out(self, secret: str, *, anew: bool) -> str:
        """Return where a browser that keeps `secret` is sent (`rules.way_out`). Raises `Away`."""
        return way_out(await self._endpoints.get(), self.client, secret, anew=anew)

    async def check_sender(self, issuer: str) -> None:
        """Raise `Untrue` where `issuer`, by which a browser says it was sent back, is another. Raises `Away`."""
        told = issuer or ("" if (await self._endpoints.get()).signs else self.client.issuer)
        if told != self.client.issuer:
            raise Untrue("a browser was sent back by another issuer")

    async def subject(self, code: str, secret: str, now: int, *, since: int | None) -> Subject:
        """Return whom the `code` is about that a browser brought which keeps `secret`, at `now` (ms).

        `since`: as in `rules.subject_of`. Raises `Away` and `Untrue`.
        """
        endpoints = await self._endpoints.get()
        asked = question(endpoints, self.client, code, secret)
        status, raw = await self._ask("POST", endpoints.token, headers=asked.headers, body=asked.body)
        if status != httpx.codes.OK:
            if status >= _SERVER_ERROR:
                raise Away(f"its token endpoint answered {status}")
            raise Untrue(f"its token endpoint answered {status}: the code, client_id or client_secret_file is wrong")
        token = _read(token_of, raw)
        try:
            return subject_of(token, await self._keys.get(), self.client, secret, now, since=since)
        except Unsigned:
            # It may have other keys by now.
            return subject_of(token, await self._keys.get(anew=True), self.client, secret, now, since=since)

    async def _ask_endpoints(self) -> Endpoints:
        raw = await self._get(described_at(self.client.issuer))
        return _read(lambda told: endpoints_of(told, self.client.issuer), raw)

    async def _ask_keys(self) -> KeySet:
        return _read(keys_of, await self._get((await self._endpoints.get()).keys))

    async def _get(self, url: str) -> bytes:
        status, raw = await self._ask("GET", url, headers={"Accept": "application/json"})
        if status != httpx.codes.OK:
            raise Away(f"{url} answered {status}")
        return raw

    async def _ask(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str | None = None
    ) -> tuple[int, bytes]:
        raw = bytearray()
        # As it comes: what is packed could unpack to any size.
        plain = {**headers, "Accept-Encoding": "identity"}
        try:
            # Neither a proxy of the environment's nor a redirection: it is who the settings name, or nobody.
            async with (
                asyncio.timeout(ANSWER_S),
                httpx.AsyncClient(
                    timeout=ANSWER_S, trust_env=False, follow_redirects=False, verify=self._trust
                ) as client,
                client.stream(method, url, content=body, headers=plain) as answer,
            ):
                async for chunk in answer.aiter_raw():
                    raw += chunk
                    if len(raw) > LONGEST_ANSWER:
                        raise Away(f"{url} answered more than {LONGEST_ANSWER} bytes")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as bad:
            raise Away(f"{url}: {type(bad).__name__}: {bad}".rstrip(": ")) from bad
        return answer.status_code, bytes(raw)


def _read(read: Callable[[bytes], T], raw: bytes) -> T:
    try:
        return read(raw)
    except Unfit as bad:
        raise Away(str(bad)) from bad
