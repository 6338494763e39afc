"""Why K is what it is, in two sentences that the head of an office can check with a pocket calculator. Pure."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import cache
from typing import Literal

from proof.coefficient import Coefficient
from proof.policy import Guard, Policy
from proof.scores import Counts

Language = Literal["zh", "en"]

_ROUND = Decimal("0.01")

# By ground, in both languages. `few` has one for each direction.
_SENTENCES: dict[str, dict[Language, str]] = {
    "silent": {
        "zh": "本期没有收到评价。没有评价既不算满意，也不算不满意，考核分不作修正（K = 1）。",
        "en": "Nobody rated in this period. Silence is neither satisfaction nor dissatisfaction, so the assessment "
        "stays as it is (K = 1).",
    },
    "plain": {
        "zh": "本期 {n} 条评价的平均得分为 {mean}。本规则以平均得分为系数，考核分乘以 K = {k}。",
        "en": "The mean of {n} ratings is {mean}. By this policy the mean itself is the factor: the assessment is "
        "multiplied by K = {k}.",
    },
    "unproven": {
        "zh": "本期 {n} 条评价的平均得分为 {mean}，真实水平有 {sure} 的把握在 {low} 至 {high} 之间，"
        "目标 {target} 也在其中。高于或低于目标都没有得到证明，考核分不作修正（K = 1）。",
        "en": "The mean of {n} ratings is {mean}, so the truth lies between {low} and {high} with a confidence of "
        "{sure}, and the target of {target} between these. Neither better nor worse is proven, so the assessment "
        "stays as it is (K = 1).",
    },
    "few below": {
        "zh": "本期 {n} 条评价的平均得分为 {mean}，低于目标 {target}，但不满意只有 {bad} 条。"
        "不满意不足 {least_bad} 条时不扣分，考核分不作修正（K = 1）。",
        "en": "The mean of {n} ratings is {mean}, below the target of {target}, but only {bad} were dissatisfied. "
        "Fewer than {least_bad} dissatisfied cost nothing, so the assessment stays as it is (K = 1).",
    },
    "few above": {
        "zh": "本期 {n} 条评价的平均得分为 {mean}，高于目标 {target}，但满意只有 {good} 条。"
        "满意不足 {least_good} 条时不加分，考核分不作修正（K = 1）。",
        "en": "The mean of {n} ratings is {mean}, above the target of {target}, but only {good} were satisfied. "
        "Fewer than {least_good} satisfied earn nothing, so the assessment stays as it is (K = 1).",
    },
    "penalty": {
        "zh": "本期 {n} 条评价的平均得分为 {mean}，即使按最有利的估计也只有 {high}，低于目标 {target}。"
        "考核分按这一差距的 {slope} 扣减，最多扣减 {most}，因此 K = {k}。",
        "en": "The mean of {n} ratings is {mean}, and even by the most favourable estimate the truth is {high}, below "
        "the target of {target}. The assessment is lowered by {slope} of this distance, by {most} at most, so K = {k}.",
    },
    "reward": {
        "zh": "本期 {n} 条评价的平均得分为 {mean}，即使按最保守的估计也有 {low}，高于目标 {target}。"
        "考核分按这一差距的 {slope} 增加，最多增加 {most}，因此 K = {k}。",
        "en": "The mean of {n} ratings is {mean}, and even by the most cautious estimate the truth is {low}, above the "
        "target of {target}. The assessment is raised by {slope} of this distance, by {most} at most, so K = {k}.",
    },
}


def why(n: Counts, found: Coefficient, policy: Policy, language: Language) -> str:
    """Say why the ratings `n` came to `found` by `policy`.

    Bounds are rounded to the outside, to hundredths of a percent: K follows from the printed ones to its last digit
    but one.
    """
    if found.mean is None:
        return _SENTENCES["silent"][language]
    figures = {"n": f"{sum(n):,}", "mean": _percent(found.mean), "k": str(found.k), "good": n[0], "bad": n[2]}
    if found.bounds is None or policy.guard is None:
        return _SENTENCES["plain"][language].format(**figures)
    guard = policy.guard
    figures["low"] = _percent(found.bounds.low, ROUND_FLOOR)
    figures["high"] = _percent(found.bounds.high, ROUND_CEILING)
    ground: str = found.ground
    if ground == "few":
        ground = "few below" if found.bounds.high < guard.target else "few above"
    return _SENTENCES[ground][language].format(**figures, **_guarding(guard))


@cache
def _guarding(guard: Guard) -> Mapping[str, str | int]:
    return {
        "target": _percent(guard.target),
        "sure": _percent(1 - 2 * guard.alpha),
        "slope": _percent(guard.slope),
        "most": _percent(guard.most),
        "least_bad": guard.penalty_dissatisfied,
        "least_good": guard.reward_satisfied,
    }


def _percent(share: float, rounding: str = ROUND_HALF_UP) -> str:
    """`share` in percent, two decimals at most; what is whole stands without any."""
    text = str((Decimal(repr(share)) * 100).quantize(_ROUND, rounding))
    return f"{text.rstrip('0').rstrip('.')} %"
