"""An installer's press test: `manyi edge test` asks for every button of a node once.

It opens the pins and nothing else: no outbox, no line. So none of its presses can become a rating. While it
runs it holds the outbox's lock, so that the node itself does not.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from edge.buttons import Button
from edge.language import LEVELS, Language, called
from edge.lights import Lights
from edge.pins import Factory
from edge.settings import Settings
from edge.trial import Found, Step, Trial, steps
from transport.lock import locked

# A second tap of one finger comes within it.
REST_S = 0.5

_WORDS = {
    "zh": {
        "ask": "{window} 号窗：请按【{level}】（{line}）",
        "good": "　　正常",
        "crossed": "　　接错线：响应的是 {window} 号窗的【{level}】（{line}）",
        "silent": "　　没有响应：检查接线，或按得太晚",
        "stuck": "{window} 号窗【{level}】（{line}）没按就已接通：按键卡住或接线短路",
        "passed": "{count} 个按键全部正常",
        "failed": "{count} 个按键中 {bad} 个有问题，改好后请再测一次",
    },
    "en": {
        "ask": "window {window}: press {level} ({line})",
        "good": "    good",
        "crossed": "    crossed: {level} of window {window} answered ({line})",
        "silent": "    nothing came: look at its wires, or press sooner",
        "stuck": "window {window}, {level} ({line}): down before anybody pressed: stuck, or a short",
        "passed": "all {count} buttons are good",
        "failed": "{bad} of {count} buttons are not good; mend them and test again",
    },
}


class Out(Protocol):
    """Where a line goes."""

    def write(self, text: str, /) -> object:
        """Write `text`."""


async def press_test(
    settings: Settings,
    *,
    factory: Factory,
    monotonic_ns: Callable[[], int],
    wait_s: float,
    language: Language,
    as_json: bool,
    out: Out,
) -> bool:
    """Ask for every button of the node, `wait_s` seconds for each; whether all are good.

    Raises `SettingsError` where the node is running, and so would take the presses for ratings.
    """
    with locked(Path(settings.store)):
        trial = await _tried(settings, factory, monotonic_ns, wait_s, _Voice(out, language, silent=as_json))
    if as_json:
        told = [
            {**one.step._asdict(), "outcome": one.outcome, "other": one.other and one.other._asdict()}
            for one in trial.found
        ]
        out.write(f"{json.dumps({'passed': trial.passed, 'buttons': told})}\n")
    return trial.passed


class _Voice:
    def __init__(self, out: Out, language: Language, *, silent: bool) -> None:
        self._out = out
        self._language = language
        self._silent = silent

    def say(self, word: str, step: Step | None = None, **numbers: int) -> None:
        """Say `word`, about `step` where there is one."""
        if self._silent:
            return
        told: dict[str, object] = {**numbers}
        if step is not None:
            told |= {"window": step.window, "level": LEVELS[self._language][step.level]}
            told["line"] = called(step.pin, self._language)
        self._out.write(_WORDS[self._language][word].format(**told) + "\n")

    def found(self, one: Found) -> None:
        """Say what came of a step."""
        self.say(one.outcome, one.other or one.step)


async def _tried(
    settings: Settings, factory: Factory, monotonic_ns: Callable[[], int], wait_s: float, voice: _Voice
) -> Trial:
    loop = asyncio.get_running_loop()
    pressed: asyncio.Queue[Step] = asyncio.Queue()

    def listened(step: Step) -> Button:
        return Button(
            factory.pin(step.pin),
            step.level,
            on_press=lambda _level, _at: pressed.put_nowait(step),
            hand_over=loop.call_soon_threadsafe,
            monotonic_ns=monotonic_ns,
        )

    every = steps(settings.window)
    buttons = [listened(step) for step in every]
    lights = {
        window.id: Lights({level: factory.pin(pin) for level, pin in window.lights.items()}, later=loop.call_later)
        for window in settings.window
    }
    try:
        trial = Trial(settings.window, down=[step.pin for step in every if not factory.pin(step.pin).state])
        for stuck in trial.found:
            voice.found(stuck)
        while (due := trial.due) is not None:
            voice.say("ask", due)
            try:
                async with asyncio.timeout(wait_s):
                    found = trial.pressed(await pressed.get())
            except TimeoutError:
                found = trial.waited()
            else:
                lights[due.window].thank(due.level)
            voice.found(found)
            # Who presses twice means one button, not the next one too.
            await asyncio.sleep(REST_S)
            while not pressed.empty():
                pressed.get_nowait()
        bad = sum(one.outcome != "good" for one in trial.found)
        voice.say("failed" if bad else "passed", count=len(trial.found), bad=bad)
        return trial
    finally:
        for button in buttons:
            button.close()
        for one in lights.values():
            one.close()
