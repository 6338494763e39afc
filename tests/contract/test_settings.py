"""One line that names file, key and what is allowed."""

from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.config import WindowPins, check_windows
from contract.errors import SettingsError
from contract.settings import parse


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Broker(msgspec.Struct, forbid_unknown_fields=True):
    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    broker: Broker
    spare: Broker | None = None
    pins: Literal["lgpio", "mock"] = "mock"
    colour: Colour = Colour.RED
    settle_s: Annotated[float, msgspec.Meta(ge=0)] = 0.8
    window: list[WindowPins] = []
    peers: dict[str, Broker] = {}
    colours: list[Colour] = []

    def __post_init__(self) -> None:
        check_windows(self.window)


HEAD = 'name = "a"\nbroker = {host = "h"}\n'
WINDOW = '[[window]]\nid = "01"\nsatisfied = 1\nbasic = 2\ndissatisfied = 3\n'


def complaint(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(text, Settings, file="edge.toml")
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("edge.toml: ")
    return line.removeprefix("edge.toml: ")


def test_a_good_file_is_its_struct() -> None:
    settings = parse(HEAD + WINDOW, Settings, file="edge.toml")
    assert settings == Settings("a", Broker("h"), window=[WindowPins("01", 1, 2, 3)])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "top level: the key name is missing"),
        ('name = "a"\nbroker = {}', "broker: the key host is missing"),
        (HEAD + "[peers.x]\n", "peers[...]: the key host is missing"),
        ("name = 1\n", "name: expected a text, got a whole number"),
        ('name = "a"\nbroker = "h"', "broker: expected a table, got a text"),
        ('name = "a"\nbroker = [1]', "broker: expected a table, got a list"),
        ('name = "a"\nbroker = {host = true}', "broker.host: expected a text, got true or false"),
        ('name = "a"\nbroker = {host = "h", port = "1"}', "broker.port: expected a whole number, got a text"),
        ('name = "a"\nbroker = {host = "h", port = 70000}', "broker.port: expected a whole number <= 65535"),
        ('name = "a"\nbroker = {host = "h", port = 0}', "broker.port: expected a whole number >= 1"),
        (HEAD + "settle_s = -1.0", "settle_s: expected a number >= 0.0"),
        (HEAD + "settle_s = inf", "settle_s: expected a number, got inf"),
        (HEAD + "settle_s = nan", "settle_s: expected a number, got nan"),
        (HEAD + "[[window]]\nid = [{x = nan}]", "window[0].id[0].x: expected a number, got nan"),
        (HEAD + "pinz = 1", "top level: there is no key pinz; allowed here: broker, colour, colours, name, "),
        (HEAD + "spare = {hst = 1}", "spare: there is no key hst; allowed here: host, port"),
        (HEAD + "[peers.x]\nhst = 1", "peers[...]: there is no key hst; allowed here: host, port"),
        (
            HEAD + WINDOW + "light = 1",
            "window[0]: there is no key light; allowed here: basic, buzzer, dissatisfied, id, light_",
        ),
        (HEAD + 'pins = "gpio"', "pins: 'gpio' is not among what is allowed: lgpio, mock"),
        (HEAD + 'colour = "blue"', "colour: 'blue' is not among what is allowed: green, red"),
        (HEAD + 'colours = ["red", "blue"]', "colours[1]: 'blue' is not among what is allowed: green, red"),
        (HEAD + '"a\\nb" = 1', "top level: there is no key a b; allowed here: "),
        (HEAD + WINDOW + WINDOW.replace("1", "x"), "not TOML that can be used: "),
        (HEAD + WINDOW.replace("= 3", "= 28"), "window[0]: dissatisfied: there is no line 28; allowed: 0 to 27 of "),
        (HEAD + WINDOW.replace('"01"', '"0 1"'), "window[0].id: expected a text matching regex '^[a-z0-9]{1,8}$'"),
        (HEAD + WINDOW + WINDOW, "top level: window 01 is named twice"),
        (
            HEAD + WINDOW.replace("= 3", "= 2"),
            "top level: pin 2 is both basic of window 01 and dissatisfied of window 01",
        ),
        ("name = ", "not TOML that can be used: Invalid value"),
        ('name = "a"\nname = "b"', "not TOML that can be used: Cannot overwrite a value"),
        ("\ufeffname = 1", "not TOML that can be used: "),
        ("x = " + "[" * 100_000, "not TOML that can be used: "),
        ("x = " + "9" * 5000, "not TOML that can be used: "),
    ],
)
def test_a_wrong_file_is_one_line_with_key_and_what_is_allowed(text: str, line: str) -> None:
    assert complaint(text).startswith(line)


@given(st.text(max_size=80) | st.text('nambrokewid_s=[]{}".,\n 0123456789', max_size=80))
def test_any_text_is_settings_or_one_line(text: str) -> None:
    complaint("x" + text)
    with suppress(SettingsError):
        parse(HEAD + text, Settings, file="edge.toml")
