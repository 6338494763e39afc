"""Of how many who were asked, which ratings: what an edition says of silence, by window and by unit. Pure."""

from collections.abc import Mapping

from proof.participation import Participation, participation
from proof.policy import Policy
from proof.scores import Points
from proof.units import Kind, by_unit
from proof.visits import Visits

# How many were to be asked, and of these: satisfied, basically satisfied, dissatisfied. The others stayed silent.
Turnout = tuple[int, int, int, int]


def turnouts(windows: Mapping[str, Visits]) -> dict[str, Turnout]:
    """Return by window how many were asked and rated, where anybody was."""
    return {window: (visits.asked, *visits.rated) for window, visits in windows.items() if visits.asked}


def of_units(windows: Mapping[str, Turnout]) -> dict[tuple[Kind, str], Turnout]:
    """Return the same by unit: of each window and of all that it lies in."""
    return by_unit(windows, _plus)


def said(turnout: Turnout, points: Points) -> Participation | None:
    """Return what `turnout` leaves possible for all who were asked; None where that was nobody."""
    asked, *rated = turnout
    satisfied, basic, dissatisfied = rated
    return participation((satisfied, basic, dissatisfied), asked, points)


def participations(windows: Mapping[str, Turnout], policy: Policy) -> dict[str, Participation]:
    """Return the same for every unit by its code, by the weights of `policy`."""
    told = ((code, said(turnout, policy.points)) for (_, code), turnout in of_units(windows).items())
    return {code: one for code, one in told if one is not None}


def _plus(one: Turnout, two: Turnout) -> Turnout:
    return one[0] + two[0], one[1] + two[1], one[2] + two[2], one[3] + two[3]
