"""The steps of `bench.scale`: what each rate came to, and the figures of all of them."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from bench.load import Outcome


class Step(NamedTuple):
    """What one rate came to; CPU in seconds a second of the run, by process; `lag` entries the series was behind."""

    offered: float
    settled: float
    p50_ms: float
    p99_ms: float
    held: bool
    missing: int
    late_ms: float
    cpu: dict[str, float]
    lag: int


def told(one: Step) -> None:
    """Say on stderr how a step went."""
    cpu = " ".join(f"{name} {share:.2f}" for name, share in one.cpu.items())
    print(
        f"offered {one.offered:7.0f}/s settled {one.settled:7.0f}/s p50 {one.p50_ms:.0f} ms p99 {one.p99_ms:.0f} ms"
        f" {'held' if one.held else 'NOT held'}; missing {one.missing}; late {one.late_ms:.0f} ms; CPU {cpu};"
        f" series behind by {one.lag}",
        file=sys.stderr,
    )


def figures(steps: Sequence[Step], first: Outcome) -> dict[str, float | int | str]:
    """The first step's figures, the highest rate that held, and who was busiest where it no longer did."""
    best = max((one for one in steps if one.held), key=lambda one: one.offered, default=None)
    at = steps[0]
    worst = max((one for one in steps if not one.held), key=lambda one: one.settled, default=steps[-1])
    busiest = max(worst.cpu.items(), key=lambda item: item[1])
    return {
        "first_contact_s": round(first.end - first.begin, 1),
        "offered_per_s": round(at.offered),
        "settled_per_s": round(at.settled),
        "p50_ms": at.p50_ms,
        "p99_ms": at.p99_ms,
        "held": str(at.held).lower(),
        **{f"cpu_{name}": share for name, share in at.cpu.items()},
        # Comparable between runs with and without other work on the machine.
        **{f"us_a_rating_{name}": round(share / at.settled * 1e6) for name, share in at.cpu.items() if at.settled},
        "series_lag_entries": at.lag,
        "highest_held_per_s": round(best.offered) if best else 0,
        "highest_p99_ms": best.p99_ms if best else 0,
        "busiest_beyond": f"{busiest[0]} {busiest[1]}",
    }
