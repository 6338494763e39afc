"""`manyi score`: every unit's assessment, corrected by its ratings in a period."""

import argparse
import json
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from contract.errors import SettingsError
from proof import policy as policies
from proof import spreadsheet, table
from proof.assessment import assessments
from proof.ledger import HEAD, snapshot
from proof.participation import Participation
from proof.period import Period, asked
from proof.places import units
from proof.policy import Policy
from proof.report import Line, Report, check_known, lines
from proof.served import participations, served
from proof.share import wilson
from proof.sheet import Cell, Sheet
from proof.source import located
from proof.span import bounds_of
from proof.staffing import staffed
from proof.tallies import by_window, upheld_by_window, without
from proof.units import STAFFED, Kind, counted
from proof.visited import units as of_units
from proof.visited import visits_in
from proof.why import Language
from proof.zone import zone_of

_SHEETS: tuple[tuple[dict[Language, str], tuple[Kind, ...]], ...] = (
    ({"zh": "县区与乡镇", "en": "Places"}, (Kind.CITY, Kind.COUNTY, Kind.TOWNSHIP)),
    ({"zh": "窗口", "en": "Windows"}, (Kind.WINDOW,)),
    ({"zh": "办事机构", "en": "Offices"}, (Kind.OFFICE,)),
    ({"zh": "工作人员", "en": "People"}, (Kind.PERSON,)),
)


def offer(words: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add `score`, which has the `common` options too, to the `words` of a command line."""
    score = words.add_parser(
        "score",
        parents=[common],
        help="correct the assessment of every unit by its ratings",
        description="Correct the assessment of the city, its counties, townships, windows, offices and people on duty "
        "by the ratings of a period. The rule is docs/scores.md. Exit code 2 where a file or a name cannot be used.",
    )
    score.set_defaults(run=run)
    score.add_argument("--period", required=True, help="2026, 2026H2, 2026Q4, 2026-11, 2026W47 or 2026-11-27")
    score.add_argument("--policy", default="guarded", help="guarded, plain, or a policy of your own in a TOML file")
    score.add_argument("--assessment", metavar="FILE", type=Path, help="a code and a score a row (.csv or .xlsx)")
    score.add_argument("--served", metavar="FILE", type=Path, help="a code and how many were served a row, likewise")
    score.add_argument("--visits", action="store_true", help="who was asked and who rated, from the ledger's visits")
    score.add_argument("--out", metavar="FILE", type=Path, help="where the report goes (.csv or .xlsx)")
    score.add_argument("--language", choices=["zh", "en"], default="zh", help="of the report; zh")


def run(options: argparse.Namespace) -> int:
    """Make the report that `options` ask for; raises `SettingsError`."""
    report = _report(options)
    if options.out is not None:
        write(report, options.out, options.language)
    sys.stdout.write(f"{_json(report)}\n" if options.as_json else _summary(report, options.out))
    return 0


def _report(options: argparse.Namespace) -> Report:
    if options.out is not None:
        spreadsheet.check(options.out)
        for file, what in ((options.assessment, "assessments"), (options.served, "numbers served")):
            if file is not None and options.out.resolve() == file.resolve():
                raise SettingsError(f"{options.out}: the report would take the place of the {what}")
    if options.visits and options.served is not None:
        raise SettingsError("--visits: the ledger says who was asked, or --served does; take one of them")
    span, zone = asked(options.period), zone_of(options.zone)
    bounds = bounds_of(span, zone)
    policy = policies.named(options.policy)
    scores = assessments(_rows(options.assessment), str(options.assessment))
    people = served(_rows(options.served), str(options.served))
    with located(options.database) as file, snapshot(file) as ledger:
        (position,) = ledger.execute(HEAD).fetchone()
        known = list(units(ledger, bounds))
        taken = upheld_by_window(ledger, bounds.begin, bounds.behind)
        windows = without(by_window(ledger, span.first, span.last), taken)
        counts, upheld = counted(windows, known), counted(taken, known)
        for unit, n, out in staffed(ledger, bounds, windows):
            counts[unit], upheld[unit] = n, out
        visited = _visited(ledger, zone, span, policy) if options.visits else {}
    for given_in, source in ((scores, options.assessment), (people, options.served)):
        check_known(counts, given_in, str(source), span)
    found = visited or participations(counts, people, policy.points, str(options.served))
    given = {code: score.figure for code, score in scores.items()}
    return Report(span, policy, position, lines(counts, given, found, policy, upheld))


def _visited(ledger: sqlite3.Connection, zone: ZoneInfo, span: Period, policy: Policy) -> dict[str, Participation]:
    """What the visits in the ledger leave possible for all who were asked, by code."""
    windows = visits_in(ledger, zone).between(span.first.isoformat(), span.last.isoformat())
    said = ((code, visits.said(policy.points)) for code, visits in of_units(windows))
    return {code: one for code, one in said if one is not None}


def _rows(file: Path | None) -> Sequence[Sequence[Cell]]:
    """The rows of `file`; none where no file was named."""
    return [] if file is None else spreadsheet.read(file)


def write(report: Report, out: Path, language: Language) -> None:
    """Write `report` into the table `out`; raises `SettingsError`.

    Places and windows have a sheet each; so have offices and people, where there are any.
    """
    facts, shown = table.facts(report, language), table.filled(report, language)
    sheets: list[Sheet] = []
    for names, kinds in _SHEETS:
        part = [row for line, row in zip(report.lines, shown.rows, strict=True) if line.unit.kind in kinds]
        if part or kinds[0] not in STAFFED:
            sheets.append(Sheet(names[language], facts, shown.columns, part))
    spreadsheet.write(out, sheets)


def _json(report: Report) -> str:
    return json.dumps(
        {
            "period": report.period.name,
            "first": report.period.first.isoformat(),
            "last": report.period.last.isoformat(),
            "policy": report.policy.name,
            "policy_version": report.policy.version,
            "position": report.position,
            "provisional": True,
            "units": [_unit(line) for line in report.lines],
        },
        ensure_ascii=False,
    )


def _unit(line: Line) -> dict[str, object]:
    """Decimals as text: a reader's float would not be the figure that was computed."""
    n, beside = line.counts, line.beside
    known = beside.participation
    return {
        "kind": line.unit.kind,
        "code": line.unit.code,
        "existed": [[None if day is None else day.isoformat() for day in span] for span in line.unit.spans],
        "counts": n,
        "mean": line.coefficient.mean,
        "bounds": line.coefficient.bounds,
        "ground": line.coefficient.ground,
        "k": str(line.coefficient.k),
        "assessment": None if line.assessment is None else str(line.assessment),
        "corrected": None if line.corrected is None else str(line.corrected),
        "satisfied": wilson(n[0], sum(n)),
        "dissatisfied": wilson(n[2], sum(n)),
        "funnel": [standing._asdict() for standing in beside.standings],
        "upheld": None if beside.upheld is None else beside.upheld._asdict(),
        "shrunk": beside.shrunk,
        "participation": None if known is None else {name: float(share) for name, share in known._asdict().items()},
    }


def _summary(report: Report, out: Path | None) -> str:
    period, policy = report.period, report.policy
    head = f"{period.name} ({period.first} to {period.last}), policy {policy.name} {policy.version}"
    said = [f"{head}, ledger up to position {report.position:,}; provisional"]
    for kind, plural in (
        (Kind.CITY, "city"),
        (Kind.COUNTY, "counties"),
        (Kind.TOWNSHIP, "townships"),
        (Kind.WINDOW, "windows"),
        (Kind.OFFICE, "offices"),
        (Kind.PERSON, "people"),
    ):
        of_kind = [line for line in report.lines if line.unit.kind is kind]
        if kind in STAFFED and not of_kind:
            continue
        ks = [line.coefficient.k for line in of_kind]
        said.append(
            f"{plural}: {len(ks):,}, {sum(sum(line.counts) > 0 for line in of_kind):,} with ratings; K below 1 for "
            f"{sum(k < 1 for k in ks):,}, above 1 for {sum(k > 1 for k in ks):,}"
        )
    taken = next((line.beside.upheld for line in report.lines if line.unit.kind is Kind.CITY), None)
    if taken is not None:
        said.append(f"without {sum(taken.counts):,} ratings whose flags two auditors upheld")
    if out is not None:
        said.append(f"written to {out}")
    return "\n".join(said) + "\n"
