"""Whose turn it is to see to a place. Pure.

Each turn has an A, who is told first, and may have a B, who is told when A does not answer.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from cloud.hours.rules import CITY
from cloud.people.rules import LEADERS, Person, within
from contract.errors import SettingsError
from contract.identity import county_of, township_of

Rank = Literal["a", "b"]


class Turn(NamedTuple):
    """`place` (city, county or township) is `a`'s from `valid_from` until before `valid_to`, ms, and else `b`'s.

    Both are names of accounts. `valid_to` None: until further notice. One that ends when it begins was taken back.
    """

    place: str
    valid_from: int
    valid_to: int | None
    a: str
    b: str | None

    def holder(self, rank: Rank) -> str | None:
        """Who has this `rank`."""
        return self.a if rank == "a" else self.b

    def holds(self, at: int) -> bool:
        """Whether it is this turn's time at `at` (ms)."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


def on_duty(turns: Iterable[Turn], at: int) -> Turn | None:
    """Which of the `turns` of one place holds at `at` (ms): of several the one that began last.

    So a week-end's turn, or a substitute's, ends by itself, and the standing one holds again.
    """
    return max((turn for turn in turns if turn.holds(at)), key=lambda turn: turn.valid_from, default=None)


def by_place(turns: Iterable[Turn]) -> Mapping[str, Sequence[Turn]]:
    """The `turns` of each place."""
    found: dict[str, list[Turn]] = {}
    for turn in turns:
        found.setdefault(turn.place, []).append(turn)
    return found


def able(turns: Iterable[Turn], people: Mapping[str, Person]) -> list[Turn]:
    """Those of `turns` whose holders are among `people`, who come in, and can act there by now.

    Where the A is none of them the B stands alone, as its A; a turn of which nobody is left does not hold.
    """
    found = []
    for turn in turns:
        named = [turn.a] if turn.b is None else [turn.a, turn.b]
        left = [name for name in named if name in people and _can_act(people[name], turn.place)]
        if left:
            found.append(turn._replace(a=left[0], b=left[1] if len(left) > 1 else None))
    return found


def _can_act(person: Person, place: str) -> bool:
    return person.role in LEADERS and within(place, person.place)


def around(place: str) -> Sequence[str]:
    """The places whose leaders see to `place` (a township, node or window), the nearest first."""
    return township_of(place), county_of(place), CITY


def check(turn: Turn, holders: Iterable[Person | None], places: Container[str]) -> None:
    """Raise `SettingsError` where `turn` cannot be, with a text for whoever made it.

    `holders` are those that it names, None: nobody comes in by that name; `places` are the counties and townships.
    """
    if turn.place != CITY and turn.place not in places:
        raise SettingsError(f"there is no place {turn.place}")
    if turn.valid_to is not None and turn.valid_to <= turn.valid_from:
        raise SettingsError("it ends before it begins")
    if turn.a == turn.b:
        raise SettingsError("A and B are one and the same: the one stands in for the other")
    for name, holder in zip((turn.a, turn.b), holders, strict=True):
        if name is None:
            continue
        if holder is None:
            raise SettingsError(f"{name}: there is no such account, or it has ended")
        if not _can_act(holder, turn.place):
            raise SettingsError(f"{name}: cannot act in {turn.place}: a {holder.role} of {holder.place}")
