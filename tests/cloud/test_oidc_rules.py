"""What is believed of an identity provider, by keys of one's own: everything else is refused."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, OctKey, RSAKey

from cloud.oidc.rules import (
    LEEWAY_S,
    Client,
    Endpoints,
    Stale,
    Stopped,
    Subject,
    Unfit,
    Unsigned,
    Untrue,
    derived,
    described_at,
    endpoints_of,
    is_own,
    keys_of,
    question,
    subject_of,
    token_of,
    way_out,
    word_of,
)

NOW = 1_795_370_494_364
SECRET = "s" * 43
ISSUER = "https://id.example/city"
CLIENT = Client(ISSUER, "manyi", "p:ss wörd", "https://city.example/login/oidc/back")
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
OTHER = RSAKey.generate_key(2048, {"kid": "one"})
CURVE = ECKey.generate_key("P-256", {"kid": "two"})
KEYS = KeySet([RSAKey.import_key(KEY.as_dict(private=False)), ECKey.import_key(CURVE.as_dict(private=False))])
DESCRIBED: dict[str, object] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example/auth?tenant=7",
    "token_endpoint": "https://id.example/token",
    "jwks_uri": "https://keys.example/jwks",
}
ENDPOINTS = Endpoints(
    "https://id.example/auth?tenant=7", "https://id.example/token", "https://keys.example/jwks", basic=True, signs=False
)


def claims(**more: object) -> dict[str, Any]:
    told = {
        "iss": ISSUER,
        "sub": "u-1",
        "aud": CLIENT.name,
        "exp": NOW // 1000 + 300,
        "iat": NOW // 1000 - 5,
        "nonce": derived(SECRET, "nonce"),
        **more,
    }
    return {name: said for name, said in told.items() if said is not None}


def signed(told: dict[str, Any], key: Key = KEY, alg: str = "RS256", **header: object) -> str:
    return jwt.encode({"alg": alg, "kid": key.kid, **header}, told, key, algorithms=[alg])


def read(token: str, keys: KeySet = KEYS) -> Subject:
    return subject_of(token, keys, CLIENT, SECRET, NOW)


@pytest.mark.parametrize(
    "token",
    [
        lambda: signed(claims()),
        lambda: signed(claims(aud=[CLIENT.name])),
        lambda: signed(claims(aud=[CLIENT.name, "others"], azp=CLIENT.name)),
        lambda: signed(claims(exp=NOW // 1000 - LEEWAY_S + 1)),
        lambda: signed(claims(iat=NOW // 1000 + LEEWAY_S - 1)),
        lambda: signed(claims(), CURVE, "ES256"),
        lambda: by_key({"alg": "RS256"}),
        # What a header says besides is passed over.
        lambda: by_key({"alg": "RS256", "vendor": "x"}),
        lambda: signed(claims(name="root1", role="admin")),
    ],
)
def test_a_token_for_this_browser_says_who_it_is(token: Callable[[], str]) -> None:
    assert read(token()) == Subject(ISSUER, "u-1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://id.example"},
        {"iss": None},
        {"aud": "others"},
        {"aud": ["others"]},
        {"aud": None},
        {"aud": [CLIENT.name, "others"]},
        {"aud": [CLIENT.name, "others"], "azp": "others"},
        {"azp": "others"},
        {"exp": NOW // 1000 - LEEWAY_S},
        {"exp": None},
        {"exp": "never"},
        {"iat": NOW // 1000 + LEEWAY_S + 1},
        {"iat": None},
        {"nbf": NOW // 1000 + LEEWAY_S + 1},
        {"nonce": derived("t" * 43, "nonce")},
        {"nonce": None},
        {"nonce": ""},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
        {"auth_time": "now"},
    ],
    ids=str,
)
def test_a_token_for_anything_else_is_not_believed(wrong: dict[str, object]) -> None:
    with pytest.raises(Untrue):
        read(signed(claims(**wrong)))


@pytest.mark.parametrize("auth_time", [NOW // 1000, NOW // 1000 - LEEWAY_S, NOW // 1000 + LEEWAY_S, NOW / 1000])
def test_whoever_was_asked_since_may_bind(auth_time: float) -> None:
    token = signed(claims(auth_time=auth_time))
    assert subject_of(token, KEYS, CLIENT, SECRET, NOW, since=NOW) == Subject(ISSUER, "u-1")


@pytest.mark.parametrize(
    "auth_time",
    [None, 0, NOW // 1000 - LEEWAY_S - 1, NOW // 1000 + LEEWAY_S + 1, True, float("nan"), float("inf"), NOW],
    ids=str,
)
def test_whoever_was_asked_before_or_never_binds_nothing(auth_time: float | None) -> None:
    token = signed(claims(auth_time=auth_time))
    with pytest.raises(Stale):
        subject_of(token, KEYS, CLIENT, SECRET, NOW, since=NOW)
    # To come in, whoever the provider knows is asked nothing.
    assert subject_of(token, KEYS, CLIENT, SECRET, NOW) == Subject(ISSUER, "u-1")


def pieced(header: dict[str, object], seal: Callable[[bytes], bytes]) -> str:
    """A token as no library makes one."""
    parts = [b64(json.dumps(part).encode()) for part in ({"kid": "one", **header}, claims())]
    return ".".join([*parts, b64(seal(".".join(parts).encode()))])


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_secret(secret: bytes) -> str:
    return pieced({"alg": "HS256"}, lambda text: hmac.digest(secret, text, "sha256"))


def by_key(header: dict[str, object]) -> str:
    private = KEY.private_key
    assert private is not None
    return pieced(header, lambda text: private.sign(text, padding.PKCS1v15(), hashes.SHA256()))


def altered() -> str:
    first, _, last = signed(claims()).split(".")
    return f"{first}.{signed(claims(sub='u-2')).split('.')[1]}.{last}"


@pytest.mark.parametrize(
    "token",
    [
        # With the public key as if it were a secret that both know, in each of the forms that it has.
        lambda: by_secret(KEY.as_pem(private=False)),
        lambda: by_secret(KEY.as_der(private=False)),
        lambda: by_secret(CLIENT.secret.encode()),
        lambda: pieced({"alg": "none"}, lambda _: b""),
        lambda: pieced({"alg": "None"}, lambda _: b""),
        lambda: pieced({"alg": "RS256"}, lambda _: b""),
        lambda: pieced({}, lambda _: b""),
        lambda: signed(claims(), OTHER, jwk=OTHER.as_dict(private=False)),
        lambda: by_key({"alg": "RS256", "crit": ["exp"], "exp": 1}),
        altered,
        lambda: signed(claims(), OTHER),
        lambda: "not a token",
        lambda: "",
        lambda: "a.b.c",
    ],
)
def test_a_forged_token_is_not_believed(token: Callable[[], str]) -> None:
    with pytest.raises(Untrue):
        read(token())


def test_a_key_that_is_not_known_may_be_a_newer_one() -> None:
    with pytest.raises(Unsigned):
        read(signed(claims(), OTHER))
    for keys in (KeySet([]), KeySet([CURVE])):
        with pytest.raises(Unsigned):
            read(signed(claims()), keys)
    with pytest.raises(Untrue) as told:
        read(signed(claims(aud="others")))
    assert not isinstance(told.value, Unsigned)
    assert "aud" in str(told.value)


def test_a_secret_among_the_keys_is_none_of_them() -> None:
    secret = OctKey.generate_key(256, {"kid": "three"})
    listed = [secret.as_dict(private=True), {"kty": "RSA"}, {"kty": "later"}, "x", KEY.as_dict(private=False)]
    assert [key.kid for key in keys_of(json.dumps({"keys": listed}).encode())] == ["one"]
    for wrong in (b"", b"[]", b"{}", b'{"keys": 7}', b"\xff"):
        with pytest.raises(Unfit):
            keys_of(wrong)


def test_a_provider_describes_itself() -> None:
    assert described_at(ISSUER) == described_at(f"{ISSUER}/") == f"{ISSUER}/.well-known/openid-configuration"
    assert endpoints_of(json.dumps(DESCRIBED).encode(), ISSUER) == ENDPOINTS
    post = {**DESCRIBED, "token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert endpoints_of(json.dumps(post).encode(), ISSUER).basic is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "https://id.example/city/"},
        {"token_endpoint": "http://id.example/token"},
        {"token_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "ftp://localhost/auth"},
        {"jwks_uri": "https://[bad"},
        {"jwks_uri": None},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
        {"token_endpoint_auth_methods_supported": 7},
    ],
    ids=str,
)
def test_a_provider_that_cannot_be_used_is_none(wrong: dict[str, object]) -> None:
    with pytest.raises(Unfit):
        endpoints_of(json.dumps({**DESCRIBED, **wrong}).encode(), ISSUER)


@given(st.text(), st.text())
def test_only_the_browser_that_set_out_is_taken_back(one: str, other: str) -> None:
    state = derived(f"{one}1", "state")
    assert is_own(f"{one}1", state)
    assert not is_own(f"{other}2", state)
    assert not is_own(f"{one}1", other)
    assert len({derived(one, "state"), derived(one, "nonce"), derived(one, "verifier")}) == 3


def test_the_way_out_has_a_challenge_and_no_secret() -> None:
    address = way_out(ENDPOINTS, CLIENT, SECRET, anew=True)
    asked = {name: said[0] for name, said in parse_qs(urlsplit(address).query).items()}
    assert asked == {
        "tenant": "7",
        "response_type": "code",
        "client_id": "manyi",
        "redirect_uri": CLIENT.back,
        "scope": "openid",
        "state": derived(SECRET, "state"),
        "nonce": derived(SECRET, "nonce"),
        # RFC 7636: no verifier, only its SHA-256.
        "code_challenge": asked["code_challenge"],
        "code_challenge_method": "S256",
        "prompt": "login",
        "max_age": "0",
    }
    assert SECRET not in address
    assert derived(SECRET, "verifier") not in address
    plain = way_out(ENDPOINTS, CLIENT, SECRET, anew=False)
    assert "prompt" not in plain
    assert "max_age" not in plain


def test_a_code_is_asked_for_in_either_way() -> None:
    basic = question(ENDPOINTS, CLIENT, "c&d", SECRET)
    # "manyi:p%3Ass+w%C3%B6rd", as RFC 6749 has it in 2.3.1.
    assert basic.headers["Authorization"] == "Basic bWFueWk6cCUzQXNzK3clQzMlQjZyZA=="
    sent = parse_qs(basic.body)
    assert (sent["code"], sent["code_verifier"]) == (["c&d"], [derived(SECRET, "verifier")])
    assert "client_secret" not in sent
    posted = question(ENDPOINTS._replace(basic=False), CLIENT, "c", SECRET)
    assert "Authorization" not in posted.headers
    assert parse_qs(posted.body)["client_secret"] == [CLIENT.secret]


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"id_token": 7}', b"[]"])
def test_an_answer_without_a_token_is_none(answer: bytes) -> None:
    with pytest.raises(Unfit):
        token_of(answer)


def test_only_words_of_ours_stand_on_a_page() -> None:
    assert word_of("away") == "returned.away"
    assert word_of("<b>") == word_of("") == ""
    assert Stopped("away").said == "away"
