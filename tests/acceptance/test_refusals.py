"""Wrong settings as a person meets them: one line that names file, key and what is allowed, code 2, nothing started."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from firmware_sim.cityplan import lay_out
from firmware_sim.premises import Wires, build

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

# Nobody listens there, and nobody is asked: no house gets that far.
NOBODY = Wires(city_broker=9, node_broker=9, http=0)


class House(NamedTuple):
    """What an installer left for one house."""

    config: Path
    store: Path
    key: Path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("premises") / "city"
    build(lay_out(["371721121"], windows=1, townships=1, seed=1), folder, wires=NOBODY)
    return folder


@pytest.fixture
def houses(template: Path, tmp_path: Path) -> dict[str, House]:
    made = {}
    for name, folder, store in (
        ("edge", "nodes/371721121-a1", "outbox.db"),
        ("gateway", "gateways/371721121", "journal.db"),
        ("cloud", "cloud", "manyi.db"),
    ):
        room = tmp_path / name
        room.mkdir()
        for file in (template / folder).iterdir():
            copy = room / file.name
            copy.write_bytes(file.read_bytes())
            copy.chmod(0o600)
        (key,) = room.glob("*.key")
        (config,) = room.glob("*.toml")
        made[name] = House(config, room / store, key)
    return made


def run(house: str, config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", house, "run", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def refused(house: str, it: House) -> str:
    """Run it; return its one line, having seen that it left no trace."""
    before = sorted(it.config.parent.iterdir())
    done = run(house, it.config)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    assert "Traceback" not in done.stderr
    assert sorted(it.config.parent.iterdir()) == before
    assert not it.store.exists()
    return done.stderr.removesuffix("\n")


class Wrong(NamedTuple):
    """What is found in the settings, what stands there instead, and what the line says after the file's name."""

    house: str
    found: str
    instead: str
    said: str


WRONG = {
    "edge, no TOML": Wrong("edge", "node = ", "node ", ": not TOML that can be used: "),
    "edge, a misspelt key": Wrong(
        "edge",
        "store = ",
        "stoer = ",
        ": top level: there is no key stoer; allowed here: broker, city_key, city_url, heartbeat_s, key, log, "
        "metrics, node, pins, store, ",
    ),
    "edge, a misspelt table": Wrong(
        "edge", "settle_s = 0.8", "settle = 1", ": timing: there is no key settle; allowed"
    ),
    "edge, a wrong kind": Wrong("edge", "port = 9", 'port = "nine"', ": broker.port: expected a whole number"),
    "edge, too much": Wrong("edge", "settle_s = 0.8", "settle_s = 80", ": timing.settle_s: expected a number <= 10"),
    "edge, no choice of ours": Wrong("edge", 'pins = "mock"', 'pins = "wires"', ": pins: "),
    "edge, a node of nowhere": Wrong("edge", "371721121-a1", "kitchen", ": node: "),
    "edge, a pin twice": Wrong("edge", "basic = 5", "basic = 4", ": window"),
    "edge, a city's key that is none": Wrong("edge", 'city_key = "', 'city_key = "!', ": city_key: "),
    "gateway, no TOML": Wrong("gateway", "township = ", "township ", ": not TOML that can be used: "),
    "gateway, a misspelt key": Wrong("gateway", "store = ", "stoer = ", ": top level: there is no key stoer; allowed"),
    "gateway, a missing key": Wrong("gateway", 'store = "journal.db"', "", ": top level: the key store is missing"),
    "gateway, a wrong kind": Wrong("gateway", "port = 9", 'port = "nine"', "broker.port: expected a whole number"),
    "gateway, no township": Wrong("gateway", '"371721121"', '"37172"', ": township: "),
    "gateway, a city's key that is none": Wrong("gateway", 'city_key = "', 'city_key = "!', ": city_key: "),
    "cloud, no TOML": Wrong("cloud", "database = ", "database ", ": not TOML that can be used: "),
    "cloud, a misspelt key": Wrong("cloud", "least = ", "lest = ", ": top level: there is no key lest; allowed here: "),
    "cloud, a wrong kind": Wrong("cloud", "least = 20", 'least = "20"', ": least: expected a whole number"),
    "cloud, no choice of ours": Wrong(
        "cloud", '"trusted"', '"sundial"', ": clock: 'sundial' is not among what is allowed: kernel, trusted"
    ),
    "cloud, open to the world": Wrong(
        "cloud",
        '[http]\nhost = "127.0.0.1"',
        '[http]\nhost = "0.0.0.0"',
        ": http.host: '0.0.0.0' is not allowed, only 127.0.0.1, ::1, localhost; TLS is nginx's",
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_settings_file_starts_nothing(houses: dict[str, House], wrong: Wrong) -> None:
    it = houses[wrong.house]
    text = it.config.read_text(encoding="utf-8")
    assert wrong.found in text
    it.config.write_text(text.replace(wrong.found, wrong.instead), encoding="utf-8")
    line = refused(wrong.house, it)
    assert line.startswith(str(it.config))
    assert wrong.said in line


@pytest.mark.parametrize("house", ["edge", "gateway", "cloud"])
def test_a_file_that_is_not_there_or_not_text_is_named(houses: dict[str, House], house: str) -> None:
    it = houses[house]
    it.config.write_bytes(b"\xff\xfe\x00")
    assert refused(house, it).startswith(f"{it.config}: ")
    it.config.unlink()
    assert refused(house, it).startswith(f"{it.config}: cannot be read")


@pytest.mark.parametrize("house", ["edge", "gateway", "cloud"])
def test_a_private_key_that_is_missing_or_open_to_others_is_named(houses: dict[str, House], house: str) -> None:
    it = houses[house]
    it.key.chmod(0o644)
    assert refused(house, it).startswith(f"{it.key}: ")
    it.key.unlink()
    assert refused(house, it).startswith(f"{it.key}: ")


@pytest.mark.parametrize("house", ["edge", "gateway", "cloud"])
def test_a_store_in_no_folder_is_named(houses: dict[str, House], house: str) -> None:
    it = houses[house]
    text = it.config.read_text(encoding="utf-8")
    key = "database" if house == "cloud" else "store"
    it.config.write_text(re.sub(rf'^{key} = "', f'{key} = "nowhere/', text, flags=re.MULTILINE), encoding="utf-8")
    line = refused(house, it)
    assert str(it.config) in line or "nowhere" in line
    assert key in line or "nowhere" in line
