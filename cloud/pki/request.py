"""A device's request to the CA: signed by the very key that it is about. Pure."""

from typing import TypeVar

import msgspec

from contract.bundle import Signed
from contract.enrolment import Enrol, Renew
from contract.errors import Reason, Refused
from contract.signing import public_key, verify

R = TypeVar("R", bound=Enrol | Renew)


def opened(raw: bytes, kind: type[R], *, what: str) -> R:
    """The `kind` of request in `raw`, a signed entry; raises `Refused`, which calls it `what`."""
    entry = Signed.of(raw)
    try:
        request = msgspec.json.decode(entry.body, type=kind)
        key = public_key(request.key)
    except (msgspec.DecodeError, ValueError) as bad:
        raise Refused(Reason.UNDECODABLE, f"{what}: {bad}") from bad
    if not verify(entry.body, entry.signature, key):
        who = request.node if isinstance(request, Enrol) else request.name
        raise Refused(Reason.WRONG_SIGNATURE, f"{who}: not signed by the key that it is about")
    return request
