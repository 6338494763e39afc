"""What is said to an identity provider, and what of its answers is believed (OpenID Connect Core 1.0). Pure.

The authorization code flow with PKCE. Of an ID token the issuer and the subject are used, and nothing else in it.
"""

import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args
from urllib.parse import quote_plus

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import JWSRegistry

from cloud.loopback import is_kept
from contract.errors import ManyiError

# Why a browser is sent out: to come in, to bind by a one-time link, to bind by the session it has.
Purpose = Literal["enter", "link", "session"]
# Why somebody does not come in, as the screens have words for it.
Said = Literal["over", "declined", "away", "untrue", "stale", "unbound", "closed", "taken", "other", "link", "patience"]

TRIP_MS = 10 * 60_000
# Between the provider's clock and the city's.
LEEWAY_S = 60
# Signed with a key that the provider alone has: never `none`, and never a secret that both know.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
# What a header says besides is passed over, as it should be (RFC 7515, 4).
_SIGNATURES = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
_SYMMETRIC = "oct"
_LONGEST_SUBJECT = 255


class Untrue(ManyiError):  # noqa: N818  (it says what happened)
    """What the provider said is not believed; the text says why, without a secret."""


class Unsigned(Untrue):
    """An ID token that none of the keys at hand has signed; there may be newer ones."""


class Stale(Untrue):
    """Whoever it is was not asked anew."""


class Unfit(ManyiError):  # noqa: N818
    """A provider that cannot be used as it describes itself; the text says why."""


class Stopped(ManyiError):  # noqa: N818
    """Somebody does not come in, or is not bound; `said` is what they are told."""

    def __init__(self, said: Said) -> None:
        super().__init__(said)
        self.said = said


class Subject(NamedTuple):
    """A person, by the provider's own lasting `word` for them."""

    issuer: str
    word: str


class Client(NamedTuple):
    """What the provider knows the city by; `back` is where it sends browsers."""

    issuer: str
    name: str
    secret: str
    back: str


class Endpoints(NamedTuple):
    """Where the provider is asked what. `basic`: it takes the city's secret in the header, else in the form.

    `signs`: it names itself where it sends a browser back (RFC 9207).
    """

    authorization: str
    token: str
    keys: str
    basic: bool
    signs: bool


def word_of(said: str) -> str:
    """Return the key of the words for `said` as it stands in an address; empty for what is none of ours."""
    return f"returned.{said}" if said in get_args(Said) else ""


def described_at(issuer: str) -> str:
    """Return the address of the provider's description of itself."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def endpoints_of(raw: bytes, issuer: str) -> Endpoints:
    """Read its description of itself. Raises `Unfit`."""
    told = _object(raw)
    if told.get("issuer") != issuer:
        raise Unfit("it describes itself as another issuer than the settings name")
    methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if not isinstance(methods, list) or not {"client_secret_basic", "client_secret_post"} & set(map(str, methods)):
        raise Unfit("it takes neither client_secret_basic nor client_secret_post")
    return Endpoints(
        _address(told, "authorization_endpoint"),
        _address(told, "token_endpoint"),
        _address(told, "jwks_uri"),
        "client_secret_basic" in methods,
        told.get("authorization_response_iss_parameter_supported") is True,
    )


def keys_of(raw: bytes) -> KeySet:
    """Read its public keys, without those that cannot be used. Raises `Unfit`."""
    listed = _object(raw).get("keys")
    if not isinstance(listed, list):
        raise Unfit("its keys cannot be read")
    keys = []
    for one in listed:
        try:
            key = JWKRegistry.import_key(one)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if key.key_type != _SYMMETRIC:
            keys.append(key)
    return KeySet(keys)


def derived(secret: str, what: Literal["state", "nonce", "verifier"]) -> str:
    """Return what a browser that keeps `secret` goes out with: 43 letters, from which nobody gets to the secret.

    So the city keeps none of the three, and only that browser brings them together again.
    """
    made = hmac.digest(secret.encode(), what.encode(), "sha256")
    return urlsafe_b64encode(made).rstrip(b"=").decode()


def is_own(secret: str, state: str) -> bool:
    """Whether a browser that keeps `secret` set out with `state`."""
    return hmac.compare_digest(derived(secret, "state").encode(), state.encode())


def way_out(endpoints: Endpoints, client: Client, secret: str, *, anew: bool) -> str:
    """Return the address that a browser is sent to. `anew`: the provider shall ask who it is, whomever it knows.

    A browser could leave that out: `max_age` has the provider say when it asked, without which nobody is bound.
    """
    more = {"prompt": "login", "max_age": "0"} if anew else {}
    address: str = prepare_grant_uri(
        endpoints.authorization,
        client_id=client.name,
        response_type="code",
        redirect_uri=client.back,
        scope="openid",
        state=derived(secret, "state"),
        nonce=derived(secret, "nonce"),
        code_challenge=create_s256_code_challenge(derived(secret, "verifier")),
        code_challenge_method="S256",
        **more,
    )
    return address


class Question(NamedTuple):
    """What the provider is asked for a token with."""

    headers: Mapping[str, str]
    body: str


def question(endpoints: Endpoints, client: Client, code: str, secret: str) -> Question:
    """Return how `code` is made into a token (RFC 6749, 4.1.3)."""
    more = {} if endpoints.basic else {"client_id": client.name, "client_secret": client.secret}
    body: str = prepare_token_request(
        "authorization_code",
        code=code,
        redirect_uri=client.back,
        code_verifier=derived(secret, "verifier"),
        **more,
    )
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    if endpoints.basic:
        pair = f"{quote_plus(client.name)}:{quote_plus(client.secret)}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return Question(headers, body)


def token_of(raw: bytes) -> str:
    """Return the ID token of the provider's answer. Raises `Unfit`."""
    token = _object(raw).get("id_token")
    if not isinstance(token, str):
        raise Unfit("its answer has no ID token")
    return token


def subject_of(token: str, keys: KeySet, client: Client, secret: str, now: int, *, since: int | None = None) -> Subject:
    """Return whom `token` is about, for the browser that keeps `secret`, at `now` (ms).

    `since` (ms): they must have been asked who they are after that. Raises `Unsigned` where another key may help,
    `Stale`, and `Untrue`.
    """
    try:
        read = jwt.decode(token, keys, registry=_SIGNATURES)
    except (BadSignatureError, InvalidKeyIdError) as bad:
        raise Unsigned("the ID token is signed by no known key") from bad
    except (JoseError, ValueError, TypeError, KeyError) as bad:
        raise Untrue(f"the ID token cannot be read: {type(bad).__name__}") from bad
    claims = CodeIDToken(
        read.claims,
        read.header,
        {"iss": {"essential": True, "value": client.issuer}, "aud": {"essential": True, "value": client.name}},
        {"nonce": derived(secret, "nonce"), "client_id": client.name},
    )
    try:
        claims.validate(now // 1000, LEEWAY_S)
    except JoseError as bad:
        raise Untrue(f"the ID token is not for this: {bad.error} {getattr(bad, 'claim', '')}".rstrip()) from bad
    word = read.claims["sub"]
    if not 1 <= len(word) <= _LONGEST_SUBJECT or not word.isprintable():
        raise Untrue("the ID token's subject is empty, too long, or no text")
    if since is not None and not _asked_between(read.claims.get("auth_time"), since // 1000, now // 1000):
        raise Stale("the provider did not ask anew who somebody is, or does not say when it did (auth_time)")
    return Subject(client.issuer, word)


def _asked_between(at: object, since: int, now: int) -> bool:
    # To Python a truth value is a number.
    return isinstance(at, int | float) and not isinstance(at, bool) and since - LEEWAY_S <= at <= now + LEEWAY_S


def _object(raw: bytes) -> Mapping[str, object]:
    try:
        told = json.loads(raw)
    except ValueError as bad:
        raise Unfit("its answer is no JSON") from bad
    if not isinstance(told, dict):
        raise Unfit("its answer is no JSON object")
    return told


def _address(told: Mapping[str, object], name: str) -> str:
    address = told.get(name)
    try:
        if isinstance(address, str) and is_kept(address):
            return address
    except ValueError:
        pass
    raise Unfit(f"its {name} is no https address")
