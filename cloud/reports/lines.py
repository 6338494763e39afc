"""The lines of an edition as a place looks at them: which, in which order, how each follows, what has changed. Pure."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NamedTuple, get_args

from cloud.people.rules import within
from proof.coefficient import Coefficient, coefficient
from proof.edition import Judged
from proof.participation import Participation
from proof.policy import Policy
from proof.scores import Counts, Interval, Shares, percent, percent_interval, shares
from proof.turnout import Turnout, said
from proof.units import Kind

Order = Literal["code", "corrected", "k", "index", "ratings"]
ORDERS: tuple[Order, ...] = get_args(Order)
# Behind every figure.
_LAST = Decimal("Infinity")


class Figures(NamedTuple):
    """What follows from a `line` by its edition's policy.

    `score` (percent) is the mean, `bounds` (percent) hold it at the policy's level; `distance` is what is proven of how
    far it is from the target, 0 where nothing is. None where there are no ratings, or no guard in the policy.
    `participation`: what is known of all who were asked, None where nobody was.
    """

    line: Judged
    score: float | None
    shares: Shares | None
    found: Coefficient
    bounds: Interval | None
    distance: float | None
    participation: Participation | None

    @property
    def rated(self) -> int:
        """How many ratings."""
        return sum(self.line.counts)

    @property
    def upheld(self) -> int:
        """How many ratings were taken out."""
        return sum(self.line.upheld or ())


class Difference(NamedTuple):
    """`figure` of a line was `before` in one edition, and is `after` in the next; empty where there was none."""

    figure: Literal["ratings", "k", "assessment", "corrected", "upheld", "participation"]
    before: str
    after: str


def figures(line: Judged, policy: Policy) -> Figures:
    """What follows from `line` by `policy`."""
    found = coefficient(line.counts, policy)
    bounds, distance = None, None
    if found.bounds is not None and policy.guard is not None:
        bounds = percent_interval(found.bounds)
        proven = {"penalty": found.bounds.high, "reward": found.bounds.low}.get(found.ground)
        distance = 0.0 if proven is None else proven - policy.guard.target
    asked = None if line.turnout is None else said(line.turnout, policy.points)
    return Figures(line, percent(line.counts, policy.points), shares(line.counts), found, bounds, distance, asked)


def chosen(lines: Iterable[Judged], place: str, kind: Kind | None, order: Order, policy: Policy) -> list[Judged]:
    """Those `lines` that lie in `place`, of one `kind` or of all; in the edition's order, or the lowest figure first.

    Whoever has no such figure is last.
    """
    found = [line for line in lines if (kind is None or line.kind is kind) and within(line.code, place)]
    if order == "code":
        return found
    return sorted(found, key=lambda line: _figure(line, order, policy))


def line_of(lines: Iterable[Judged], unit: str) -> Judged | None:
    """The line of the unit with the code `unit`; None where there is none."""
    return next((line for line in lines if line.code == unit), None)


def differences(before: Judged, after: Judged) -> list[Difference]:
    """What of one unit's line is another in a later edition."""
    pairs = (
        Difference("ratings", _counts(before.counts), _counts(after.counts)),
        Difference("k", before.k, after.k),
        Difference("assessment", before.assessment or "", after.assessment or ""),
        Difference("corrected", before.corrected or "", after.corrected or ""),
        Difference("upheld", _counts(before.upheld), _counts(after.upheld)),
        Difference("participation", _rated(before.turnout), _rated(after.turnout)),
    )
    return [one for one in pairs if one.before != one.after]


def _counts(n: Counts | None) -> str:
    return "" if n is None else " / ".join(f"{one:,}" for one in n)


def _rated(turnout: Turnout | None) -> str:
    return "" if turnout is None else f"{sum(turnout[1:]):,} / {turnout[0]:,}"


def _figure(line: Judged, order: Order, policy: Policy) -> Decimal:
    if order == "corrected":
        return _LAST if line.corrected is None else Decimal(line.corrected)
    if order == "k":
        return Decimal(line.k)
    count = sum(line.counts)
    if order == "ratings":
        return Decimal(count)
    index = percent(line.counts, policy.points)
    return _LAST if index is None else Decimal(str(index))
