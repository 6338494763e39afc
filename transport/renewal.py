"""A device's certificate renews itself: every day it asks the city for the newest one, and the city says if it is time.

It asks for the key that lies there, which may be newer than the one that this process signs with: the link reads both
files anew at each connection. So no device has to know a date. An expired certificate is renewed like any other;
meanwhile the broker refuses us, and what was pressed waits where it is.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated

import msgspec

from contract.bundle import Signed
from contract.enrolment import RENEW, Renew, Renewed
from contract.errors import SettingsError, Unavailable
from contract.identity import EPOCH_BITS, epoch_text
from contract.signing import public_key, verify
from transport.broker import Broker
from transport.deposit import PUBLIC, replace
from transport.enrolment import post
from transport.keys import read_key

logger = logging.getLogger(__name__)

EVERY_S = 86_400.0
# At most this long after a start or a failure, drawn evenly: a city that was away is not asked by all at once.
AGAIN_S = 600.0

CityUrl = Annotated[str, msgspec.Meta(pattern=r"^https?://[^@?#\s]+$")]


class Renewal:
    """Asks the city at `city` (URL), whose public key is `city_key`, for the certificate of `broker` under `name`."""

    def __init__(self, city: str, broker: Broker, city_key: str, *, name: str) -> None:
        """Nothing is asked yet; raises `SettingsError` where there is no certificate to renew."""
        if broker.certificate is None or broker.key is None:
            raise SettingsError("city_url: without `ca` and `certificate` of the broker there is nothing to renew")
        self._city = city
        self._file = Path(broker.certificate)
        self._key = Path(broker.key)
        self._city_key = public_key(city_key)
        self._name = name

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await asyncio.sleep(random.uniform(0, AGAIN_S))  # noqa: S311  (no secret)
            if await asyncio.to_thread(self.ask):
                await asyncio.sleep(EVERY_S)

    def ask(self) -> bool:
        """Ask once, and keep a certificate that is new; False, with the reason in the log, where that did not work."""
        try:
            certificate = self._newest()
            if self._file.read_bytes() != certificate:
                replace(self._file, certificate, PUBLIC)
                logger.info("%s: a new certificate is in %s", self._name, self._file)
        except (SettingsError, Unavailable, OSError) as failed:
            logger.warning("%s: the certificate was not renewed: %s", self._name, failed)
            return False
        return True

    def _newest(self) -> bytes:
        """The certificate that the city signs for now; raises `SettingsError` or `Unavailable`."""
        signer = read_key(self._key)
        asked = Renew(self._name, signer.public, epoch_text(secrets.randbits(EPOCH_BITS)))
        entry = Signed.of(post(self._city, RENEW, signer.entry(msgspec.json.encode(asked))))
        if not verify(entry.body, entry.signature, self._city_key):
            raise SettingsError(f"{self._city}: what it answers is not signed by the city: is this its address?")
        try:
            answer = msgspec.json.decode(entry.body, type=Renewed)
        except msgspec.DecodeError as bad:
            raise SettingsError(f"{self._city}: what it answers cannot be read: {bad}") from bad
        if (answer.name, answer.key, answer.nonce) != (asked.name, asked.key, asked.nonce):
            raise SettingsError(f"{self._city}: it answers what was not asked")
        if read_key(self._key).public != signer.public:
            raise SettingsError(f"{self._key}: another key took its place meanwhile")
        return answer.certificate.encode()


@asynccontextmanager
async def renewing(renewal: Renewal) -> AsyncIterator[None]:
    """Have the certificate renewed while the context is open; what ends the house stays as it is, in no group."""
    asking = asyncio.get_running_loop().create_task(renewal.run(), name="renewal")
    try:
        yield
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
