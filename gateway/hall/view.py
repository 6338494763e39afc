"""What the hall's pages look at of the gateway that they are part of."""

from typing import NamedTuple

from gateway.papers import Papers
from transport.shelf import Shelf
from transport.timepiece import Timepiece


class View(NamedTuple):
    """The gateway's papers, journal and time; `up`: whether the line to the city's broker stands.

    `heard_at`: the CLOCK_BOOTTIME (s) at which the city last said something; None: not since this process began.
    """

    papers: Papers
    journal: Shelf
    timepiece: Timepiece
    up: bool
    heard_at: float | None
