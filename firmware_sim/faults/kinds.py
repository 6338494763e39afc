"""All kinds of faults, by name."""

from collections.abc import Mapping

from firmware_sim.faults import (
    backups,
    brokers,
    cards,
    damage,
    deaths,
    disks,
    lines,
    poison,
    storm,
    times,
    traffic,
    twins,
)
from firmware_sim.faults.effect import Fault

KINDS: Mapping[str, Fault] = {
    fault.kind: fault
    for fault in (
        *lines.FAULTS,
        *traffic.FAULTS,
        *poison.FAULTS,
        *brokers.FAULTS,
        *twins.FAULTS,
        *backups.FAULTS,
        *storm.FAULTS,
        *deaths.FAULTS,
        *disks.FAULTS,
        *damage.FAULTS,
        *times.FAULTS,
        *cards.FAULTS,
    )
}
