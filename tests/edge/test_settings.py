"""A node's settings file: what is read, and the one line that each mistake gets."""

from pathlib import Path

import pytest

from contract.errors import SettingsError
from contract.signing import Signer
from edge.settings import Timing, read

CITY_KEY = Signer(bytes(32)).public

GOOD = f"""
node = "371721121-a1"
store = "outbox.db"
key = "node.key"
city_key = "{CITY_KEY}"
pins = "mock"

[broker]
host = "127.0.0.1"
password_file = "broker.password"

[timing]
settle_s = 1

[[window]]
id = "01"
satisfied = 17
basic = 27
dissatisfied = 22
light_satisfied = 5

[[window]]
id = "02"
satisfied = 23
basic = 24
dissatisfied = 25
"""


def file_with(folder: Path, text: str) -> Path:
    file = folder / "edge.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_good_file_with_its_defaults_and_paths_beside_it(tmp_path: Path) -> None:
    settings = read(file_with(tmp_path, GOOD))

    assert settings.node == "371721121-a1"
    assert settings.store == str(tmp_path / "outbox.db")
    assert settings.key == str(tmp_path / "node.key")
    assert settings.broker.password_file == str(tmp_path / "broker.password")
    assert settings.broker.port == 1883
    assert settings.timing == Timing(settle_s=1.0, cooldown_s=3.0)
    assert (settings.timing.settle_ns, settings.timing.cooldown_ns) == (1_000_000_000, 3_000_000_000)
    assert [window.id for window in settings.window] == ["01", "02"]
    assert settings.window[1].light_basic is None
    assert settings.heartbeat_s == 60


def test_pins_are_those_of_a_pi_unless_said_otherwise(tmp_path: Path) -> None:
    assert read(file_with(tmp_path, GOOD.replace('pins = "mock"\n', ""))).pins == "lgpio"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    text = GOOD.replace('"outbox.db"', f'"{tmp_path}/elsewhere.db"')

    assert read(file_with(tmp_path, text)).store == f"{tmp_path}/elsewhere.db"


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ('node = "371721121-a1"', 'node = "a1"', "node: "),
        ('pins = "mock"', 'pins = "pigpio"', "pins: "),
        ('pins = "mock"', 'pin = "mock"', "there is no key pin"),
        ("settle_s = 1", "settle_s = -1", "timing.settle_s: "),
        ("settle_s = 1", "settle_s = nan", "timing.settle_s: "),
        ("basic = 27", "basic = 28", "window[0]: basic: there is no line 28; allowed: "),
        ("basic = 27", "basic = 17", "window: pin 17 is both"),
        ('id = "02"', 'id = "01"', "window: window 01 is named twice"),
        (CITY_KEY, CITY_KEY[:-1] + "-", "city_key: "),
        ("outbox.db", "nowhere/outbox.db", "store: there is no folder"),
        ("[[window]]", "[[windows]]", "there is no key windows"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_and_key(tmp_path: Path, good: str, bad: str, said: str) -> None:
    assert good in GOOD
    file = file_with(tmp_path, GOOD.replace(good, bad))

    with pytest.raises(SettingsError) as caught:
        read(file)

    line = str(caught.value)
    assert line.startswith(f"{file}: ")
    assert said in line
    assert "\n" not in line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read(tmp_path / "edge.toml")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(SettingsError, match="cannot be read"):
        read(file)
