"""A report as tables that people open. Pure."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache, partial
from math import floor
from typing import NamedTuple

from proof.funnel import Place
from proof.participation import Participation
from proof.report import Line, Report
from proof.scores import Interval, percent_interval, shares
from proof.sheet import GENERAL, Cell, Column
from proof.span import Span
from proof.units import Kind
from proof.why import Language, why

_KINDS: dict[Kind, dict[Language, str]] = {
    Kind.CITY: {"zh": "全市", "en": "city"},
    Kind.COUNTY: {"zh": "县区", "en": "county"},
    Kind.TOWNSHIP: {"zh": "乡镇街道", "en": "township"},
    Kind.WINDOW: {"zh": "窗口", "en": "window"},
    Kind.OFFICE: {"zh": "办事机构", "en": "office"},
    Kind.PERSON: {"zh": "工作人员", "en": "person"},
}
_PLACES: dict[Place, dict[Language, str]] = {
    "below": {"zh": "低于界限", "en": "below"},
    "within": {"zh": "界限之内", "en": "within"},
    "above": {"zh": "高于界限", "en": "above"},
    "few": {"zh": "评价太少", "en": "too few ratings"},
}
_HALF = Fraction(1, 2)


class Table(NamedTuple):
    """`columns`, and of each line of a report a row with a cell for each of them."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


class _Figure(NamedTuple):
    """A column; one that is `rare` is left out where no line of the report has anything in it."""

    zh: str
    en: str
    cell: Callable[[Line, Language], Cell]
    shown: str = GENERAL
    rare: bool = False


def _name(line: Line, language: Language) -> Cell:
    return line.unit.zh if language == "zh" else line.unit.en


def _existed(line: Line, language: Language) -> Cell:
    return ("，" if language == "zh" else ", ").join(_days(span, language) for span in line.unit.spans) or None


def _days(span: Span, language: Language) -> str:
    if span.first is None:
        return f"至 {span.last}" if language == "zh" else f"until {span.last}"
    if span.last is None:
        return f"{span.first} 起" if language == "zh" else f"from {span.first}"
    return f"{span.first} 至 {span.last}" if language == "zh" else f"{span.first} to {span.last}"


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _bounds(line: Line) -> Interval | None:
    return None if line.coefficient.bounds is None else percent_interval(line.coefficient.bounds)


def _low(line: Line, _: Language) -> Cell:
    return None if (found := _bounds(line)) is None else found.low


def _high(line: Line, _: Language) -> Cell:
    return None if (found := _bounds(line)) is None else found.high


def _share(level: int) -> Callable[[Line, Language], Cell]:
    def of(line: Line, _: Language) -> Cell:
        found = shares(line.counts)
        return None if found is None else found[level]

    return of


def _against(line: Line, language: Language) -> Cell:
    """By the outer limits: of 167 townships that are all alike, chance puts eight outside the inner ones."""
    return _PLACES[line.beside.standings[-1].place][language] if line.beside.standings else None


def _shrunk(line: Line, _: Language) -> Cell:
    return None if line.beside.shrunk is None else round(100 * line.beside.shrunk, 1)


def _with_upheld(line: Line, _: Language) -> Cell:
    found = line.beside.upheld
    return None if found is None else sum(line.counts) + sum(found.counts)


def _score_with_upheld(line: Line, _: Language) -> Cell:
    found = line.beside.upheld
    return None if found is None else found.score


def _of_served(share: Callable[[Participation], float]) -> Callable[[Line, Language], Cell]:
    """A share in percent with one decimal."""

    def of(line: Line, _: Language) -> Cell:
        found = line.beside.participation
        return None if found is None else share(found)

    return of


# First what leads to K and what K does; then what is shown beside, so that nobody looks for it in K.
_FIGURES = (
    _Figure("级别", "Level", lambda line, language: _KINDS[line.unit.kind][language]),
    _Figure("代码", "Code", lambda line, _: line.unit.code),
    _Figure("名称", "Name", _name),
    _Figure("存续期间", "Existed", _existed, rare=True),
    _Figure("评价数", "Ratings", lambda line, _: sum(line.counts), "#,##0"),
    _Figure("满意", "Satisfied", lambda line, _: line.counts[0], "#,##0"),
    _Figure("基本满意", "Basically satisfied", lambda line, _: line.counts[1], "#,##0"),
    _Figure("不满意", "Dissatisfied", lambda line, _: line.counts[2], "#,##0"),
    _Figure("满意占比 %", "Satisfied %", _share(0), "0.0"),
    _Figure("不满意占比 %", "Dissatisfied %", _share(2), "0.0"),
    _Figure("原始得分 %", "Raw score %", lambda line, _: line.score, "0.0"),
    _Figure("下限 %", "At least %", _low, "0.0"),
    _Figure("上限 %", "At most %", _high, "0.0"),
    _Figure("系数 K", "K", lambda line, _: _number(line.coefficient.k), "0.0000"),
    _Figure("考核分", "Assessment", lambda line, _: _number(line.assessment), "0.00"),
    _Figure("修正后得分", "Corrected", lambda line, _: _number(line.corrected), "0.00"),
    _Figure("含存疑评价数", "Ratings with upheld flags", _with_upheld, "#,##0", rare=True),
    _Figure("含存疑评价得分 %", "Raw score with upheld flags %", _score_with_upheld, "0.0", rare=True),
    _Figure("与全市相比", "Against the city", _against),
    _Figure("收缩得分 %", "Shrunk score %", _shrunk, "0.0"),
    _Figure("评价率 %", "Response %", _of_served(lambda one: floor(1000 * one.rate + _HALF) / 10), "0.0", rare=True),
    _Figure("全体至少 %", "All served, at least %", _of_served(lambda one: one.bounds.low), "0.0", rare=True),
    _Figure("全体至多 %", "All served, at most %", _of_served(lambda one: one.bounds.high), "0.0", rare=True),
)


def filled(report: Report, language: Language) -> Table:
    """Return what is shown of each line of `report`, and at its end why K is what it is."""
    columns: list[Column] = []
    cells: list[list[Cell]] = []
    for figure in _FIGURES:
        found = [figure.cell(line, language) for line in report.lines]
        if figure.rare and all(cell is None for cell in found):
            continue
        columns.append(Column(figure.zh if language == "zh" else figure.en, figure.shown))
        cells.append(found)
    # Whoever has a window alone has its reasons, too.
    said = cache(partial(why, policy=report.policy, language=language))
    columns.append(Column("说明" if language == "zh" else "Why"))
    cells.append([said(line.counts, line.coefficient) for line in report.lines])
    return Table(columns, list(zip(*cells, strict=True)))


def facts(report: Report, language: Language) -> list[list[Cell]]:
    """What it is that is reported, for the lines above the table."""
    period, policy, standing = report.period, report.policy, _standing(report, language)
    if language == "zh":
        return [
            [f"菏泽市政务服务满意度考核修正 {period.name}（{period.first} 至 {period.last}）"],
            [f"规则 {policy.name} 第 {policy.version} 版，台账至第 {report.position} 条；{standing}"],
            ["“修正后得分”右边各列仅供参考，不影响系数 K"],
        ]
    upto = f"ledger up to position {report.position}; {standing}"
    return [
        [f"Satisfaction and assessment of Heze, {period.name} ({period.first} to {period.last})"],
        [f"policy {policy.name} version {policy.version}, {upto}"],
        ['the columns to the right of "Corrected" are for display and do not change K'],
    ]


def _standing(report: Report, language: Language) -> str:
    zh = language == "zh"
    if report.edition is None:
        return "暂定，未发布，仍可更正" if zh else "provisional: not published, and open to correction"
    stage, number = report.edition
    if zh:
        return f"第 {number} 版，{'申诉期内' if stage == 'appeal' else '定稿'}"
    return f"edition {number}, {'open to appeals' if stage == 'appeal' else 'final'}"
