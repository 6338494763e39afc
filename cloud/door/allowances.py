"""How often each visitor may ask. Pure but for the clock it is given."""

from collections import OrderedDict
from collections.abc import Callable

from cloud.door.allowance import Allowance

# A console's page asks for some ten things at once; a hall of walls may share a key and an address, and all of them
# come back together.
BURST, EVERY_S = 400, 0.02
_REMEMBERED = 10_000


class Allowances:
    """One allowance for each key; whoever was longest silent is forgotten first, and begins with a full one."""

    def __init__(self, monotonic: Callable[[], float], *, burst: int = BURST, every_s: float = EVERY_S) -> None:
        self._monotonic = monotonic
        self._burst = burst
        self._every_s = every_s
        self._each: OrderedDict[str, Allowance] = OrderedDict()

    def take(self, key: str) -> bool:
        """Whether `key` may ask once more now."""
        return self._of(key).take(self._monotonic())

    def has(self, key: str) -> bool:
        """Whether `key` might; it is not counted."""
        return self._of(key).has(self._monotonic())

    def _of(self, key: str) -> Allowance:
        allowance = self._each.pop(key, None) or Allowance(self._burst, self._every_s)
        self._each[key] = allowance
        if len(self._each) > _REMEMBERED:
            self._each.popitem(last=False)
        return allowance
