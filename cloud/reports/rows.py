"""The tables of the pages on reports: editions, lines of one, and one unit from edition to edition."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from starlette.requests import Request

from cloud.calendar import Calendar
from cloud.console.listing import Cell, Column, Listing, Tone
from cloud.console.screens import Screens, queried
from cloud.registry.snapshot import Registry
from cloud.reports.editions import Head
from cloud.reports.lines import Figures, Order, chosen, differences, figures, line_of
from proof.edition import Edition, Judged
from proof.report import Stage
from proof.units import Kind

PAGE = 200
_EDITIONS = (
    Column("reports.period"),
    Column("reports.edition", number=True),
    Column("reports.stage"),
    Column("reports.until"),
    Column("reports.policy"),
    Column("reports.position", number=True),
    Column("reports.units", number=True),
)
_LINES = (
    Column("reports.level"),
    Column("reports.unit"),
    Column("reports.ratings", number=True),
    Column("reports.index", number=True),
    Column("reports.top", number=True),
    Column("reports.bottom", number=True),
    Column("reports.bounds", number=True),
    Column("reports.k", number=True),
    Column("reports.assessment", number=True),
    Column("reports.corrected", number=True),
)
# Only where any line has some.
_UPHELD = (Column("reports.upheld", number=True),)
_ASKED = (Column("reports.participation", number=True), Column("reports.all_asked", number=True))
_UNIT = (
    Column("reports.edition", number=True),
    Column("reports.stage"),
    Column("reports.ratings", number=True),
    Column("reports.k", number=True),
    Column("reports.assessment", number=True),
    Column("reports.corrected", number=True),
    Column("reports.changed"),
)
TONES: dict[Stage, Tone] = {"appeal": "warn", "final": "good"}


class View(NamedTuple):
    """Which lines of edition `number` of `period` somebody looks at: those in `place`, and further on from `after`."""

    period: str
    number: int
    place: str = ""
    kind: Kind | None = None
    order: Order = "code"
    after: int = 0


class Rows:
    """Writes rows in the asker's language; `registry` names places."""

    def __init__(self, screens: Screens, *, registry: Callable[[], Registry], calendar: Calendar) -> None:
        self._screens = screens
        self._registry = registry
        self._calendar = calendar

    def editions(self, request: Request, heads: Sequence[Head], opened: Sequence[Head]) -> Listing:
        """Every edition; those `opened` may be appealed against."""
        names = {one.name for one in opened}
        rows = [self._edition(request, one, opened=one.name in names) for one in heads]
        return Listing("reports", _EDITIONS, rows)

    def _edition(self, request: Request, one: Head, *, opened: bool) -> list[Cell]:
        word, shown = self._screens.word, self._calendar.shown
        stands = opened or one.stage == "final"
        return [
            Cell(one.period, f"/reports/{one.period}/{one.number}"),
            Cell(str(one.number)),
            Cell(
                word(request, f"reports.{one.stage}" if stands else "reports.over"),
                tone=TONES[one.stage] if stands else "quiet",
            ),
            Cell(shown(one.until) if one.stage == "appeal" else ""),
            Cell(f"{one.policy} {one.version}"),
            Cell(f"{one.position:,}"),
            Cell(f"{one.units:,}"),
        ]

    def lines(self, request: Request, edition: Edition, view: View, path: str) -> Listing:
        """The lines that `view` asks for, of the edition at `path`."""
        lines = chosen(edition.lines, view.place, view.kind, view.order, edition.policy)
        page = [figures(line, edition.policy) for line in lines[view.after : view.after + PAGE]]
        upheld, asked = any(one.line.upheld for one in page), any(one.participation for one in page)
        more = None
        if len(lines) > view.after + PAGE:
            more = path + queried(request, after=view.after + PAGE)
        rows = [self._row(request, one, path, upheld=upheld, asked=asked) for one in page]
        columns = (*_LINES, *(_ASKED if asked else ()), *(_UPHELD if upheld else ()))
        return Listing(f"report-{view.period}-{view.number}", columns, rows, more)

    def _row(self, request: Request, one: Figures, path: str, *, upheld: bool, asked: bool) -> list[Cell]:
        line, some = one.line, one.shares
        cells = [
            Cell(self._screens.word(request, f"unit.{line.kind}")),
            Cell(self._screens.called(request, self._registry(), line.code), f"{path}?place={line.code}"),
            Cell(f"{one.rated:,}"),
            Cell("" if one.score is None else f"{one.score}%"),
            Cell("" if some is None else f"{some.satisfied}%"),
            Cell("" if some is None else f"{some.dissatisfied}%"),
            Cell("" if one.bounds is None else f"{one.bounds.low}–{one.bounds.high}%"),
            Cell(line.k, tone="" if one.found.k == 1 else "good" if one.found.k > 1 else "bad"),
            Cell(line.assessment or ""),
            Cell(line.corrected or ""),
        ]
        if asked:
            cells += [Cell(turned_out(one)), Cell(all_asked(one))]
        return [*cells, Cell(str(one.upheld))] if upheld else cells

    def history(self, request: Request, heads: Sequence[Head], told: Mapping[int, Edition], unit: str) -> Listing:
        """What each edition of the period says of `unit`, the newest first, and what that changed."""
        rows = []
        for one in heads:
            if one.number not in told:
                continue
            line = line_of(told[one.number].lines, unit)
            earlier = told.get(one.number - 1)
            before = None if earlier is None else line_of(earlier.lines, unit)
            rows.append(
                [
                    Cell(str(one.number), f"/reports/{one.period}/{one.number}?place={unit}"),
                    Cell(self._screens.word(request, f"reports.{one.stage}")),
                    *(Cell(text) for text in _told(line)),
                    Cell(self._changed(request, before, line)),
                ]
            )
        return Listing("report-editions", _UNIT, rows)

    def _changed(self, request: Request, before: Judged | None, line: Judged | None) -> str:
        if before is None or line is None:
            return "—"
        word = self._screens.word
        found = [
            f"{word(request, f'reports.{one.figure}')} {one.before or '—'} → {one.after or '—'}"
            for one in differences(before, line)
        ]
        return "; ".join(found) or word(request, "reports.same")


def turned_out(one: Figures) -> str:
    """How many of those who were asked rated, and how many that were; empty where nobody was."""
    turnout, found = one.line.turnout, one.participation
    return "" if turnout is None or found is None else f"{float(found.rate):.0%} / {turnout[0]:,}"


def all_asked(one: Figures) -> str:
    """Between which bounds the mean of all who were asked lies; empty where nobody was."""
    found = one.participation
    return "" if found is None else f"{found.bounds.low}–{found.bounds.high}%"


def _told(line: Judged | None) -> list[str]:
    if line is None:
        return ["", "", "", ""]
    return [f"{sum(line.counts):,}", line.k, line.assessment or "", line.corrected or ""]
