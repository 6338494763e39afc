"""All kinds of faults, by name."""

from collections.abc import Mapping

from firmware_sim.faults import deaths, disks, lines
from firmware_sim.faults.effect import Fault

KINDS: Mapping[str, Fault] = {fault.kind: fault for fault in (*lines.FAULTS, *deaths.FAULTS, *disks.FAULTS)}
