"""The whole button side on mock pins driven from a thread of their own, as gpiozero's are."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from gpiozero.exc import PinInvalidPin
from gpiozero.pins.mock import MockFactory

from contract.config import WindowPins
from contract.errors import StoreDamaged, StoreFull
from contract.prompt import Standing
from edge import lights as lights_module
from edge import panel as panel_module
from edge.asking import Ask
from edge.panel import Panel
from edge.session import Choice
from edge.settings import Timing

WINDOWS = [
    WindowPins("01", 17, 27, 22, 5, 6, 13),
    WindowPins("02", 23, 24, 25, 16, 20, 21, 26),
]
BUTTON = {("01", 3): 17, ("01", 2): 27, ("01", 1): 22, ("02", 3): 23, ("02", 2): 24, ("02", 1): 25}
LIGHT = {("01", 3): 5, ("01", 2): 6, ("01", 1): 13, ("02", 3): 16, ("02", 2): 20, ("02", 1): 21}

BUZZER = 26

S = 1_000_000_000
AT_ONCE = Timing(settle_s=0, cooldown_s=0)


class Clock:
    """Nanoseconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000 * S

    def __call__(self) -> int:
        return self.now


class Desk:
    """A node's panel with fingers, and a record of what was recorded."""

    def __init__(self, record: Callable[[Choice], Awaitable[None]] | None = None) -> None:
        self.factory = MockFactory()
        self.clock = Clock()
        self.recorded: list[Choice] = []
        self.standings: list[tuple[str, Standing]] = []
        self._record = record

    async def record(self, choice: Choice) -> None:
        if self._record is not None:
            await self._record(choice)
        self.recorded.append(choice)

    def panel(self, timing: Timing = AT_ONCE, clock: Callable[[], int] | None = None) -> Panel:
        return Panel(
            WINDOWS,
            timing,
            factory=self.factory,
            record=self.record,
            became=self.became,
            monotonic_ns=clock or self.clock,
        )

    @asynccontextmanager
    async def open(self, timing: Timing = AT_ONCE) -> AsyncIterator[Panel]:
        async with self.panel(timing) as panel:
            yield panel

    def became(self, token: str, standing: Standing) -> None:
        self.standings.append((token, standing))

    async def tap(self, window: str, level: int) -> int:
        """One second later, a tap of 20 ms with bounces at both ends, on a thread; the time of its first edge."""
        self.clock.now += S
        pressed = self.clock.now
        pin = self.factory.pin(BUTTON[window, level])

        def finger() -> None:
            for down, later in [(1, 0), (0, 300_000), (1, 200_000), (0, 19_000_000), (1, 100_000), (0, 400_000)]:
                self.clock.now += later
                (pin.drive_low if down else pin.drive_high)()

        thread = threading.Thread(target=finger)
        thread.start()
        while thread.is_alive():
            await asyncio.sleep(0.001)
        return pressed

    def lit(self) -> set[tuple[str, int]]:
        return {place for place, pin in LIGHT.items() if self.factory.pin(pin).state}

    def ever_sounded(self) -> int:
        """How often window 02's buzzer sounded."""
        return sum(bool(seen.state) for seen in self.factory.pin(BUZZER).states)

    def ever_lit(self) -> set[tuple[str, int]]:
        return {place for place, pin in LIGHT.items() if any(seen.state for seen in self.factory.pin(pin).states)}


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.001)


async def a_moment() -> None:
    for _ in range(20):
        await asyncio.sleep(0.002)


@pytest.mark.parametrize(("window", "level"), list(BUTTON))
async def test_a_tap_is_recorded_and_then_its_light_alone_comes_on(window: str, level: int) -> None:
    desk = Desk()
    async with desk.open() as panel:
        pressed = await desk.tap(window, level)
        await until(desk.lit)

        assert desk.recorded == [Choice(window, level, 1, pressed, pressed)]
        assert desk.lit() == desk.ever_lit() == {(window, level)}
        assert (panel.settled, panel.ignored, panel.refused) == (1, 0, 0)
    assert desk.lit() == set()


@pytest.mark.parametrize("level", [1, 2, 3])
async def test_a_record_that_never_returns_lights_nothing(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 1 at the button: no thanks before the commit."""
    monkeypatch.setattr(panel_module, "DRAIN_S", 0.05)
    reached = asyncio.Event()

    async def never(_choice: Choice) -> None:
        reached.set()
        await asyncio.Event().wait()

    desk = Desk(never)
    async with desk.open():
        await desk.tap("01", level)
        await reached.wait()
        await a_moment()
        assert desk.ever_lit() == set()
    assert desk.ever_lit() == set()
    assert desk.recorded == []


async def test_the_buzzer_sounds_once_the_choice_is_recorded_and_not_before() -> None:
    """Law 1 by ear."""
    going = asyncio.Event()
    reached = asyncio.Event()

    async def slowly(_choice: Choice) -> None:
        reached.set()
        await going.wait()

    desk = Desk(slowly)
    async with desk.open():
        await desk.tap("02", 1)
        await reached.wait()
        await a_moment()
        assert desk.ever_sounded() == 0
        going.set()
        await until(desk.ever_sounded)
    assert desk.ever_sounded() == 1


async def test_the_buzzer_of_a_full_disk_sounds_with_the_blinking_lights() -> None:
    async def full(_choice: Choice) -> None:
        raise StoreFull("no room")

    desk = Desk(full)
    async with desk.open():
        await desk.tap("02", 3)
        await until(lambda: desk.ever_sounded() == 3)


@pytest.mark.parametrize("level", [1, 2, 3])
async def test_a_full_store_blinks_all_lights_together_for_every_level(
    level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lights_module, "BLINK_S", 0.01)

    async def full(_choice: Choice) -> None:
        raise StoreFull("no space")

    desk = Desk(full)
    async with desk.open() as panel:
        await desk.tap("02", level)
        blinked = [desk.factory.pin(LIGHT["02", each]) for each in (1, 2, 3)]
        await until(lambda: all(len(pin.states) >= 1 + 2 * lights_module.BLINKS for pin in blinked))
        await asyncio.sleep(0.05)

        shown = [[bool(seen.state) for seen in pin.states][-6:] for pin in blinked]
        assert shown == [[True, False] * lights_module.BLINKS] * 3
        assert {window for window, _ in desk.ever_lit()} == {"02"}
        assert (panel.refused, panel.settled, desk.recorded) == (1, 1, [])


async def test_after_a_refusal_the_next_choice_is_thanked_again() -> None:
    refusals = [StoreFull("no space")]

    async def full_once(_choice: Choice) -> None:
        if refusals:
            raise refusals.pop()

    desk = Desk(full_once)
    async with desk.open():
        await desk.tap("01", 3)
        await until(desk.lit)
        await desk.tap("01", 1)
        await until(lambda: desk.lit() == {("01", 1)})
        assert [choice.level for choice in desk.recorded] == [1]


async def test_presses_during_a_commit_are_neither_lost_nor_mixed_up() -> None:
    gate = asyncio.Event()
    under_way: list[str] = []

    async def slow(choice: Choice) -> None:
        assert choice.window not in under_way
        under_way.append(choice.window)
        await gate.wait()
        under_way.remove(choice.window)

    desk = Desk(slow)
    async with desk.open() as panel:
        times = [await desk.tap("01", level) for level in (3, 1, 2, 1)]
        await a_moment()
        assert desk.ever_lit() == set()
        gate.set()
        await until(lambda: len(desk.recorded) == 4)

        expected = [Choice("01", level, 1, at, at) for level, at in zip((3, 1, 2, 1), times, strict=True)]
        assert desk.recorded == expected
        assert panel.settled == 4


async def test_a_slow_commit_changes_neither_session_nor_cooldown() -> None:
    """The presses carry their own times: queueing behind a commit gives what a quick one would have given."""
    gate = asyncio.Event()

    async def slow(_choice: Choice) -> None:
        await gate.wait()

    desk = Desk(slow)
    async with desk.open(Timing(settle_s=0, cooldown_s=2.5)) as panel:
        times = [await desk.tap("01", level) for level in (3, 1, 1, 2, 3)]
        gate.set()
        await until(lambda: len(desk.recorded) == 2)

        assert desk.recorded == [Choice("01", 3, 1, times[0], times[0]), Choice("01", 2, 1, times[3], times[3])]
        assert panel.ignored == 3


async def test_one_windows_commit_does_not_hold_up_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_module, "DRAIN_S", 0.05)

    async def stuck_for_01(choice: Choice) -> None:
        if choice.window == "01":
            await asyncio.Event().wait()

    desk = Desk(stuck_for_01)
    async with desk.open():
        await desk.tap("01", 3)
        pressed = await desk.tap("02", 1)
        await until(desk.lit)
        assert desk.recorded == [Choice("02", 1, 1, pressed, pressed)]
        assert desk.lit() == {("02", 1)}


async def test_a_session_settles_by_itself_on_the_real_clock() -> None:
    desk = Desk()
    timing = Timing(settle_s=0.15, cooldown_s=60)

    def boottime() -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    async with desk.panel(timing, boottime) as panel:
        for level in (1, 2, 3):
            desk.factory.pin(BUTTON["01", level]).drive_low()
            await asyncio.sleep(0.02)
            desk.factory.pin(BUTTON["01", level]).drive_high()
        released = boottime()
        assert desk.recorded == []
        await until(lambda: desk.recorded)

        (choice,) = desk.recorded
        assert (choice.window, choice.level, choice.presses) == ("01", 3, 3)
        assert 0 <= released - choice.pressed_ns < 0.1 * S
        assert boottime() - choice.pressed_ns >= 0.15 * S

        desk.factory.pin(BUTTON["01", 1]).drive_low()
        await until(lambda: panel.ignored)
        assert len(desk.recorded) == 1


@pytest.mark.parametrize("error", [StoreDamaged("page 7"), RuntimeError("a bug")])
async def test_any_other_error_ends_the_panel_loudly(error: Exception) -> None:
    async def broken(_choice: Choice) -> None:
        raise error

    desk = Desk(broken)
    with pytest.RaisesGroup(type(error)):
        async with desk.open():
            await desk.tap("01", 3)
            await asyncio.Event().wait()

    assert desk.ever_lit() == set()
    assert desk.factory.pin(BUTTON["01", 3]).when_changed is None


async def test_an_error_of_the_body_comes_out_as_it_is() -> None:
    desk = Desk()
    with pytest.raises(KeyError):
        async with desk.open():
            raise KeyError

    assert desk.factory.pin(BUTTON["01", 3]).when_changed is None


async def test_an_error_during_the_stop_is_loud_too() -> None:
    async def broken(_choice: Choice) -> None:
        raise StoreDamaged("page 7")

    desk = Desk(broken)
    with pytest.RaisesGroup(StoreDamaged):
        async with desk.open(Timing(settle_s=10)):
            await desk.tap("01", 3)

    assert desk.factory.pin(BUTTON["01", 3]).when_changed is None


async def test_the_next_choice_answers_the_prompt_and_the_one_behind_it_does_not() -> None:
    desk = Desk()
    async with desk.open() as panel:
        await desk.tap("01", 3)
        assert panel.ask("01", Ask("t", desk.clock.now, 20 * S))
        assert not panel.ask("09", Ask("u", desk.clock.now, 20 * S))
        await until(lambda: len(desk.lit() & {("01", level) for level in (1, 2, 3)}) == 3)
        await desk.tap("02", 1)
        await desk.tap("01", 1)
        await desk.tap("01", 2)
        await until(lambda: len(desk.recorded) == 4)

        assert [(choice.window, choice.level, choice.token) for choice in desk.recorded] == [
            ("01", 3, None), ("02", 1, None), ("01", 1, "t"), ("01", 2, None),
        ]  # fmt: skip
        assert desk.standings == [("t", "rated")]
        assert {place for place in desk.lit() if place[0] == "01"} == {("01", 2)}


async def test_who_is_turned_away_is_asked_on_and_not_called_silent() -> None:
    async def full(_choice: Choice) -> None:
        raise StoreFull("no room")

    desk = Desk(full)
    async with desk.open() as panel:
        panel.ask("01", Ask("t", desk.clock.now, 20 * S))
        await desk.tap("01", 1)
        await until(lambda: panel.refused)
        desk.clock.now += 30 * S
        panel.ask("01", Ask("u", desk.clock.now, 20 * S))
        await until(lambda: desk.standings)

        assert desk.standings == [("t", "unknown")]


async def test_a_stop_settles_and_records_what_is_open() -> None:
    desk = Desk()
    async with desk.open(Timing(settle_s=10, cooldown_s=10)):
        began = await desk.tap("01", 3)
        pressed = await desk.tap("01", 1)
        desk.factory.pin(BUTTON["02", 2]).drive_low()
        last = desk.clock.now

    assert sorted(desk.recorded) == [Choice("01", 1, 2, pressed, began), Choice("02", 2, 1, last, last)]
    assert desk.lit() == set()


async def test_a_stop_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_module, "DRAIN_S", 0.05)

    async def never(_choice: Choice) -> None:
        await asyncio.Event().wait()

    desk = Desk(never)
    async with asyncio.timeout(2), desk.open():
        await desk.tap("01", 3)


async def test_cancelling_a_panel_stops_it_cleanly() -> None:
    desk = Desk()

    async def serve() -> None:
        async with desk.open(Timing(settle_s=10)):
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve(), name="panel")
        await a_moment()
        await desk.tap("01", 2)
        task.cancel()

    assert task.cancelled()
    assert [choice.level for choice in desk.recorded] == [2]
    assert desk.factory.pin(BUTTON["01", 2]).when_changed is None


async def test_windows_can_be_opened_again_on_the_same_factory() -> None:
    desk = Desk()
    for _ in range(2):
        async with desk.open():
            await desk.tap("02", 1)
            await until(desk.lit)

    assert [choice.level for choice in desk.recorded] == [1, 1]


async def test_a_stuck_button_is_reported_after_a_minute_and_is_one_press() -> None:
    desk = Desk()
    async with desk.open() as panel:
        desk.factory.pin(BUTTON["02", 3]).drive_low()
        await until(lambda: desk.recorded)
        desk.clock.now += 60 * S - 1
        assert panel.stuck() == []
        desk.clock.now += 1
        assert panel.stuck() == ["02/3"]

        await desk.tap("02", 1)
        desk.factory.pin(BUTTON["02", 3]).drive_high()
        await until(lambda: len(desk.recorded) == 2)
        assert panel.stuck() == []
        assert [choice.level for choice in desk.recorded] == [3, 1]


async def test_an_idle_panel_keeps_no_timer() -> None:
    loop: Any = asyncio.get_running_loop()
    desk = Desk()
    async with desk.open(Timing(settle_s=0.01)):
        await a_moment()
        assert [timer for timer in loop._scheduled if not timer.cancelled()] == []


async def test_pins_that_cannot_be_opened_leave_nothing_open() -> None:
    desk = Desk()
    panel = Panel(
        [WINDOWS[0], WindowPins("02", 23, 24, 115)],
        AT_ONCE,
        factory=desk.factory,
        record=desk.record,
        became=lambda _token, _standing: None,
        monotonic_ns=desk.clock,
    )

    with pytest.raises(PinInvalidPin):
        await panel.__aenter__()

    assert desk.factory.pin(BUTTON["01", 3]).when_changed is None
    assert desk.factory.pin(BUTTON["02", 3]).when_changed is None
