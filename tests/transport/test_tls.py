"""TLS as a device opens it, to real mosquittos: whom it trusts, what it shows, and what it says when it is refused."""

import asyncio
import logging
import os
import signal
import socket
import ssl
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from contract.errors import SettingsError, Unavailable
from firmware_sim.broker import Mosquitto
from tests.identity import Device, Ear, Office, until
from transport import link, tls
from transport.boot import wall_ms
from transport.broker import Broker
from transport.keys import new_key, pem, read_seed

TOWNSHIP = "371721121"
A1 = f"{TOWNSHIP}-a1"
DAY_MS = 86_400_000
RATINGS, ACKS = f"manyi/1/{A1}/ratings", f"manyi/1/{A1}/acks"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "office")


@pytest.fixture
async def mosquitto(tmp_path: Path, office: Office) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path / "mosquitto", identity=office.broker(TOWNSHIP)) as running:
        yield running


async def refusal(broker: Broker, caplog: pytest.LogCaptureFixture) -> str:
    """What a link says that is refused; it never comes up."""
    caplog.set_level(logging.INFO)
    caplog.clear()
    ear = Ear(broker, "refused")
    async with ear.link:
        await until(lambda: [record for record in caplog.records if "127.0.0.1" in record.getMessage()])
    assert ear.ups == 0
    said = next(record for record in caplog.records if "127.0.0.1" in record.getMessage())
    assert said.levelno == logging.WARNING
    return said.getMessage()


def test_the_pem_of_a_seed_is_that_key() -> None:
    seed = bytes(range(32))
    read = load_pem_private_key(pem(seed), None)
    assert isinstance(read, Ed25519PrivateKey)
    assert read.private_bytes_raw() == seed
    assert b64decode(pem(seed).split(b"\n")[1])[-32:] == seed


async def test_what_tls_has_unpacked_already_is_read_though_no_poll_tells_of_it(office: Office) -> None:
    # mosquitto makes a record of each packet; other brokers put what they have into one.
    folder = office.broker(TOWNSHIP)
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(folder / "broker.pem", folder / "broker.key")
    topic = ACKS.encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"\x20\x02\x00\x00")
        mid = (await reader.read(1000))[2:4]
        said = [bytes([0x30, 3 + len(topic), 0, len(topic)]) + topic + b"%d" % number for number in range(9)]
        writer.write(b"\x90\x03" + mid + b"\x01" + b"".join(said))
        # Nothing more comes, no answer to a ping either, that could wake who sleeps over it.
        while await reader.read(1000):
            pass
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=secured) as server:
        port = server.sockets[0].getsockname()[1]
        async with Ear(office.device(A1).broker(port), "node", ACKS) as ear:
            await until(lambda: len(ear.heard) == 9)
            assert ear.heard == [(ACKS, b"%d" % number) for number in range(9)]


async def test_large_payloads_pass_both_ways(mosquitto: Mosquitto, office: Office) -> None:
    node, gateway = office.device(A1), office.device(TOWNSHIP)
    async with (
        Ear(node.broker(mosquitto.port), "node", ACKS) as ear,
        Ear(gateway.broker(mosquitto.port), "gateway", RATINGS) as mouth,
    ):
        large = [bytes([number]) * 262_144 for number in range(20)]
        for payload in large:
            ear.link.publish(RATINGS, payload)
            mouth.link.publish(ACKS, payload)
        await until(lambda: len(ear.heard) == len(mouth.heard) == 20)
        assert [payload for _, payload in ear.heard] == [payload for _, payload in mouth.heard] == large


async def test_a_broker_whose_days_are_over_is_still_one(tmp_path: Path, office: Office) -> None:
    # As it looks to a Pi that believes in another year: no date is checked on this side.
    old = office.broker(TOWNSHIP, at=wall_ms() - 800 * DAY_MS)
    async with (
        Mosquitto(tmp_path / "mosquitto", identity=old) as mosquitto,
        Ear(office.device(A1).broker(mosquitto.port), "node") as ear,
    ):
        assert ear.link.up


async def test_a_broker_whose_days_have_not_begun_is_one(tmp_path: Path, office: Office) -> None:
    early = office.broker(TOWNSHIP, at=wall_ms() + 800 * DAY_MS)
    (early / "crl.pem").write_bytes(office.authority.renew_list(wall_ms()))
    async with (
        Mosquitto(tmp_path / "mosquitto", identity=early) as mosquitto,
        Ear(office.device(A1).broker(mosquitto.port), "node") as ear,
    ):
        assert ear.link.up


async def test_a_new_certificate_is_taken_at_the_next_connection(
    mosquitto: Mosquitto, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    node = office.device(A1, at=wall_ms() - 800 * DAY_MS)
    ear = Ear(node.broker(mosquitto.port), "node")
    async with ear.link:
        await until(lambda: "takes our certificate" in caplog.text)
        public = Ed25519PrivateKey.from_private_bytes(read_seed(node.key)).public_key().public_bytes_raw()
        node.certificate.write_bytes(
            office.authority.issue(A1, urlsafe_b64encode(public).decode().rstrip("="), wall_ms())
        )
        await until(lambda: ear.link.up)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("expired", "takes our certificate, or its own revocation list, for expired"),
        ("young", "as valid yet: look at the broker's clock"),
        ("foreign", "not from the CA that it trusts"),
        ("other ca", "its certificate is not the city's for this host"),
    ],
)
async def test_who_is_refused_is_told_why(
    spoil: str, said: str, mosquitto: Mosquitto, office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Office(tmp_path / "elsewhere")
    made: dict[str, Device] = {
        "expired": office.device("371721121-b1", at=wall_ms() - 800 * DAY_MS),
        "young": office.device("371721121-b2", at=wall_ms() + 2 * DAY_MS),
        "foreign": stranger.device(A1)._replace(ca=office.ca),
        "other ca": office.device("371721121-b3")._replace(ca=stranger.ca),
    }
    assert said in await refusal(made[spoil].broker(mosquitto.port), caplog)


async def test_a_revoked_device_is_told_so(
    tmp_path: Path, office: Office, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    node, other = office.device(A1), office.device("371721121-a2")
    async with Ear(node.broker(mosquitto.port), "node"):
        pass
    office.revoke(A1, tmp_path / "office" / f"broker-{TOWNSHIP}")
    await mosquitto.restart()
    assert "was revoked by the city" in await refusal(node.broker(mosquitto.port), caplog)
    async with Ear(other.broker(mosquitto.port), "other") as ear:
        assert ear.link.up


async def test_a_broker_at_another_host_is_none(
    tmp_path: Path, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    folder = office.broker(TOWNSHIP, "10.9.8.7", "gateway.example")
    async with Mosquitto(tmp_path / "mosquitto", identity=folder) as mosquitto:
        said = await refusal(office.device(A1).broker(mosquitto.port), caplog)
    assert "IP address mismatch" in said
    assert "--host" in said


async def test_no_device_passes_for_a_broker_and_no_broker_for_a_device(
    tmp_path: Path, office: Office, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    node, fake = office.device(A1), office.broker("371721122")
    seed = tmp_path / "broker.key"
    public = new_key(seed)
    assert "not one of a device" in await refusal(
        node._replace(key=seed, certificate=_broker_certificate(office, public)).broker(mosquitto.port), caplog
    )
    (fake / "broker.pem").write_bytes(node.certificate.read_bytes())
    (fake / "broker.key").write_bytes(pem(read_seed(node.key)))
    async with Mosquitto(tmp_path / "impostor", identity=fake) as impostor:
        assert "unsuitable certificate purpose" in await refusal(node.broker(impostor.port), caplog)


def _broker_certificate(office: Office, public: str) -> Path:
    file = office.folder / "broker.pem"
    file.write_bytes(office.authority.for_broker("371721122", ["127.0.0.1"], public, wall_ms()))
    return file


async def test_nobody_comes_without_a_certificate(
    mosquitto: Mosquitto, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    naked = ssl.create_default_context(cafile=office.ca)
    reader, writer = await asyncio.open_connection("127.0.0.1", mosquitto.port, ssl=naked)
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        await reader.read(1)
    writer.transport.abort()
    caplog.set_level(logging.INFO)
    plain = Ear(Broker("127.0.0.1", mosquitto.port), "plain")
    async with plain.link:
        await asyncio.to_thread(_knock, mosquitto.port)
    assert plain.ups == 0


def _knock(port: int) -> None:
    """Say in plain MQTT what the broker takes for no TLS, and wait until it hangs up."""
    with socket.create_connection(("127.0.0.1", port), 10) as wire:
        wire.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x05\x00\x01z")
        with suppress(ConnectionResetError):
            assert b"\x20\x02" not in wire.recv(100)


async def test_a_plain_broker_is_none_for_who_asks_for_tls(
    tmp_path: Path, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    async with Mosquitto(tmp_path / "plain") as plain:
        said = await refusal(office.device(A1).broker(plain.port), caplog)
    assert "does it speak TLS at this port?" in said


async def test_a_server_of_something_else_is_told_apart(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "it speaks no TLS at this port" in await refusal(office.device(A1).broker(port), caplog)


async def test_a_server_that_says_nothing_is_given_up(
    office: Office, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CONNECT_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert "timed out" in await refusal(office.device(A1).broker(mute.getsockname()[1]), caplog)


async def test_a_client_id_is_a_secret_that_stays_the_same(office: Office) -> None:
    a, b = office.device(A1), office.device("371721121-a2")
    shown = tls.client_id(a.broker(1), "node")
    assert shown == tls.client_id(a.broker(2), "node")
    assert shown.startswith("node-")
    assert len(shown) == len("node-") + 16
    assert len({shown, tls.client_id(b.broker(1), "node"), tls.client_id(a.broker(1), "other")}) == 3
    assert tls.client_id(Broker("127.0.0.1", 1), "node") == "node"


def test_the_key_is_on_no_disk_and_no_descriptor_stays_open(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    lent: list[str] = []
    load = ssl.SSLContext.load_cert_chain

    def spy(self: ssl.SSLContext, certificate: str, key: str) -> None:
        lent.append(str(Path(key).readlink()))
        load(self, certificate, key)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
    before = len(list(Path("/proc/self/fd").iterdir()))
    made = tls.context(office.device(A1).broker(1))
    assert made is not None
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert made.minimum_version == ssl.TLSVersion.TLSv1_3
    assert [path.split(":")[0] for path in lent] == ["/memfd"]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ca": "none.pem"}, r"none\.pem: cannot be read as the city's CA certificate: No such file or directory$"),
        ({"certificate": "none.pem"}, r"none\.pem: cannot be used as the certificate of the key .*: No such file"),
        ({"key": "none.key"}, r"none\.key: cannot be read as a key: No such file or directory; `keygen none\.key`"),
        ({"key": None}, r"broker 127\.0\.0\.1: a certificate needs the file of its private key, `key`$"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    office: Office, tmp_path: Path, change: dict[str, str | None], said: str
) -> None:
    wrong = Broker(**{**_fields(office.device(A1)), **change})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=said):
        tls.context(wrong)


def _fields(device: Device) -> dict[str, object]:
    made = device.broker(1)
    return {"host": made.host, "port": 1, "ca": made.ca, "certificate": made.certificate, "key": made.key}


def test_a_certificate_of_another_key_is_said_without_the_key(office: Office) -> None:
    a, b = office.device(A1), office.device("371721121-a2")
    with pytest.raises(SettingsError) as caught:
        tls.context(a._replace(certificate=b.certificate).broker(1))
    assert "KEY_VALUES_MISMATCH" in str(caught.value)
    assert a.key.read_text().strip() not in str(caught.value)


def test_a_file_that_is_no_certificate_is_one_line(office: Office) -> None:
    node = office.device(A1)
    office.ca.write_text("rubbish")
    with pytest.raises(SettingsError, match=r"ca\.pem: cannot be read as the city's CA certificate"):
        tls.context(node.broker(1))


async def test_a_lost_line_is_no_refusal(mosquitto: Mosquitto, office: Office) -> None:
    """Whoever writes into a connection that was cut learns that, and not that it was refused."""
    made = tls.context(office.device(A1).broker(1))
    assert made is not None

    def write() -> None:
        with closing(
            made.wrap_socket(socket.create_connection(("127.0.0.1", mosquitto.port)), server_hostname="127.0.0.1")
        ) as wire:
            mosquitto.kill()
            for _ in range(3):
                wire.send(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x05\x00\x01z")

    with pytest.raises(OSError, match=r".+"):
        await asyncio.to_thread(write)


async def test_a_refusal_while_writing_is_read(mosquitto: Mosquitto, tmp_path: Path, office: Office) -> None:
    foreign = Office(tmp_path / "elsewhere").device(A1)._replace(ca=office.ca)
    made = tls.context(foreign.broker(1))
    assert made is not None

    def write() -> None:
        with closing(
            made.wrap_socket(socket.create_connection(("127.0.0.1", mosquitto.port)), server_hostname="127.0.0.1")
        ) as wire:
            # Until the refusal is there: on a busy machine the broker takes its time to say it.
            end = time.monotonic() + 10
            while time.monotonic() < end:
                wire.send(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x05\x00\x01z")

    with pytest.raises(Unavailable, match="not from the CA that it trusts"):
        await asyncio.to_thread(write)


async def test_a_full_socket_is_no_error(mosquitto: Mosquitto, office: Office) -> None:
    made = tls.context(office.device(A1).broker(1))
    assert made is not None
    wire = made.wrap_socket(socket.create_connection(("127.0.0.1", mosquitto.port)), server_hostname="127.0.0.1")

    def pour() -> None:
        for _ in range(10_000):
            wire.send(bytes(16_384))

    with closing(wire):
        wire.settimeout(0)
        os.kill(mosquitto.pid, signal.SIGSTOP)
        try:
            with pytest.raises(ssl.SSLWantWriteError):
                pour()
            with pytest.raises(ssl.SSLWantReadError):
                wire.recv(4096)
        finally:
            os.kill(mosquitto.pid, signal.SIGCONT)
