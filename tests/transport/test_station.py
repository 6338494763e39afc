"""What one end says of itself."""

from contract.batch import StreamKey
from contract.hello import MAX_STREAMS, Clock, Hello, Stream
from contract.ranges import Ranges
from contract.signing import Signer
from transport.dating import Dating
from transport.station import Station
from transport.timepiece import Timepiece

NODE = "371721121-a1"
SIGNER = Signer(bytes(32))


def station() -> Station:
    timepiece = Timepiece(Dating(), boot="boot", boottime_ms=lambda: 5, wall_ms=lambda: 7)
    return Station(NODE, "0000000001", SIGNER, b"", timepiece)


def stream(number: int) -> StreamKey:
    return StreamKey(NODE, f"{number:010}")


def test_a_hello_says_what_was_given_what_is_in_force_and_the_clocks() -> None:
    asked = {stream(1): Ranges([(1, 3), (5, 5)])}
    hello = station().hello("n", asked, last=4, config=3, void={})
    assert hello == Hello(1, NODE, "0000000001", 4, "n", 3, "boot", 5, 7, [Stream(*stream(1), [(1, 3), (5, 5)])])


def test_one_that_knows_the_time_says_it_and_how_wrong_it_may_be() -> None:
    knowing = station()
    knowing.timepiece.heard(Clock("city", 50, 1_790_000_000_000, 2), 0.010, 5)
    hello = knowing.hello("n", {}, last=0, config=0, void={})
    clock = knowing.timepiece.clock()
    assert clock.at is not None
    assert (hello.at, hello.error) == (clock.at, clock.error)


def test_what_is_lost_is_declared_beside_what_is_kept() -> None:
    void = {stream(1): Ranges([(4, 5)]), stream(2): Ranges([(1, 1)])}
    hello = station().hello(
        "n", {stream(1): Ranges([(1, 3)]), stream(3): Ranges([(1, 9)])}, last=0, config=0, void=void
    )
    assert hello.streams == [
        Stream(*stream(1), [(1, 3)], [(4, 5)]),
        Stream(*stream(3), [(1, 9)]),
        Stream(*stream(2), [], [(1, 1)]),
    ]


def test_a_full_page_has_no_more_streams_than_a_reader_takes() -> None:
    asked = {stream(number): Ranges([(1, 1)]) for number in range(MAX_STREAMS - 1)}
    void = {stream(number): Ranges([(1, 1)]) for number in range(MAX_STREAMS, MAX_STREAMS + 9)}
    assert len(station().hello("n", asked, last=0, config=0, void=void).streams) == MAX_STREAMS
