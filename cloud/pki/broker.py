"""The folder of a broker: all that mosquitto needs to be the one of a township or of the city, ready to start."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cloud.pki import access
from cloud.pki.authority import Authority
from contract.errors import SettingsError
from contract.signing import Signer
from transport.deposit import PUBLIC, replace
from transport.keys import SEED_BYTES, pem


def furnish(
    authority: Authority,
    place: str,
    hosts: Sequence[str],
    out: Path,
    *,
    port: int,
    at: int,
    lives: Path | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> None:
    """Write into the folder `out`, also over an older furnishing, what the broker of `place` at `hosts` needs.

    Its key is new each time. `lives`: where the folder will be on the broker's machine, if elsewhere; mosquitto wants
    absolute paths. Raises `SettingsError`.
    """
    seed = random(SEED_BYTES)
    certificate = authority.for_broker(place, hosts, Signer(seed).public, at)
    revoked = authority.renew_list(at)
    try:
        out.mkdir(parents=True, exist_ok=True)
        replace(out / access.KEY, pem(seed))
        replace(out / access.CERTIFICATE, certificate, PUBLIC)
        replace(out / access.CA, authority.certificate, PUBLIC)
        replace(out / access.REVOKED, revoked, PUBLIC)
        replace(out / access.ACL, access.acl(place).encode(), PUBLIC)
        replace(out / access.CONF, access.conf(lives or out.resolve(), port).encode(), PUBLIC)
    except OSError as bad:
        raise SettingsError(f"{out}: a broker's files cannot be written here: {bad.strerror}") from bad
