"""What the assessors gave each unit. Pure."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from proof.given import Given, Wanted, given
from proof.sheet import Cell

# Not Decimal() alone, which takes "1e30", "9_2.5", "Infinity" and the digits of every script.
_SCORE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,4})?")


def assessments(rows: Iterable[Sequence[Cell]], source: str) -> dict[str, Given[Decimal]]:
    """Return the score, a number as `score_of` reads it, of each code in `rows`; raises `SettingsError` as `given`."""
    return given(rows, source, _WANTED)


def score_of(text: str) -> Decimal | None:
    """The score in `text`: a number from 0 on, with up to six digits before the point and four behind; else None."""
    return Decimal(text) if _SCORE.fullmatch(text) else None


_WANTED = Wanted("score", score_of, "a number of at most 4 decimals, e.g. 92.5")
