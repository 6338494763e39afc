"""A device gets its first certificate from the city, by an invitation that somebody carried to it."""

import argparse
import getpass
import http.client
import ssl
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from contract import enrolment
from contract.enrolment import ENROL, Enrol, Enrolled, Invitation
from contract.errors import SettingsError, Unavailable
from transport.broker import Broker
from transport.deposit import PUBLIC, rename, replace
from transport.keys import new_key, read_key
from transport.tls import context

TIMEOUT_S = 20.0
_LONGEST = 65_536
_LONGEST_LINE = 1024


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Let a house's command line have `enrol`."""
    enrol = commands.add_parser("enrol", help="get this device's certificate from the city, by an invitation")
    enrol.add_argument("--config", type=Path, required=True, metavar="FILE", help="the device's TOML file")
    enrol.add_argument("--city", required=True, metavar="URL", help="the city's pages, e.g. http://10.0.0.10")
    enrol.add_argument("--new-key", action="store_true", help="with a new key in place of the one that is there")
    enrol.add_argument(
        "--token-file", type=Path, metavar="FILE", help="the file with the invitation; without it you are asked for it"
    )


def invitation(file: Path | None) -> Invitation:
    """Read the invitation from `file`, or from whoever sits here; never from arguments, which everybody can list."""
    try:
        if file is None:
            text = getpass.getpass("invitation: ")
        else:
            with file.open(encoding="ascii") as opened:
                text = opened.read(_LONGEST_LINE)
    except (OSError, UnicodeDecodeError, EOFError) as bad:
        raise SettingsError(f"{file or 'invitation'}: cannot be read: {bad}") from bad
    try:
        return Invitation.read(text)
    except ValueError as bad:
        raise SettingsError(f"{file or 'invitation'}: {bad}") from bad


def enrol(
    city: str, invited: Invitation, *, node: str, key: Path, brokers: Sequence[Broker], config: Path, anew: bool = False
) -> str:
    """Have the key in the file `key`, made if there is none, certified as that of `node`; return its public half.

    `anew`: another key takes its place once the city has certified that; until then the old one is there.
    The certificates are written where `brokers`, which stand in the file `config`, name them. Raises `SettingsError`
    where something must be put right first, and `Unavailable` where the city does not answer: then the same again gets
    the same certificate.
    """
    places = {(broker.ca, broker.certificate) for broker in brokers}
    (ca, certificate), *others = places
    if others or ca is None or certificate is None:
        raise SettingsError(f"{config}: set `ca` and `certificate` of the broker (both brokers alike): where to write")
    # The same one again after an attempt that was interrupted: the invitation is its by now.
    asking = key.with_name(f"{key.name}.new") if anew else key
    public = read_key(asking).public if asking.exists() else new_key(asking)
    seal = enrolment.asked(enrolment.shared(invited.secret), node, public)
    request = msgspec.json.encode(Enrol(invited.id, node, public, seal))
    answer = _answer(city, read_key(asking).entry(request), invited)
    try:
        replace(Path(ca), answer.ca.encode(), PUBLIC)
        replace(Path(certificate), answer.certificate.encode(), PUBLIC)
        if anew:
            rename(asking, key)
    except OSError as bad:
        raise SettingsError(f"{certificate}: cannot be written: {bad.strerror}") from bad
    for broker in brokers:
        context(broker)
    return public


def _answer(city: str, request: bytes, invited: Invitation) -> Enrolled:
    """What the city says, once it is sure that it is the one that invited us."""
    try:
        raw = post(city, ENROL, request)
    except Unavailable as bad:
        raise Unavailable(f"{bad}; run the same command again") from bad
    try:
        answer = msgspec.json.decode(raw, type=Enrolled)
        ca = sha256(ssl.PEM_cert_to_DER_cert(answer.ca)).digest()
    except (msgspec.DecodeError, ValueError) as bad:
        raise SettingsError(f"--city {city}: what it answers is no certificate") from bad
    seal = enrolment.answered(enrolment.shared(invited.secret), answer.certificate, answer.ca)
    if ca != invited.ca or not enrolment.same(answer.seal, seal):
        raise SettingsError(f"--city {city}: it is not the city that made this invitation; nothing was written")
    return answer


def post(city: str, path: str, body: bytes) -> bytes:
    """Send `body` to `path` of the pages at `city` (URL) and return what is answered.

    Who the other end is, TLS is not asked: what is answered must prove itself. Raises `Unavailable` where nobody
    answers or it is too much now, `SettingsError` where the answer is no.
    """
    try:
        where = urlsplit(city)
        port = where.port
    except ValueError as bad:
        raise SettingsError(f"--city {city}: {bad}") from bad
    if where.scheme not in {"http", "https"} or not where.hostname:
        raise SettingsError(f"--city {city}: expected http://host or https://host")
    if where.scheme == "http":
        wire = http.client.HTTPConnection(where.hostname, port, timeout=TIMEOUT_S)
    else:
        unasked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unasked.check_hostname, unasked.verify_mode = False, ssl.CERT_NONE
        wire = http.client.HTTPSConnection(where.hostname, port, timeout=TIMEOUT_S, context=unasked)
    try:
        wire.request("POST", where.path.rstrip("/") + path, body, {"Content-Type": "application/json"})
        said = wire.getresponse()
        answer = said.read(_LONGEST)
    except (OSError, http.client.HTTPException) as bad:
        raise Unavailable(f"{city}: {str(bad) or type(bad).__name__}") from bad
    finally:
        wire.close()
    if said.status == http.client.OK:
        return answer
    detail = _detail(answer) or said.reason
    if said.status >= http.client.INTERNAL_SERVER_ERROR or said.status == http.client.TOO_MANY_REQUESTS:
        raise Unavailable(f"{city}: {detail}")
    raise SettingsError(f"{city}: {said.status}: {detail}")


def _detail(answer: bytes) -> str:
    try:
        return str(msgspec.json.decode(answer, type=dict[str, str])["detail"])
    except (msgspec.DecodeError, KeyError):
        return ""
