"""All kinds of faults, by name."""

from collections.abc import Mapping

from firmware_sim.faults import lines
from firmware_sim.faults.effect import Fault

KINDS: Mapping[str, Fault] = {fault.kind: fault for fault in (*lines.FAULTS,)}
