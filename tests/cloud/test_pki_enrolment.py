"""Enrolment at a running city: exactly once, for who was invited, and nothing for anybody else."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from cloud.city import City
from cloud.database import open_database, reading
from cloud.door.allowance import Allowance
from cloud.pki import routes
from cloud.pki.authority import Authority
from cloud.pki.enrolment import Enrolment
from cloud.pki.invitations import Invitations
from cloud.registry.load import register
from cloud.registry.store import nodes
from cloud.settings import Http, Settings
from contract import enrolment
from contract.enrolment import ENROL, Enrol, Enrolled, Invitation
from contract.errors import SettingsError
from contract.signing import Signer, public_key
from firmware_sim import loopback
from transport.broker import Broker

NOW = 1_795_370_494_364
DAY_MS = 86_400_000
A1, G0, TOWNSHIP = "371721121-a1", "371721121-g0", "371721121"
DEVICE, THIEF = Signer(bytes(range(32))), Signer(bytes(32))


class Desk:
    """A running city with a CA, whose clock can be set."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.monotonic = 0.0
        self.ca = folder / "ca"
        self.authority = Authority.found(self.ca, NOW)
        self.invitations = Invitations(self.ca)
        self.database = str(folder / "city.db")
        self.client = loopback.client()
        settings = Settings(self.database, "", Broker("127.0.0.1", 1), Http(port=0), pki=str(self.ca))
        self.city = City(
            settings,
            signer=Signer(bytes(32)),
            now=lambda: self.now,
            monotonic=lambda: self.monotonic,
            random_bits=lambda bits: bits,
        )

    def invite(self, name: str = A1, days: int = 7) -> Invitation:
        return self.invitations.invite(name, self.now + days * DAY_MS)

    async def ask(
        self, invited: Invitation, node: str = A1, signer: Signer = DEVICE, secret: bytes | None = None
    ) -> httpx.Response:
        key = enrolment.shared(invited.secret if secret is None else secret)
        request = Enrol(invited.id, node, signer.public, enrolment.asked(key, node, signer.public))
        return await self.send(signer.entry(msgspec.json.encode(request)))

    async def send(self, raw: bytes) -> httpx.Response:
        return await self.client.post(self.city.address.rstrip("/") + ENROL, content=raw)

    async def keys(self, node: str) -> list[tuple[bytes, bool]]:
        """The keys of `node` in the registry, and whether each still holds."""
        async with reading(self.database) as connection:
            return [(one.key, one.valid_to is None) for one in await nodes(connection) if one.node == node]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Desk]:
    made = Desk(folder)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(made.city.run())
        await made.city.ready.wait()
        async with made.client:
            yield made
        made.city.stop()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


async def test_who_is_invited_gets_a_certificate_and_is_registered(desk: Desk) -> None:
    invited = desk.invite()
    reply = await desk.ask(invited)
    assert reply.status_code == 200
    answer = msgspec.json.decode(reply.content, type=Enrolled)
    assert answer.ca.encode() == desk.authority.certificate
    assert hashlib.sha256(ssl.PEM_cert_to_DER_cert(answer.ca)).digest() == invited.ca
    assert answer.seal == enrolment.answered(enrolment.shared(invited.secret), answer.certificate, answer.ca)
    (issued,) = desk.authority.issued()
    assert (issued.name, issued.key) == (A1, public_key(DEVICE.public))
    assert await desk.keys(A1) == [(public_key(DEVICE.public), True)]


async def test_a_gateway_enrols_under_its_own_name_with_a_certificate_of_its_township(desk: Desk) -> None:
    assert (await desk.ask(desk.invite(TOWNSHIP), node=G0)).status_code == 200
    assert [one.name for one in desk.authority.issued()] == [TOWNSHIP]
    assert await desk.keys(G0) == [(public_key(DEVICE.public), True)]


async def test_who_asks_again_gets_the_same_certificate_even_when_the_invitation_is_over(desk: Desk) -> None:
    invited = desk.invite()
    first = await desk.ask(invited)
    desk.now += 30 * DAY_MS
    again = await asyncio.gather(*(desk.ask(invited) for _ in range(5)))
    assert {reply.content for reply in again} == {first.content}
    assert len(list(desk.authority.issued())) == 1


@pytest.mark.parametrize("days", [400, 800])
async def test_a_key_that_comes_with_a_new_invitation_gets_a_certificate_that_is_valid(desk: Desk, days: int) -> None:
    """Whoever was away for years has no other way back than a new invitation."""
    old = desk.authority.issue(A1, DEVICE.public, NOW - days * DAY_MS)
    reply = await desk.ask(desk.invite())
    given = msgspec.json.decode(reply.content, type=Enrolled).certificate.encode()
    assert given != old
    (newest,) = [one for one in desk.authority.issued() if one.state(NOW) == "valid"]
    assert desk.authority.text(newest) == given


async def test_who_revokes_while_a_device_enrols_revokes_its_certificate_or_prevents_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever is first: no certificate of a revoked name is left valid that was asked for before."""
    desk.authority.issue(A1, DEVICE.public, NOW - 800 * DAY_MS)
    invited = desk.invite()
    look = Enrolment._invited

    def revoked_then(self: Enrolment, request: Enrol) -> object:
        found = look(self, request)
        desk.authority.revoke(A1, "stolen", NOW)
        return found

    monkeypatch.setattr(Enrolment, "_invited", revoked_then)
    assert (await desk.ask(invited)).status_code == 403
    revoked = desk.authority.revoked()
    assert [one.state(NOW, revoked) for one in desk.authority.issued()] == ["revoked"]


async def test_two_who_ask_at_once_with_one_invitation_are_one_device_and_one_refusal(desk: Desk) -> None:
    invited = desk.invite()
    replies = await asyncio.gather(desk.ask(invited), desk.ask(invited, signer=THIEF))
    assert sorted(reply.status_code for reply in replies) == [200, 403]
    assert len(list(desk.authority.issued())) == 1
    assert len(await desk.keys(A1)) == 1


async def test_what_was_interrupted_half_way_is_finished_for_the_same_key_alone(desk: Desk) -> None:
    invited = desk.invite()
    assert desk.invitations.claim(invited.id, DEVICE.public)
    assert (await desk.ask(invited, signer=THIEF)).status_code == 403
    assert (await desk.ask(invited)).status_code == 200
    assert await desk.keys(A1) == [(public_key(DEVICE.public), True)]


async def test_an_old_invitation_does_not_bring_an_old_key_back(desk: Desk) -> None:
    old, new = desk.invite(), desk.invite()
    assert (await desk.ask(old, signer=THIEF)).status_code == 200
    desk.now += DAY_MS
    assert (await desk.ask(new)).status_code == 200
    assert (await desk.ask(old, signer=THIEF)).status_code == 200
    assert await desk.keys(A1) == [(public_key(THIEF.public), False), (public_key(DEVICE.public), True)]
    desk.authority.revoke(A1, "stolen", desk.now)
    assert (await desk.ask(old, signer=THIEF)).status_code == 403


@pytest.mark.parametrize("wrong", ["unknown", "secret", "over", "name", "township", "kind", "unsigned", "key"])
async def test_whoever_is_not_invited_gets_one_answer_and_changes_nothing(
    desk: Desk, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    invited = desk.invite()
    match wrong:
        case "unknown":
            reply = await desk.ask(invited._replace(id="A" * 11))
        case "secret":
            reply = await desk.ask(invited, secret=bytes(16))
        case "over":
            desk.now += 8 * DAY_MS
            reply = await desk.ask(invited)
        case "name":
            reply = await desk.ask(invited, node="371721121-a2")
        case "township":
            reply = await desk.ask(desk.invite(TOWNSHIP), node="371722122-g0")
        case "kind":
            async with await open_database(desk.database) as database:
                document = {"nodes": [{"node": G0, "key": THIEF.public}]}
                await register(database.writer, msgspec.json.encode(document), NOW)
            reply = await desk.ask(desk.invite(TOWNSHIP), node=G0)
        case _:
            seal = enrolment.asked(enrolment.shared(invited.secret), A1, DEVICE.public)
            body = msgspec.json.encode(Enrol(invited.id, A1, DEVICE.public, seal))
            reply = await desk.send(body if wrong == "unsigned" else THIEF.entry(body))
    assert (reply.status_code, reply.json()) == (
        403,
        {"detail": "not invited: ask the city for an invitation for this device"},
    )
    assert f"{ENROL} was refused" in caplog.text
    assert list(desk.authority.issued()) == []
    assert await desk.keys(A1) == []


@pytest.mark.parametrize(
    ("raw", "status"), [(b"", 400), (b"{}", 400), (b"\xff", 400), (b"[" * 4000, 400), (bytes(4097), 413)]
)
async def test_rubbish_is_refused(desk: Desk, raw: bytes, status: int) -> None:
    assert (await desk.send(raw)).status_code == status


async def test_who_asks_too_often_waits(desk: Desk) -> None:
    for _ in range(routes.BURST):
        assert (await desk.send(b"")).status_code == 400
    assert (await desk.ask(desk.invite())).status_code == 429
    desk.monotonic += routes.EVERY_S
    assert (await desk.ask(desk.invite())).status_code == 200


def test_an_allowance_comes_back_with_time_and_never_beyond_its_burst() -> None:
    allowance = Allowance(2, 10.0)
    assert [allowance.take(at) for at in (0.0, 0.0, 0.0, 9.0, 10.0, 10.0)] == [True, True, False, False, True, False]
    assert [allowance.take(1000.0) for _ in range(3)] == [True, True, False]


async def test_a_city_without_a_ca_enrols_nobody(tmp_path: Path) -> None:
    city = City(
        Settings(str(tmp_path / "city.db"), "", Broker("127.0.0.1", 1), Http(port=0)),
        signer=Signer(bytes(32)),
        now=lambda: NOW,
        monotonic=lambda: 0.0,
        random_bits=lambda bits: bits,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(city.run())
        await city.ready.wait()
        async with loopback.client(base_url=city.address) as client:
            assert (await client.post(ENROL, content=b"{}")).status_code in {404, 405}
        city.stop()


def test_an_invitation_is_kept_without_its_secret_and_for_a_device_only(tmp_path: Path) -> None:
    Authority.found(tmp_path / "ca", NOW)
    invitations = Invitations(tmp_path / "ca")
    made = invitations.invite(A1, NOW)
    (kept,) = (tmp_path / "ca" / "invited").iterdir()
    assert made.secret.hex() not in kept.read_text()
    assert made.text.split(".")[1] not in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert invitations.invite(A1, NOW).text != made.text
    for name in ("city", "broker-city", "x"):
        with pytest.raises(SettingsError):
            invitations.invite(name, NOW)
    with pytest.raises(SettingsError, match="cannot be kept here"):
        Invitations(tmp_path / "nowhere").invite(A1, NOW)
