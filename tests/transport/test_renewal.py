"""The device's side of renewal: whatever answers, only what the city signed for this very question is kept."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from contract.bundle import Signed
from contract.enrolment import Renew, Renewed
from contract.errors import SettingsError
from contract.signing import Signer, public_key, verify
from tests.transport.test_enrolment import serving
from transport import renewal as module
from transport.broker import Broker
from transport.keys import new_key
from transport.renewal import Renewal, renewing

A1 = "371721121-a1"
DEVICE, CITY, STRANGER = Signer(bytes(32)), Signer(bytes(range(32))), Signer(bytes([7]) * 32)
OLD, NEW = "old certificate", "new certificate"


class City:
    """Answers with a certificate; what it says can be altered, and who signs."""

    def __init__(self) -> None:
        self.asked: list[Renew] = []
        self.signer = CITY
        self.alter: Callable[[Renewed], object] = lambda answer: answer

    def __call__(self, raw: bytes) -> tuple[int, bytes]:
        entry = Signed.of(raw)
        asked = msgspec.json.decode(entry.body, type=Renew)
        assert verify(entry.body, entry.signature, public_key(asked.key))
        self.asked.append(asked)
        answer = self.alter(Renewed(asked.name, asked.key, asked.nonce, NEW))
        return 200, self.signer.entry(msgspec.json.encode(answer))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "node.pem"
    made.write_text(OLD)
    return made


def asking(url: str, file: Path) -> Renewal:
    key = file.with_name("node.key")
    if not key.exists():
        new_key(key, random=bytes)
    broker = Broker("h", ca=str(file), certificate=str(file), key=str(key))
    return Renewal(url, broker, CITY.public, name=A1)


def test_a_new_certificate_is_kept_and_the_same_one_not_written_again(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    city = City()
    with serving(city) as url:
        assert asking(url, file).ask()
        written = file.stat().st_ino
        assert asking(url, file).ask()
    assert file.read_text() == NEW
    assert file.stat().st_ino == written
    assert caplog.text.count("a new certificate is in") == 1
    assert [(asked.name, asked.key) for asked in city.asked] == [(A1, DEVICE.public)] * 2
    assert len({asked.nonce for asked in city.asked}) == 2


def test_it_asks_for_the_key_that_lies_there_also_after_a_change_of_key(file: Path) -> None:
    """A node that enrolled with a new key runs on with the old one: the new certificate must not be lost to that."""
    city = City()
    with serving(city) as url:
        asking(url, file)
        file.with_name("node.key").unlink()
        public = new_key(file.with_name("node.key"))
        assert asking(url, file).ask()
    assert [asked.key for asked in city.asked] == [public]


def test_a_key_that_is_replaced_while_it_asks_keeps_its_certificate(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    city, key = City(), file.with_name("node.key")

    def enrolled(answer: Renewed) -> Renewed:
        key.unlink()
        new_key(key)
        file.write_text("the new key's")
        return answer

    city.alter = enrolled
    with serving(city) as url:
        assert not asking(url, file).ask()
    assert file.read_text() == "the new key's"
    assert "another key took its place meanwhile" in caplog.text


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (lambda answer: msgspec.structs.replace(answer, nonce="BBBBBBBBBB"), "answers what was not asked"),
        (lambda answer: msgspec.structs.replace(answer, name="371721121-a2"), "answers what was not asked"),
        (lambda answer: msgspec.structs.replace(answer, key=STRANGER.public), "answers what was not asked"),
        (lambda _: {"detail": "x"}, "cannot be read"),
    ],
)
def test_an_answer_to_something_else_is_not_kept(
    alter: Callable[[Renewed], object], said: str, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    city = City()
    city.alter = alter
    with serving(city) as url:
        assert not asking(url, file).ask()
    assert said in caplog.text
    assert file.read_text() == OLD


def test_what_the_city_did_not_sign_is_not_kept(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    city = City()
    city.signer = STRANGER
    with serving(city) as url:
        assert not asking(url, file).ask()
    with serving(lambda _: (200, b"<html>")) as url:
        assert not asking(url, file).ask()
    assert caplog.text.count("not signed by the city") == 2
    assert file.read_text() == OLD


def test_a_city_that_is_away_or_says_no_is_asked_again(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not asking("http://127.0.0.1:1", file).ask()
    with serving(lambda _: (403, b'{"detail":"nothing to renew"}')) as url:
        assert not asking(url, file).ask()
    assert "403: nothing to renew" in caplog.text
    file.unlink()
    with serving(City()) as url:
        assert not asking(url, file).ask()


def test_without_a_certificate_there_is_nothing_to_renew() -> None:
    with pytest.raises(SettingsError, match="nothing to renew"):
        Renewal("http://h", Broker("h"), CITY.public, name=A1)


async def test_it_asks_soon_after_the_start_again_after_a_failure_and_then_once_a_day(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, slept, told = [False, False, True, True], list[float](), asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if not answers:
            told.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(Renewal, "ask", lambda _self: answers.pop(0))
    async with renewing(asking("http://h", file)):
        await asyncio.wait_for(told.wait(), 20)
    days = [seconds == module.EVERY_S for seconds in slept]
    assert days == [False, False, False, True, False, True]
    assert all(seconds <= module.AGAIN_S for seconds, day in zip(slept, days, strict=True) if not day)


async def test_what_ends_a_house_comes_out_as_it_is(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"^a mistake$"):
        async with renewing(asking("http://h", file)):
            raise SettingsError("a mistake")
