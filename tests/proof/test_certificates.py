"""`manyi audit --ca`: whose keys are whose by the CA's certificate alone; and a ledger fetched from elsewhere."""

import asyncio
import functools
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cloud.database import open_database, write
from cloud.ledger.store import Entry, enter
from cloud.pki.authority import Authority
from cloud.registry import certificates
from cloud.registry.load import register
from contract.errors import SettingsError
from contract.signing import Signer
from proof.__main__ import main
from proof.judgement import cosigned, first_signed
from tests.judging import AUDITORS, REGISTER, REGISTERED, judgement, signed
from tests.proof.ledgers import (
    A1,
    B2,
    BATCHES,
    KEYS,
    MALLORY,
    NEW,
    NOW,
    OLD,
    TOWNSHIP,
    batch,
    enter_batch,
    hello,
    raw_of,
    tampered,
    whole,
)

DAY_MS = 86_400_000
CERTIFICATE = "INSERT INTO ledger_entry VALUES (?, 'certificate', ?, '', 0, 0, 5, '', ?)"
HELLO = "INSERT OR REPLACE INTO hello (node, epoch, last, at, raw) VALUES (?, ?, ?, 5, ?)"
HEAD = "UPDATE ledger_head SET position = ?"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certified")


@pytest.fixture(scope="session")
def authority(folder: Path) -> Authority:
    return Authority.found(folder / "ca", NOW - 30 * DAY_MS)


@pytest.fixture(scope="session")
def made(authority: Authority, folder: Path, errand: asyncio.Runner) -> Path:
    """A ledger whose two nodes have certificates, at positions 6 and 7."""
    file = folder / "manyi.db"

    async def make() -> None:
        await whole(file)
        async with await open_database(str(file)) as database:
            for node in (A1, B2):
                pem = authority.issue(node, KEYS[node].public, NOW - 20 * DAY_MS).decode()
                form = {"nodes": [{"node": node, "key": KEYS[node].public, "certificate": pem}]}
                # Twice: once is enough.
                await register(database.writer, json.dumps(form), NOW)
                await register(database.writer, json.dumps(form), NOW)

    errand.run(make())
    (folder / "ca.pem").write_bytes(authority.certificate)
    return file


@pytest.fixture
def ledger(made: Path, tmp_path: Path) -> Path:
    shutil.copy(made.with_name("ca.pem"), tmp_path / "ca.pem")
    return Path(shutil.copy(made, tmp_path / "manyi.db"))


def audited(capsys: pytest.CaptureFixture[str], ledger: Path | str, ca: Path) -> dict[str, Any]:
    code = main(["audit", "--database", str(ledger), "--ca", str(ca), "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == (0 if told["good"] else 1)
    return told


def named(told: dict[str, Any]) -> list[str]:
    return [f"{one['rule']}: {one['where']}: {one['detail']}" for one in told["named"]]


def test_the_ca_says_whose_the_keys_are(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # What the registry in the file says does not matter.
    tampered(ledger, ("UPDATE node SET key = ?", (MALLORY.public,)))
    assert audited(capsys, ledger, ledger.with_name("ca.pem"))["good"]
    assert main(["audit", "--database", str(ledger)]) == 1
    assert main(["audit", "--database", str(ledger), "--ca", str(ledger.with_name("ca.pem"))]) == 0
    assert "with --city they are those you trust" in capsys.readouterr().out


def test_a_gateway_says_hello_in_its_own_name_and_is_certified_in_its_townships(
    ledger: Path, authority: Authority, errand: asyncio.Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway, township, key = f"{TOWNSHIP}-g0", TOWNSHIP, Signer(b"g" * 32)
    form = {"gateways": [{"node": gateway, "key": key.public}]}

    async def say() -> None:
        async with await open_database(str(ledger)) as database:
            await register(database.writer, json.dumps(form), NOW)
        tampered(ledger, (HELLO, (gateway, "GGGGGGGGGG", 0, hello(gateway, "GGGGGGGGGG", 0, by=key))))

    errand.run(say())
    assert named(audited(capsys, ledger, ledger.with_name("ca.pem"))) == [
        f"signature: hello of {gateway}/GGGGGGGGGG: nobody knows a key of {gateway}"
    ]
    form["gateways"][0]["certificate"] = authority.issue(township, key.public, NOW).decode()
    errand.run(say())
    assert audited(capsys, ledger, ledger.with_name("ca.pem"))["good"]
    # It signs no rating, and for nobody else.
    forged = batch(gateway, "GGGGGGGGGG", 1, [3])
    errand.run(enter_batch(ledger, forged, by=key))
    tampered(ledger, (HELLO, (A1, "HHHHHHHHHH", 0, hello(A1, "HHHHHHHHHH", 0, by=key))))
    told = named(audited(capsys, ledger, ledger.with_name("ca.pem")))
    assert f"signature: position 9: nobody knows a key of {gateway}" in told
    assert f"signature: hello of {A1}/HHHHHHHHHH: no key of {A1} signed this" in told


def test_with_the_ca_alone_the_file_says_who_the_auditors_are(
    ledger: Path, authority: Authority, errand: asyncio.Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    async def judge() -> None:
        async with await open_database(str(ledger)) as database, database.writer.begin() as connection:
            await write(connection, REGISTER, REGISTERED)
            one = signed(judgement(A1, "2026-11-21", [(OLD, 1, 1)], span=(NOW, NOW + 60_000)))
            await enter(connection, Entry("judgement", A1, one.judgement.day, 1, 1, NOW, "", one.raw))

    words = ["audit", "--database", str(ledger), "--ca", str(ledger.with_name("ca.pem"))]
    assert main(words) == 0
    assert "with --city they are those you trust" in capsys.readouterr().out
    errand.run(judge())
    main(words)
    assert "with --keys for auditors and --city they are those you trust" in capsys.readouterr().out


@pytest.mark.parametrize(("kind", "said"), [("certificate", "no certificate"), ("revocation", "no revocation list")])
def test_what_is_no_certificate_is_seen_without_a_ca_too(
    ledger: Path, capsys: pytest.CaptureFixture[str], kind: str, said: str
) -> None:
    tampered(ledger, ("INSERT INTO ledger_entry VALUES (8, ?, '', '', 0, 0, 5, '', X'00')", (kind,)), (HEAD, (8,)))
    assert main(["audit", "--database", str(ledger)]) == 1
    assert f"unreadable: position 8: this is {said}" in capsys.readouterr().out


def test_who_is_certified_to_connect_is_no_auditor(
    ledger: Path, authority: Authority, errand: asyncio.Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    """The city has a certificate to connect with, and that is all that it has."""
    city = Signer(b"c" * 32)

    async def forge() -> None:
        async with await open_database(str(ledger)) as database, database.writer.begin() as connection:
            await certificates.keep(connection, "city", authority.issue("city", city.public, NOW), NOW)
            told = judgement(A1, "2026-11-21", [(OLD, 1, 1)], span=(NOW, NOW + 60_000))
            one = cosigned(first_signed(told, "city", city), "li", AUDITORS["li"])
            await enter(connection, Entry("judgement", A1, one.judgement.day, 1, 1, NOW, "", one.raw))

    errand.run(forge())
    told = named(audited(capsys, ledger, ledger.with_name("ca.pem")))
    assert any(said.endswith("nobody knows an auditor city") for said in told), told


def test_whoever_made_keys_of_their_own(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything signed anew with another key, which the file's registry calls the node's."""
    tampered(
        ledger,
        ("UPDATE ledger_entry SET raw = ? WHERE position = 4", (raw_of(BATCHES[3], MALLORY),)),
        ("UPDATE hello SET raw = ? WHERE epoch = ?", (hello(A1, NEW, 1, by=MALLORY), NEW)),
        ("UPDATE node SET key = ? WHERE node = ? AND valid_to IS NULL", (MALLORY.public, A1)),
    )
    said = named(audited(capsys, ledger, ledger.with_name("ca.pem")))
    assert f"signature: position 4: no key of {A1} signed this" in said


def test_a_certificate_of_another_ca(ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Authority.found(tmp_path / "other", NOW)
    forged = other.issue(A1, MALLORY.public, NOW)
    tampered(ledger, (CERTIFICATE, (8, A1, forged)), (CERTIFICATE, (9, A1, b"rubbish")), (HEAD, (9,)))
    said = named(audited(capsys, ledger, ledger.with_name("ca.pem")))
    assert [one.partition(", ")[0][:45] for one in said] == [
        "signature: position 8: this is no certificate",
        "signature: position 9: this is no certificate",
    ]


def test_a_revoked_key_holds_for_what_was_pressed_before(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], errand: asyncio.Runner
) -> None:
    file = Path(shutil.copy(made, tmp_path / "manyi.db"))
    folder = tmp_path / "ca"
    shutil.copytree(made.parent / "ca", folder)
    copy = Authority.open(folder)
    # Revoked between the last batch and one that comes later, pressed an hour after.
    copy.revoke(A1, "stolen", NOW + 120_000)

    async def go_on() -> None:
        async with await open_database(str(file)) as database, database.writer.begin() as connection:
            await certificates.keep_list(connection, copy.revocations, NOW + 120_000)
            await certificates.keep_list(connection, copy.revocations, NOW + 130_000)

    errand.run(go_on())
    assert audited(capsys, file, made.with_name("ca.pem"))["good"]
    later = batch(A1, NEW, 2, [3])
    errand.run(enter_batch(file, type(later)(1, A1, NEW, 2, NOW + 3_600_000, later.q, later.rows)))
    assert named(audited(capsys, file, made.with_name("ca.pem"))) == [
        f"signature: position 9: no key of {A1} signed this"
    ]


def test_a_revocation_list_that_nobody_or_somebody_else_signed(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = Authority.found(tmp_path / "other", NOW).revocations
    entry = "INSERT INTO ledger_entry VALUES (?, 'revocation', '', '', 0, 0, 5, '', ?)"
    tampered(ledger, (entry, (8, foreign)), (entry, (9, b"rubbish")), (HEAD, (9,)))
    said = named(audited(capsys, ledger, ledger.with_name("ca.pem")))
    assert said[0] == "signature: position 8: the CA did not sign this revocation list"
    assert said[1].startswith("unreadable: position 9: this is no revocation list")


def test_what_cannot_be_used(ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "not.pem").write_text("hello", encoding="utf-8")
    for words, said in (
        (["--ca", tmp_path / "not.pem"], "is no certificate"),
        (["--ca", tmp_path / "none.pem"], "none.pem cannot be read"),
    ):
        assert main(["audit", "--database", str(ledger), *map(str, words)]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "key", "said"),
    [
        (B2, KEYS[A1].public, f"this is not the certificate of {A1} and its key"),
        (A1, Signer(b"x" * 32).public, f"this is not the certificate of {A1} and its key"),
    ],
)
def test_a_certificate_must_be_the_nodes_own(
    authority: Authority, tmp_path: Path, errand: asyncio.Runner, name: str, key: str, said: str
) -> None:
    pem = authority.issue(name, key, NOW).decode()

    async def put(certificate: str) -> None:
        async with await open_database(str(tmp_path / "city.db")) as database:
            form = {"nodes": [{"node": A1, "key": KEYS[A1].public, "certificate": certificate}]}
            await register(database.writer, json.dumps(form), NOW)

    with pytest.raises(SettingsError, match=said):
        errand.run(put(pem))
    with pytest.raises(SettingsError, match=r"certificate: .*; `manyi pki issue` prints one"):
        errand.run(put("hello"))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(ledger: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(ledger.parent)))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def test_a_ledger_from_an_address(ledger: Path, served: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = audited(capsys, f"{served}/manyi.db", ledger.with_name("ca.pem"))
    assert told["good"]
    assert told["batches"] == 5
    assert main(["audit", "--database", f"{served}/none.db"]) == 2
    assert f"{served}/none.db cannot be fetched: HTTP Error 404" in capsys.readouterr().err
    assert main(["prove", A1, "5", "--database", f"{served}/manyi.db"]) == 2
    assert "is not sealed yet" in capsys.readouterr().err
