"""Items that the other end refused and that are kept: when each is tried again. Pure."""

from collections.abc import Iterable

from transport.lanes import Item

RETRY_REFUSED_S = 3600.0


class Resting:
    """Refused items: the reason may lie with the other side (a roster, a key), so each is tried again in an hour."""

    def __init__(self) -> None:
        """Begin with none."""
        self._items: dict[int, tuple[float, Item]] = {}

    def __contains__(self, item: Item) -> bool:
        """Whether `item` rests."""
        return item.id in self._items

    def add(self, items: Iterable[Item], now: float) -> None:
        """Let `items` rest from `now` on."""
        self._items |= {item.id: (now + RETRY_REFUSED_S, item) for item in items}

    def items(self) -> list[Item]:
        """All that rest, oldest first."""
        return sorted(item for _, item in self._items.values())

    def forget(self, items: Iterable[Item]) -> None:
        """These are no more."""
        for item in items:
            self._items.pop(item.id, None)

    def wake_at(self) -> float | None:
        """When the first of them is to be tried again."""
        return min((when for when, _ in self._items.values()), default=None)

    def rested(self, now: float) -> list[Item]:
        """Those to be tried again now, oldest first; they rest no longer."""
        ready = sorted(item for when, item in self._items.values() if when <= now)
        for item in ready:
            del self._items[item.id]
        return ready
