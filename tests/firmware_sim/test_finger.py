import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from time import clock_gettime_ns, time_ns

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from contract.config import WindowPins
from contract.errors import StoreFull
from contract.rating import Level
from edge.panel import Panel
from edge.session import Choice
from edge.settings import Timing
from firmware_sim.crowd import Press
from firmware_sim.finger import Finger, WatchedPin, pins, trace
from firmware_sim.fingerlog import Entry, FingerLog, read

WINDOW = "371721121-a1/02"
WIRING = WindowPins("02", 4, 5, 6, 7, 8, 9)
QUICK = Timing(settle_s=0.5, cooldown_s=0.0)
CLOCK_BOOTTIME = 7


def wall_ms() -> int:
    return time_ns() // 1_000_000


class Bench:
    """A real panel with one finger at its window."""

    def __init__(self, finger: Finger, path: Path, recorded: list[Choice]) -> None:
        self.finger = finger
        self.recorded = recorded
        self._path = path

    @property
    def entries(self) -> list[Entry]:
        return list(read(self._path))


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "fingers.log"


@asynccontextmanager
async def bench(
    path: Path,
    *,
    timing: Timing = QUICK,
    record: Callable[[Choice], Awaitable[None]] | None = None,
    patience_s: float = 3.0,
    closing: asyncio.Event | None = None,
) -> AsyncIterator[Bench]:
    recorded: list[Choice] = []

    async def keep(choice: Choice) -> None:
        if record is not None:
            await record(choice)
        recorded.append(choice)

    factory: MockFactory = pins()
    panel = Panel(
        [WIRING],
        timing,
        factory=factory,
        record=keep,
        became=lambda _token, _standing: None,
        monotonic_ns=lambda: clock_gettime_ns(CLOCK_BOOTTIME),
    )
    with FingerLog(path) as log:
        finger = Finger(
            WINDOW,
            WIRING,
            factory,
            log=log,
            random=Random(1),
            wall_ms=wall_ms,
            patience_s=patience_s,
            closing=closing,
        )
        async with panel:
            yield Bench(finger, path, recorded)
        await asyncio.sleep(0.02)  # let the finger write down what it saw last
    factory.close()


@given(st.integers())
def test_contacts_bounce_as_real_ones_do(seed: int) -> None:
    drawn = trace(Random(seed))
    assert 0.04 <= drawn.hold_s <= 0.25
    for edges in (drawn.closing, drawn.opening):
        assert len(edges) % 2 == 1
        assert list(edges) == sorted(edges)
        assert edges[0] == 0
        assert edges[-1] <= 0.005


def test_most_presses_bounce_several_times() -> None:
    random = Random(2)
    counts = [len(trace(random).closing) for _ in range(500)]
    assert 50 < counts.count(1) < 150
    assert max(counts) == 9


@pytest.mark.parametrize("level", list(Level))
async def test_one_press_is_one_rating_and_its_light_is_seen(log_path: Path, level: Level) -> None:
    async with bench(log_path) as here:
        before = wall_ms()
        assert await here.finger.visit("v-1", [Press(0, level)]) == "lit"
        after = wall_ms()
        pressed, lit = here.entries
    assert [(choice.level, choice.presses) for choice in here.recorded] == [(level, 1)]
    assert (pressed.kind, pressed.id, pressed.window, pressed.level) == ("pressed", "v-1", WINDOW, level)
    assert (lit.kind, lit.id, lit.level) == ("lit", "v-1", level)
    assert before <= pressed.at < lit.at <= after
    assert lit.at - pressed.at >= 490  # it settled first


async def test_however_the_contacts_bounce_each_visit_is_one_rating(log_path: Path) -> None:
    async with bench(log_path, timing=Timing(settle_s=0.0, cooldown_s=0.0)) as here:
        # Within one thanks (2 s) the same light cannot come on again, so each visit waits for the dark.
        for number, level in enumerate((3, 1, 2)):
            assert await here.finger.visit(f"v-{number}", [Press(0, Level(level))]) == "lit"
    assert [(choice.level, choice.presses) for choice in here.recorded] == [(3, 1), (1, 1), (2, 1)]


async def test_a_changed_mind_is_one_rating_of_the_last_level(log_path: Path) -> None:
    presses = [Press(0, Level.DISSATISFIED), Press(0.3, Level.SATISFIED)]
    async with bench(log_path) as here:
        assert await here.finger.visit("v-1", presses) == "lit"
        assert [(entry.kind, entry.level) for entry in here.entries] == [("pressed", 1), ("pressed", 3), ("lit", 3)]
    assert [(choice.level, choice.presses) for choice in here.recorded] == [(3, 2)]


async def test_nobody_changes_their_mind_when_the_hall_closes(log_path: Path) -> None:
    presses = [Press(0, Level.DISSATISFIED), Press(4.0, Level.SATISFIED)]
    closing = asyncio.Event()
    async with bench(log_path, closing=closing) as here:
        asyncio.get_running_loop().call_later(0.3, closing.set)
        begin = asyncio.get_running_loop().time()
        assert await here.finger.visit("v-1", presses) == "lit"
        assert asyncio.get_running_loop().time() - begin < 3  # 0.5 s after the first press, not after the second
        assert [(entry.kind, entry.level) for entry in here.entries] == [("pressed", 1), ("lit", 1)]


async def test_the_press_is_in_the_log_before_the_light(log_path: Path) -> None:
    seen: list[list[str]] = []

    async def record(_: Choice) -> None:
        seen.append([entry.kind for entry in read(log_path)])

    async with bench(log_path, record=record) as here:
        await here.finger.visit("v-1", [Press(0, Level.BASIC)])
    assert seen == [["pressed"]]


async def test_a_full_node_is_seen_to_refuse(log_path: Path) -> None:
    async def full(_: Choice) -> None:
        raise StoreFull("no room")

    async with bench(log_path, record=full) as here:
        assert await here.finger.visit("v-1", [Press(0, Level.BASIC)]) == "refused"
        assert [entry.kind for entry in here.entries] == ["pressed", "refused"]


async def test_a_light_that_does_not_come_is_not_claimed(log_path: Path) -> None:
    stuck = asyncio.Event()

    async def never(_: Choice) -> None:
        await stuck.wait()

    async with bench(log_path, record=never, patience_s=0.8) as here:
        assert await here.finger.visit("v-1", [Press(0, Level.BASIC)]) == "dark"
        assert [entry.kind for entry in here.entries] == ["pressed"]
        stuck.set()


async def test_a_choice_that_settles_as_the_node_stops_is_still_seen(log_path: Path) -> None:
    async with AsyncExitStack() as stop, asyncio.TaskGroup() as group:
        here = await stop.enter_async_context(bench(log_path))
        visit = group.create_task(here.finger.visit("v-1", [Press(0, Level.BASIC)]), name="visit")
        await asyncio.sleep(0.35)
        assert here.recorded == []
        await stop.aclose()  # the light comes on for a moment only
        assert await visit == "lit"
        assert [entry.kind for entry in here.entries] == ["pressed", "lit"]


async def test_a_busy_machine_makes_no_second_press_out_of_a_bounce(log_path: Path) -> None:
    async def hog() -> None:
        while True:
            time.sleep(0.06)  # noqa: ASYNC251  (what a starved loop looks like from inside)
            await asyncio.sleep(0)

    # The contact opens after the cooldown has passed, so an edge of its bounce that came late would be a press.
    async with bench(log_path, timing=Timing(settle_s=0.02, cooldown_s=0.02)) as here, asyncio.TaskGroup() as group:
        hogging = group.create_task(hog(), name="hog")
        for number in range(6):
            assert await here.finger.visit(f"v-{number}", [Press(0, Level.BASIC)]) == "lit"
        hogging.cancel()
    assert [choice.presses for choice in here.recorded] == [1] * 6


async def test_a_machine_that_stands_still_within_a_bounce_makes_no_second_press_of_it(
    log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It did once, for 0.3 s between two edges, and the judge found a rating more than there were presses."""
    drive_high = WatchedPin.drive_high

    def stands_still(pin: WatchedPin) -> None:
        drive_high(pin)
        time.sleep(0.06)

    async with bench(log_path, timing=Timing(settle_s=0.02, cooldown_s=0.02)) as here:
        monkeypatch.setattr(WatchedPin, "drive_high", stands_still)
        for number in range(6):
            assert await here.finger.visit(f"v-{number}", [Press(0, Level.BASIC)]) == "lit"
    assert [choice.presses for choice in here.recorded] == [1] * 6
