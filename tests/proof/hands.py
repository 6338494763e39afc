"""The figures of a report once more, from docs/scores.md and by other ways than the product's."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import log, sqrt

Rated = Sequence[int]
WEIGHTS = (Fraction(1), Fraction(3, 5), Fraction(0))
# Standard deviations that hold 95 % and 99.8 % of a normal distribution, from a table.
Z = {0.95: 1.959963985, 0.998: 3.090232306}


def k(good: int, basic: int, bad: int) -> Decimal:
    """K by policy `guarded`: of a fine grid of means, those that the ratings do not refute."""
    n = good + basic + bad
    if n == 0:
        return Decimal("1.0000")
    x = (good + 0.6 * basic) / n

    def refuted(q: float) -> bool:
        part = (x * log(x / q) if x else 0.0) + ((1 - x) * log((1 - x) / (1 - q)) if x < 1 else 0.0)
        return n * part > log(40)

    steps = 20_000
    grid = [at / steps for at in range(1, steps)]
    possible = [q for q in grid if not refuted(q)]
    high, low = possible[-1], possible[0]
    d = high - 0.85 if high < 0.85 and bad >= 5 else low - 0.85 if low > 0.85 and good >= 30 else 0.0
    return Decimal(1 + max(-0.05, min(0.05, d / 2))).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def mean(n: Rated) -> Fraction:
    return sum((w * one for w, one in zip(WEIGHTS, n, strict=True)), Fraction(0)) / sum(n)


def variance(n: Rated) -> Fraction:
    """The mean of the squares, less the square of the mean."""
    return sum((w * w * one for w, one in zip(WEIGHTS, n, strict=True)), Fraction(0)) / sum(n) - mean(n) ** 2


def wilson(part: int, count: int) -> tuple[float, float]:
    """The two solutions q of n (p - q)^2 = z^2 q (1 - q)."""
    if count == 0:
        return 0.0, 1.0
    z = Z[0.95]
    a, b, c = count + z * z, -(2 * part + z * z), part * part / count
    root = sqrt(max(0.0, b * b - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def shrunk(n: Rated, siblings: Iterable[Rated]) -> float:
    """Toward the mean of `siblings`, which `n` is one of."""
    rated = [one for one in siblings if sum(one)]
    total = [sum(level) for level in zip(*rated, strict=True)]
    m, v = mean(total), variance(total)
    a = (sum(sum(one) * (mean(one) - m) ** 2 for one in rated) - len(rated) * v) / sum(total)
    if a <= 0 or sum(n) == 0:
        return float(m)
    weight = sum(n) * a / (sum(n) * a + v)
    return float(weight * mean(n) + (1 - weight) * m)


def standing(n: Rated, city: Rated, level: float) -> tuple[str, list[float] | None]:
    """In the city's funnel at `level`: below, within or above its limits, or too few for them."""
    m, v = mean(city), variance(city)
    third = sum((one * (w - m) ** 3 for w, one in zip(WEIGHTS, city, strict=True)), Fraction(0)) / sum(city)
    if sum(n) < 30 or sum(n) <= 25 * third**2 / v**3:
        return "few", None
    off = Z[level] * sqrt(v / sum(n))
    limits = [max(0.0, float(m) - off), min(1.0, float(m) + off)]
    return "below" if mean(n) < limits[0] else "above" if mean(n) > limits[1] else "within", limits


def participation(n: Rated, served: int) -> dict[str, float]:
    """With all who were silent dissatisfied, and with all of them satisfied."""
    good, basic, bad = n
    silent = served - sum(n)
    return {
        "rate": float(Fraction(sum(n), served)),
        "low": float(mean((good, basic, bad + silent))),
        "high": float(mean((good + silent, basic, bad))),
    }
