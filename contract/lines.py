"""The lines that a node's buttons, lights and buzzers hang on, and their numbers in settings and configurations.

0 to 27 are those of the 40-pin header, by Broadcom's numbers. 100 k + n is line n of the k-th expander, an MCP23017 on
the I2C bus with sixteen lines: GPA0 to GPA7 are 0 to 7, GPB0 to GPB7 are 8 to 15.
"""

from typing import NamedTuple

HEADER = range(28)
EXPANDERS = range(1, 9)
EXPANDED = range(16)
# The header's lines that expanders are reached by: SDA and SCL.
BUS = (2, 3)
ALLOWED = "0 to 27 of the header, 100 k + 0 to 100 k + 15 of expander k (1 to 8)"

_STEP = 100
_PORT = 8


class Line(NamedTuple):
    """Line `number` of an `expander` (1 to 8), or of the header where that is 0."""

    expander: int
    number: int

    @property
    def name(self) -> str:
        """What is printed beside it, as GPIO 17, GPA3 or GPB0."""
        if not self.expander:
            return f"GPIO {self.number}"
        port, bit = divmod(self.number, _PORT)
        return f"GP{'AB'[port]}{bit}"


def line(pin: int) -> Line:
    """Return where `pin` is; raises `ValueError` where there is no such line."""
    if pin in HEADER:
        return Line(0, pin)
    expander, number = divmod(pin, _STEP)
    if expander in EXPANDERS and number in EXPANDED:
        return Line(expander, number)
    raise ValueError(f"there is no line {pin}; allowed: {ALLOWED}")


def spans() -> list[dict[str, int]]:
    """Return what numbers there are, as JSON Schema says it: the lowest and the highest of each run."""
    firsts = [(0, HEADER), *((_STEP * expander, EXPANDED) for expander in EXPANDERS)]
    return [{"minimum": first, "maximum": first + run[-1]} for first, run in firsts]
