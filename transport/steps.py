"""How far a batch has come, said in the log: one line for each step, with the text that names the batch everywhere.

A group that takes a step together costs one line, or one for each five hundred: the journal of systemd splits lines
longer than 48 KiB.
"""

import logging
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from contract.batch import StreamKey

logger = logging.getLogger(__name__)

A_LINE = 500


def unsaid() -> None:
    """Say no steps in this process from now on: for one that plays what hundreds of machines do."""
    logger.setLevel(logging.WARNING)


class Numbered(Protocol):
    """Consecutive numbers of a stream: a batch, whoever keeps it."""

    @property
    def stream(self) -> StreamKey:
        """The stream."""

    @property
    def first(self) -> int:
        """Its first number."""

    @property
    def last(self) -> int:
        """Its last number."""


class Words(NamedTuple):
    """What one sender calls its steps: handed on, there at the other end, and settled by a receipt (None: not said)."""

    sent: str
    there: str
    receipted: str | None


NODE = Words(sent="sent", there="held", receipted="settled")
GATEWAY = Words(sent="forwarded", there="settled", receipted=None)


class Steps:
    """The steps of the batches that one station sends."""

    def __init__(self, who: str, words: Words) -> None:
        """`who` stands in every line."""
        self._who = who
        self._words = words

    def sent(self, batches: Sequence[Numbered], lane: str) -> None:
        """They were handed to the connection."""
        passed(self._words.sent, batches, who=self._who, lane=lane)

    def there(self, batches: Sequence[Numbered]) -> None:
        """The other end has answered for them."""
        passed(self._words.there, batches, who=self._who)

    def receipted(self, batches: Sequence[Numbered]) -> None:
        """A receipt of the city settled them."""
        if self._words.receipted is not None:
            passed(self._words.receipted, batches, who=self._who)


def passed(
    step: str,
    batches: Iterable[Numbered],
    *,
    who: str | None = None,
    position: int | None = None,
    lane: str | None = None,
) -> None:
    """Say that `batches` passed `step`; `position` is the first one's in the ledger, where the others follow it.

    A line has the fields `step`, `batch`, `last` and `position` for one batch; `step`, `batches`, `lasts` and
    `positions` (from, to) for more.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    rest = iter(batches)
    while some := list(islice(rest, A_LINE)):
        extra: dict[str, object] = {"step": step, "who": who, "lane": lane}
        if len(some) == 1:
            name = some[0].stream.batch(some[0].first)
            extra |= {"batch": name, "last": some[0].last, "position": position}
        else:
            name = f"{len(some)} batches"
            extra["batches"] = [one.stream.batch(one.first) for one in some]
            extra["lasts"] = [one.last for one in some]
            if position is not None:
                extra["positions"] = (position, position + len(some) - 1)
        if position is not None:
            position += len(some)
        logger.info("%s %s", step, name, extra=extra)
