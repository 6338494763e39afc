"""The moments at which what is behind a veil is seen."""

import pytest

from contract.veil import MINUTE_MS, Veil, full

FIVE = 5 * MINUTE_MS


@pytest.mark.parametrize(("at", "seen"), [(0, 0), (1, FIVE), (FIVE - 1, FIVE), (FIVE, FIVE), (FIVE + 1, 2 * FIVE)])
def test_a_moment_is_seen_at_the_next_full_one_and_a_full_one_at_once(at: int, seen: int) -> None:
    assert full(at, Veil(3, 5)) == seen
