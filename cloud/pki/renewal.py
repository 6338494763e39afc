"""A device gets the newest certificate of its key, a new one where that is old enough."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from cloud.pki.authority import Authority
from cloud.pki.request import opened
from contract.enrolment import Renew, Renewed
from contract.errors import Reason, Refused
from contract.signing import Signer

logger = logging.getLogger(__name__)


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
            certificate = await asyncio.to_thread(self._newest, request.name, request.key)
        answer = Renewed(request.name, request.key, request.nonce, certificate.decode())
        return self._signer.entry(msgspec.json.encode(answer))

    def _newest(self, name: str, key: str) -> bytes:
        now, revoked = self._now(), self._authority.revoked()
        held = self._authority.of(name, key)
        if not held:
            raise Refused(Reason.UNKNOWN_NODE, f"{name}: no certificate was ever issued for this key")
        if any(one.serial in revoked for one in held):
            raise Refused(Reason.WRONG_SIGNATURE, f"{name}: a certificate of this key was revoked")
        if held[-1].state(now) == "valid":
            return self._authority.text(held[-1])
        logger.info("%s: renewed", name)
        return self._authority.issue(name, key, now)
