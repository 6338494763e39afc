"""Thanks alike for all levels; a refusal that is nobody's thanks."""

from collections.abc import Callable

import pytest
from gpiozero.pins.mock import MockFactory

from edge.lights import BLINK_S, BLINKS, CALM_S, THANKS_S, Lights

PINS = {3: 5, 2: 6, 1: 13}


class Call:
    """A call that was asked for, as the loop's timer handle."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds = seconds
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Bench:
    """Three lights and a loop that keeps what it was asked to do later."""

    def __init__(self, levels: tuple[int, ...] = (3, 2, 1)) -> None:
        self.factory = MockFactory()
        self.calls: list[Call] = []
        self.pins = {level: self.factory.pin(PINS[level]) for level in levels}
        self.lights = Lights(self.pins, later=self._later)

    def _later(self, seconds: float, call: Callable[[], None]) -> Call:
        self.calls.append(Call(seconds, call))
        return self.calls[-1]

    def lit(self) -> set[int]:
        return {level for level, pin in self.pins.items() if pin.state}

    def run_out(self) -> list[tuple[set[int], float]]:
        """Play to the end: what was lit for how long."""
        shown = []
        while (call := self.calls[-1] if self.calls else None) and not call.cancelled:
            shown.append((self.lit(), call.seconds))
            before = len(self.calls)
            call.call()
            if len(self.calls) == before:
                break
        return shown


@pytest.mark.parametrize("level", [3, 2, 1])
def test_every_level_is_thanked_alone_and_for_the_same_time(level: int) -> None:
    bench = Bench()
    assert bench.lit() == set()

    bench.lights.thank(level)

    assert bench.run_out() == [({level}, THANKS_S)]
    assert bench.lit() == set()


def test_a_refusal_blinks_all_together_and_ends_dark() -> None:
    bench = Bench()

    bench.lights.refuse()

    assert bench.run_out() == [({1, 2, 3}, BLINK_S), (set(), BLINK_S)] * BLINKS
    assert bench.lit() == set()


def test_the_next_choice_takes_the_light_over_with_its_full_time() -> None:
    bench = Bench()
    bench.lights.thank(3)

    bench.lights.thank(1)

    assert bench.lit() == {1}
    assert [(call.seconds, call.cancelled) for call in bench.calls] == [(THANKS_S, True), (THANKS_S, False)]


def test_a_window_may_lack_lights() -> None:
    bench = Bench(levels=(2,))

    bench.lights.thank(3)
    assert bench.lit() == set()

    bench.lights.refuse()
    assert bench.lit() == {2}


def test_close_goes_dark_and_leaves_no_timer() -> None:
    bench = Bench()
    bench.lights.thank(2)

    bench.lights.close()

    assert [call.cancelled for call in bench.calls] == [True]
    assert [pin.function for pin in bench.pins.values()] == ["input"] * 3


def test_a_prompt_comes_and_goes_slowly_on_all_until_it_is_hushed() -> None:
    bench = Bench()
    bench.lights.ask()
    for lit in ({1, 2, 3}, set(), {1, 2, 3}):
        assert (bench.lit(), bench.calls[-1].seconds) == (lit, CALM_S)
        bench.calls[-1].call()

    bench.lights.hush()

    assert bench.lit() == set()
    assert bench.calls[-1].cancelled


def test_a_prompt_goes_on_behind_what_is_shown_in_between_and_not_behind_what_answers_it() -> None:
    bench = Bench()
    bench.lights.ask()
    bench.lights.thank(2)
    assert bench.lit() == {2}
    bench.calls[-1].call()
    assert bench.lit() == {1, 2, 3}

    bench.lights.hush()
    bench.lights.thank(3)
    bench.lights.hush()

    assert bench.lit() == {3}
    bench.calls[-1].call()
    assert bench.lit() == set()
