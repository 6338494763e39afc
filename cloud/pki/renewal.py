"""A device gets the newest certificate of its key, a new one where that is old enough."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from cloud.pki.authority import Authority
from cloud.pki.request import opened
from contract.enrolment import Renew, Renewed
from contract.errors import Reason, Refused
from contract.signing import Signer


class Renewal:
    """Takes requests for the CA in `folder`, and answers them as the city `signer`; `now` is its time in ms."""

    def __init__(self, folder: Path, signer: Signer, *, now: Callable[[], int]) -> None:
        """Open the CA; raises `SettingsError`."""
        self._authority = Authority.open(folder)
        self._signer = signer
        self._now = now
        # Two requests of one device at once must not get two certificates.
        self._one = asyncio.Lock()

    async def renew(self, raw: bytes) -> bytes:
        """Answer the signed request `raw` with an entry signed by the city; raises `Refused`.

        Expired is no reason to refuse, revoked is. Who plays an old request again gets what the device got.
        """
        request = opened(raw, Renew, what="renewal")
        async with self._one:
            certificate = await asyncio.to_thread(self._renewed, request.name, request.key)
        answer = Renewed(request.name, request.key, request.nonce, certificate.decode())
        return self._signer.entry(msgspec.json.encode(answer))

    def _renewed(self, name: str, key: str) -> bytes:
        if not self._authority.held(name, key):
            raise Refused(Reason.UNKNOWN_NODE, f"{name}: no certificate was ever issued for this key")
        return self._authority.current(name, key, self._now())
