"""From when to when a window is whose; no minute of a window is two's. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from contract.errors import SettingsError


class Named(NamedTuple):
    """An office or a person by `code`, with its names in Chinese and English."""

    code: str
    zh: str
    en: str


class Tenure(NamedTuple):
    """`window` is `code`'s from `valid_from` until before `valid_to`, ms (None: until further notice).

    One that ends when it begins was taken back.
    """

    window: str
    valid_from: int
    valid_to: int | None
    code: str


class Staff(NamedTuple):
    """What is registered together: offices with their windows, and people with their duties."""

    offices: list[Named]
    memberships: list[Tenure]
    people: list[Named]
    duties: list[Tenure]


def check_apart(known: Iterable[Tenure], more: Iterable[Tenure]) -> None:
    """Raise `SettingsError` where `more` of one window, registered after what is `known` of it, would overlap.

    A rating belongs to one office and to one person.
    """
    for before, after in overlaps(known, more):
        until = "further notice" if before.valid_to is None else _said(before.valid_to)
        raise SettingsError(
            f"registration: {after.window} from {_said(after.valid_from)}: {before.code} has it from "
            f"{_said(before.valid_from)} until {until}, so it cannot be {after.code}'s; end the one in time"
        )


def overlaps(known: Iterable[Tenure], more: Iterable[Tenure]) -> Iterator[tuple[Tenure, Tenure]]:
    """Of one window, each tenure that goes on while the next one has begun, with that one, in their order.

    Of two with one beginning the one in `more` stands.
    """
    standing = {one.valid_from: one for one in (*known, *more)}
    for before, after in pairwise(sorted(one for one in standing.values() if one.valid_to != one.valid_from)):
        if before.valid_to is None or before.valid_to > after.valid_from:
            yield before, after


def _said(moment: int) -> str:
    if moment == 0:
        return "ever"
    return datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
