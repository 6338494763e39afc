"""Many quarters of a city whose truth is known: how often K penalises who deserves none, and what stuffing buys.

No window is played: a quarter is drawn as counts. A third of the townships is exactly as good as the target, which is
where chance has most to say; a dozen is so small that a quarter has a handful of ratings; and at some windows somebody
presses "satisfied" for people who were never there. What citizens press is drawn independently of each other, as the
guarantee assumes it, but every window has a truth of its own. Figures are chosen to be hard, not taken from a survey.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.identity import county_of
from proof.coefficient import coefficient
from proof.policy import Guard, Policy
from proof.scores import WEIGHTS, Counts

Whole = NDArray[np.int64]
Real = NDArray[np.float64]

_TINY_TOWNSHIPS = 12
_TINY_MOST = 12  # ratings at a window in a quarter
_AT_TARGET = 1 / 3
_USUAL = 500  # ratings at a window in a quarter, at half of them more
_SPREAD = 0.8  # of windows within a township, and again of townships
_GOOD, _GOOD_SPREAD, _WINDOW_SPREAD = 0.87, 0.03, 0.03
_LOWEST, _HIGHEST = 0.65, 0.99
_STUFFED = 0.03  # of the windows, each by so much of its ratings:
_STUFFING = 0.3
# Sums of floats that were meant to be the target are the target.
_SAME = 1e-9


class City(NamedTuple):
    """A city on paper: `townships` (9 digits each), and at which window each begins (`homes`).

    By window, in the order of townships: how many rate in a quarter, their chances of each level (`windows` x 3), and
    how many satisfied ratings somebody adds.
    """

    townships: list[str]
    homes: Whole
    ratings: Whole
    chances: Real
    added: Whole


class Level(msgspec.Struct, frozen=True):
    """How those units of one kind fared that are at or above the target, in percent of the quarters.

    `most_penalised`: how often the one was that was penalised most, which is `whose`; `penalised`: how often on average
    of all of them.
    """

    units: int
    at_or_above: int
    most_penalised: float
    whose: str
    penalised: float


class Found(msgspec.Struct, frozen=True):
    """Townships below the target: in percent of their quarters, how often they were penalised and rewarded."""

    townships: int
    penalised: float
    rewarded: float


class Outcome(msgspec.Struct, frozen=True):
    """A run, by kind of unit. `ratings`: of citizens in a quarter; `alpha`: how much of the quarters is promised.

    `below` are townships that are in truth below the target, and `unstuffed` and `stuffed` those of them where somebody
    adds ratings: as they would fare without that, and as they did.
    """

    seed: int
    quarters: int
    policy: str
    windows: int
    ratings: int
    alpha: float
    levels: dict[str, Level]
    below: Found
    unstuffed: Found
    stuffed: Found

    @property
    def kept(self) -> bool:
        """Whether no unit at or above the target was penalised more often than the policy promises."""
        return all(level.most_penalised <= 100 * self.alpha for level in self.levels.values())

    def as_json(self) -> str:
        """Return it for a program, as one JSON object."""
        return msgspec.json.encode({**msgspec.structs.asdict(self), "kept": self.kept}).decode()

    def lines(self) -> Iterator[str]:
        """Return it for people."""
        yield f"policy {self.policy}, {self.quarters} quarters of {self.windows} windows, {self.ratings} ratings each"
        for kind, level in self.levels.items():
            yield (
                f"{kind}: {level.at_or_above} of {level.units} are at or above the target; penalised in "
                f"{level.penalised} % of their quarters, most of all {level.whose} in {level.most_penalised} %"
            )
        for what, found in (
            ("below the target", self.below),
            ("below it where somebody stuffs", self.stuffed),
            ("of the same kind had nobody stuffed", self.unstuffed),
        ):
            yield (
                f"townships {what}: {found.townships}; penalised in {found.penalised} % of their quarters, "
                f"rewarded in {found.rewarded} %"
            )


def drawn(codes: list[str], windows: int, target: float, seed: int) -> City:
    """Return a city of so many `windows` in the townships `codes`; the same for the same `seed`."""
    rng = np.random.default_rng([seed, 0])
    townships, count = sorted(codes), len(codes)
    tiny = np.zeros(count, bool)
    tiny[rng.choice(count, min(_TINY_TOWNSHIPS, count // 4), replace=False)] = True
    size = np.where(tiny, 0.0, rng.lognormal(0, 0.5, count))
    numbers = 1 + rng.multinomial(windows - count, size / size.sum())
    of = np.repeat(np.arange(count), numbers)
    busy = rng.lognormal(0, _SPREAD, count)[of] * rng.lognormal(0, _SPREAD, windows)
    usual = np.ceil(_USUAL * busy).astype(np.int64)
    ratings = np.where(tiny[of], rng.integers(0, _TINY_MOST, windows, endpoint=True), usual)
    good = np.clip(
        rng.normal(_GOOD, _GOOD_SPREAD, count)[of] + rng.normal(0, _WINDOW_SPREAD, windows), _LOWEST, _HIGHEST
    )
    means = np.where((rng.random(count) < _AT_TARGET)[of], target, good)
    stuffed = rng.random(windows) < _STUFFED
    added = np.where(stuffed, np.round(_STUFFING * ratings), 0).astype(np.int64)
    return City(townships, np.concatenate([[0], np.cumsum(numbers)[:-1]]), ratings, _chances(means, rng), added)


def _chances(means: Real, rng: np.random.Generator) -> Real:
    """Levels that have these `means`: from all or nothing to all that can be in the middle."""
    middle = WEIGHTS[1]
    basic = rng.random(len(means)) * (1 - means) / (1 - middle)
    return np.stack([means - middle * basic, basic, 1 - means - (1 - middle) * basic], axis=1)


def quarters(city: City, number: int, seed: int) -> Iterator[Whole]:
    """Draw so many quarters: what citizens pressed, `windows` x 3, without what was added."""
    rng = np.random.default_rng([seed, 1])
    bad = np.clip(city.chances[:, 2], 0, 1)
    basic = np.clip(city.chances[:, 1] / (1 - bad), 0, 1)
    for _ in range(number):
        dissatisfied = rng.binomial(city.ratings, bad)
        middling = rng.binomial(city.ratings - dissatisfied, basic)
        yield np.stack([city.ratings - dissatisfied - middling, middling, dissatisfied], axis=1)


def play(
    codes: list[str], windows: int, number: int, seed: int, policy: Policy, tell: Callable[[int], None]
) -> Outcome:
    """Draw a city and so many quarters of it, and judge every unit by `policy`, which must have a guard.

    `tell` is called with the number of quarters that are done.
    """
    if policy.guard is None:
        raise ValueError(f"policy {policy.name}: it promises nothing that could be tried")
    city = drawn(codes, windows, policy.guard.target, seed)
    kinds = _kinds(city)
    judges = {
        kind: _Judge(*units, city, policy, policy.guard, only_wronged=kind == "window") for kind, units in kinds.items()
    }
    township = judges["township"]
    stuffed = township.below & (np.add.reduceat(city.added, city.homes) > 0)
    honest = _Judge(*kinds["township"], city, policy, policy.guard, watched=stuffed)
    added = np.zeros((windows, 3), np.int64)
    added[:, 0] = city.added
    for done, pressed in enumerate(quarters(city, number, seed), 1):
        published = pressed + added
        for judge in judges.values():
            judge.take(published)
        honest.take(pressed)
        tell(done)
    return Outcome(
        *(seed, number, f"{policy.name} {policy.version}", windows, int(city.ratings.sum()), policy.guard.alpha),
        {kind: judge.level(number) for kind, judge in judges.items()},
        below=township.found(township.below, number),
        unstuffed=honest.found(stuffed, number),
        stuffed=township.found(stuffed, number),
    )


def _kinds(city: City) -> dict[str, tuple[list[str], Whole]]:
    """The names of all units of each kind, and at which window each begins."""
    counties = [county_of(code) for code in city.townships]
    firsts = [index for index, code in enumerate(counties) if index == 0 or code != counties[index - 1]]
    homes = np.repeat(np.arange(len(city.townships)), np.diff([*city.homes, len(city.ratings)]))
    windows = [f"{city.townships[home]} window {index - city.homes[home] + 1}" for index, home in enumerate(homes)]
    return {
        "window": (windows, np.arange(len(city.ratings))),
        "township": (city.townships, city.homes),
        "county": ([counties[first] for first in firsts], city.homes[firsts]),
        "city": (["city"], np.zeros(1, np.int64)),
    }


class _Judge:
    """Counts how often each unit of one kind is penalised and rewarded, of all or of those that are `watched`.

    Windows are many; there it looks for `only_wronged` ones, which takes a mean below the target.
    """

    def __init__(
        self,
        names: list[str],
        starts: Whole,
        city: City,
        policy: Policy,
        guard: Guard,
        *,
        watched: NDArray[np.bool_] | None = None,
        only_wronged: bool = False,
    ) -> None:
        self._only_wronged = only_wronged
        self._watched = np.ones(len(names), bool) if watched is None else watched
        self._names, self._starts, self._policy, self._guard = names, starts, policy, guard
        self._weights = np.array(policy.weights)
        rated = np.add.reduceat(city.ratings, starts)
        truth = np.add.reduceat(city.ratings * (city.chances @ self._weights), starts) / np.maximum(rated, 1)
        # Of a unit without ratings nothing is known, and it may be penalised for nothing.
        self.below = (rated > 0) & (truth < guard.target - _SAME)
        self.penalised = np.zeros(len(names), np.int64)
        self.rewarded = np.zeros(len(names), np.int64)

    def take(self, pressed: Whole) -> None:
        """Judge one quarter, `windows` x 3."""
        counts = np.add.reduceat(pressed, self._starts, axis=0)
        watched = self._watched
        if self._only_wronged:
            watched = ~self.below & (counts @ self._weights < self._guard.target * counts.sum(axis=1))
        for index in np.flatnonzero(watched).tolist():
            satisfied, basic, dissatisfied = counts[index].tolist()
            triple: Counts = (satisfied, basic, dissatisfied)
            k = coefficient(triple, self._policy).k
            self.penalised[index] += k < 1
            self.rewarded[index] += k > 1

    def level(self, number: int) -> Level:
        """What came of it in so many quarters."""
        fair = np.flatnonzero(~self.below)
        worst = int(fair[np.argmax(self.penalised[fair])])
        return Level(
            len(self._names),
            len(fair),
            _percent(self.penalised[[worst]], number),
            self._names[worst],
            _percent(self.penalised[fair], number),
        )

    def found(self, those: NDArray[np.bool_], number: int) -> Found:
        """What came of `those` units in so many quarters."""
        return Found(int(those.sum()), _percent(self.penalised[those], number), _percent(self.rewarded[those], number))


def _percent(counted: Whole, number: int) -> float:
    return round(100 * float(counted.mean()) / number, 3) if len(counted) else 0.0
