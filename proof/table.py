"""A report as tables that people open: one for city, counties and townships, one for windows. Pure."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from proof.report import Line, Report
from proof.scores import Interval, percent, percent_interval, shares
from proof.sheet import Cell, Column
from proof.units import Kind
from proof.why import Language, why


class _Figure(NamedTuple):
    zh: str
    en: str
    cell: Callable[[Line], Cell]
    shown: str = "General"


_KINDS: dict[Kind, dict[Language, str]] = {
    Kind.CITY: {"zh": "全市", "en": "city"},
    Kind.COUNTY: {"zh": "县区", "en": "county"},
    Kind.TOWNSHIP: {"zh": "乡镇街道", "en": "township"},
    Kind.WINDOW: {"zh": "窗口", "en": "window"},
}


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _bounds(line: Line) -> Interval | None:
    return None if line.coefficient.bounds is None else percent_interval(line.coefficient.bounds)


def _share(level: int) -> Callable[[Line], Cell]:
    def of(line: Line) -> Cell:
        found = shares(line.counts)
        return None if found is None else found[level]

    return of


_FIGURES = (
    _Figure("评价数", "Ratings", lambda line: sum(line.counts), "#,##0"),
    _Figure("满意", "Satisfied", lambda line: line.counts[0], "#,##0"),
    _Figure("基本满意", "Basically satisfied", lambda line: line.counts[1], "#,##0"),
    _Figure("不满意", "Dissatisfied", lambda line: line.counts[2], "#,##0"),
    _Figure("满意占比 %", "Satisfied %", _share(0), "0.0"),
    _Figure("不满意占比 %", "Dissatisfied %", _share(2), "0.0"),
    _Figure("原始得分 %", "Raw score %", lambda line: percent(line.counts), "0.0"),
    _Figure("下限 %", "At least %", lambda line: None if (found := _bounds(line)) is None else found.low, "0.0"),
    _Figure("上限 %", "At most %", lambda line: None if (found := _bounds(line)) is None else found.high, "0.0"),
    _Figure("系数 K", "K", lambda line: _number(line.coefficient.k), "0.0000"),
    _Figure("考核分", "Assessment", lambda line: _number(line.assessment), "0.00"),
    _Figure("修正后得分", "Corrected", lambda line: _number(line.corrected), "0.00"),
)


def columns(language: Language) -> list[Column]:
    """The columns of the table."""
    zh = language == "zh"
    first = ("级别", "代码", "名称") if zh else ("Level", "Code", "Name")
    figures = (Column(column.zh if zh else column.en, column.shown) for column in _FIGURES)
    return [*map(Column, first), *figures, Column("说明" if zh else "Why")]


def rows(report: Report, lines: Sequence[Line], language: Language) -> list[list[Cell]]:
    """`lines` of `report`, a cell for each column."""
    return [
        [
            _KINDS[line.unit.kind][language],
            line.unit.code,
            line.unit.zh if language == "zh" else line.unit.en,
            *(column.cell(line) for column in _FIGURES),
            why(line.counts, line.coefficient, report.policy, language),
        ]
        for line in lines
    ]


def facts(report: Report, language: Language) -> list[list[Cell]]:
    """What it is that is reported, for the lines above the table."""
    period, policy = report.period, report.policy
    if language == "zh":
        return [
            [f"菏泽市政务服务满意度考核修正 {period.name}（{period.first} 至 {period.last}）"],
            [f"规则 {policy.name} 第 {policy.version} 版，台账至第 {report.position} 条；暂定，未发布，仍可更正"],
        ]
    upto = f"ledger up to position {report.position}; provisional: not published, and open to correction"
    return [
        [f"Satisfaction and assessment of Heze, {period.name} ({period.first} to {period.last})"],
        [f"policy {policy.name} version {policy.version}, {upto}"],
    ]
