"""The device's side of enrolment, against servers of all kinds: it believes whoever has the invitation's secret."""

import argparse
import getpass
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, PEM_cert_to_DER_cert, SSLContext

import msgspec
import pytest

from contract import enrolment as contract
from contract.bundle import Signed
from contract.enrolment import Enrol, Enrolled, Invitation
from contract.errors import SettingsError, Unavailable
from contract.signing import public_key, verify
from tests.identity import Office
from transport import enrolment
from transport.boot import wall_ms
from transport.broker import Broker
from transport.enrolment import enrol, invitation, post
from transport.keys import new_key, read_key
from transport.tls import context

A1 = "371721121-a1"
Reply = Callable[[bytes], tuple[int, bytes]]


@contextmanager
def serving(reply: Reply, secured: SSLContext | None = None) -> Iterator[str]:
    """A city at an address, which answers what `reply` makes of the request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if secured is not None:
            server.socket = secured.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http{'' if secured is None else 's'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class City:
    """Certifies whoever asks by its invitation; what it says can be altered."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(folder / "office")
        ca = sha256(PEM_cert_to_DER_cert(self.office.ca.read_text())).digest()
        self.invited = Invitation("A" * 11, bytes(range(16)), ca)
        self.alter: Callable[[Enrolled], Enrolled] = lambda answer: answer
        self.asked: list[Enrol] = []

    def __call__(self, raw: bytes) -> tuple[int, bytes]:
        entry = Signed.of(raw)
        asked = msgspec.json.decode(entry.body, type=Enrol)
        assert verify(entry.body, entry.signature, public_key(asked.key))
        key = contract.shared(self.invited.secret)
        assert asked.seal == contract.asked(key, asked.node, asked.key)
        self.asked.append(asked)
        certificate = self.office.authority.issue(A1, asked.key, wall_ms()).decode()
        ca = self.office.ca.read_text()
        return 200, msgspec.json.encode(self.alter(Enrolled(certificate, ca, contract.answered(key, certificate, ca))))


class Place:
    """Where a device has its files."""

    def __init__(self, folder: Path) -> None:
        self.key, self.ca, self.certificate = (folder / name for name in ("node.key", "ca.pem", "node.pem"))
        self.broker = Broker("h", 1, ca=str(self.ca), certificate=str(self.certificate), key=str(self.key))

    def enrol(self, url: str, invited: Invitation, *, anew: bool = False) -> str:
        return enrol(url, invited, node=A1, key=self.key, brokers=[self.broker], config=Path("edge.toml"), anew=anew)


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_device_makes_its_key_and_gets_a_certificate_that_it_can_use(city: City, place: Place) -> None:
    with serving(city) as url:
        public = place.enrol(url, city.invited)
    assert read_key(place.key).public == public
    assert stat.S_IMODE(place.key.stat().st_mode) == 0o600
    assert place.ca.read_text() == city.office.ca.read_text()
    assert context(place.broker) is not None
    (asked,) = city.asked
    assert city.invited.text.split(".")[1] not in msgspec.json.encode(asked).decode()


def test_a_key_that_is_there_is_kept_and_asked_for_again(city: City, place: Place) -> None:
    public = new_key(place.key)
    with serving(city) as url:
        assert place.enrol(f"{url}/", city.invited) == public
        assert place.enrol(url, city.invited) == public
    assert {asked.key for asked in city.asked} == {public}


def test_a_new_key_takes_the_place_of_the_old_one_when_it_is_certified(city: City, place: Place) -> None:
    old = new_key(place.key)
    with serving(lambda _: (503, b"")) as url, pytest.raises(Unavailable):
        place.enrol(url, city.invited, anew=True)
    assert read_key(place.key).public == old
    with serving(city) as url:
        public = place.enrol(url, city.invited, anew=True)
    assert read_key(place.key).public == public != old
    assert {asked.key for asked in city.asked} == {public}
    assert context(place.broker) is not None
    assert sorted(file.name for file in place.key.parent.glob("*.key*")) == ["node.key"]


def test_tls_asks_nobody_who_it_is_since_the_answer_has_to_prove_itself(city: City, place: Place) -> None:
    folder = city.office.broker("city", "elsewhere.example")
    secured = SSLContext(PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(folder / "broker.pem", folder / "broker.key")
    with serving(city, secured) as url:
        place.enrol(url, city.invited)
    assert place.certificate.exists()


def test_who_does_not_have_the_secret_is_not_the_city(city: City, place: Place, tmp_path: Path) -> None:
    stranger = Office(tmp_path / "stranger")
    key = contract.shared(city.invited.secret)
    theirs = stranger.ca.read_text()
    forgeries: list[Callable[[Enrolled], Enrolled]] = [
        lambda answer: Enrolled(answer.certificate, answer.ca, "A" * 43),
        lambda answer: Enrolled(answer.ca, answer.ca, answer.seal),
        lambda answer: Enrolled(answer.certificate, theirs, contract.answered(key, answer.certificate, theirs)),
    ]
    for forgery in forgeries:
        city.alter = forgery
        with serving(city) as url, pytest.raises(SettingsError, match="not the city that made this invitation"):
            place.enrol(url, city.invited)
    assert not place.ca.exists()
    assert not place.certificate.exists()


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"certificate":"x","ca":"x","seal":"x"}'])
def test_a_page_of_something_else_is_no_certificate(city: City, place: Place, body: bytes) -> None:
    with serving(lambda _: (200, body)) as url, pytest.raises(SettingsError, match="no certificate"):
        place.enrol(url, city.invited)


def test_an_answer_of_the_right_form_with_a_certificate_that_is_none(city: City, place: Place) -> None:
    body = msgspec.json.encode(Enrolled("x", "x", "A" * 43))
    with serving(lambda _: (200, body)) as url, pytest.raises(SettingsError, match="no certificate"):
        place.enrol(url, city.invited)


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (403, b'{"detail":"not invited"}', SettingsError, "403: not invited$"),
        (404, b'{"detail":1}', SettingsError, "404: Not Found$"),
        (404, b'{"other":"x"}', SettingsError, "404: Not Found$"),
        (429, b'{"detail":"too many"}', Unavailable, "too many$"),
        (503, b"<html>", Unavailable, "Service Unavailable$"),
    ],
)
def test_a_no_is_told_apart_from_not_now(status: int, body: bytes, error: type[Exception], said: str) -> None:
    with serving(lambda _: (status, body)) as url, pytest.raises(error, match=said):
        post(url, "/x", b"")


@pytest.mark.parametrize("url", ["", "city", "ftp://city", "http://", "http://[", "http://h:x"])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(SettingsError, match="--city"):
        post(url, "/x", b"")


def test_a_city_that_does_not_answer_may_later(city: City, place: Place) -> None:
    with pytest.raises(Unavailable, match=r"^http://127\.0\.0\.1:1: .*; run the same command again$"):
        place.enrol("http://127.0.0.1:1", city.invited)


def test_where_to_write_must_be_said_and_alike(city: City, place: Place) -> None:
    other = msgspec.structs.replace(place.broker, certificate="other.pem")
    for brokers in ([Broker("h")], [place.broker, other]):
        with pytest.raises(SettingsError, match=r"^edge\.toml: set `ca` and `certificate`"):
            enrol("http://h", city.invited, node=A1, key=place.key, brokers=brokers, config=Path("edge.toml"))
    assert not place.key.exists()


def test_what_cannot_be_written_is_one_line(city: City, place: Place) -> None:
    place.certificate.mkdir()
    with serving(city) as url, pytest.raises(SettingsError, match=r"node\.pem: cannot be written"):
        place.enrol(url, city.invited)


def test_the_invitation_comes_from_a_file_or_a_person_and_never_from_arguments(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{city.invited.text}\n")
    assert invitation(file) == city.invited
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: city.invited.text)
    assert invitation(None) == city.invited
    for text, said in (("x", r"token: an invitation is three words"), ("\u7532", r"token: cannot be read")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError, match=said):
            invitation(file)
    with pytest.raises(SettingsError, match="none: cannot be read"):
        invitation(tmp_path / "none")
    parser = argparse.ArgumentParser()
    enrolment.add_command(parser.add_subparsers())
    read = parser.parse_args(["enrol", "--config", "c", "--city", "u", "--token-file", str(file)])
    assert (read.config, read.city, read.token_file) == (Path("c"), "u", file)
