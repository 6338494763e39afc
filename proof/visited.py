"""`manyi visits`: of those who were to be asked, how many rated, and what that leaves possible for all of them."""

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from contract.identity import counter_of, window_id
from contract.rating import Became
from proof import policy as policies
from proof.kinds import VISITS
from proof.ledger import HEAD, UNCOUNTED, batch_at, snapshot
from proof.period import asked
from proof.policy import Policy
from proof.source import located
from proof.units import CITY, Kind, by_unit
from proof.visits import Ledger, Visits
from proof.zone import zone_of

_ENTRIES = "SELECT position, kind, raw FROM ledger_entry WHERE kind IN ('batch', 'visits') ORDER BY position"


def offer(words: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add `visits`, which has the `common` options too, to the `words` of a command line."""
    visits = words.add_parser(
        "visits",
        parents=[common],
        help="tell who was asked to rate, who did, and what may be thought of the rest",
        description="Count the visits of a period from the ledger alone: how many were to be asked, rated, stayed "
        "silent or were shown nothing, and between which bounds the mean of all of them lies. The rule is "
        "docs/visits.md. Exit code 2 where a file or a name cannot be used.",
    )
    visits.set_defaults(run=run)
    visits.add_argument("--period", required=True, help="2026, 2026H2, 2026Q4, 2026-11, 2026W47 or 2026-11-27")
    visits.add_argument("--policy", default="guarded", help="whose weights count: guarded, plain, or a TOML file")


def run(options: argparse.Namespace) -> int:
    """Tell what `options` ask for; raises `SettingsError`."""
    span, zone, policy = asked(options.period), zone_of(options.zone), policies.named(options.policy)
    with located(options.database) as file, snapshot(file) as ledger:
        (position,) = ledger.execute(HEAD).fetchone()
        found = visits_in(ledger, zone).between(span.first.isoformat(), span.last.isoformat())
    figures = {code: _figures(visits, policy) for code, visits in units(found)}
    if options.as_json:
        told = {"period": span.name, "position": position, "policy": policy.name, "units": figures}
        sys.stdout.write(f"{json.dumps(told)}\n")
    else:
        sys.stdout.writelines(f"{_line(code, one)}\n" for code, one in figures.items())
    return 0


def visits_in(ledger: sqlite3.Connection, zone: ZoneInfo) -> Ledger:
    """Return the visits in the snapshot `ledger`, by the days of `zone`; raises `StoreDamaged`."""
    uncounted: set[tuple[int, int]] = set(ledger.execute(UNCOUNTED))
    given: set[tuple[str, str, int]] = set()
    found = Ledger()
    for position, kind, raw in ledger.execute(_ENTRIES):
        batch = batch_at(position, raw)
        node = counter_of(batch.node)
        for index, row in enumerate(batch.rows):
            number = (batch.node, batch.epoch, batch.first + index)
            if row.token is None or (kind != VISITS and number in given):
                continue
            given.add(number)
            window = window_id(node, row.window)
            day = datetime.fromtimestamp((batch.t0 + row.ms) / 1000, zone).date().isoformat()
            if kind == VISITS:
                found.visit(node, row.token, window, day, Became(row.level))
            elif (position, index) not in uncounted:
                found.rating(node, row.token, window, day, row.level, (position, batch.first + index))
    return found


def units(windows: Mapping[str, Visits]) -> Iterator[tuple[str, Visits]]:
    """Yield the city, its counties, townships and windows that have visits, by code, with what became of them."""
    found = by_unit(windows, Visits.plus)
    yield CITY, found.get((Kind.CITY, CITY), Visits())
    for kind in (Kind.COUNTY, Kind.TOWNSHIP, Kind.WINDOW):
        for key in sorted(key for key in found if key[0] is kind):
            yield key[1], found[key]


def _figures(visits: Visits, policy: Policy) -> dict[str, object]:
    said = visits.said(policy.points)
    return {
        **visits._asdict(),
        "participation": None if said is None else float(said.rate),
        "low": None if said is None else float(said.low),
        "high": None if said is None else float(said.high),
    }


def _line(code: str, one: Mapping[str, object]) -> str:
    asked_, rate = one["asked"], one["participation"]
    if not isinstance(rate, float):
        return f"{code}: nobody was to be asked; surplus {one['surplus']}"
    rated = sum(one["rated"])  # type: ignore[call-overload]
    return (
        f"{code}: {rated} of {asked_} rated ({rate:.1%}), silent {one['silent']}, not shown {one['unshown']}, "
        f"missing {one['missing']}; the mean of all lies from {one['low']:.1%} to {one['high']:.1%}; "
        f"surplus {one['surplus']}"
    )
