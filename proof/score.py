"""`manyi score`: every unit's assessment, corrected by its ratings in a period."""

import argparse
import json
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from contract.errors import SettingsError
from proof import policy as policies
from proof import spreadsheet, table
from proof.assessment import assessments
from proof.ledger import snapshot
from proof.period import Period, period
from proof.places import units
from proof.policy import Policy
from proof.report import Line, Report, lines, unknown
from proof.sheet import Sheet
from proof.tallies import by_window
from proof.units import Kind, counted
from proof.why import Language
from proof.zone import zone_of

# Of codes that no unit has, so many are named.
_NAMED = 5
_POSITION = "SELECT coalesce(max(position), 0) FROM ledger_head"


def offer(words: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add `score`, which has the `common` options too, to the `words` of a command line."""
    score = words.add_parser(
        "score",
        parents=[common],
        help="correct the assessment of every unit by its ratings",
        description="Correct the assessment of the city, its counties, townships and windows by the ratings of a "
        "period. The rule is docs/scores.md. Exit code 2 where a file or a name cannot be used.",
    )
    score.set_defaults(run=run)
    score.add_argument("--period", required=True, help="2026, 2026H2, 2026Q4, 2026-11, 2026W47 or 2026-11-27")
    score.add_argument("--policy", default="guarded", help="guarded, plain, or a policy of your own in a TOML file")
    score.add_argument("--assessment", metavar="FILE", type=Path, help="a code and a score a row (.csv or .xlsx)")
    score.add_argument("--out", metavar="FILE", type=Path, help="where the report goes (.csv or .xlsx)")
    score.add_argument("--language", choices=["zh", "en"], default="zh", help="of the report; zh")


def run(options: argparse.Namespace) -> int:
    """Make the report that `options` ask for; raises `SettingsError`."""
    report = _report(options)
    if options.out is not None:
        _write(report, options.out, options.language)
    sys.stdout.write(f"{_json(report)}\n" if options.as_json else _summary(report, options.out))
    return 0


def _report(options: argparse.Namespace) -> Report:
    if options.out is not None:
        spreadsheet.check(options.out)
        if options.assessment is not None and options.out.resolve() == options.assessment.resolve():
            raise SettingsError(f"{options.out}: the report would take the place of the assessments")
    try:
        span = period(options.period)
    except ValueError as bad:
        raise SettingsError(f"score: {bad}") from bad
    begin, behind = _bounds(span, zone_of(options.zone))
    policy = _policy(options.policy)
    given: dict[str, Decimal] = {}
    if options.assessment is not None:
        given = assessments(spreadsheet.read(options.assessment), str(options.assessment))
    with snapshot(options.database) as ledger:
        (position,) = ledger.execute(_POSITION).fetchone()
        counts = counted(by_window(ledger, span.first, span.last), units(ledger, begin, behind))
    if strange := unknown(counts, given):
        shown = ", ".join(strange[:_NAMED])
        raise SettingsError(f"{options.assessment}: no unit of {span.name} has a code such as {shown}")
    return Report(span, policy, position, lines(counts, given, policy))


def _bounds(span: Period, zone: ZoneInfo) -> tuple[int, int]:
    """When the period begins, and when what follows it does (ms)."""

    def midnight(day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000

    return midnight(span.first), midnight(span.last + timedelta(days=1))


def _policy(name: str) -> Policy:
    if name in policies.SHIPPED:
        return policies.shipped(name)
    try:
        return policies.read(Path(name).read_text(encoding="utf-8"))
    except OSError as bad:
        shipped = " and ".join(policies.SHIPPED)
        raise SettingsError(f"policy {name}: {bad.strerror}; shipped are {shipped}, else name a TOML file") from bad
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        raise SettingsError(f"policy {name}: {bad}") from bad


def _write(report: Report, out: Path, language: Language) -> None:
    places = [line for line in report.lines if line.unit.kind is not Kind.WINDOW]
    windows = [line for line in report.lines if line.unit.kind is Kind.WINDOW]
    names = ("县区与乡镇", "窗口") if language == "zh" else ("Places", "Windows")
    facts, columns = table.facts(report, language), table.columns(language)
    spreadsheet.write(
        out,
        [
            Sheet(name, facts, columns, table.rows(report, part, language))
            for name, part in zip(names, (places, windows), strict=True)
        ],
    )


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
    return {
        "kind": line.unit.kind,
        "code": line.unit.code,
        "counts": line.counts,
        "mean": line.coefficient.mean,
        "bounds": line.coefficient.bounds,
        "ground": line.coefficient.ground,
        "k": str(line.coefficient.k),
        "assessment": None if line.assessment is None else str(line.assessment),
        "corrected": None if line.corrected is None else str(line.corrected),
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
    ):
        of_kind = [line for line in report.lines if line.unit.kind is kind]
        ks = [line.coefficient.k for line in of_kind]
        said.append(
            f"{plural}: {len(ks):,}, {sum(sum(line.counts) > 0 for line in of_kind):,} with ratings; K below 1 for "
            f"{sum(k < 1 for k in ks):,}, above 1 for {sum(k > 1 for k in ks):,}"
        )
    if out is not None:
        said.append(f"written to {out}")
    return "\n".join(said) + "\n"
