"""Certificates and the revocation list, read back; names that no certificate may have; what a broker is told."""

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from cloud.pki import access, names, rules
from contract.errors import SettingsError
from contract.topics import NodeLeaf, TownshipLeaf

AT = 1_800_000_000_000
DAY_MS = rules.DAY_MS
SEED, OTHER = bytes(range(32)), bytes(32)
PUBLIC = Ed25519PrivateKey.from_private_bytes(OTHER).public_key().public_bytes_raw()
CA = rules.found(SEED, serial=7, at=AT)


def device(name: str = "371721121-a1", serial: int = 9) -> x509.Certificate:
    return rules.for_device(CA, name=name, key=PUBLIC, serial=serial, at=AT)


def broker(*hosts: str) -> x509.Certificate:
    return rules.for_broker(CA, name="broker-371721121", key=PUBLIC, hosts=hosts, serial=10, at=AT)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("371721121-a1", "node"),
        ("371721121", "gateway"),
        ("city", "city"),
        ("broker-city", "broker"),
        ("broker-371721121", "broker"),
    ],
)
def test_a_name_says_whose_certificate_it_is(name: str, role: str) -> None:
    assert names.role_of(name) == role


@pytest.mark.parametrize(
    "name", ["", "371721", "37172112", "3717211211", "371721121-", "371721121-A1", "City", "broker-", "broker-x", "+"]
)
def test_another_name_has_no_certificate(name: str) -> None:
    with pytest.raises(SettingsError, match="is no name for a certificate; allowed: a node"):
        names.role_of(name)


@given(st.text(alphabet="0123456789-abcity+#/%$\n\u0661u", max_size=24))
def test_no_allowed_name_reaches_beyond_its_own_topics(name: str) -> None:
    try:
        names.role_of(name)
    except SettingsError:
        return
    assert name.isascii()
    assert not set(name) & set("+#/%$\n ")


def test_a_device_is_never_called_like_a_broker() -> None:
    assert names.device("371721121") == "371721121"
    with pytest.raises(SettingsError, match="made with its hosts"):
        names.device("broker-city")
    with pytest.raises(SettingsError, match="has no broker"):
        names.broker("371721121-a1")


@pytest.mark.parametrize(
    ("text", "host"),
    [("Broker-1.Example", "broker-1.example"), ("10.0.0.2", "10.0.0.2"), ("::0001", "::1"), ("localhost", "localhost")],
)
def test_a_host_has_one_spelling(text: str, host: str) -> None:
    assert names.host(text) == host


@pytest.mark.parametrize("text", ["", "*.example", "a b", "-a", "a-", "a..b", "a\n", "h:8883", "甲.example", "a" * 64])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="--host"):
        names.host(text)


def test_a_device_certificate_says_who_with_which_key_for_two_years() -> None:
    made = device()
    made.verify_directly_issued_by(CA.certificate)
    assert rules.read(made) == rules.Issued(
        "371721121-a1", f"{9:040x}", PUBLIC, AT - DAY_MS, AT + rules.LIFE_DAYS * DAY_MS
    )


def test_a_device_opens_connections_and_a_broker_takes_them_and_neither_does_both() -> None:
    uses = [
        list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        for made in (device(), broker("localhost"))
    ]
    assert uses == [[ExtendedKeyUsageOID.CLIENT_AUTH], [ExtendedKeyUsageOID.SERVER_AUTH]]
    for made in (device(), broker("localhost")):
        assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
        usage = made.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.digital_signature, usage.key_cert_sign, usage.crl_sign) == (True, False, False)


def test_a_broker_is_known_by_all_its_hosts() -> None:
    made = broker("localhost", "10.0.0.2", "::1")
    hosts = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert hosts.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in hosts.get_values_for_type(x509.IPAddress)] == ["10.0.0.2", "::1"]


def test_a_ca_signs_certificates_only_and_makes_no_other_ca() -> None:
    limits = CA.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (limits.critical, limits.value.ca, limits.value.path_length) == (True, True, 0)
    years = (CA.certificate.not_valid_after_utc - CA.certificate.not_valid_before_utc).days / 365.25
    assert 20 <= years < 20.02
    assert rules.found(SEED, serial=8, at=AT).certificate.subject != CA.certificate.subject


def test_a_certificate_wants_renewal_from_half_its_life() -> None:
    issued = rules.read(device())
    half = (issued.begins + issued.until) // 2
    assert [issued.state(at) for at in (AT, half - 1, half, issued.until, issued.until + 1)] == [
        "valid",
        "valid",
        "renew",
        "renew",
        "expired",
    ]
    assert {issued.state(at, [issued.serial]) for at in (AT, half, issued.until + 1)} == {"revoked"}
    assert issued.state(AT, [f"{1:040x}"]) == "valid"


def test_the_list_keeps_what_was_on_it_with_its_reason_and_runs_ten_years() -> None:
    first = rules.revocations(CA, None, [f"{9:040x}"], "stolen", AT)
    second = rules.revocations(CA, first, [f"{10:040x}"], "retired", AT + DAY_MS)

    assert rules.listed(first) == {f"{9:040x}"}
    assert rules.listed(second) == {f"{9:040x}", f"{10:040x}"}
    assert second.is_signature_valid(CA.key.public_key())
    reasons = [entry.extensions.get_extension_for_class(x509.CRLReason).value.reason for entry in second]
    assert reasons == [x509.ReasonFlags.key_compromise, x509.ReasonFlags.cessation_of_operation]
    assert [entry.revocation_date_utc for entry in second] == [
        datetime.fromtimestamp(AT / 1000 + day * 86_400, UTC) for day in (0, 1)
    ]
    assert second.next_update_utc is not None
    assert second.last_update_utc is not None
    assert (second.next_update_utc - second.last_update_utc).days / 365.25 > 10
    numbers = [made.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for made in (first, second)]
    assert numbers[0] < numbers[1]


def test_what_is_none_of_ours_is_not_read() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "371721121-a1")])
    moment = datetime.fromtimestamp(AT / 1000, UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(moment)
        .not_valid_after(moment)
        .sign(key, SHA256())
    )
    with pytest.raises(ValueError, match="one common name and an Ed25519 key"):
        rules.read(made)


def test_every_leaf_of_the_contract_is_written_by_one_side_and_read_by_the_other() -> None:
    assert sorted([*access.NODE_WRITES, *access.NODE_READS]) == sorted(get_args(NodeLeaf))
    assert sorted([*access.TOWNSHIP_WRITES, *access.TOWNSHIP_READS]) == sorted(get_args(TownshipLeaf))


def test_the_access_list_of_a_township() -> None:
    assert access.acl("371721121").splitlines() == [
        "pattern write manyi/1/%u/ratings",
        "pattern write manyi/1/%u/status",
        "pattern read manyi/1/%u/acks",
        "pattern read manyi/1/%u/config",
        "pattern read manyi/1/%u/prompt",
        "user 371721121",
        "topic read manyi/1/+/ratings",
        "topic read manyi/1/+/status",
        "topic write manyi/1/+/acks",
        "topic write manyi/1/+/config",
        "topic write manyi/1/+/prompt",
    ]


def test_the_access_list_of_the_city() -> None:
    assert access.acl("city").splitlines() == [
        "pattern write manyi/1/+/%u/live",
        "pattern write manyi/1/+/%u/backlog",
        "pattern write manyi/1/+/%u/status",
        "pattern read manyi/1/+/%u/acks",
        "pattern read manyi/1/+/%u/config",
        "pattern read manyi/1/+/%u/hall",
        "user city",
        "topic read manyi/1/+/+/live",
        "topic read manyi/1/+/+/backlog",
        "topic read manyi/1/+/+/status",
        "topic write manyi/1/+/+/acks",
        "topic write manyi/1/+/+/config",
        "topic write manyi/1/+/+/hall",
    ]


def test_a_broker_asks_everybody_for_a_certificate_and_keeps_the_limits_of_the_open_one() -> None:
    def settings(text: str) -> dict[str, str]:
        lines = [line.partition(" ") for line in text.splitlines() if line and not line.startswith(("#", "log_"))]
        return {key: value for key, _, value in lines}

    made = settings(access.conf(Path("/etc/mosquitto/manyi"), 8883))
    assert made["listener"] == "8883"
    assert (made["allow_anonymous"], made["require_certificate"]) == ("false", "true")
    assert (made["use_identity_as_username"], made["tls_version"]) == ("true", "tlsv1.3")
    files = ("cafile", "certfile", "keyfile", "crlfile", "acl_file")
    assert [made[file] for file in files] == [
        f"/etc/mosquitto/manyi/{name}" for name in ("ca.pem", "broker.pem", "broker.key", "crl.pem", "acl")
    ]
    open_one = settings((Path(__file__).parents[2] / "docker" / "mosquitto.conf").read_text(encoding="utf-8"))
    for key in open_one.keys() - {"listener", "allow_anonymous"}:
        assert made[key] == open_one[key], key
