"""What a fault is, and what it has to show: an effect that it saw itself, or the run is worth nothing."""

from random import Random
from typing import NamedTuple, Protocol

from firmware_sim.faults.city import FaultyCity


class Effect(NamedTuple):
    """What one strike did. `observed`: one line of what was SEEN, with a figure, not of what was ordered."""

    kind: str
    target: str
    observed: str


class NoEffect(Exception):  # noqa: N818  (that is what happened)
    """A strike that saw nothing of what it was to do, or could not heal it; the text says what it waited for."""


class Fault(Protocol):
    """One kind of fault."""

    @property
    def kind(self) -> str:
        """Its name, in words joined by hyphens."""

    @property
    def seconds(self) -> float:
        """How long a strike takes on a quiet machine, with its healing, s: the plan counts with it."""

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Do it to `city`, wait until it is seen, and heal it; `NoEffect` where nothing is seen."""
