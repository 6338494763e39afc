"""What the assessors gave each unit. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

from proof.given import Given, Wanted, given
from proof.sheet import Cell


def assessments(rows: Iterable[Sequence[Cell]], source: str) -> dict[str, Given[Decimal]]:
    """Return the score, a number from 0 on, of each code in `rows`; raises `SettingsError` as `given`."""
    return given(rows, source, _WANTED)


def _score(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and value >= 0 else None


_WANTED = Wanted("score", _score, "a number, e.g. 92.5")
