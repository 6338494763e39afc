"""Invitations in the CA's folder: each is for one name, until a day, and for whoever comes first.

```
invited/<id>.json     for whom, until when, and the digest of the secret: never the secret
invited/<id>.used     the public key that came with it first; no other key will do from then on
```
"""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from ssl import PEM_cert_to_DER_cert

import msgspec

from cloud.pki import access, names
from contract import enrolment
from contract.enrolment import Invitation
from contract.errors import SettingsError
from transport.deposit import create

_INVITED = "invited"


class Invited(msgspec.Struct, frozen=True):
    """An invitation for the device `name` until `until` (ms); `digest` (hexadecimal) is what seals are made with."""

    name: str
    until: int
    digest: str


class Invitations:
    """Those of the CA in `folder`."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read before somebody asks."""
        self._ca = folder / access.CA
        self._folder = folder / _INVITED

    def invite(self, name: str, until: int, *, random: Callable[[int], bytes] = os.urandom) -> Invitation:
        """Invite the device called `name` to enrol until `until` (ms); the invitation is on disk when this returns.

        Raises `SettingsError` for a name that nobody can enrol under.
        """
        if names.role_of(name) not in {"node", "gateway"}:
            raise SettingsError(f"{name}: only a node or a gateway enrols; for this one there is `manyi pki issue`")
        try:
            ca = sha256(PEM_cert_to_DER_cert(self._ca.read_text(encoding="ascii"))).digest()
            made = Invitation(enrolment.new_id(random), random(enrolment.SECRET_BYTES), ca)
            kept = Invited(name, until, enrolment.shared(made.secret).hex())
            self._folder.mkdir(mode=0o700, exist_ok=True)
            create(self._folder / f"{made.id}.json", msgspec.json.encode(kept))
        except (OSError, ValueError) as bad:
            raise SettingsError(f"{self._folder}: an invitation cannot be kept here: {bad}") from bad
        return made

    def find(self, id_: str) -> Invited | None:
        """The invitation `id_`, which has the form of one; None where there is none."""
        try:
            return msgspec.json.decode((self._folder / f"{id_}.json").read_bytes(), type=Invited)
        except FileNotFoundError:
            return None

    def holder(self, id_: str) -> str | None:
        """The key that used the invitation `id_`; None while nobody has."""
        try:
            return (self._folder / f"{id_}.used").read_text(encoding="ascii")
        except FileNotFoundError:
            return None

    def claim(self, id_: str, key: str) -> bool:
        """Let `key` have the invitation `id_`; False where another one has it. The first one gets it for good."""
        try:
            create(self._folder / f"{id_}.used", key.encode())
        except FileExistsError:
            return self.holder(id_) == key
        return True
