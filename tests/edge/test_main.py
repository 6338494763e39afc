"""The command line: what it prints, what it starts, and how it ends."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest

from contract.signing import Signer
from contract.version import __version__
from edge.__main__ import main
from edge.pins import Factory
from edge.settings import Settings
from tests.rival import turned_away
from transport.keys import new_key

TEXT = f"""
node = "371721121-a1"
store = "outbox.db"
key = "node.key"
city_key = "{Signer(bytes(32)).public}"
pins = "mock"
broker = {{ host = "127.0.0.1" }}

[[window]]
id = "01"
satisfied = 17
basic = 27
dissatisfied = 22
"""


class Stand:
    """A node that does nothing but run until it is stopped; it asks for that itself, by `number`."""

    number: ClassVar[signal.Signals] = signal.SIGTERM
    built: ClassVar[list["Stand"]] = []

    def __init__(self, settings: Settings, *, factory: Factory, signer: Signer) -> None:
        self.settings, self.factory, self.signer = settings, factory, signer
        self.ready = asyncio.Event()
        self.stopped = asyncio.Event()
        self.ended = False
        self.built.append(self)

    def stop(self) -> None:
        self.stopped.set()

    async def run(self) -> None:
        os.kill(os.getpid(), self.number)
        await self.stopped.wait()
        self.ended = True


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> type[Stand]:
    module = ModuleType("edge.node")
    module.Node = Stand  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "edge.node", module)
    monkeypatch.setattr(Stand, "built", [])
    return Stand


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "edge.toml"
    file.write_text(TEXT, encoding="utf-8")
    return file


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_serves_until_it_is_told_to_stop(
    config: Path, stand: type[Stand], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(stand, "number", number)
    public = new_key(config.parent / "node.key")

    assert main(["run", "--config", str(config)]) == 0

    (node,) = stand.built
    assert node.ended
    assert node.settings.node == "371721121-a1"
    assert node.signer.public == public


def test_a_wrong_file_is_one_line_and_code_2_and_starts_nothing(
    config: Path, stand: type[Stand], capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(TEXT.replace("satisfied = 17", "satisfied = 99", 1), encoding="utf-8")

    assert main(["run", "--config", str(config)]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"{config}: window[0]: satisfied: there is no line 99; ")
    assert printed.err.count("\n") == 1
    assert stand.built == []


def test_a_missing_key_is_one_line_and_code_2(
    config: Path, stand: type[Stand], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", str(config)]) == 2

    assert capsys.readouterr().err.count("\n") == 1
    assert stand.built == []


def test_no_pins_is_one_line_that_names_the_file_and_code_2(
    config: Path, stand: type[Stand], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(TEXT.replace('pins = "mock"', 'pins = "lgpio"'), encoding="utf-8")
    new_key(config.parent / "node.key")
    monkeypatch.setenv("LG_WD", "")
    monkeypatch.delenv("LG_WD")
    monkeypatch.setitem(sys.modules, "lgpio", None)
    sys.modules.pop("gpiozero.pins.lgpio", None)

    assert main(["run", "--config", str(config)]) == 2

    assert capsys.readouterr().err.startswith(f'{config}: pins: "lgpio" needs ')
    assert stand.built == []
    assert os.environ["LG_WD"] == str(config.parent)


@pytest.mark.timeout(120)
def test_a_second_one_on_its_outbox_ends_with_a_line_that_says_what_to_do(config: Path) -> None:
    config.write_text(TEXT.replace('host = "127.0.0.1"', 'host = "127.0.0.1", port = 9'), encoding="utf-8")
    new_key(config.parent / "node.key")
    turned_away("edge", config, config.parent / "outbox.db")


def test_keygen_prints_the_public_key_of_the_file_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "node.key"

    assert main(["keygen", str(file)]) == 0
    assert len(capsys.readouterr().out.strip()) == 43

    assert main(["keygen", str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '"127.0.0.1" }',
            '"127.0.0.1", ca = "ca.pem", certificate = "a1.pem" }',
            "/ca.pem: cannot be read as the city's",
        ),
        ("pins =", 'city_url = "http://city.example"\npins =', "/edge.toml: city_url: without `ca` and `certificate`"),
        ("pins =", 'city_url = "city.example"\npins =', "/edge.toml: city_url: expected"),
    ],
)
def test_certificates_that_are_not_there_are_one_line_and_code_2(
    config: Path, stand: type[Stand], capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    new_key(config.parent / "node.key")
    config.write_text(TEXT.replace(old, new, 1), encoding="utf-8")

    assert main(["run", "--config", str(config)]) == 2

    line = capsys.readouterr().err
    assert line.startswith(f"{config.parent}{said}")
    assert line.count("\n") == 1
    assert not any(node.ended for node in stand.built)
