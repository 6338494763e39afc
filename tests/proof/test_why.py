"""Why K is what it is: two sentences, and the figures in them lead to the K that is printed."""

import re
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.coefficient import coefficient
from proof.policy import Policy, read, shipped
from proof.scores import Counts
from proof.why import Language, why

GUARDED, PLAIN = shipped("guarded"), shipped("plain")
MANY = st.tuples(*[st.integers(0, 3000)] * 3)


def said(n: Counts, language: Language, policy: Policy = GUARDED) -> str:
    return why(n, coefficient(n, policy), policy, language)


@pytest.mark.parametrize(
    ("n", "zh", "en"),
    [
        ((0, 0, 0), "没有收到评价", "Nobody rated"),
        ((2, 0, 1), "在 6.28 % 至 99.63 % 之间", "between 6.28 % and 99.63 %"),
        ((0, 0, 4), "不满意只有 4 条", "only 4 were dissatisfied"),
        ((29, 0, 0), "满意只有 29 条", "only 29 were satisfied"),
        ((800, 0, 200), "最有利的估计也只有 83.29 %", "most favourable estimate the truth is 83.29 %"),
        ((9500, 300, 200), "最保守的估计也有 96.29 %", "most cautious estimate the truth is 96.29 %"),
    ],
)
def test_each_ground_in_both_languages(n: Counts, zh: str, en: str) -> None:
    assert zh in said(n, "zh")
    assert en in said(n, "en")


def test_plain_says_that_the_mean_is_the_factor() -> None:
    assert "K = 0.6700" in said((25, 3, 12), "zh", PLAIN)
    assert said((25, 3, 12), "en", PLAIN).startswith("The mean of 40 ratings is 67 %.")
    assert "Nobody rated" in said((0, 0, 0), "en", PLAIN)


@given(MANY, st.sampled_from([GUARDED, PLAIN]))
def test_two_sentences_with_the_printed_k(n: Counts, policy: Policy) -> None:
    k = coefficient(n, policy).k
    for text, stop in ((said(n, "zh", policy), "。"), (said(n, "en", policy), r"\.(?: |$)")):
        assert len(re.findall(stop, text)) == 2
        assert "{" not in text
        assert f"K = {k}" in text or (k == 1 and "K = 1" in text)


@given(MANY)
def test_a_pocket_calculator_comes_to_the_same_k(n: Counts) -> None:
    found = coefficient(n, GUARDED)
    if found.ground not in ("penalty", "reward"):
        return
    text = said(n, "en")
    truth = re.search(r"truth is ([0-9.]+) %", text)
    assert truth is not None
    moved = (Decimal(truth[1]) - 85) / 2
    k = 1 + min(Decimal(5), max(Decimal(-5), moved)) / 100
    assert abs(k.quantize(Decimal("0.0001"), ROUND_HALF_UP) - found.k) <= Decimal("0.0001")


def test_the_figures_are_the_policys() -> None:
    other = read(
        'name = "strict"\nversion = 3\nweights = [1, 0.5, 0]\n[guard]\ntarget = 0.925\nalpha = 0.005\nslope = 0.25\n'
        "most = 0.1\npenalty_dissatisfied = 9\nreward_satisfied = 50\n"
    )
    n = (700, 100, 200)
    text = why(n, coefficient(n, other), other, "en")
    for figure in ("1,000 ratings is 75 %", "target of 92.5 %", "lowered by 25 %", "by 10 % at most"):
        assert figure in text
    few = why((0, 0, 8), coefficient((0, 0, 8), other), other, "en")
    assert "Fewer than 9 dissatisfied" in few
    unproven = why((5, 0, 1), coefficient((5, 0, 1), other), other, "en")
    assert "confidence of 99 %" in unproven
