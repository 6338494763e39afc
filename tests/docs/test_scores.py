"""docs/scores.md says what the rule gives."""

import re
from pathlib import Path

from proof.coefficient import coefficient
from proof.policy import shipped
from proof.scores import Counts, percent_interval

TEXT = (Path(__file__).parents[2] / "docs" / "scores.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([\d,]+), ([\d,]+), ([\d,]+) \| (.+) \|$", re.MULTILINE)


def row(n: Counts) -> str:
    guarded, plain = (coefficient(n, shipped(name)) for name in ("guarded", "plain"))
    if guarded.bounds is None:
        return f"none | none | {plain.k} | {guarded.k}"
    low, high = percent_interval(guarded.bounds)
    return f"{guarded.mean:.4f} | {low:.1f} % to {high:.1f} % | {plain.k} | {guarded.k}"


def test_every_example_is_what_the_rule_gives() -> None:
    found = ROW.findall(TEXT)
    assert len(found) > 8
    for *counts, said in found:
        satisfied, basic, dissatisfied = (int(count.replace(",", "")) for count in counts)
        assert said == row((satisfied, basic, dissatisfied))
