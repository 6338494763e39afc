"""Which rows of a damaged store are sound, and what the others were about."""

from contract.batch import StreamKey
from contract.ranges import Ranges
from transport import sums
from transport.salvage import TABLES, Row, _sound

KEY = StreamKey("371721121-a1", "AAAAAAAAAA")


def batch(id_: int, stream: int, first: int, last: int, key: StreamKey = KEY) -> Row:
    return (id_, stream, first, last, None, b"raw", sums.of_row(*key, first, last, b"raw"))


def rating(stream: int, seq: int) -> Row:
    values = (1000, "01", 3, 1, None, None, None, None)
    return (stream, seq, 1, *values, sums.of_row(*KEY, seq, "boot", *values))


def test_rows_of_a_stream_whose_name_is_gone_are_neither_kept_nor_known_to_be_lost() -> None:
    found: dict[str, list[Row]] = {table: [] for table in TABLES}
    found["stream"] = [(1, *KEY, 0)]
    found["boot"] = [(1, "boot", 5)]
    found["batch"] = [batch(1, 1, 1, 3), batch(2, 9, 4, 6)]
    found["rating"] = [rating(1, 4), rating(9, 7)]

    salvaged = _sound(found)

    assert salvaged.rows["batch"] == [batch(1, 1, 1, 3)]
    assert salvaged.rows["rating"] == [rating(1, 4)]
    assert salvaged.void == {}


def test_rows_that_are_not_as_they_were_written_say_what_is_lost() -> None:
    found: dict[str, list[Row]] = {table: [] for table in TABLES}
    found["stream"] = [(1, *KEY, 0)]
    found["boot"] = [(1, "boot", 5)]
    found["batch"] = [batch(1, 1, 1, 3), (*batch(2, 1, 4, 6)[:5], b"war", batch(2, 1, 4, 6)[6])]
    found["rating"] = [(*rating(1, 7)[:5], 1, *rating(1, 7)[6:]), rating(1, 8)]

    salvaged = _sound(found)

    assert salvaged.rows["batch"] == [batch(1, 1, 1, 3)]
    assert salvaged.rows["rating"] == [rating(1, 8)]
    assert salvaged.void == {KEY: Ranges([(4, 7)])}
