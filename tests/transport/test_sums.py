"""The sum of a row: stores out there have it on disk, so what it is of what may never change."""

import sqlite3
from contextlib import closing
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport import sums

VALUES = st.none() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text() | st.binary()


def test_it_is_the_crc_of_the_values_as_text_as_a_signed_number() -> None:
    assert sums.of_row("371721121-a1", 7, None, b"raw") == crc32(b"371721121-a1/7//raw") - (1 << 31)
    assert sums.of_row() == -(1 << 31)
    assert sums.of_row("满意", -3) == sums.of_row("满意".encode(), b"-3")


@pytest.mark.parametrize("values", [("a", "b"), ("b", "a"), ("ab",), ("a", None, "b"), ("a", 0), ("a",), ()])
def test_order_and_number_of_the_values_count(values: tuple[sums.Value, ...]) -> None:
    others = [("a", "b"), ("b", "a"), ("ab",), ("a", None, "b"), ("a", 0), ("a",), ()]
    assert [other for other in others if sums.of_row(*other) == sums.of_row(*values)] == [values]


@given(values=st.lists(VALUES, min_size=1, max_size=5))
def test_a_statement_takes_the_same_of_what_stands_in_a_table(values: list[sums.Value]) -> None:
    columns = [f"c{number}" for number in range(len(values))]
    with closing(sqlite3.connect(":memory:")) as store:
        store.create_function("row_sum", -1, sums.of_row, deterministic=True)
        store.execute(f"CREATE TABLE t ({', '.join(columns)})")
        store.execute(f"INSERT INTO t VALUES ({', '.join('?' for _ in values)})", values)  # noqa: S608  (names from this file)
        found = store.execute(f"SELECT {sums.in_sql(*columns)} FROM t").fetchone()  # noqa: S608
    assert found == (sums.of_row(*values),)
    # Four bytes of a row, as SQLite stores it.
    assert -(1 << 31) <= found[0] < 1 << 31
