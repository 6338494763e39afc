"""An expander: an MCP23017, which adds sixteen lines to a node by its I2C bus and the kernel's own driver. Pure.

Sources: Microchip DS20001952, "MCP23017/MCP23S17", the pins of the 28-lead SPDIP, SOIC and SSOP (the QFN has others);
Raspberry Pi's overlays README, "mcp23017".
"""

from collections.abc import Mapping

from contract.lines import EXPANDED

# Where each line comes out: GPA0 to GPA7, GPB0 to GPB7.
CHIP: Mapping[int, int] = dict(zip(EXPANDED, (*range(21, 29), *range(1, 9)), strict=True))
PINS = 28
GROUND = 10
# GPA7 and GPB7 have been outputs only since revision D of the data sheet, of 2022.
OUTPUTS = (7, 15)


def address(expander: int) -> int:
    """Return the I2C address of the `expander`-th one."""
    return 0x1F + expander


def straps(expander: int) -> Mapping[str, int]:
    """Return what A0, A1 and A2 of the `expander`-th one are tied to: 1 is 3V3, 0 ground."""
    return {f"A{bit}": (expander - 1) >> bit & 1 for bit in range(3)}


def overlay(expander: int, gpio: object) -> str:
    """Return the line of /boot/firmware/config.txt that brings up the `expander`-th one, its INTA wired to `gpio`."""
    return f"dtoverlay=mcp23017,addr=0x{address(expander):02x},gpiopin={gpio}"


def absent(expander: int, why: object) -> str:
    """Return what is said where the `expander`-th one does not answer."""
    return (
        f"pins: expander {expander} (I2C address 0x{address(expander):02x}) does not answer: {why}; "
        f"/boot/firmware/config.txt needs {overlay(expander, 4)} (in place of 4 the GPIO that its INTA is wired to)"
    )
