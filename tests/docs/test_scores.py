"""docs/scores.md says what the rules give."""

import re
from collections.abc import Iterator
from pathlib import Path

from proof.coefficient import coefficient
from proof.funnel import LEVELS, funnel
from proof.participation import participation
from proof.policy import shipped
from proof.scores import Counts, Interval, percent, percent_interval, plus
from proof.share import wilson
from proof.shrinkage import shrunk

TEXT = (Path(__file__).parents[2] / "docs" / "scores.md").read_text(encoding="utf-8")
COUNTS = re.compile(r"([\d,]+), ([\d,]+), ([\d,]+)")


def number(text: str) -> int:
    return int(text.replace(",", ""))


def examples(heading: str) -> list[list[str]]:
    """The cells of each row of the table under `heading`."""
    section = re.split(r"^#{2,3} ", TEXT.split(f" {heading}", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    _, _, *rows = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    assert len(rows) > 3
    return [row.split(" | ") for row in rows]


def counted(heading: str) -> Iterator[tuple[Counts, list[str]]]:
    """The counts in the first cell, and the other cells."""
    for first, *others in examples(heading):
        found = COUNTS.fullmatch(first)
        assert found is not None
        yield (number(found[1]), number(found[2]), number(found[3])), others


def shown(share: float | None) -> str:
    return "none" if share is None else f"{share:.1f} %"


def row(n: Counts) -> list[str]:
    guarded, plain = (coefficient(n, shipped(name)) for name in ("guarded", "plain"))
    if guarded.bounds is None:
        return ["none", "none", str(plain.k), str(guarded.k)]
    low, high = percent_interval(guarded.bounds)
    return [f"{guarded.mean:.4f}", f"{low:.1f} % to {high:.1f} %", str(plain.k), str(guarded.k)]


def test_k() -> None:
    for n, said in counted("The sum"):
        assert said == row(n)


def test_shares() -> None:
    for first, share, between in examples("How sure a share is"):
        part, count = map(int, first.split(" of "))
        low, high = percent_interval(wilson(part, count))
        assert share == shown(100 * part / count if count else None)
        assert between == f"{low:.1f} % to {high:.1f} %"


def test_shrunk_scores() -> None:
    county = list(counted("Who is rated by few"))
    total: Counts = (0, 0, 0)
    for (n, said), drawn in zip(county, shrunk([n for n, _ in county]), strict=True):
        total = plus(total, n)
        assert said == [shown(percent(n)), shown(100 * drawn)]
    assert f"whose mean is {percent(total)} %" in TEXT


def test_the_funnel() -> None:
    city = funnel((8500, 800, 700))
    assert city is not None
    assert f"8,500, 800 and 700, so m = {100 * city.mean:.1f} %" in TEXT
    assert f"from {city.least} on" in TEXT
    for n, said in counted("Whether it is chance"):
        standings = [city.standing(n, level) for level in LEVELS]
        limits = [
            "none" if one.limits is None else f"{shown(100 * one.limits.low)} to {shown(100 * one.limits.high)}"
            for one in standings
        ]
        place = "too few ratings" if standings[1].place == "few" else standings[1].place
        assert said == [shown(percent(n)), *limits, place]


def test_participation() -> None:
    for n, (served, *said) in counted("Of all who came"):
        found = participation(n, number(served))
        assert found is not None
        low, high = percent_interval(Interval(float(found.low), float(found.high)))
        assert said == [shown(100 * float(found.rate)), shown(low), shown(high)]
