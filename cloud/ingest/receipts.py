"""Receipts: the city's signed word that numbers are in its ledger; only a receipt lets a node or gateway delete.

At most one a minute for each stream. Who still asks about a stream after a receipt was lost on the way gets it again,
an hour later: a late receipt only delays deletion.
"""

import asyncio
from collections.abc import Callable

from contract.ack import Receipt
from contract.batch import StreamKey
from contract.codec import encode
from contract.identity import township_of
from contract.ranges import Ranges
from contract.signing import Signer

EVERY_S = 60.0
AGAIN_S = 3600.0
TICK_S = 1.0
# No further township is begun in a tick that has so many; one signature takes 30 microseconds.
A_TICK = 500
# A receipt with more ranges than fit a payload tells the longest.
MAX_PAIRS = 5_000


class ReceiptBook:
    """Which streams are due for a receipt, and about what. Pure; times are seconds of any steady clock."""

    def __init__(self) -> None:
        """Begin with nothing due."""
        # By township; who waits longest stands first.
        self._due: dict[str, dict[StreamKey, Ranges]] = {}
        self._given: dict[StreamKey, tuple[float, Ranges]] = {}

    def settled(self, stream: StreamKey, numbers: Ranges) -> None:
        """`numbers` are now all of `stream` in the ledger."""
        self._due.setdefault(township_of(stream.node), {})[stream] = numbers

    def asked(self, stream: StreamKey, numbers: Ranges, now: float) -> None:
        """Somebody keeps ratings of `stream`; a receipt is due if it is not known to have got the last one."""
        given = self._given.get(stream)
        if numbers and (given is None or given[1] != numbers or now - given[0] >= AGAIN_S):
            self.settled(stream, numbers)

    def forget(self) -> None:
        """What is due may not be in the ledger any more; whoever keeps a rating asks again."""
        self._due.clear()
        self._given.clear()

    def take(self, now: float) -> dict[StreamKey, Ranges]:
        """The receipts to give now, a whole township's together: its gateway takes what comes at once in one commit."""
        for stream in [stream for stream, given in self._given.items() if now - given[0] >= AGAIN_S]:
            del self._given[stream]
        ready: dict[StreamKey, Ranges] = {}
        for township in list(self._due):
            if len(ready) >= A_TICK:
                break
            due = self._due.pop(township)
            for stream in [stream for stream in due if self._may_have(stream, now)]:
                ready[stream] = due.pop(stream)
            if due:
                self._due[township] = due
        self._given |= {stream: (now, numbers) for stream, numbers in ready.items()}
        return ready

    def _may_have(self, stream: StreamKey, now: float) -> bool:
        given = self._given.get(stream)
        return given is None or now - given[0] >= EVERY_S


class Receipts:
    """Signs and sends what the book says is due."""

    def __init__(
        self,
        signer: Signer,
        *,
        send: Callable[[str, list[bytes]], None],
        now: Callable[[], int],
        known: Callable[[], bool],
        monotonic: Callable[[], float],
    ) -> None:
        """`send(township, entries)`; `now` is the city's time in ms, `known` if that is right; `monotonic` seconds.

        Nodes delete by the time of a receipt: without the right one none is given, and they keep what they have.
        """
        self._signer = signer
        self._send = send
        self._now = now
        self._known = known
        self._monotonic = monotonic
        self._book = ReceiptBook()
        self.settled = self._book.settled
        self.forget = self._book.forget

    def asked(self, stream: StreamKey, numbers: Ranges) -> None:
        """A gateway named `stream` in its hello."""
        self._book.asked(stream, numbers, self._monotonic())

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            ready = self._book.take(self._monotonic()) if self._known() else {}
            signed = await asyncio.to_thread(self._sign, ready) if ready else {}
            for township, entries in signed.items():
                self._send(township, entries)

    def _sign(self, ready: dict[StreamKey, Ranges]) -> dict[str, list[bytes]]:
        signed: dict[str, list[bytes]] = {}
        at = self._now()
        for stream, numbers in ready.items():
            pairs = sorted(numbers.pairs, key=lambda pair: pair[0] - pair[1])[:MAX_PAIRS]
            receipt = Receipt(stream.node, stream.epoch, sorted(pairs), at)
            signed.setdefault(township_of(stream.node), []).append(self._signer.entry(encode(receipt)))
        return signed
