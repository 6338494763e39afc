"""Notices carried to a real HTTP server and a real mail server: signed, tried again, each way by itself."""

import asyncio
import errno
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from cloud.database import Database
from cloud.notices import courier, store
from cloud.notices.carrier import Carrier, NotDelivered, To
from cloud.notices.courier import Courier
from cloud.notices.letter import Letter, Line
from cloud.notices.mail import Mail
from cloud.notices.opening import carriers_of
from cloud.notices.rules import FIRST_MS, LAST_MS, LIFE_MS, Notice, mail_text, next_at, signature
from cloud.notices.webhook import Webhook
from cloud.people import accounts
from cloud.people.accounts import Holder
from cloud.people.rules import Person, mailbox_of
from cloud.settings import MailSettings, NoticesSettings, WebhookSettings
from contract.errors import SettingsError, Unavailable
from tests.cloud.receiver import Receiver

NOW = 1_795_370_494_364
SECRET = b"k" * 32
LETTER = Letter("alerts", Line("有 1 条告警", "1 alert"), [Line("乡镇 01 号窗口", "window 01")], "/alerts/1")
WANG = To("wang", "王建国", "wang@example.org")


def notice(at: int = NOW, attempts: int = 0) -> Notice:
    return Notice(7, at, "wang", "webhook oa", LETTER, attempts, NOW, None, None)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().open() as opened:
        yield opened


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS of a server on this machine, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


class Mailbox:
    """What a mail server took."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], EmailMessage]] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  (the library's name)
        letter = message_from_bytes(cast("bytes", envelope.content), policy=policy.default)
        self.letters.append((envelope.rcpt_tos, letter))
        return "250 taken"


@given(st.integers(0, 200), st.integers(0, 2 * LIFE_MS))
def test_it_is_tried_more_and_more_slowly_and_not_for_ever(attempts: int, age: int) -> None:
    then = next_at(notice(NOW - age, attempts), NOW)
    assert (then is None) == (age >= LIFE_MS)
    if then is not None:
        assert FIRST_MS <= then - NOW <= LAST_MS
        later = next_at(notice(NOW - age, attempts + 1), NOW)
        assert later is not None
        assert later >= then


async def test_a_receiver_can_tell_that_it_is_the_city_and_when(receiver: Receiver) -> None:
    await Webhook(receiver.url, SECRET, "https://city.example").carry(notice(), WANG, NOW)
    ((headers, body),) = receiver.heard
    told = json.loads(body)
    assert told == {
        "notice": 7,
        "at": NOW,
        "kind": "alerts",
        "to": {"name": "wang", "called": "王建国"},
        "title": {"zh": "有 1 条告警", "en": "1 alert"},
        "lines": [{"zh": "乡镇 01 号窗口", "en": "window 01"}],
        "link": "https://city.example/alerts/1",
    }
    seconds, _, digest = headers["Manyi-Signature"].partition(",v1=")
    assert seconds == f"t={NOW // 1000}"
    assert digest == hmac.new(SECRET, f"{NOW // 1000}.".encode() + body, "sha256").hexdigest()
    assert headers["Manyi-Notice"] == "7"


def test_a_signature_is_of_the_secret_the_moment_and_every_byte() -> None:
    kept = signature(SECRET, 5, b"body")
    assert (
        len({kept, signature(b"l" * 32, 5, b"body"), signature(SECRET, 6, b"body"), signature(SECRET, 5, b"bodz")}) == 4
    )


@pytest.mark.parametrize("status", [302, 400, 500])
async def test_what_is_not_taken_is_not_delivered_and_nobody_is_led_elsewhere(receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(NotDelivered, match=f"answered {status}"):
        await Webhook(receiver.url, SECRET, "").carry(notice(), WANG, NOW)
    assert len(receiver.heard) == 1


async def test_a_receiver_that_is_away_is_named_without_the_secret() -> None:
    with Receiver().open() as gone:
        url = gone.url
    with pytest.raises(NotDelivered, match="ConnectError") as met:
        await Webhook(url, SECRET, "").carry(notice(), WANG, NOW)
    assert SECRET.decode() not in str(met.value)


class Clocked:
    """A courier whose clock a test turns."""

    def __init__(self, database: Database, carrier: Carrier, channel: str = "webhook oa") -> None:
        self.now = NOW
        self.database = database
        self.work = Courier(database, channel, carrier, now=lambda: self.now)

    async def put(self, recipient: str = "wang", channel: str = "webhook oa") -> None:
        async with self.database.writer.begin() as connection:
            await store.put(connection, recipient, [channel], LETTER, self.now)

    async def at(self, moment: int) -> None:
        self.now = moment
        await self.work.look()

    async def first(self) -> Notice:
        async with self.database.reader.begin() as connection:
            return (await store.page(connection, 1 << 53, 5))[-1]


async def test_what_failed_is_tried_again_by_whoever_comes_next(database: Database, receiver: Receiver) -> None:
    hook = Webhook(receiver.url, SECRET, "")
    clocked = Clocked(database, hook)
    await clocked.put()
    receiver.status = 503
    await clocked.at(NOW)
    await clocked.at(NOW + FIRST_MS - 1)
    assert len(receiver.heard) == 1
    assert clocked.work.failing == "answered 503"
    # The process ends here. What it knew stands in the database.
    later = Clocked(database, hook)
    receiver.status = 200
    await later.at(NOW + FIRST_MS - 1)
    assert len(receiver.heard) == 1
    await later.at(NOW + FIRST_MS)
    await later.at(NOW + 9 * FIRST_MS)
    assert [body for _, body in receiver.heard] == [receiver.heard[0][1]] * 2
    kept = await later.first()
    assert (kept.sent_at, kept.next_at, kept.attempts, kept.trouble) == (NOW + FIRST_MS, None, 2, None)


async def test_what_never_arrives_is_given_up_and_can_be_sent_again(database: Database, receiver: Receiver) -> None:
    clocked = Clocked(database, Webhook(receiver.url, SECRET, ""))
    await clocked.put()
    receiver.status = 500
    moment = NOW
    while (due := (await clocked.first()).next_at) is not None:
        moment = due
        await clocked.at(moment)
    assert LIFE_MS <= moment - NOW <= LIFE_MS + LAST_MS
    assert (await clocked.first()).trouble == "answered 500"
    receiver.status = 200
    async with database.writer.begin() as connection:
        assert await store.again(connection, 1, moment) == "wang"
    await clocked.at(moment)
    assert (await clocked.first()).sent_at == moment
    async with database.writer.begin() as connection:
        assert await store.again(connection, 1, moment) is None
        assert await store.again(connection, 2, moment) is None
        assert await store.waiting(connection) == 0


async def test_a_way_that_is_down_holds_up_no_other(database: Database, receiver: Receiver) -> None:
    async with database.writer.begin() as connection:
        await store.put(connection, "wang", ["webhook oa", "webhook dead"], LETTER, NOW)
    with Receiver().open() as gone:
        url = gone.url
    await Clocked(database, Webhook(url, SECRET, ""), "webhook dead").at(NOW)
    await Clocked(database, Webhook(receiver.url, SECRET, "")).at(NOW)
    assert len(receiver.heard) == 1


async def test_a_database_that_takes_no_word_of_it_has_it_carried_once(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    clocked = Clocked(database, Webhook(receiver.url, SECRET, ""))
    await clocked.put()
    with monkeypatch.context() as patched:
        patched.setattr(store, "sent", full)
        for _ in range(3):
            with suppress(Unavailable):
                await clocked.at(NOW)
        assert len(receiver.heard) == 1
        patched.setattr(store, "trying", full)
        with pytest.raises(Unavailable):
            await clocked.at(NOW + FIRST_MS)
        assert len(receiver.heard) == 1
    await clocked.at(NOW + FIRST_MS)
    assert len(receiver.heard) == 2


async def test_what_a_clock_that_ran_ahead_has_queued_is_carried_all_the_same(
    database: Database, receiver: Receiver
) -> None:
    clocked = Clocked(database, Webhook(receiver.url, SECRET, ""))
    clocked.now = NOW + 10 * LIFE_MS
    await clocked.put()
    await clocked.at(NOW)
    assert len(receiver.heard) == 1


@pytest.mark.parametrize("url", ["http://a..b/", "http://[::1/"])
async def test_an_address_that_is_none_ends_nothing_but_the_notice(database: Database, url: str) -> None:
    clocked = Clocked(database, Webhook(url, SECRET, ""))
    await clocked.put()
    await clocked.at(NOW)
    assert (await clocked.first()).trouble is not None


async def test_a_password_that_smtp_has_no_letters_for_ends_nothing_but_the_notice() -> None:
    async with mail_server(plain_login=True) as (port, _):
        with pytest.raises(NotDelivered, match="in ASCII") as met:
            await mail(port, password="密码密码").carry(notice(), WANG, NOW)  # noqa: S106
    assert met.value.final
    assert "密码" not in str(met.value)


async def test_an_answer_without_an_end_holds_up_no_other(receiver: Receiver) -> None:
    receiver.trickles = True
    async with asyncio.timeout(5):
        await Webhook(receiver.url, SECRET, "").carry(notice(), WANG, NOW)


async def test_it_goes_on_when_the_database_is_back(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> list[Notice]:
        raise OSError("the cable is out")

    monkeypatch.setattr(courier, "LOOK_S", 0.005)
    clocked = Clocked(database, Webhook(receiver.url, SECRET, ""))
    await clocked.put()
    async with asyncio.TaskGroup() as tasks:
        with monkeypatch.context() as patched:
            patched.setattr(store, "due", away)
            running = tasks.create_task(clocked.work.run())
            while clocked.work.trouble is None:
                await asyncio.sleep(0.005)
        while not receiver.heard:
            await asyncio.sleep(0.005)
        running.cancel()


@asynccontextmanager
async def mail_server(
    *, trust: ssl.SSLContext | None = None, plain_login: bool = False
) -> AsyncIterator[tuple[int, Mailbox]]:
    """A mail server on a free port; with `trust` it asks for TLS, and for wang's password."""

    def known(_server: SMTP, _session: Session, _envelope: Envelope, _kind: str, login: object) -> AuthResult:
        good = isinstance(login, LoginPassword) and (login.login, login.password) == (b"wang", b"a sentence is fine")
        return AuthResult(success=good, handled=False)

    box, tls = Mailbox(), trust is not None
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(
            box,
            authenticator=known,
            tls_context=trust,
            require_starttls=tls,
            auth_required=tls,
            auth_require_tls=not plain_login,
        ),
        "127.0.0.1",
        0,
    )
    async with server:
        yield server.sockets[0].getsockname()[1], box


def mail(port: int, *, tls: bool = False, password: str = "", trust: ssl.SSLContext | None = None) -> Mail:
    return Mail(
        "127.0.0.1",
        port,
        "manyi@city.example",
        "https://city.example",
        tls="starttls" if tls else "none",
        login=("wang", password) if password else None,
        trust=trust or ssl.create_default_context(),
    )


async def test_a_mail_arrives_in_both_languages() -> None:
    async with mail_server() as (port, box):
        await mail(port).carry(notice(), WANG, NOW)
    ((to, letter),) = box.letters
    assert to == ["wang@example.org"]
    assert letter["Subject"] == "有 1 条告警"
    assert letter["Message-ID"] == "<notice-7@city.example>"
    text = letter.get_content().replace("\r\n", "\n")
    assert text == mail_text(LETTER, "https://city.example")
    assert "window 01\nhttps://city.example/alerts/1" in text


async def test_over_tls_with_a_password(certified: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, trust = certified
    async with mail_server(trust=server) as (port, box):
        with pytest.raises(NotDelivered, match="SSLCertVerificationError"):
            await mail(port, tls=True, password="a sentence is fine").carry(notice(), WANG, NOW)  # noqa: S106
        with pytest.raises(NotDelivered, match="SMTPAuthenticationError") as met:
            await mail(port, tls=True, password="wrong-words", trust=trust).carry(notice(), WANG, NOW)  # noqa: S106
        assert "wrong-words" not in str(met.value)
        with pytest.raises(NotDelivered):
            await mail(port).carry(notice(), WANG, NOW)
        assert box.letters == []
        await mail(port, tls=True, password="a sentence is fine", trust=trust).carry(notice(), WANG, NOW)  # noqa: S106
    assert len(box.letters) == 1


async def test_a_mailbox_that_was_taken_back_gets_nothing_more(database: Database) -> None:
    async with database.writer.begin() as connection:
        await accounts.put(connection, Person("wang", "admin", "city"), Holder("王"), NOW)
    async with mail_server() as (port, box):
        clocked = Clocked(database, mail(port), "mail")
        await clocked.put(channel="mail")
        await clocked.put("nobody", "mail")
        await clocked.at(NOW)
        kept = await clocked.first()
        assert (kept.next_at, kept.trouble) == (None, "wang has no mailbox: give the account one")
        assert box.letters == []


@pytest.mark.parametrize(
    "text", ["wang", "a@b", "a b@c.org", "a@c.org\nBcc: x@y.org", "<a@c.org>", "a@c.org,b@c.org", "@c.org"]
)
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="mail"):
        mailbox_of(text)


def test_a_mailbox_or_none() -> None:
    assert (mailbox_of(""), mailbox_of("li.min@heze.gov.cn")) == (None, "li.min@heze.gov.cn")


def test_the_settings_open_every_way(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("k" * 43)
    secret.chmod(0o600)
    hook = WebhookSettings("oa", "https://oa.example/hook", str(secret))
    box = MailSettings("mail.example", "manyi@city.example", user="wang", password_file=str(secret))
    assert list(carriers_of(NoticesSettings([hook], box))) == ["webhook oa", "mail"]
    assert carriers_of(NoticesSettings()) == {}
    secret.write_text("short")
    with pytest.raises(SettingsError, match="random characters"):
        carriers_of(NoticesSettings([hook]))
    secret.chmod(0o644)
    with pytest.raises(SettingsError, match="others can read it"):
        carriers_of(NoticesSettings([hook]))
