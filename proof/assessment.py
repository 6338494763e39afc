"""What the assessors gave each unit: rows of a code and a score, as their table has them. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

from contract.errors import SettingsError
from proof.sheet import Cell, pairs


def assessments(rows: Iterable[Sequence[Cell]], source: str) -> dict[str, Decimal]:
    """Return code -> score of `rows`: the code in the first column, the score in the second, whatever follows.

    The first row may be a heading, and empty rows are passed over. Raises `SettingsError`, which names `source` and the
    row, where a score is no number from 0 on, or a code stands twice: of two scores for one office none can be meant.
    """
    found: dict[str, Decimal] = {}
    for number, code, score in pairs(rows):
        value = _score(score)
        if value is None:
            if number == 1:
                continue
            raise SettingsError(f"{source}: row {number}: score {score!r} of {code!r}: expected a number, e.g. 92.5")
        if not code:
            raise SettingsError(f"{source}: row {number}: a score of {score} without a code before it")
        if code in found:
            raise SettingsError(f"{source}: row {number}: {code} was given a score before; take one of the two out")
        found[code] = value
    return found


def _score(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and value >= 0 else None
