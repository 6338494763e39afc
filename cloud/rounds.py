"""What looks again and again whether there is something to do; what keeps it from that is waited out, and told once."""

import asyncio
import logging
from abc import ABC, abstractmethod

from contract.errors import Unavailable

logger = logging.getLogger(__name__)


class Rounds(ABC):
    """`trouble`: why it cannot look at present."""

    def __init__(self, every_s: float, *, stopped: str) -> None:
        """Look every `every_s`; `stopped` is what the log says when trouble comes."""
        self.trouble: str | None = None
        self._every_s = every_s
        self._stopped = stopped

    @abstractmethod
    async def look(self) -> None:
        """Do all there is to do by now. Raises `Unavailable`, and then goes on the next time where it was."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Unavailable as away:
                if self.trouble is None:
                    logger.warning("%s: %s", self._stopped, away)
                self.trouble = str(away)
            else:
                self.trouble = None
            await asyncio.sleep(self._every_s)
