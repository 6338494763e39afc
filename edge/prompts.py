"""Which prompts this run of the node's process was given, and what became of each. Pure.

It is kept in memory alone: after a power cut the node says that it does not know, and nobody makes that a silence. A
rating that was on disk by then still has its token.
"""

from collections.abc import Callable

from contract.prompt import Prompt, Standing
from edge.asking import Ask

# A window that finishes somebody every half minute takes days for so many.
MOST = 4096
_NS_IN_MS = 1_000_000


class Prompts:
    """`ask(window, asked)` has a window ask, and answers False where there is none of that name."""

    def __init__(self, ask: Callable[[str, Ask], bool]) -> None:
        """Know of none."""
        self._ask = ask
        self._known: dict[str, Standing] = {}

    def take(self, prompt: Prompt, boottime_ns: int, now: int | None) -> Standing:
        """Take in `prompt` at `boottime_ns`, `now` being the city's time in ms (None: unknown); how it stands.

        One that was so long on its way that less than half of its time is left is not shown: it would be asked of
        whoever came next.
        """
        known = self._known.get(prompt.token)
        if known is not None:
            return known
        age = 0 if now is None or prompt.at is None else max(0, now - prompt.at)
        left = prompt.wait_ms - age
        if left <= 0 or 2 * left < prompt.wait_ms:
            return "unknown"
        if not self._ask(prompt.window, Ask(prompt.token, boottime_ns, left * _NS_IN_MS)):
            return "unknown"
        self.became(prompt.token, "shown")
        return "shown"

    def became(self, token: str, standing: Standing) -> None:
        """Remember how the prompt with this `token` stands."""
        self._known[token] = standing
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]

    def interrupted(self) -> None:
        """The windows were closed: what they were showing nobody can tell the end of."""
        for token in [token for token, standing in self._known.items() if standing == "shown"]:
            self.became(token, "unknown")
