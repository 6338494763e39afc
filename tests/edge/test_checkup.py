"""A node looked over: green where all is well, and each fault red once, on real disks, certificates and brokers."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from gpiozero.pins.mock import MockFactory

from contract.batch import StreamKey
from contract.codec import encode
from contract.config import NodeConfig, WindowPins
from contract.errors import SettingsError
from contract.rating import Quality
from contract.signing import Signer
from edge import checkup as checkup_module
from edge.__main__ import main
from edge.checkup import Clocks, checkup
from edge.findings import Finding, passed, plain, table
from edge.pins import Factory, Pins, factory
from edge.settings import Settings
from firmware_sim.broker import Mosquitto
from tests.edge.test_buttons import ClosedPin
from tests.identity import Device, Office
from transport.boot import wall_ms
from transport.broker import Broker
from transport.dating import Anchor, Dated
from transport.keys import new_key
from transport.outbox import Outbox, Settled

TOWNSHIP = "371721121"
A1 = f"{TOWNSHIP}-a1"
CITY = Signer(b"9" * 32)
DAY_MS = 86_400_000
BOOT = "2c1f7a52-6a0e-4b4e-8f86-5d4f5f6f4a10"
WINDOWS = [WindowPins("01", 17, 27, 22, 5, 6, 13), WindowPins("02", 23, 24, 25)]


def clocks(error_ms: int | None = 12, at: Callable[[], int] = wall_ms) -> Clocks:
    return Clocks(lambda: error_ms, at, BOOT, lambda: 90_000)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "office")


@pytest.fixture
async def mosquitto(tmp_path: Path, office: Office) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path / "mosquitto", identity=office.broker(TOWNSHIP)) as running:
        yield running


@pytest.fixture
def device(office: Office) -> Device:
    return office.device(A1)


def settings(folder: Path, device: Device, broker: Broker) -> Settings:
    return Settings(
        node=A1,
        store=str(folder / "outbox.db"),
        key=str(device.key),
        city_key=CITY.public,
        broker=broker,
        window=WINDOWS,
    )


@pytest.fixture
def whole(tmp_path: Path, device: Device, mosquitto: Mosquitto) -> Settings:
    """A node with nothing wrong."""
    return settings(tmp_path, device, device.broker(mosquitto.port))


@pytest.fixture
def lonely(tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The same without a broker, for what has nothing to do with one; nobody waits for it."""
    monkeypatch.setattr(checkup_module, "PATIENCE_S", 0.05)
    return settings(tmp_path, device, device.broker(9))


async def look(
    settings: Settings, at: Clocks | None = None, pins: Callable[[], Factory] = MockFactory
) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for one in await checkup(settings, pins=pins, clocks=at or clocks()):
        found.setdefault(one.part, []).append(one)
        for language in ("zh", "en"):
            assert table([one], language, colours=True)  # its sentence can be said
    return found


def spoil(file: str, text: str) -> None:
    Path(file).write_text(text, encoding="ascii")


def let_others_read(file: str) -> None:
    Path(file).chmod(0o644)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def words(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.state, one.word) for one in found]


async def test_where_nothing_is_wrong_all_is_green_and_nothing_is_left(whole: Settings, tmp_path: Path) -> None:
    found = await look(whole)
    assert {part: words(of) for part, of in found.items()} == {
        "settings": [("good", "settings")],
        "key": [("good", "key")],
        "pins": [("good", "open"), ("good", "open")],
        "clock": [("good", "synchronised")],
        "disk": [("good", "room")],
        "store": [("good", "new")],
        "certificate": [("good", "valid")],
        "broker": [("good", "heard")],
    }
    assert names(tmp_path) == {"mosquitto", "office", "outbox.db-lock"}


async def test_a_button_that_is_down_is_red(lonely: Settings) -> None:
    factory = MockFactory()
    factory.pin(24, pin_class=ClosedPin).drive_low()
    found = await look(lonely, pins=lambda: factory)
    assert words(found["pins"]) == [("good", "open"), ("bad", "down")]
    assert found["pins"][1].down == [(2, 24)]
    assert table(found["pins"], "zh", colours=False)[1].endswith("02 号窗没人按，却已接通：基本满意 (GPIO 24)")


async def test_an_expander_that_does_not_answer_is_red_for_each_window_that_needs_it(lonely: Settings) -> None:
    def only_the_first(expander: int) -> Factory:
        if expander != 1:
            raise LookupError("nobody there")
        return MockFactory()  # type: ignore[no-any-return]

    windows = [*WINDOWS, WindowPins("09", 100, 101, 102), WindowPins("10", 4, 14, 15, light_basic=203)]
    pins = Pins(MockFactory(), only_the_first)
    found = (await look(msgspec.structs.replace(lonely, window=windows), pins=lambda: pins))["pins"]
    assert words(found) == [("good", "open"), ("good", "open"), ("good", "open"), ("bad", "absent")]
    assert found[3].told["window"] == "10"
    assert str(found[3].told["detail"]).startswith(
        "pins: expander 2 (I2C address 0x21) does not answer: nobody there; /boot/firmware/config.txt needs "
        "dtoverlay=mcp23017,addr=0x21"
    )


async def test_a_button_on_an_expander_that_is_down_is_named_by_its_line(lonely: Settings) -> None:
    expander = MockFactory()
    expander.pin(9, pin_class=ClosedPin).drive_low()
    windows = [WindowPins("09", 108, 109, 110)]
    pins = Pins(factory("mock"), lambda _: expander)
    found = (await look(msgspec.structs.replace(lonely, window=windows), pins=lambda: pins))["pins"]
    assert words(found) == [("bad", "down")]
    assert "基本满意 (扩展芯片 1 GPB1)" in table(found, "zh", colours=False)[0]
    assert "basic (expander 1 GPB1)" in table(found, "en", colours=False)[0]


async def test_pins_that_cannot_be_opened_are_red(lonely: Settings) -> None:
    def none() -> Factory:
        raise SettingsError("there is no /dev/gpiochip0")

    assert words((await look(lonely, pins=none))["pins"]) == [("bad", "said")]


async def test_the_pins_of_a_running_node_are_left_alone(lonely: Settings) -> None:
    def touched() -> Factory:
        pytest.fail("the node holds them")

    outbox = await Outbox.open_sound(Path(lonely.store))
    try:
        assert words((await look(lonely, pins=touched))["pins"]) == [("warn", "running")]
    finally:
        await outbox.close()


async def test_pins_in_memory_are_said(lonely: Settings) -> None:
    mock = msgspec.structs.replace(lonely, pins="mock")
    assert ("warn", "mock") in words((await look(mock))["pins"])


async def test_the_wiring_that_the_city_has_set_is_what_is_looked_at(lonely: Settings) -> None:
    outbox = await Outbox.open_sound(Path(lonely.store))
    config = CITY.entry(encode(NodeConfig(A1, 3, [WindowPins("07", 2, 3, 4)], 0, 0)))
    await outbox.keep({"config": config})
    await outbox.close()
    found = await look(lonely)
    assert [one.told["window"] for one in found["pins"]] == ["07"]


async def test_a_key_that_others_can_read_is_red(lonely: Settings) -> None:
    let_others_read(lonely.key)
    found = await look(lonely)
    assert words(found["key"]) == [("bad", "said")]
    assert "0644" in str(found["key"][0].told["detail"])


async def test_a_clock_that_nobody_vouches_for_is_red(lonely: Settings) -> None:
    assert words((await look(lonely, clocks(None)))["clock"]) == [("bad", "lost")]


@pytest.mark.parametrize(("boot", "said"), [(BOOT, ("good", "told")), ("an earlier boot", ("bad", "lost"))])
async def test_what_a_gateway_told_since_this_boot_is_enough(
    lonely: Settings, boot: str, said: tuple[str, str]
) -> None:
    outbox = await Outbox.open_sound(Path(lonely.store))
    await outbox.remember(Anchor(boot, 60_000, wall_ms(), 40))
    await outbox.close()
    assert words((await look(lonely, clocks(None)))["clock"]) == [said]


async def test_a_folder_in_memory_is_red(lonely: Settings, request: pytest.FixtureRequest) -> None:
    folder = Path("/dev/shm") / f"manyi-{os.getpid()}"  # noqa: S108  (a tmpfs is what is wanted)
    folder.mkdir()
    request.addfinalizer(folder.rmdir)
    found = await look(msgspec.structs.replace(lonely, store=str(folder / "outbox.db")))
    assert words(found["disk"]) == [("bad", "memory")]
    (folder / "outbox.db-lock").unlink()


async def test_a_folder_that_takes_nothing_is_red(lonely: Settings) -> None:
    # /proc takes no file of anybody's.
    found = await look(msgspec.structs.replace(lonely, store="/proc/outbox.db"))
    assert words(found["disk"]) == [("bad", "unwritable")]
    assert words(found["pins"]) == [("bad", "said")]


async def test_too_little_room_is_red(lonely: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup_module, "RESERVE_BYTES", 1 << 60)
    assert words((await look(lonely))["disk"]) == [("bad", "cramped")]


async def test_a_slow_disk_is_said(lonely: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup_module, "SLOW_MS", -1)
    assert words((await look(lonely))["disk"]) == [("warn", "slow")]


async def test_a_sound_store_says_how_much_waits(lonely: Settings) -> None:
    outbox = await Outbox.open_sound(Path(lonely.store))
    await outbox.begin(StreamKey(A1, "AAAAAAAAAA"), Signer(bytes(32)), BOOT)
    dated = Dated(1_764_000_000_000, Quality.SYNCHRONISED, 3)
    for seq in range(5):
        await outbox.append(Settled("01", 3, 1, seq, dated), cut=seq % 2 == 1)
    await outbox.close()
    (store,) = (await look(lonely))["store"]
    assert (store.state, store.told["waiting"]) == ("good", 5)


async def test_a_damaged_store_is_red(lonely: Settings) -> None:
    spoil(lonely.store, "not a database, whatever its name says" * 100)
    found = await look(lonely)
    assert words(found["store"]) == [("bad", "damaged")]


async def test_no_certificate_is_said(lonely: Settings) -> None:
    bare = msgspec.structs.replace(lonely, broker=Broker("127.0.0.1", 9))
    assert words((await look(bare))["certificate"]) == [("warn", "bare")]


@pytest.mark.parametrize(
    ("later_days", "city_url", "said"),
    [
        (0, None, ("good", "valid")),
        (710, None, ("warn", "ending")),
        (710, "https://city.example", ("good", "valid")),
        (4000, "https://city.example", ("bad", "ended")),
        (-400, None, ("bad", "early")),
    ],
)
async def test_the_dates_of_the_certificate(
    lonely: Settings, later_days: int, city_url: str | None, said: tuple[str, str]
) -> None:
    asked = msgspec.structs.replace(lonely, city_url=city_url)
    found = await look(asked, clocks(at=lambda: wall_ms() + later_days * DAY_MS))
    assert words(found["certificate"]) == [said]


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nAgEB\n-----END CERTIFICATE-----\n"])
async def test_a_certificate_that_is_none_is_red(lonely: Settings, text: str) -> None:
    assert lonely.broker.certificate is not None
    spoil(lonely.broker.certificate, text)
    assert words((await look(lonely))["certificate"]) == [("bad", "said")]


async def test_a_broker_that_is_not_there_is_red(lonely: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup_module, "PATIENCE_S", 1.0)
    (broker,) = (await look(lonely))["broker"]
    assert (broker.state, broker.word) == ("bad", "refused")
    assert "Connection refused" in str(broker.told["detail"])


async def test_a_broker_of_another_ca_is_red(whole: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup_module, "PATIENCE_S", 2.0)
    other = Office(tmp_path / "other")
    stranger = other.device(A1)
    asked = msgspec.structs.replace(whole, broker=stranger.broker(whole.broker.port))
    (broker,) = (await look(asked))["broker"]
    assert broker.state == "bad"
    assert "its certificate is not the city's" in str(broker.told["detail"])


async def test_a_revoked_certificate_is_red(
    tmp_path: Path, office: Office, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup_module, "PATIENCE_S", 2.0)
    identity = office.broker(TOWNSHIP)
    office.revoke(A1, identity)
    async with Mosquitto(tmp_path / "strict", identity=identity) as strict:
        (broker,) = (await look(settings(tmp_path, device, device.broker(strict.port))))["broker"]
    assert broker.state == "bad"
    assert "revoked by the city" in str(broker.told["detail"])


async def test_every_node_of_a_cluster_is_asked(whole: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup_module, "PATIENCE_S", 2.0)
    port = whole.broker.port
    asked = msgspec.structs.replace(
        whole, broker=msgspec.structs.replace(whole.broker, also=("127.0.0.1:9", f"localhost:{port}"))
    )
    assert [one.state for one in (await look(asked))["broker"]] == ["good", "bad", "good"]


async def test_a_check_does_not_throw_the_node_off(whole: Settings) -> None:
    from edge.node import Node  # noqa: PLC0415

    node = Node(whole, factory=MockFactory(), signer=Signer(b"1" * 32))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(node.run(), name="node")
        await node.ready.wait()
        async with asyncio.timeout(20):
            while not node._uplink.up:
                await asyncio.sleep(0.01)
        downs = []
        node._uplink._link._on_down = lambda: downs.append(1)
        found = await look(whole)
        assert (node._uplink.up, downs) == (True, [])
        node.stop()
    assert words(found["broker"]) == [("good", "heard")]
    assert words(found["pins"]) == [("warn", "running")]


FOUND = [
    Finding("pins", "good", "open", {"window": "01", "buttons": 3}),
    Finding("clock", "bad", "lost", {}),
    Finding("certificate", "warn", "bare", {}),
]


def test_the_table_says_what_to_do_and_how_many() -> None:
    assert table(FOUND, "zh", colours=False) == [
        "✓ 引脚  01 号窗的 3 个按键都松开着",
        "✗ 时钟  内核没有校时，本次开机后网关也没有告知时间：评价会保存，时间要以后才能确定",
        "        → 检查网络和时间服务（timedatectl）；节点连上网关后再查一次",
        "! 证书  没有证书，连接未加密，也无法证明自己是谁",
        "        → 用 manyi edge enrol 申请证书",
        "",
        "1 处不正常，改好后请再查一次",
    ]
    assert table(FOUND[:1], "en", colours=False)[-1] == "everything is as it should be"
    assert table(FOUND[::2], "en", colours=False)[-1] == "fit for use, with 1 to look at"
    assert table(FOUND[:1], "en", colours=True)[0].startswith("\x1b[32m✓\x1b[0m pins")


def test_for_a_machine_it_is_one_object() -> None:
    told = plain(FOUND)
    assert (told["passed"], passed(FOUND), passed(FOUND[::2])) == (False, False, True)
    assert json.loads(json.dumps(told))["findings"][0] == {
        "part": "pins",
        "state": "good",
        "found": "open",
        "window": "01",
        "buttons": 3,
        "said": "window 01: all 3 buttons are up",
    }


TEXT = f"""
node = "{A1}"
store = "outbox.db"
key = "node.key"
city_key = "{CITY.public}"
pins = "mock"
broker = {{ host = "127.0.0.1", port = 9 }}
window = [{{ id = "01", satisfied = 17, basic = 27, dissatisfied = 22 }}]
"""


def test_the_command_ends_with_1_while_anything_is_red(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup_module, "PATIENCE_S", 0.1)
    config = tmp_path / "edge.toml"
    config.write_text(TEXT, encoding="utf-8")
    new_key(tmp_path / "node.key")
    assert main(["check", "--config", str(config), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False
    assert {one["part"] for one in told["findings"] if one["state"] == "bad"} >= {"broker"}

    config.write_text("node = 3", encoding="utf-8")
    assert main(["check", "--config", str(config), "--language", "en"]) == 1
    assert capsys.readouterr().out.startswith(f"✗ settings  {config}: ")


async def test_the_command_ends_with_0_where_nothing_is(
    tmp_path: Path, whole: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transport.kernel.kernel_error_ms", lambda: 5)
    config = tmp_path / "edge.toml"
    broker = whole.broker
    config.write_text(
        TEXT.replace('key = "node.key"', f'key = "{whole.key}"').replace(
            "port = 9", f'port = {broker.port}, ca = "{broker.ca}", certificate = "{broker.certificate}"'
        ),
        encoding="utf-8",
    )
    assert await asyncio.to_thread(main, ["check", "--config", str(config)]) == 0


def test_the_wiring_is_printed_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, drawing = tmp_path / "edge.toml", tmp_path / "wiring.svg"
    config.write_text(TEXT, encoding="utf-8")
    assert main(["wiring", "--config", str(config)]) == 0
    assert "01\t满意按键\t17\t11\t9\n" in capsys.readouterr().out
    assert main(["wiring", "--config", str(config), "--out", str(drawing), "--language", "en"]) == 0
    assert "window 01 satisfied button" in drawing.read_text(encoding="utf-8")
    assert main(["wiring", "--config", str(config), "--out", str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err
