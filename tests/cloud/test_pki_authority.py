"""The CA's folder: nothing is handed out that it does not hold, no serial is given twice, and a broker's folder."""

import os
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from cloud.pki import authority as authorities
from cloud.pki import rules
from cloud.pki.authority import Authority
from cloud.pki.broker import furnish
from contract.errors import SettingsError
from contract.signing import Signer
from transport import deposit
from transport.lock import locked

AT = 1_800_000_000_000
A1, A2 = "371721121-a1", "371721121-a2"
KEY, OTHER = Signer(bytes(32)).public, Signer(bytes(range(32))).public


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ca"


@pytest.fixture
def authority(folder: Path) -> Authority:
    return Authority.found(folder, AT)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def states(authority: Authority, at: int = AT) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in authority.issued():
        found.setdefault(one.name, []).append(one.state(at, authority.revoked()))
    return found


def test_a_ca_is_founded_once_with_a_key_for_its_owner_alone(authority: Authority, folder: Path) -> None:
    assert mode(folder) == 0o700
    assert mode(folder / "ca.key") == 0o600
    assert Authority.open(folder).fingerprint == authority.fingerprint
    assert authority.revoked() == frozenset()
    before = (folder / "ca.key").read_bytes()
    with pytest.raises(SettingsError, match="not empty"):
        Authority.found(folder, AT)
    assert (folder / "ca.key").read_bytes() == before


def test_what_is_issued_is_kept_before_it_is_handed_out(
    authority: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = authority.issue(A1, KEY, AT)
    (kept,) = (folder / "issued").iterdir()
    assert kept.read_bytes() == made
    x509.load_pem_x509_certificate(made).verify_directly_issued_by(
        x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    )

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match=r"No space left on device; nothing was issued$"):
        authority.issue(A2, OTHER, AT)


def test_no_serial_is_given_twice_even_by_a_folder_restored_from_a_copy(folder: Path, authority: Authority) -> None:
    for _ in range(20):
        authority.issue(A1, KEY, AT)
    serials = {one.serial for one in authority.issued()}
    assert len(serials) == 20
    for file in (folder / "issued").iterdir():
        file.unlink()
    again = Authority.open(folder)
    for _ in range(20):
        again.issue(A1, KEY, AT)
    assert not serials & {one.serial for one in again.issued()}


@pytest.mark.parametrize("name", ["+", "a/b", "../x", "broker-city", "371721", "city2", ""])
def test_a_name_that_is_not_allowed_is_issued_nothing(authority: Authority, folder: Path, name: str) -> None:
    with pytest.raises(SettingsError):
        authority.issue(name, KEY, AT)
    assert list((folder / "issued").iterdir()) == []


def test_a_key_that_is_none_is_refused(authority: Authority) -> None:
    with pytest.raises(SettingsError, match=r"--key: a public key is 32 bytes.*`keygen` printed it$"):
        authority.issue(A1, "x", AT)


def test_a_name_is_revoked_with_all_its_certificates_and_one_by_its_serial(authority: Authority) -> None:
    for name in (A1, A1, A2, A2):
        authority.issue(name, KEY, AT)
    assert [one.name for one in authority.revoke(A1, "stolen", AT)] == [A1, A1]
    assert authority.revoke(A1, "stolen", AT) == []
    one = next(one for one in authority.issued() if one.name == A2)
    assert authority.revoke(one.serial.upper(), "replaced", AT) == [one]
    assert states(authority) == {A1: ["revoked", "revoked"], A2: ["revoked", "valid"]}
    with pytest.raises(SettingsError, match="never issued such a certificate"):
        authority.revoke("371721121-a3", "stolen", AT)


def test_a_certificate_issued_after_a_revocation_is_valid(authority: Authority) -> None:
    authority.issue(A1, KEY, AT)
    authority.revoke(A1, "stolen", AT)
    authority.issue(A1, OTHER, AT)
    assert sorted(states(authority)[A1]) == ["revoked", "valid"]


def test_two_who_revoke_at_once_do_not_undo_each_other(
    authority: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorities, "PATIENCE_S", 0.05)
    authority.issue(A1, KEY, AT)
    with locked(folder / "crl.pem"), pytest.raises(SettingsError, match="in use by another process"):
        authority.revoke(A1, "stolen", AT)


def test_the_list_is_renewed_with_what_is_on_it(authority: Authority, folder: Path) -> None:
    authority.issue(A1, KEY, AT)
    authority.revoke(A1, "stolen", AT)
    later = AT + 9 * 365 * rules.DAY_MS
    renewed = x509.load_pem_x509_crl(authority.renew_list(later))
    assert rules.listed(renewed) == authority.revoked() != frozenset()
    assert renewed.next_update_utc is not None
    assert renewed.next_update_utc.timestamp() * 1000 > later + 10 * 365 * rules.DAY_MS
    assert (folder / "crl.pem").read_bytes() == renewed.public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("ca.pem", None, "`manyi pki init` founds a CA"),
        ("ca.pem", "rubbish", "is no certificate"),
        ("ca.key", None, "cannot be read as a key"),
        ("ca.key", "A" * 43, "ca.key is not the key of ca.pem"),
    ],
)
def test_a_folder_that_is_no_ca_is_one_line(
    authority: Authority, folder: Path, file: str, content: str | None, said: str
) -> None:
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(SettingsError, match=said) as caught:
        Authority.open(folder)
    assert "\n" not in str(caught.value)


def test_a_list_of_another_ca_or_none_is_not_gone_on_with(authority: Authority, folder: Path, tmp_path: Path) -> None:
    authority.issue(A1, KEY, AT)
    other = Authority.found(tmp_path / "other", AT)
    (folder / "crl.pem").write_bytes(other.renew_list(AT))
    with pytest.raises(SettingsError, match="this CA did not sign it"):
        authority.revoke(A1, "stolen", AT)
    (folder / "crl.pem").write_text("rubbish")
    with pytest.raises(SettingsError, match="cannot be read as a revocation list"):
        authority.revoked()
    (folder / "issued" / "x.pem").write_text("rubbish")
    with pytest.raises(SettingsError, match="cannot be read as a certificate"):
        list(authority.issued())


def test_what_cannot_be_written_is_one_line(
    tmp_path: Path, authority: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="a CA cannot be founded here"):
        Authority.found(tmp_path / "file" / "ca", AT)
    with pytest.raises(SettingsError, match="a broker's files cannot be written here"):
        furnish(authority, "city", ["localhost"], tmp_path / "file" / "b", port=1, at=AT)
    monkeypatch.setattr(deposit, "token_hex", lambda _: "taken")
    (folder / ".crl.pem.taken").mkdir()
    with pytest.raises(SettingsError, match=r"crl\.pem: cannot be written"):
        authority.renew_list(AT)


def test_a_brokers_folder_holds_all_that_it_needs(authority: Authority, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "broker"
    furnish(authority, "371721121", ["10.0.0.2", "Gate.Example"], out, port=8884, at=AT)

    assert {file.name: mode(file) for file in out.iterdir()} == {
        "mosquitto.conf": 0o644,
        "acl": 0o644,
        "ca.pem": 0o644,
        "crl.pem": 0o644,
        "broker.pem": 0o644,
        "broker.key": 0o600,
    }
    certificate = x509.load_pem_x509_certificate((out / "broker.pem").read_bytes())
    key = load_pem_private_key((out / "broker.key").read_bytes(), None)
    assert certificate.public_key() == key.public_key()
    assert rules.read(certificate).name == "broker-371721121"
    assert f"keyfile {out}/broker.key\n" in (out / "mosquitto.conf").read_text()
    assert "listener 8884\n" in (out / "mosquitto.conf").read_text()
    assert (out / "ca.pem").read_bytes() == (folder / "ca.pem").read_bytes() == authority.certificate
    assert states(authority) == {"broker-371721121": ["valid"]}


def test_a_broker_is_furnished_again_with_a_new_key_for_another_machine(authority: Authority, tmp_path: Path) -> None:
    out = tmp_path / "broker"
    furnish(authority, "city", ["localhost"], out, port=8883, at=AT)
    before = (out / "broker.key").read_bytes()
    furnish(authority, "city", ["localhost"], out, port=8883, at=AT, lives=Path("/etc/mosquitto/manyi"))
    assert (out / "broker.key").read_bytes() != before
    assert "cafile /etc/mosquitto/manyi/ca.pem\n" in (out / "mosquitto.conf").read_text()


def test_a_broker_of_no_place_or_host_is_refused_before_anything_is_written(
    authority: Authority, tmp_path: Path
) -> None:
    for place, host in (("371721", "localhost"), ("city", "*.example")):
        with pytest.raises(SettingsError):
            furnish(authority, place, [host], tmp_path / "broker", port=8883, at=AT)
    assert not (tmp_path / "broker").exists()
    assert list(authority.issued()) == []
