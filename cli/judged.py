"""What an auditor is shown of a flag and a judgement: when, where, why and how many, and never a grade."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cloud.judgements.rules import name_of
from cloud.misuse.rules import Flag
from proof.judgement import Filed
from proof.zone import zone_of

_VERDICTS = {"upheld": "确认 upheld", "dismissed": "驳回 dismissed"}


def outline(flag: Flag, newest: Filed | None, zone: str) -> str:
    """One line: the flag's name, until when, how many ratings, its figures, and its newest judgement, if any."""
    verdict = "" if newest is None else f"; {newest.judgement.verdict} by {' and '.join(newest.names)}"
    said = f"{_moment(flag.begin, zone)} to {_moment(flag.end, zone)}, {flag.size:,} ratings, {_figures(flag.figures)}"
    return f"{name_of(flag)}  {said}{verdict}"


def shown(one: Filed, zone: str) -> str:
    """All that is judged, in lines."""
    told = one.judgement
    size = sum(len(numbers) for numbers in told.numbers.values())
    lines = [
        f"规则 rule      {told.rule} ({told.version})",
        f"窗口 window    {told.place}",
        f"时间 time      {_moment(told.began, zone)} - {_moment(told.ended, zone)}",
        f"依据 figures   {_figures(told.figures)}",
        f"评价 ratings   {size:,}: {_numbers(told.ratings) or 'none'}",
        f"结论 verdict   {_VERDICTS[told.verdict]}",
        f"理由 why       {told.why}",
        f"签名 signed    {', '.join(one.names)}, {_moment(told.at, zone)}",
    ]
    return "\n".join(lines)


def _moment(at: int, zone: str) -> str:
    return datetime.fromtimestamp(at // 1000, UTC).astimezone(zone_of(zone)).isoformat(" ", "seconds")[:19]


def _figures(figures: Mapping[str, float | str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


def _numbers(ratings: Sequence[tuple[str, int, int]]) -> str:
    return ", ".join(f"{epoch} {first}" + (f"-{last}" if last > first else "") for epoch, first, last in ratings)
