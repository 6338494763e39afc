"""A press test: what a button that is crossed, silent, stuck or good comes to; and none of it is a rating."""

import asyncio
import io
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from gpiozero.pins.mock import MockFactory

from contract.config import WindowPins
from contract.errors import SettingsError
from contract.signing import Signer
from edge import installing
from edge.__main__ import main
from edge.installing import press_test
from edge.label import lines, svg
from edge.language import Language
from edge.pins import factory
from edge.settings import Settings
from edge.trial import Found, Step, Trial, steps
from tests.edge.test_buttons import ClosedPin
from transport.broker import Broker
from transport.keys import new_key
from transport.lock import locked

WINDOWS = [WindowPins("01", 17, 27, 22, 5, 6, 13), WindowPins("02", 23, 24, 25)]
EVERY = [
    Step(window, level, pin)
    for window, pins in (("01", (17, 27, 22)), ("02", (23, 24, 25)))
    for level, pin in zip((3, 2, 1), pins, strict=True)
]


def test_every_button_is_asked_for_once_and_in_order() -> None:
    assert steps(WINDOWS) == EVERY
    trial = Trial(WINDOWS)
    asked = []
    while trial.due is not None:
        asked.append(trial.due)
        assert not trial.passed
        assert trial.pressed(trial.due) == Found(asked[-1], "good")
    assert asked == EVERY
    assert trial.passed


def test_what_is_not_good_is_told() -> None:
    trial = Trial(WINDOWS, down=[23])
    assert trial.pressed(EVERY[1]) == Found(EVERY[0], "crossed", EVERY[1])
    assert trial.pressed(EVERY[0]) == Found(EVERY[1], "crossed", EVERY[0])
    assert trial.waited() == Found(EVERY[2], "silent")
    assert trial.due == EVERY[4]
    trial.pressed(EVERY[4])
    trial.pressed(EVERY[5])
    assert not trial.passed
    assert [(one.step.pin, one.outcome) for one in trial.found] == [
        (23, "stuck"),
        (17, "crossed"),
        (27, "crossed"),
        (22, "silent"),
        (24, "good"),
        (25, "good"),
    ]


class Installer:
    """Presses as asked, but for what `wired` says: another pin than the one asked for, or none."""

    def __init__(self, factory: MockFactory, wired: Mapping[int, int | None]) -> None:
        self.text = io.StringIO()
        self._factory = factory
        self._wired = wired

    def write(self, said: str) -> None:
        self.text.write(said)
        if "请按" not in said and ": press " not in said:
            return
        asked = int(said.rpartition("GPIO ")[2].rstrip("）)\n"))
        pin = self._wired.get(asked, asked)
        if pin is not None:
            threading.Thread(target=self._tap, args=(pin,)).start()

    def _tap(self, pin: int) -> None:
        line = self._factory.pin(pin)
        for press in (line.drive_low, line.drive_high, line.drive_low, line.drive_high):
            press()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings("371721121-a1", str(tmp_path / "outbox.db"), "node.key", "k" * 43, Broker("127.0.0.1"), WINDOWS)


@pytest.fixture
def tried(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[bool, str]]:
    monkeypatch.setattr(installing, "REST_S", 0.05)

    def run(
        wired: Mapping[int, int | None] | None = None, *, stuck: int | None = None, language: Language = "zh"
    ) -> tuple[bool, str]:
        factory = MockFactory()
        if stuck is not None:
            factory.pin(stuck, pin_class=ClosedPin).drive_low()
        out = Installer(factory, wired or {})
        now = iter(range(0, 10**15, 50_000_000))
        passed = asyncio.run(
            press_test(
                settings,
                factory=factory,
                monotonic_ns=lambda: next(now),
                wait_s=1.0,
                language=language,
                as_json=False,
                out=out,
            )
        )
        return passed, out.text.getvalue()

    return run


def test_an_installer_presses_all_of_them(tried: Callable[..., tuple[bool, str]]) -> None:
    passed, said = tried()
    assert passed
    assert said.splitlines()[:2] == ["01 号窗：请按【满意】（GPIO 17）", "　　正常"]
    assert said.splitlines()[-1] == "6 个按键全部正常"
    passed, said = tried(language="en")
    assert passed
    assert said.splitlines()[-1] == "all 6 buttons are good"


def test_red_and_green_were_swapped_and_a_wire_is_off(tried: Callable[..., tuple[bool, str]]) -> None:
    passed, said = tried({17: 22, 22: 17, 25: None})
    assert not passed
    told = said.splitlines()
    assert told[1] == "　　接错线：响应的是 01 号窗的【不满意】（GPIO 22）"
    assert told[5] == "　　接错线：响应的是 01 号窗的【满意】（GPIO 17）"
    assert told[-2].startswith("　　没有响应")
    assert told[-1] == "6 个按键中 3 个有问题，改好后请再测一次"


def test_a_button_that_is_down_before_anybody_pressed(tried: Callable[..., tuple[bool, str]]) -> None:
    passed, said = tried(stuck=24)
    assert not passed
    assert said.splitlines()[0] == "02 号窗【基本满意】（GPIO 24）没按就已接通：按键卡住或接线短路"


def test_a_button_on_an_expander_is_asked_for_by_its_line(settings: Settings) -> None:
    out, windows = io.StringIO(), [WindowPins("09", 100, 101, 108)]
    trying = press_test(
        msgspec.structs.replace(settings, window=windows),
        factory=factory("mock"),
        monotonic_ns=iter(range(10**9, 10**12)).__next__,
        wait_s=0.0,
        language="en",
        as_json=False,
        out=out,
    )
    assert not asyncio.run(trying)
    assert [line for line in out.getvalue().splitlines() if line.startswith("window")] == [
        "window 09: press satisfied (expander 1 GPA0)",
        "window 09: press basic (expander 1 GPA1)",
        "window 09: press dissatisfied (expander 1 GPB0)",
    ]


def test_its_presses_are_no_ratings(tried: Callable[..., tuple[bool, str]], settings: Settings, tmp_path: Path) -> None:
    """It opens no outbox: neither is there one afterwards, nor does one that was there change."""
    assert tried()[0]
    assert not (tmp_path / "outbox.db").exists()
    Path(settings.store).write_bytes(b"an outbox")
    assert tried()[0]
    assert {file.name for file in tmp_path.iterdir()} <= {"outbox.db", "outbox.db-lock"}
    assert Path(settings.store).read_bytes() == b"an outbox"


async def test_not_while_the_node_runs(settings: Settings) -> None:
    with locked(Path(settings.store)), pytest.raises(SettingsError, match="in use by another process"):
        await press_test(
            settings,
            factory=MockFactory(),
            monotonic_ns=lambda: 0,
            wait_s=0.1,
            language="zh",
            as_json=True,
            out=io.StringIO(),
        )


TOML = f"""
node = "371721121-a1"
store = "outbox.db"
key = "node.key"
city_key = "{Signer(b"9" * 32).public}"
broker = {{ host = "127.0.0.1" }}
pins = "mock"
[[window]]
id = "01"
satisfied = 17
basic = 27
dissatisfied = 22
[[window]]
id = "02"
satisfied = 23
basic = 24
dissatisfied = 25
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "edge.toml"
    file.write_text(TOML, encoding="utf-8")
    return file


def test_the_command_tells_what_came_of_each(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "REST_S", 0.0)
    assert main(["test", "--config", str(config), "--wait", "0.01", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False
    assert [(one["window"], one["level"], one["outcome"]) for one in told["buttons"]] == [
        (window, level, "silent") for window in ("01", "02") for level in (3, 2, 1)
    ]


def test_the_label_says_who_it_is(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public = new_key(tmp_path / "node.key")
    assert main(["label", "--config", str(config)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1:3] == ["设备 371721121-a1", "窗口 01、02"]
    assert told[3].removeprefix("公钥 ") + told[4].strip() == public
    assert main(["label", "--config", str(config), "--out", str(tmp_path / "label.svg")]) == 0
    drawn = ET.parse(tmp_path / "label.svg").getroot()  # noqa: S314  (our own)
    assert drawn.attrib["width"] == "70mm"
    assert "设备 371721121-a1" in {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert main(["label", "--config", str(config), "--out", str(tmp_path / "no" / "label.svg")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_label_holds_whatever_stands_on_it() -> None:
    told = lines("371721121-a1", ["01"], "A" * 43, "2026-11-27")
    assert len(svg(told)) < len(svg([*told, "<&>"]))
    assert "&lt;&amp;&gt;" in svg([*told, "<&>"])
