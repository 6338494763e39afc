"""`manyi pki` as an administrator runs it, without a city and without a network."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from cloud.database import open_database
from cloud.pki.authority import Authority
from cloud.pki.invitations import Invitations
from cloud.registry.load import register
from cloud.registry.store import nodes
from contract.enrolment import Invitation
from contract.errors import SettingsError
from contract.signing import Signer
from tests.cli.test_db import settings
from transport.keys import new_key

NODE = "371721121-a1"
DAY_MS = 86_400_000


def manyi(*words: object) -> Result:
    return CliRunner().invoke(app, ["pki", *map(str, words)])


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    done = manyi("init", tmp_path / "ca")
    assert done.exit_code == 0
    assert f"SHA-256 {Authority.open(tmp_path / 'ca').fingerprint}" in done.stdout
    return tmp_path / "ca"


def listed(ca: Path) -> list[tuple[str, str]]:
    told = json.loads(manyi("list", ca, "--json").stdout)["certificates"]
    return [(one["name"], one["state"]) for one in told]


def test_a_certificate_is_printed_listed_and_revoked(ca: Path, tmp_path: Path) -> None:
    assert "no certificate was issued yet" in manyi("list", ca).stdout
    issued = manyi("issue", ca, NODE, "--key", new_key(tmp_path / "node.key"))
    assert issued.exit_code == 0
    assert issued.stdout.startswith("-----BEGIN CERTIFICATE-----\n")
    assert issued.stdout.endswith("-----END CERTIFICATE-----\n")
    assert listed(ca) == [(NODE, "valid")]

    (one,) = json.loads(manyi("list", ca, "--json").stdout)["certificates"]
    assert 729 * DAY_MS < one["until"] - time.time() * 1000 < 731 * DAY_MS
    table = manyi("list", ca).stdout
    assert all(text in table for text in (NODE, one["serial"], "valid"))

    done = manyi("revoke", ca, NODE, "--reason", "stolen")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, f"revoked {NODE} {one['serial']}")
    assert "restart" in done.stdout
    assert listed(ca) == [(NODE, "revoked")]
    assert "revoked already" in manyi("revoke", ca, one["serial"], "--reason", "stolen").stdout


def test_a_revoked_key_ends_in_the_citys_registry(ca: Path, tmp_path: Path, errand: asyncio.Runner) -> None:
    config, key = settings(tmp_path, "city.db"), new_key(tmp_path / "node.key")

    async def registered() -> list[tuple[str, bool]]:
        async with await open_database(str(tmp_path / "city.db")) as database:
            await register(database.writer, f'{{"nodes": [{{"node": "{NODE}", "key": "{key}"}}]}}', 5)
            async with database.reader.connect() as connection:
                return [(one.node, one.valid_to is None) for one in await nodes(connection)]

    assert errand.run(registered()) == [(NODE, True)]
    manyi("issue", ca, NODE, "--key", key)
    assert manyi("revoke", ca, NODE, "--reason", "stolen").exit_code == 0
    # Later is not too late.
    done = manyi("revoke", ca, NODE, "--reason", "stolen", "--config", config)
    assert f"ended the key of {NODE} in the registry" in done.stdout
    assert "revoked already" in done.stdout
    again = manyi("revoke", ca, NODE, "--reason", "stolen", "--config", config)
    assert "ended no key in the registry: these are not in it, or had ended before" in again.stdout
    # Whoever registers it again, knowingly or not, does not bring it back.
    with pytest.raises(SettingsError, match="this key was replaced or revoked: make a new one"):
        errand.run(registered())


def test_with_a_misspelt_database_it_is_revoked_and_the_registry_is_not_made(ca: Path, tmp_path: Path) -> None:
    manyi("issue", ca, NODE, "--key", new_key(tmp_path / "node.key"))
    done = manyi("revoke", ca, NODE, "--reason", "stolen", "--config", settings(tmp_path, "ctiy.db"))
    assert done.exit_code == 2
    assert done.stdout.startswith(f"revoked {NODE} ")
    assert "there is no such file" in done.stderr
    assert not (tmp_path / "ctiy.db").exists()


def test_all_four_states_are_told(ca: Path) -> None:
    authority, now = Authority.open(ca), time.time_ns() // 1_000_000
    for number, days in enumerate((0, 400, 800)):
        authority.issue(f"371721121-a{number}", Signer(bytes(32)).public, now - days * DAY_MS)
    assert [state for _, state in listed(ca)] == ["valid", "renew", "expired"]


def test_what_is_due_is_told_with_exit_code_1(ca: Path) -> None:
    authority, now = Authority.open(ca), time.time_ns() // 1_000_000
    assert "no certificate is due" in manyi("list", ca, "--due").stdout
    for name, days in (("city", 400), (NODE, 800), (NODE, 0), ("371721121", 800)):
        authority.issue(name, Signer(bytes(32)).public, now - days * DAY_MS)
    authority.revoke("371721121", "retired", now)
    told = manyi("list", ca, "--due", "--json")
    # The node has a newer one, and who is revoked wants none.
    assert [(one["name"], one["state"]) for one in json.loads(told.stdout)["certificates"]] == [("city", "renew")]
    assert told.exit_code == 1


def test_a_broker_is_furnished_ready_to_run(ca: Path, tmp_path: Path) -> None:
    out = tmp_path / "broker"
    done = manyi("broker", ca, "city", "--host", "127.0.0.1", "--host", "localhost", "--out", out)
    assert (done.exit_code, f"mosquitto -c {out}/mosquitto.conf" in done.stdout) == (0, True)
    assert sorted(file.name for file in out.iterdir()) == [
        "acl",
        "broker.key",
        "broker.pem",
        "ca.pem",
        "crl.pem",
        "mosquitto.conf",
    ]
    assert listed(ca) == [("broker-city", "valid")]
    moved = manyi("broker", ca, "371721121", "--host", "h", "--out", out, "--at", "/etc/manyi", "--port", "8884")
    assert "mosquitto -c /etc/manyi/mosquitto.conf" in moved.stdout
    assert "listener 8884" in (out / "mosquitto.conf").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["issue", "CA", "a+/#", "--key", "x"], "is no name for a certificate"),
        (["issue", "CA", NODE, "--key", "x"], "a public key is 32 bytes"),
        (["broker", "CA", "heze", "--host", "h", "--out", "OUT"], "has no broker"),
        (["broker", "CA", "city", "--host", "*", "--out", "OUT"], "--host '*'"),
        (["revoke", "CA", "nobody", "--reason", "stolen"], "never issued such a certificate"),
        (["list", "OUT"], "`manyi pki init` founds a CA"),
        (["init", "CA"], "not empty"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(ca: Path, tmp_path: Path, words: list[str], said: str) -> None:
    places = {"CA": ca, "OUT": tmp_path / "out"}
    done = manyi(*(places.get(word, word) for word in words))
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_no_secret_is_ever_said(ca: Path, tmp_path: Path) -> None:
    secret = (ca / "ca.key").read_text().strip()
    said = [
        manyi("list", ca),
        manyi("issue", ca, NODE, "--key", Signer(bytes(32)).public),
        manyi("broker", ca, "city", "--host", "h", "--out", tmp_path / "b"),
        manyi("revoke", ca, NODE, "--reason", "retired"),
    ]
    assert all(secret not in done.stdout + done.stderr for done in said)
    (ca / "ca.key").chmod(0o640)
    assert "lets others at the key" in manyi("list", ca).stderr


def test_an_invitation_is_one_line_that_is_kept_without_its_secret(ca: Path) -> None:
    done = manyi("invite", ca, NODE, "--days", 1)
    assert (done.exit_code, done.stdout.count("\n")) == (0, 1)
    invited = Invitation.read(done.stdout)
    kept = Invitations(ca).find(invited.id)
    assert kept is not None
    assert kept.name == NODE
    assert 0 < kept.until - time.time() * 1000 <= DAY_MS
    assert manyi("invite", ca, "city").exit_code == 2
