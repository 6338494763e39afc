"""What an administrator's pages work with."""

from collections.abc import Callable
from typing import NamedTuple

from cloud.console.screens import Screens
from cloud.database import Database
from cloud.people.visitors import Visitors


class Office(NamedTuple):
    """`shown` writes a moment (ms), `now` is the city's time, `random_bits(n)` gives n random bits.

    `label`: what the identity provider is called, empty where the settings do not say; None where there is none.
    """

    database: Database
    visitors: Visitors
    screens: Screens
    shown: Callable[[int], str]
    now: Callable[[], int]
    random_bits: Callable[[int], int]
    label: str | None
