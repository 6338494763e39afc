"""Whose rating a choice is: by moments alone, each prompt once, and a silence only where somebody was asked."""

from hypothesis import given
from hypothesis import strategies as st

from contract.prompt import Prompt
from edge.asking import SLACK_NS, Ask, Asking
from edge.prompts import MOST, Prompts

S = 1_000_000_000
T = "t"
NODE, NOON = "371721121-a1", 1_763_784_000_000


def asked(*, sure: bool = True) -> Asking:
    """One prompt, t, from second 10 until second 30."""
    asking = Asking()
    asking.ask("t", 10 * S, 20 * S, sure=sure)
    return asking


def test_the_first_press_decides_to_the_nanosecond() -> None:
    asking = asked()

    moments = (10 * S - 1, 10 * S, 30 * S - 1, 30 * S)
    assert [asking.answered_by(began) for began in moments] == [None, "t", "t", None]


def test_it_is_answered_once() -> None:
    asking = asked()
    asking.rated("t")

    assert asking.answered_by(20 * S) is None
    assert not asking.showing(20 * S)
    assert asking.over(99 * S, None) == []


def test_nobody_pressed_is_a_silence_and_told_once() -> None:
    asking = asked()

    assert asking.due_ns(None) == 30 * S + SLACK_NS
    assert asking.over(30 * S + SLACK_NS - 1, None) == []
    assert asking.over(30 * S + SLACK_NS, None) == [("t", "silent")]
    assert asking.over(99 * S, None) == []
    assert asking.due_ns(None) is None


def test_a_session_that_began_in_time_is_waited_for() -> None:
    asking = asked()

    assert asking.due_ns(29 * S) is None
    assert asking.over(31 * S, 29 * S) == []
    assert asking.answered_by(29 * S) == "t"


def test_the_next_one_at_the_window_ends_it_at_once() -> None:
    asking = asked()
    asking.ask("u", 15 * S, 20 * S, sure=True)

    assert [asking.answered_by(began * S) for began in (12, 15, 31, 35)] == ["t", "u", "u", None]
    assert asking.over(15 * S + SLACK_NS, None) == [("t", "silent")]
    assert asking.showing(31 * S)


def test_who_was_turned_away_or_saw_no_light_is_not_called_silent() -> None:
    turned_away, dark = asked(), asked(sure=False)
    turned_away.doubt("t")

    assert turned_away.answered_by(20 * S) == "t"
    assert turned_away.over(99 * S, None) == dark.over(99 * S, None) == [("t", "unknown")]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 30))), st.lists(st.integers(0, 1500)))
def test_each_moment_has_the_newest_prompt_that_holds_it(asks: list[tuple[int, int]], moments: list[int]) -> None:
    asking, told, at = Asking(), [], 0
    for number, (pause, wait) in enumerate(asks):
        at += pause
        asking.ask(str(number), at, wait, sure=True)
        told.append((str(number), at, at + wait))

    for moment in moments:
        newest = next((one for one in reversed(told) if one[1] <= moment), None)
        assert asking.answered_by(moment) == (newest[0] if newest and moment < newest[2] else None)
    assert sorted(asking.over(at + 99 + SLACK_NS, None)) == sorted((one[0], "silent") for one in told)


# What the node was given


class Windows:
    def __init__(self) -> None:
        self.asked: list[tuple[str, Ask]] = []

    def ask(self, window: str, asked: Ask) -> bool:
        self.asked.append((window, asked))
        return window == "01"


def prompt(token: str = T, wait_ms: int = 20_000, at: int | None = NOON, window: str = "01") -> Prompt:
    return Prompt(NODE, window, token, wait_ms, at)


def test_a_prompt_is_shown_once_and_what_became_of_it_is_remembered() -> None:
    windows = Windows()
    prompts = Prompts(windows.ask)

    assert [prompts.take(prompt(), 5, NOON + 1_000) for _ in range(2)] == ["shown", "shown"]
    assert windows.asked == [("01", Ask("t", 5, 19_000_000_000))]
    prompts.became("t", "rated")
    assert prompts.take(prompt(wait_ms=0), 9, NOON) == "rated"


def test_what_was_too_long_on_its_way_or_is_for_no_window_is_not_shown() -> None:
    windows = Windows()
    prompts = Prompts(windows.ask)

    assert prompts.take(prompt(), 5, NOON + 10_001) == "unknown"
    assert prompts.take(prompt(wait_ms=0), 5, NOON) == "unknown"
    assert windows.asked == []
    assert prompts.take(prompt(window="09"), 5, NOON) == "unknown"
    # Without the time on either side it counts from its arrival.
    assert prompts.take(prompt("u"), 5, None) == prompts.take(prompt("v", at=None), 5, NOON + 99_000) == "shown"


def test_what_was_interrupted_nobody_knows_the_end_of() -> None:
    prompts = Prompts(Windows().ask)
    for token in ("t", "u"):
        prompts.take(prompt(token), 5, NOON)
    prompts.became("u", "silent")
    prompts.interrupted()

    assert [prompts.take(prompt(token, 0), 5, NOON) for token in ("t", "u")] == ["unknown", "silent"]


def test_the_memory_is_bounded() -> None:
    prompts = Prompts(Windows().ask)
    for number in range(MOST + 1):
        prompts.became(str(number), "silent")

    assert [prompts.take(prompt(str(number), 0), 5, NOON) for number in (0, 1)] == ["unknown", "silent"]
