"""Whether what nodes signed is theirs, on a core of its own where there is much of it."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple, Self

from contract.bundle import Signed
from contract.keys import Key, signed

# From so many entries on a second process is worth its start.
MANY = 10_000
# What it is handed at a time; and how many of these it may be behind, which bounds what is held for it.
_TOGETHER = 500
_BEHIND = 8


class Asked(NamedTuple):
    """Whether one of the `keys` of `node` signed the entry `raw` at `where`, which is of the moment `at` (ms)."""

    where: str
    node: str
    raw: bytes
    keys: Sequence[Key]
    at: int


class Signatures:
    """`ask` about each entry; `wrong` is called for those that nobody signed, in their order.

    Where there are `many` it is called later, and for the last of them as the context ends.
    """

    def __init__(self, *, many: bool, wrong: Callable[[Asked], None]) -> None:
        """Begin; a second process is started with the first that it is handed."""
        # Not forked: it would have the ledger's connection in its hands.
        self._other = ProcessPoolExecutor(1, mp_context=get_context("spawn")) if many else None
        self._wrong = wrong
        self._asked: list[Asked] = []
        self._awaited: deque[tuple[list[Asked], Future[list[int]]]] = deque()

    def __enter__(self) -> Self:
        """Nothing to do yet."""
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Hear about the last of them, unless something else `failed`."""
        if self._other is None:
            return
        try:
            if failed is None:
                self._hand_over()
                self._hear(behind=0)
        finally:
            self._other.shutdown(cancel_futures=True)

    def ask(self, one: Asked) -> None:
        """Ask about one entry."""
        self._asked.append(one)
        if self._other is None or len(self._asked) == _TOGETHER:
            self._hand_over()

    def _hand_over(self) -> None:
        asked, self._asked = self._asked, []
        if self._other is None:
            self._tell(asked, unsigned(asked))
        else:
            self._awaited.append((asked, self._other.submit(unsigned, asked)))
            self._hear(behind=_BEHIND)

    def _hear(self, *, behind: int) -> None:
        while len(self._awaited) > behind:
            asked, answer = self._awaited.popleft()
            self._tell(asked, answer.result())

    def _tell(self, asked: Sequence[Asked], places: Sequence[int]) -> None:
        for place in places:
            self._wrong(asked[place])


def unsigned(asked: Sequence[Asked]) -> list[int]:
    """The places of those in `asked` that none of their keys signed."""
    return [place for place, one in enumerate(asked) if not signed(Signed.of(one.raw), one.keys, one.at)]
