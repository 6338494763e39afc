"""What follows the ledger by position: it catches up after each commit, and waits out whatever keeps it from that."""

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import NamedTuple

from cloud.ledger.commit import Commit
from contract.errors import Unavailable
from transport.backoff import Backoff

logger = logging.getLogger(__name__)


class Pace(NamedTuple):
    """Seconds: commits of `gather_s` go together; others' commits are seen after `look_s` even if nobody tells of them.

    What fails is tried again after `first_retry_s`, and more and more slowly up to `last_retry_s`.
    """

    gather_s: float
    look_s: float
    first_retry_s: float
    last_retry_s: float


class Following(ABC):
    """`trouble`: why it cannot go on at present. `head`: the ledger's head, as far as it has heard."""

    def __init__(self, pace: Pace, *, stopped: str, resumed: str) -> None:
        """Go at `pace`; `stopped` and `resumed` are what the log says when trouble comes and goes."""
        self.trouble: str | None = None
        self.head = 0
        self._pace = pace
        self._stopped = stopped
        self._resumed = resumed
        self._news = asyncio.Event()

    @abstractmethod
    async def catch_up(self) -> None:
        """Do all there is to do. Raises `Unavailable`, and then goes on the next time where it was."""

    def wake(self, commit: Commit) -> None:
        """Something was committed."""
        self.head = max(self.head, commit.position)
        self._news.set()

    async def run(self) -> None:
        """Follow until cancelled."""
        backoff = _backoff(self._pace)
        while True:
            self._news.clear()
            try:
                await self.catch_up()
            except Unavailable as away:
                if self.trouble is None:
                    logger.warning("%s: %s", self._stopped, away)
                self.trouble = str(away)
                await asyncio.sleep(backoff.next_s())
                continue
            if self.trouble is not None:
                logger.info("%s", self._resumed)
                self.trouble = None
            backoff = _backoff(self._pace)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.look_s):
                    await self._news.wait()
            await asyncio.sleep(self._pace.gather_s)


def _backoff(pace: Pace) -> Backoff:
    # One follower of a kind in a city: there is no crowd to spread.
    return Backoff(max, first_s=pace.first_retry_s, last_s=pace.last_retry_s)
