"""What halls are told: made of what the city wrote and registered, signed anew when it changed, and never too large."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloud.__main__ import main
from cloud.database import Database, open_database
from cloud.halls import store
from cloud.halls.document import Document, Placed, notices_at, read
from cloud.halls.rules import HORIZON_MS, Common, fitted, halls
from cloud.halls.worker import Halls
from cloud.registry import store as registry_store
from cloud.registry.load import register
from cloud.registry.snapshot import RegisteredWindow, Registry
from contract.bundle import MAX_PAYLOAD, Signed, unpack
from contract.codec import decode, encode
from contract.codes import key_of
from contract.errors import SettingsError
from contract.hall import MAX_CATALOGUE, MAX_HALL, MAX_NOTICES, Catalogue, Hall, Notice, OnDuty, Plate
from contract.signing import Signer, key_text, public_key, verify
from contract.veil import Veil
from gateway.papers import Papers
from tests.cloud.conftest import CITY, NOW, SIGNERS

TOWNSHIP, A1, GATEWAY = "371721121", "371721121-a1", "371721121-g0"
COMMON = Common("Asia/Shanghai", Veil(3, 5), 20, "https://manyi.example")
SECRET = b"s" * 32
FILE = """
[[notice]]
place = "city"
zh = "全市"
en = "All"
[[notice]]
place = "371721121"
zh = "本镇"
en = "Here"
to = 2030-01-01T00:00:00+08:00
[[notice]]
place = "371722"
zh = "别处"
en = "Elsewhere"
[[plate]]
window = "371721121-a1/01"
zh = "社会保险"
en = "Social insurance"
services = ["pension"]
[[service]]
code = "pension"
name = { zh = "养老", en = "Pension" }
lead = { zh = "登记", en = "Register" }
[[service.step]]
picture = "ticket"
zh = "取号"
en = "Take a number"
[[question]]
asked = { zh = "几点？", en = "When?" }
answer = { zh = "九点", en = "At nine" }
service = "pension"
"""


def said(text: str) -> str:
    with pytest.raises(SettingsError) as bad:
        read(text, file="hall.toml")
    return str(bad.value)


def test_the_file_is_read_and_what_is_wrong_in_it_is_told_in_one_line() -> None:
    document = read(FILE, file="hall.toml")
    assert [notice.en for notice in notices_at(document, TOWNSHIP)] == ["All", "Here"]
    assert document.plates == [Plate(f"{A1}/01", "社会保险", "Social insurance", ["pension"])]
    assert said(FILE.replace("picture", "pictures")).startswith("hall.toml: service[0].step[0]: there is no key")
    assert said(FILE.replace('"ticket"', '"tiket"')).endswith("online, papers, pay, photo, post, stamp, ticket, wait")
    assert said(FILE.replace('["pension"]', '["pensions"]')) == (
        f"hall.toml: plate: {A1}/01: there is no service 'pensions' in this file"
    )
    assert "there is no service 'rent'" in said(FILE.replace('service = "pension"', 'service = "rent"'))
    plate = '[[plate]]\nwindow = "371721121-a1/01"\nzh = "又"\nen = "Again"\n'
    assert said(FILE + plate) == f"hall.toml: plate: {A1}/01 is there 2 times; give it once"
    assert "it ends before it begins" in said(FILE.replace("to = 2030", "from = 2031-01-01T00:00:00+08:00\nto = 2030"))
    many = "".join(f'[[notice]]\nplace = "city"\nzh = "{n}"\nen = "{n}"\n' for n in range(MAX_NOTICES))
    assert said(FILE + many).endswith(f"{MAX_NOTICES} fit")
    long = "".join(
        f'[[question]]\nasked = {{ zh = "{n}", en = "?" }}\nanswer = {{ zh = "{"答" * 600}", en = "!" }}\n'
        for n in range(100)
    )
    assert said(FILE + long).endswith(f"{MAX_CATALOGUE} fit: shorten or leave out some")


def registry(windows: Iterable[str]) -> Registry:
    return Registry(1, windows=[RegisteredWindow(window, 0, None) for window in windows])


def test_a_hall_is_told_of_its_own_windows_only_and_of_duties_that_come_soon() -> None:
    document = read(FILE, file="hall.toml")
    known = registry([f"{A1}/02", f"{A1}/01", "371722101-a1/01"])
    duties = [OnDuty(f"{A1}/01", "李敏", "Li Min", 5), OnDuty("371722101-a1/01", "王强", "Wang Qiang", 5)]
    (hall,) = halls(known, document, duties, COMMON, townships=[TOWNSHIP], now=NOW)
    assert [plate.window for plate in hall.windows] == [f"{A1}/01", f"{A1}/02"]
    assert (hall.windows[0].zh, hall.windows[1].zh) == ("社会保险", "")
    assert hall.duties == duties[:1]
    assert [notice.en for notice in hall.notices] == ["All", "Here"]
    (later,) = halls(known, document, [], COMMON, townships=[TOWNSHIP], now=1 << 42)
    assert [notice.en for notice in later.notices] == ["All"]


def test_the_largest_hall_and_catalogue_fit_one_payload_and_are_read() -> None:
    windows = [f"{A1}/{n:08}" for n in range(300)]
    text = "汉" * 600
    document = Document(
        [Placed("city", Notice(text, text)) for _ in range(MAX_NOTICES)],
        [Plate(window, "牌" * 100, "牌" * 100, ["x" * 32] * 3) for window in windows],
    )
    duties = [OnDuty(window, "名" * 150, "", n) for n, window in enumerate(windows)]
    (whole,) = halls(registry(windows), document, duties, COMMON, townships=[TOWNSHIP], now=NOW)
    hall = replace(fitted(replace(whole, codes=key_text(SECRET))), version=1 << 53)
    assert len(CITY.entry(encode(hall))) <= MAX_HALL
    assert 0 < len(hall.windows) < len(windows)
    assert decode(encode(hall)) == hall
    assert MAX_HALL + MAX_CATALOGUE < MAX_PAYLOAD


def test_two_cities_know_no_key_of_the_others_codes() -> None:
    assert key_of(SECRET, TOWNSHIP) != key_of(SECRET, "371721122")


class Told:
    """A worker for halls, and what it told."""

    def __init__(self, database: Database, *, phones: bool = True) -> None:
        self.now = NOW
        self.known = True
        self.registry = Registry()
        self.told: list[tuple[str, bytes]] = []
        self.worker = Halls(
            database,
            CITY,
            COMMON,
            key_of=lambda township: key_of(SECRET, township) if phones else None,
            registry=lambda: self.registry,
            covers=lambda township: township == TOWNSHIP,
            now=lambda: self.now,
            known=lambda: self.known,
            tell=self.told.extend,
        )

    async def look(self) -> list[Hall | Catalogue]:
        """What is told after another look; all of it is signed by the city."""
        self.told.clear()
        await self.worker.look()
        found: list[Hall | Catalogue] = []
        for _, payload in self.told:
            for entry in unpack(payload):
                assert verify(entry.body, entry.signature, public_key(CITY.public))
                one = decode(entry.body)
                assert isinstance(one, Hall | Catalogue)
                found.append(one)
        return found


NODES = {
    "nodes": [{"node": A1, "key": SIGNERS[A1].public, "windows": ["01", "02"]}],
    "gateways": [{"node": name, "key": Signer(name.encode().ljust(32)).public} for name in (GATEWAY, "371722101-g0")],
    "duties": [
        {
            "person": f"{TOWNSHIP}:1024",
            "zh": "李敏",
            "en": "Li Min",
            "window": f"{A1}/01",
            "from": "2026-11-23T00:00:00+08:00",
        }
    ],
}


async def loaded(database: Database) -> Registry:
    async with database.reader.begin() as connection:
        return await registry_store.load(connection, NOW)


async def test_what_changed_is_signed_under_a_higher_version_and_nothing_else(database: Database) -> None:
    await register(database.writer, json.dumps(NODES), 1)
    told = Told(database)
    told.registry = await loaded(database)
    told.known = False
    assert await told.look() == []
    told.known = True

    hall, catalogue = await told.look()
    assert isinstance(hall, Hall)
    assert (hall.version, hall.site, hall.codes) == (NOW, COMMON.site, key_text(key_of(SECRET, TOWNSHIP)))
    assert [duty.zh for duty in hall.duties] == ["李敏"]
    assert catalogue == Catalogue(NOW, [], [])
    assert await told.look() == []
    told.now += 10 * 60_000
    assert await told.look() == []

    async with database.writer.begin() as connection:
        await store.put(connection, read(FILE, file="hall.toml"), told.now)
    hall, catalogue = await told.look()
    assert (hall.version, catalogue.version) == (told.now + 1, told.now + 1)
    assert isinstance(catalogue, Catalogue)
    assert [service.code for service in catalogue.services] == ["pension"]

    # A city that starts again signs anew; a gateway that has the papers before takes those, whatever the clock does.
    again = Told(database, phones=False)
    again.registry = told.registry
    again.now = NOW - HORIZON_MS
    hall, _ = await again.look()
    assert isinstance(hall, Hall)
    assert (hall.version, hall.codes) == (told.now + 2, "")
    assert [township for township, _ in again.worker.payloads()] == [TOWNSHIP]


async def test_a_gateway_keeps_what_it_is_told(database: Database, tmp_path: Path) -> None:
    await register(database.writer, json.dumps(NODES), 1)
    told = Told(database)
    told.registry = await loaded(database)
    await told.look()
    papers = Papers(TOWNSHIP, public_key(CITY.public), [])
    ((_, payload),) = told.told
    kept = papers.read(payload).papers
    assert sorted(kept) == ["catalogue", "hall"]
    assert papers.hall is not None
    assert [plate.window for plate in papers.hall.windows] == [f"{A1}/01", f"{A1}/02"]
    anew = Papers(TOWNSHIP, public_key(CITY.public), [])
    for raw in kept.values():
        anew.take_in(Signed.of(raw))
    assert anew.hall == papers.hall


async def test_the_command_puts_the_file_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, file = tmp_path / "cloud.toml", tmp_path / "hall.toml"
    settings = 'database = "manyi.db"\nkey = "city.key"\n[broker]\nhost = "127.0.0.1"\nport = 1\n'
    config.write_text(settings, encoding="utf-8")
    file.write_text(FILE, encoding="utf-8")
    command = ["hall", "--config", str(config), str(file)]

    async def told() -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, command)
        said = capsys.readouterr()
        return code, said.out, said.err

    assert await told() == (
        2,
        "",
        f"{config}: there is no [hall], so halls are told nothing; add it and start the city again\n",
    )
    config.write_text(f"{settings}[hall]\n", encoding="utf-8")
    code, out, _ = await told()
    assert code == 0
    assert json.loads(out).items() >= {"notices": 3, "plates": 1, "services": 1, "questions": 1}.items()
    async with await open_database(str(tmp_path / "manyi.db")) as database, database.reader.connect() as connection:
        assert await store.document(connection) == read(FILE, file="hall.toml")
    file.write_text("notice = 5", encoding="utf-8")
    assert await told() == (2, "", f"{file}: notice: expected a list, got a whole number\n")
    file.unlink()
    assert (await told())[0] == 2
