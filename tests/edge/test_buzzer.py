"""A tone for thanks and three for a refusal, the same for all levels."""

from collections.abc import Callable

from gpiozero.pins.mock import MockFactory

from edge.buzzer import REST_S, TONE_S, Buzzer
from edge.timer import Timer
from tests.edge.test_lights import Call


class Bench:
    """A buzzer and a loop that keeps what it was asked to do later."""

    def __init__(self) -> None:
        self.pin = MockFactory().pin(19)
        self.calls: list[Call] = []
        self.buzzer = Buzzer(self.pin, later=self._later)

    def _later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.calls.append(Call(seconds, call))
        return self.calls[-1]

    def run_out(self) -> list[tuple[bool, float]]:
        """Play to the end: whether it sounded, and for how long."""
        heard = []
        while self.calls and not (call := self.calls.pop()).cancelled:
            heard.append((bool(self.pin.state), call.seconds))
            call.call()
        return heard


def test_thanks_are_one_tone_and_then_it_is_silent() -> None:
    bench = Bench()
    assert not bench.pin.state
    bench.buzzer.thank()
    assert bench.run_out() == [(True, TONE_S)]
    assert not bench.pin.state


def test_a_refusal_is_three_tones() -> None:
    bench = Bench()
    bench.buzzer.refuse()
    assert bench.run_out() == [(True, TONE_S), (False, REST_S), (True, TONE_S), (False, REST_S), (True, TONE_S)]
    assert not bench.pin.state


def test_who_is_thanked_in_the_midst_of_a_refusal_hears_one_tone() -> None:
    bench = Bench()
    bench.buzzer.refuse()
    (first,) = bench.calls
    bench.buzzer.thank()
    assert first.cancelled
    assert bench.run_out() == [(True, TONE_S)]


def test_closing_in_the_midst_of_a_tone_is_silent_and_gives_the_pin_back() -> None:
    bench = Bench()
    bench.buzzer.thank()
    bench.buzzer.close()
    assert not bench.pin.state
    assert all(call.cancelled for call in bench.calls)
    assert bench.pin.function == "input"
