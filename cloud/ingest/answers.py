"""What is said to the townships after a commit. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cloud.ledger.rules import Lane
from contract.ack import Ack, Pair, Refusal
from contract.batch import StreamKey
from contract.bundle import packed
from contract.codec import encode
from contract.errors import Reason
from contract.hello import Clock, Hello, Welcome
from contract.ranges import Ranges

# A pair takes at most 36 bytes, the name of a stream 80: so many of each stay below MAX_PAYLOAD.
MAX_PAIRS = 5_000
# The nonce of a welcome that nobody asked for: "I am new here, greet me".
UNASKED = "start"


class Answers:
    """Collects answers by township and lane, streams together, and makes payloads of them."""

    def __init__(self) -> None:
        """Begin with nothing to say."""
        self._settled: defaultdict[tuple[str, Lane, StreamKey], list[Pair]] = defaultdict(list)
        self._refused: defaultdict[tuple[str, Lane, StreamKey], list[tuple[int, int, Reason]]] = defaultdict(list)
        self._entries: defaultdict[tuple[str, Lane], list[bytes]] = defaultdict(list)

    def settled(self, township: str, lane: Lane, stream: StreamKey, first: int, last: int) -> None:
        """`first..last` are in the ledger."""
        self._settled[township, lane, stream].append((first, last))

    def refused(self, township: str, lane: Lane, stream: StreamKey, pair: Pair, reason: Reason) -> None:
        """`pair` was refused."""
        self._refused[township, lane, stream].append((*pair, reason))

    def unreadable(self, township: str, lane: Lane, refusal: Refusal) -> None:
        """Bytes without a readable number were refused."""
        self._entries[township, lane].append(encode(refusal))

    def payloads(self) -> Iterable[tuple[str, Lane, bytes]]:
        """Everything said, each payload with its township and lane."""
        entries = {place: list(said) for place, said in self._entries.items()}
        for township, lane, stream in dict.fromkeys((*self._settled, *self._refused)):
            settled = list(Ranges(self._settled.get((township, lane, stream), ())).pairs)
            refused = self._refused.get((township, lane, stream), [])
            said = entries.setdefault((township, lane), [])
            for start in range(0, max(len(settled), len(refused)), MAX_PAIRS):
                part = slice(start, start + MAX_PAIRS)
                said.append(encode(Ack(*stream, settled=settled[part], refused=refused[part])))
        for (township, lane), said in entries.items():
            for payload in packed(said):
                yield township, lane, payload


def welcome_to(hello: Hello, standing: Mapping[StreamKey, Ranges], by: str, clock: Clock) -> Welcome:
    """The answer to a gateway's `hello`: for each stream it named, the numbers in the ledger.

    Where there are more ranges than a payload takes, only the longest are told; the others are sent again, and skipped.
    """
    each = max(1, MAX_PAIRS // max(1, len(hello.streams)))
    acks = []
    for stream in hello.streams:
        pairs = standing.get(stream.key, Ranges()).pairs
        if len(pairs) > each:
            pairs = tuple(sorted(sorted(pairs, key=lambda pair: pair[0] - pair[1])[:each]))
        acks.append(Ack(stream.node, stream.epoch, settled=list(pairs)))
    return Welcome(hello.node, hello.nonce, by, clock, acks)
