"""The city's own clock: handed down while the kernel answers for it and nobody has just stepped it."""

import pytest

from cloud.ingest.clock import HOLD_MS, STEP_MS, CityClock

NOON = 1_790_000_000_000
TEN_YEARS = 315_576_000_000


class Machine:
    """A computer whose clocks are set by hand."""

    def __init__(self) -> None:
        self.boottime = 5_000
        self.ahead = NOON
        self.error: int | None = 3
        # What happens between two looks at a clock.
        self.meanwhile = 0
        self.clock = CityClock(self.now, lambda: self.error, boot="boot", boottime_ms=self.boottime_ms)

    def boottime_ms(self) -> int:
        self.boottime += self.meanwhile
        return self.boottime

    def now(self) -> int:
        return self.ahead + self.boottime

    def told(self) -> int | None:
        return self.clock.clock().at


def test_it_is_told_while_the_kernel_answers_for_it() -> None:
    machine = Machine()
    said = machine.clock.clock()
    assert (said.boot, said.boottime, said.at, said.error) == ("boot", 5_000, NOON + 5_000, 3)
    assert machine.clock.trouble is None
    machine.error = None
    assert machine.told() is None
    assert machine.clock.clock().boottime == 5_000
    assert "synchronised" in str(machine.clock.trouble)


def test_what_passes_between_two_looks_is_error() -> None:
    machine = Machine()
    machine.meanwhile = 40
    said = machine.clock.clock()
    assert said.at is not None
    # The boot's clock was read at 5.040, and `at` some 80 ms later.
    assert abs(said.at - NOON - said.boottime) <= said.error


@pytest.mark.parametrize("step", [-TEN_YEARS, -2 * STEP_MS, 2 * STEP_MS, TEN_YEARS])
def test_after_a_step_nobody_is_told_the_time_until_it_is_back(step: int) -> None:
    machine = Machine()
    assert machine.told() is not None
    machine.ahead += step
    assert machine.told() is None
    machine.boottime += HOLD_MS - 1
    assert machine.told() is None
    assert "stepped" in str(machine.clock.trouble)

    machine.ahead -= step

    assert machine.told() == NOON + machine.boottime
    assert machine.clock.steps == 1


def test_a_clock_that_stays_where_it_was_stepped_to_is_believed_in_the_end() -> None:
    machine = Machine()
    machine.told()
    machine.ahead += 60_000
    assert machine.told() is None
    machine.boottime += HOLD_MS // 2
    machine.ahead += 60_000  # once more, so that the wait begins anew
    assert machine.told() is None
    machine.boottime += HOLD_MS - 1
    assert machine.told() is None
    machine.boottime += 1

    assert machine.told() == NOON + 120_000 + machine.boottime
    assert machine.clock.trouble is None
    assert machine.clock.steps == 2


def test_the_first_setting_of_a_clock_and_slewing_are_no_steps() -> None:
    machine = Machine()
    machine.error = None
    assert machine.told() is None
    machine.ahead += TEN_YEARS
    machine.error = 3
    for _ in range(100):
        assert machine.told() is not None
        machine.ahead += STEP_MS - 1
    assert machine.clock.steps == 0


def test_two_weeks_in_which_nobody_looked_are_no_step_where_a_crystal_explains_it() -> None:
    machine = Machine()
    machine.told()
    machine.boottime += 14 * 86_400_000
    machine.ahead += 60_000
    assert machine.told() is not None
    machine.boottime += 14 * 86_400_000
    machine.ahead += 3_600_000
    assert machine.told() is None
    assert machine.clock.steps == 1


def test_a_step_while_the_kernel_does_not_answer_counts_when_it_does_again() -> None:
    machine = Machine()
    machine.told()
    # `date -s` takes the kernel's word back by itself; whatever gives it again may not have noticed.
    machine.error = None
    machine.ahead += 3_600_000
    assert machine.told() is None
    machine.error = 3
    assert machine.told() is None
    assert machine.clock.steps == 1
