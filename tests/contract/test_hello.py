"""What a hello says beside what it asks."""

from contract.batch import StreamKey
from contract.hello import Hello, Stream
from contract.ranges import Ranges

NODE, OTHER = "371721121-a1", "371721121-a2"


def test_a_node_declares_destroyed_what_was_its_own_and_nobody_elses() -> None:
    streams = [
        Stream(NODE, "AAAAAAAAAA", [(1, 9)], [(3, 4), (7, 7)]),
        Stream(NODE, "BBBBBBBBBB", [(1, 9)]),
        Stream(OTHER, "CCCCCCCCCC", [(1, 9)], [(2, 2)]),
    ]
    hello = Hello(1, NODE, "BBBBBBBBBB", 9, "BBBBBBBBBB.1", 0, "boot", 5, 5, streams)
    assert hello.destroyed() == {StreamKey(NODE, "AAAAAAAAAA"): Ranges([(3, 4), (7, 7)])}
