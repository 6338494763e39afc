"""An address as a QR code, drawn as one path. Pure."""

from itertools import groupby
from typing import NamedTuple

import segno

# Modules of white that a reader needs around it (ISO/IEC 18004).
QUIET = 4


class Drawn(NamedTuple):
    """The path of all dark modules in a square of `size` units, one for each module, the white around it included."""

    size: int
    path: str


def drawn(address: str) -> Drawn:
    """Draw `address`; at error correction M, up to 15 % of it may be unreadable."""
    code = segno.make(address, error="m", micro=False)
    parts = []
    for y, row in enumerate(code.matrix):
        x = 0
        for dark, run in groupby(row):
            width = len(list(run))
            if dark:
                parts.append(f"M{x + QUIET} {y + QUIET}h{width}v1h-{width}z")
            x += width
    return Drawn(len(code.matrix) + 2 * QUIET, "".join(parts))
