"""What is sent when: live before backlog, bounded flight, resend with backoff. Pure: times and acks are arguments.

A *flight* is one payload on its way: some items, the lane they travel on, and when to give up waiting for the answer.
Acks name ranges of numbers, so an item leaves as soon as any answer covers it, whichever flight carried it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from contract.batch import StreamKey
from contract.ranges import Ranges
from transport.pace import Pace, Room


class Lane(StrEnum):
    """Which way an item travels; the values are the city's topics."""

    LIVE = "live"
    BACKLOG = "backlog"


class Item(NamedTuple):
    """One signed batch in a store: its row, its numbers, its bytes on the wire."""

    id: int
    stream: StreamKey
    first: int
    last: int
    size: int


class Limits(NamedTuple):
    """Bounds of one hop. Times in seconds, sizes in bytes before compression."""

    live_flights: int = 1
    backlog_flights: int = 1
    live_resend_s: float = 2.0
    backlog_resend_s: float = 30.0
    bundle_bytes: int = 128 * 1024
    live_items: int = 4096
    first_backlog_bytes: int = 16 * 1024


class Dispatch(NamedTuple):
    """Send these items now, as one payload on `lane`."""

    flight: int
    lane: Lane
    items: tuple[Item, ...]


class _Flight:
    __slots__ = ("carried", "deadline", "items", "lane", "sent", "size")

    def __init__(self, lane: Lane, items: Iterable[Item], sent: float, deadline: float) -> None:
        self.lane = lane
        self.items = {item.id: item for item in items}
        self.size = sum(item.size for item in self.items.values())
        self.sent = sent
        # When the broker had it, if anybody says.
        self.carried: float | None = None
        self.deadline = deadline


class Lanes:
    """The sender's decisions.

    Every item that was offered or refilled is, until acknowledged or withdrawn, in one place: waiting on a lane or in a
    flight. An item whose flight got no answer goes behind everything else that waits, so one that is never
    answered stops nobody. `unanswered` counts such flights.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        """Begin down, with nothing waiting."""
        self._limits = limits or Limits()
        self._up = False
        self._shut: set[Lane] = set()
        self._live: OrderedDict[int, Item] = OrderedDict()
        self._backlog: OrderedDict[int, Item] = OrderedDict()
        self._flights: dict[int, _Flight] = {}
        # Items that were in a payload that could not be read as a whole: each travels alone from now on.
        self._alone: set[int] = set()
        self._last_flight = 0
        self.unanswered = 0
        self._room = Room(self._limits.first_backlog_bytes, self._limits.bundle_bytes)
        self._pace = {
            Lane.LIVE: Pace(self._limits.live_resend_s),
            Lane.BACKLOG: Pace(self._limits.backlog_resend_s),
        }

    @property
    def up(self) -> bool:
        """Whether the other end has welcomed us on the present connection."""
        return self._up

    @property
    def idle(self) -> bool:
        """Whether what is offered now would be sent at once."""
        return not self._live and self._clear(Lane.LIVE, self._limits.live_flights)

    def unacknowledged(self) -> list[Item]:
        """All items not known to be at the other end, oldest first."""
        return sorted(self._everywhere())

    def oldest(self) -> Item | None:
        """The oldest item not known to be at the other end."""
        return min(self._everywhere(), default=None)

    def ratings(self) -> int:
        """How many ratings are not known to be at the other end."""
        return sum(item.last - item.first + 1 for item in self._everywhere())

    def _everywhere(self) -> Iterator[Item]:
        return chain(
            self._live.values(), self._backlog.values(), *(flight.items.values() for flight in self._flights.values())
        )

    def welcomed(self) -> None:
        """The other end answered: sending may begin."""
        self._up = True

    def down(self) -> None:
        """The connection or the peer's process is gone: all that waited or flew is backlog, oldest first."""
        self._up = False
        waiting = self.unacknowledged()
        self._flights.clear()
        self._live.clear()
        self._backlog = OrderedDict((item.id, item) for item in waiting)
        for pace in self._pace.values():
            # Who did not answer was the other one.
            pace.silent = 0

    def shut(self, lane: Lane) -> None:
        """The lane's own connection is gone: what flew on it waits again, before what waited already."""
        self._shut.add(lane)
        lost = [number for number, flight in self._flights.items() if flight.lane is lane]
        items = [item for number in lost for item in self._flights.pop(number).items.values()]
        for item in sorted(items, reverse=True):
            self._backlog[item.id] = item
            self._backlog.move_to_end(item.id, last=False)

    def open(self, lane: Lane) -> None:
        """The lane's own connection stands (again); a lane is open until it is said to be shut."""
        self._shut.discard(lane)

    def offer(self, items: Iterable[Item]) -> None:
        """Newly made items: live while we are up, else backlog. When live grows too long its oldest become backlog."""
        for item in items:
            if not self._has(item.id):
                (self._live if self._up else self._backlog)[item.id] = item
        while len(self._live) > self._limits.live_items:
            id_, item = self._live.popitem(last=False)
            self._backlog[id_] = item

    def refill(self, items: Iterable[Item]) -> None:
        """Items that the other end turned out not to have, oldest first; those already here are left alone."""
        for item in items:
            if not self._has(item.id):
                self._backlog[item.id] = item

    def due(self, now: float) -> list[Dispatch]:
        """What to send at `now`; each dispatch counts as sent."""
        self._expire(now)
        dispatches: list[Dispatch] = []
        while self._live and self._clear(Lane.LIVE, self._limits.live_flights):
            items = self._take(self._live, self._limits.bundle_bytes, newest=True)
            dispatches.append(self._depart(Lane.LIVE, items, now))
        while self._backlog and self._clear(Lane.BACKLOG, self._limits.backlog_flights):
            items = self._take(self._backlog, self._room.size, newest=False)
            dispatches.append(self._depart(Lane.BACKLOG, items, now))
        return dispatches

    def wake_at(self) -> float | None:
        """When `due` must be asked again even if nothing happens before; None: never."""
        return min((flight.deadline for flight in self._flights.values()), default=None)

    def carried(self, lane: Lane, now: float) -> None:
        """The line has carried what flies on `lane` as far as the broker: no answer, but a measure of the line."""
        for flight in self._flights.values():
            if flight.lane is lane and flight.carried is None:
                flight.carried = now

    def acked(self, stream: StreamKey, there: Ranges, now: float) -> list[Item]:
        """The other end has `there` of `stream`: the items that left, from wherever they were."""
        gone: list[Item] = []
        for number, flight in list(self._flights.items()):
            left = [i for i in flight.items.values() if i.stream == stream and there.covers(i.first, i.last)]
            gone += left
            self._land(number, flight, left, now)
        if sum(item.last - item.first + 1 for item in gone) < len(there):
            # More than what flew: a late answer, or the standing in a welcome.
            for queue in (self._live, self._backlog):
                left = [i for i in queue.values() if i.stream == stream and there.covers(i.first, i.last)]
                gone += left
                for item in left:
                    del queue[item.id]
        self._alone.difference_update(item.id for item in gone)
        return gone

    def withdrawn(self, ids: Iterable[int], now: float) -> None:
        """These items were refused and are not to be sent for now: forget them, wherever they are."""
        wanted = set(ids)
        for number, flight in list(self._flights.items()):
            self._land(number, flight, [flight.items[id_] for id_ in wanted & flight.items.keys()], now)
        for id_ in wanted:
            self._live.pop(id_, None)
            self._backlog.pop(id_, None)
        self._alone -= wanted

    def unreadable(self, flight: int) -> None:
        """The payload of `flight` could not be read as a whole: each of its items travels alone, after all others."""
        lost = self._flights.pop(flight, None)
        if lost is not None:
            self._alone.update(lost.items)
            self._backlog.update(lost.items)

    def in_flight(self, flight: int) -> tuple[Item, ...]:
        """The unanswered items of `flight`; empty when it has landed or expired."""
        found = self._flights.get(flight)
        return tuple(found.items.values()) if found else ()

    def _has(self, id_: int) -> bool:
        flying = any(id_ in flight.items for flight in self._flights.values())
        return flying or id_ in self._live or id_ in self._backlog

    def _clear(self, lane: Lane, most: int) -> bool:
        """Whether a payload could leave on `lane`, where `most` may be on their way."""
        flying = sum(flight.lane is lane for flight in self._flights.values())
        return self._up and lane not in self._shut and flying < most

    def _take(self, queue: OrderedDict[int, Item], budget: int, *, newest: bool) -> list[Item]:
        """Items for one payload: at least one, then as many as fit, newest or oldest first."""
        taken = [queue.popitem(last=newest)[1]]
        size = taken[0].size
        if taken[0].id in self._alone:
            return taken
        while queue:
            id_, item = queue.popitem(last=newest)
            size += item.size
            if size > budget or id_ in self._alone:
                queue[id_] = item
                queue.move_to_end(id_, last=newest)
                break
            taken.append(item)
        return taken

    def _depart(self, lane: Lane, items: list[Item], now: float) -> Dispatch:
        self._last_flight += 1
        self._flights[self._last_flight] = _Flight(lane, items, now, now + self._pace[lane].patience_s())
        return Dispatch(self._last_flight, lane, tuple(items))

    def _expire(self, now: float) -> None:
        expired = [(number, flight) for number, flight in self._flights.items() if flight.deadline <= now]
        for number, flight in expired:
            del self._flights[number]
            self._backlog.update(flight.items)
        self.unanswered += len(expired)
        for lane in {flight.lane for _, flight in expired}:
            self._pace[lane].silent += 1

    def _land(self, number: int, flight: _Flight, left: list[Item], now: float) -> None:
        for item in left:
            del flight.items[item.id]
        if not left or flight.items:
            return
        del self._flights[number]
        took_s = now - flight.sent
        self._pace[flight.lane].answered(took_s)
        if flight.lane is Lane.BACKLOG:
            line_s = None if flight.carried is None else flight.carried - flight.sent
            self._room.answered(flight.size, took_s, line_s)
