"""Renewal at a running city: by the key itself, expired or not, and never once revoked."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography import x509

from cloud.pki import routes, rules
from contract.bundle import Signed
from contract.enrolment import RENEW, Renew, Renewed
from contract.signing import Signer, public_key, verify
from tests.cloud.test_pki_enrolment import A1, DAY_MS, DEVICE, NOW, THIEF, Desk, opened

NONCE = "AAAAAAAAAA"
CITY_KEY = public_key(Signer(bytes(32)).public)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


async def send(desk: Desk, raw: bytes) -> httpx.Response:
    return await desk.client.post(desk.city.address.rstrip("/") + RENEW, content=raw)


async def ask(desk: Desk, name: str = A1, signer: Signer = DEVICE, nonce: str = NONCE) -> httpx.Response:
    return await send(desk, signer.entry(msgspec.json.encode(Renew(name, signer.public, nonce))))


def certificate(reply: httpx.Response) -> bytes:
    entry = Signed.of(reply.content)
    assert verify(entry.body, entry.signature, CITY_KEY)
    answer = msgspec.json.decode(entry.body, type=Renewed)
    assert (answer.name, answer.key, answer.nonce) == (A1, DEVICE.public, NONCE)
    return answer.certificate.encode()


async def test_a_young_certificate_stays_and_from_half_its_life_there_is_a_new_one(desk: Desk) -> None:
    first = desk.authority.issue(A1, DEVICE.public, NOW)
    desk.now = NOW + 364 * DAY_MS
    assert certificate(await ask(desk)) == first
    desk.now = NOW + 365 * DAY_MS
    replies = await asyncio.gather(*(ask(desk) for _ in range(5)))
    (renewed,) = {certificate(reply) for reply in replies}
    issued = rules.read(x509.load_pem_x509_certificate(renewed))
    assert (issued.name, issued.key) == (A1, public_key(DEVICE.public))
    assert issued.until == desk.now // 1000 * 1000 + rules.LIFE_DAYS * DAY_MS
    assert len(list(desk.authority.issued())) == 2


async def test_an_expired_certificate_is_renewed_and_a_revoked_one_is_not(desk: Desk) -> None:
    desk.authority.issue(A1, DEVICE.public, NOW)
    desk.now = NOW + 5 * 365 * DAY_MS
    assert ssl.PEM_cert_to_DER_cert(certificate(await ask(desk)).decode())
    desk.authority.revoke(A1, "stolen", desk.now)
    reply = await ask(desk)
    assert (reply.status_code, reply.json()["detail"]) == (403, "nothing to renew: ask the city for an invitation")
    assert len(list(desk.authority.issued())) == 2


async def test_a_new_key_of_a_revoked_name_is_renewed(desk: Desk) -> None:
    desk.authority.issue(A1, THIEF.public, NOW)
    desk.authority.revoke(A1, "stolen", NOW)
    first = desk.authority.issue(A1, DEVICE.public, NOW)
    assert certificate(await ask(desk)) == first
    assert (await ask(desk, signer=THIEF)).status_code == 403


async def test_who_revokes_while_a_certificate_is_renewed_revokes_the_new_one_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.authority.issue(A1, DEVICE.public, NOW - 800 * DAY_MS)
    certify = rules.for_device
    with ThreadPoolExecutor(1) as administrator:
        revoking: list[Future[list[rules.Issued]]] = []

        def slowly(*rest: Any, **named: Any) -> x509.Certificate:  # noqa: ANN401  (whatever it takes)
            revoking.append(administrator.submit(desk.authority.revoke, A1, "stolen", NOW))
            wait(revoking, timeout=0.2)
            return certify(*rest, **named)

        monkeypatch.setattr(rules, "for_device", slowly)
        assert (await ask(desk)).status_code == 200
        assert len(revoking[0].result()) == 2

    revoked = desk.authority.revoked()
    assert [one.state(NOW, revoked) for one in desk.authority.issued()] == ["revoked"] * 2
    assert (await ask(desk)).status_code == 403


@pytest.mark.parametrize("wrong", ["stranger", "name", "unsigned", "signer"])
async def test_nobody_renews_what_is_not_theirs(desk: Desk, wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    desk.authority.issue(A1, DEVICE.public, NOW - 800 * DAY_MS)
    body = msgspec.json.encode(Renew(A1, DEVICE.public, NONCE))
    match wrong:
        case "stranger":
            reply = await ask(desk, signer=THIEF)
        case "name":
            reply = await ask(desk, name="371721121-a2")
        case "unsigned":
            reply = await send(desk, body)
        case _:
            reply = await send(desk, THIEF.entry(body))
    assert reply.status_code == 403
    assert f"{RENEW} was refused" in caplog.text
    assert len(list(desk.authority.issued())) == 1


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"", 400), (b'{"name":"city","key":"x","nonce":""}', 400), (b"\xff", 400), (bytes(4097), 413)],
)
async def test_rubbish_is_refused(desk: Desk, raw: bytes, status: int) -> None:
    assert (await send(desk, raw)).status_code == status


@pytest.mark.parametrize("name", ["city", "broker-city", "371721", "../x"])
async def test_no_name_but_a_devices_is_renewed(desk: Desk, name: str) -> None:
    assert (await ask(desk, name=name)).status_code == 400


async def test_all_devices_of_a_city_have_their_turn(desk: Desk) -> None:
    for _ in range(routes.RENEW_BURST):
        assert (await send(desk, b"")).status_code == 400
    assert (await ask(desk)).status_code == 429
    desk.monotonic += routes.RENEW_EVERY_S
    assert (await ask(desk)).status_code == 403
