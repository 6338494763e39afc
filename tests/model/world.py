"""Two nodes, a gateway, a city and the wires between them; the naive model watches every disk and every word."""

from functools import partial
from typing import Any

from edge.session import Choice
from tests.model.host import Host
from tests.model.houses import NODES, CityHouse, GatewayHouse, House, NodeHouse, node_name
from tests.model.loop import VirtualLoop
from tests.model.naive import Given, LawBroken, Naive, Press, marks
from tests.model.network import ModelLink, Network
from tests.model.platter import Blow, Fuse, Platter, Room
from tests.model.rows import JOURNAL, LEDGER, OUTBOX, Row
from tests.model.stage import empty_city

WIRES = (*(f"{node} {way}" for node in NODES for way in ("up", "down")), "live", "backlog", "answers")
LINKS = (*map(node_name, NODES), *(f"{node_name('g0')}-{which}" for which in ("nodes", "live", "backlog")), "city")
HOUSES = (*NODES, "g0", "city")


class World:
    """Use within `in_the_model`. Methods are what can happen; after each, `check` says whether all still holds."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.naive = Naive()
        self.network = Network(self.loop, WIRES)
        self.network.told = self._told
        ModelLink.network = self.network
        self.nodes = {
            name: NodeHouse(name, self.loop, self.network, Platter(OUTBOX), drift)
            for name, drift in zip(NODES, (40e-6, -40e-6), strict=True)
        }
        self.gateway = GatewayHouse("g0", self.loop, self.network, Platter(JOURNAL), 20e-6)
        self.city = CityHouse("city", self.loop, self.network, Platter(LEDGER, empty_city()), 0.0)
        self.houses: dict[str, House] = {**self.nodes, "g0": self.gateway, "city": self.city}
        for house in (*self.nodes.values(), self.gateway):
            house.platter.before = partial(self._statement, house)
        # One older image of each disk, and when it was made.
        self.images: dict[str, tuple[float, bytes]] = {}
        self._disks = dict.fromkeys(HOUSES, 0)
        self._marks = 0
        # A law was seen broken: nothing that follows says anything.
        self.broken = False
        for name in ("city", "g0", *NODES):
            self.houses[name].start()
        self.run(1)

    def close(self) -> None:
        for house in self.houses.values():
            house.kill()
        self.loop.run_for(0)
        self.loop.close()

    # What can happen

    def press(self, node: str, window: str, level: int) -> None:
        """A choice settles now, if anybody is there to notice."""
        house = self.nodes[node]
        mark = self._marks + 1
        now = house.host.boottime_ns()
        choice = Choice(window, level, mark, now, now)
        if house.press(choice, partial(self.naive.lit.add, mark)):
            self._marks = mark
            self.naive.pressed[mark] = Press(node, window, level, house.host.truth())

    def run(self, seconds: float) -> None:
        self.broken = True
        self.loop.run_for(seconds)
        self.check()

    def leap(self, seconds: float) -> None:
        self.broken = True
        self.loop.leap(seconds)
        self.check()

    def kill(self, name: str, *, power: bool) -> None:
        if power:
            self.houses[name].power_cut()
        else:
            self.houses[name].kill()
        self.check()

    def burn(self, name: str, left: int, blow: Blow) -> None:
        """A fuse: at a statement to come, the process dies or its disk fails it."""
        self.houses[name].platter.fuse = Fuse(left, blow)

    def start(self, name: str) -> None:
        self.houses[name].start()

    def back_up(self, name: str) -> None:
        """Between two transactions; not at all where a slow disk has no such moment within a minute."""
        platter = self.houses[name].platter
        until = self.loop.time() + 60
        while platter.busy and self.loop.time() < until:
            self.run(0.05)
        if not platter.busy:
            self.images[name] = (self.loop.time(), platter.image())

    def put_back(self, name: str, image: bytes) -> None:
        """The house gets another disk, with an older state or an empty one, and starts anew."""
        house = self.houses[name]
        house.power_cut()
        before = marks(self.rows(name))
        house.platter.put_back(image)
        self._disks[name] += 1
        kind = "node" if name in NODES else "gateway" if name == "g0" else "city"
        lost = before - marks(self.rows(name))
        self.naive.replaced(kind, lost, self._everywhere())
        self.check()

    def clock(self, error_ms: int | None, off_ms: int) -> None:
        """The city's kernel says how right it is; while it does not, the wall clock is off by any amount."""
        self.city.host.error_ms = error_ms
        self.city.host.wall_off_ms = 0 if error_ms is not None else off_ms

    # What is looked at

    def rows(self, name: str) -> list[Row]:
        return [Row._make(row) for row in self.houses[name].platter.committed()]

    def _everywhere(self) -> set[int]:
        return set().union(*(marks(self.rows(name)) for name in HOUSES))

    def ledger(self) -> list[Given]:
        return self.naive.ledger(self.rows("city"))

    def check(self) -> None:
        """What holds at every moment."""
        self.broken = True
        if self.loop.failures:
            raise self.loop.failures[0]
        self.naive.longest_ms = self.loop.time() * 1000
        for name in NODES:
            self.naive.on_node(name, self.rows(name))
        self.naive.on_gateway(self.rows("g0"))
        self.ledger()
        for name, house in self.houses.items():
            self._knows_the_time(name, house)
        self.broken = False

    def _knows_the_time(self, name: str, house: House) -> None:
        inner: Any = (
            house.node if isinstance(house, NodeHouse) else house.gateway if isinstance(house, GatewayHouse) else None
        )
        timepiece = getattr(inner, "_timepiece", None)
        if not house.runs or timepiece is None:
            return
        now = timepiece._dating.now(timepiece.boot, house.host.boottime_ms())
        if now is not None and abs(now.at - house.host.truth()) > now.error + 2:
            raise LawBroken(f"{name} takes it for {now}, and it is {house.host.truth()}")

    def _told(self, wire: str, host: Host, _topic: str, payload: bytes) -> None:
        try:
            match wire.split():
                case [node, "up"]:
                    self.naive.sent(self._disks[node], payload)
                case [_, "down"]:
                    self.naive.held(payload, self.rows("g0"))
                case ["answers"]:
                    self.naive.settled(payload, self.rows("city"), self.loop_ms())
                case _:
                    self.naive.passed_on(payload)
        except LawBroken as broken:
            self.loop.failures.append(broken)

    def loop_ms(self) -> int:
        return round(self.loop.time() * 1000)

    def _statement(self, house: House, statement: str, values: Any) -> None:  # noqa: ANN401
        if statement.startswith("DELETE FROM batch"):
            found = {row.id: row for row in self.rows(house.name) if row.id}
            for (id_,) in values:
                if id_ in found:
                    try:
                        self._deleted(house, found[id_])
                    except LawBroken as broken:
                        self.loop.failures.append(broken)
            house.platter.seen_full = house.platter.room is not Room.FREE

    def _deleted(self, house: House, row: Row) -> None:
        others = [name for name in HOUSES if name != house.name]
        self.naive.deleted(
            "gateway" if house is self.gateway else "node",
            row,
            self.loop_ms(),
            full=house.platter.seen_full,
            elsewhere=set().union(*(marks(self.rows(name)) for name in others)),
            refused=house is self.gateway and row.settled_at is None,
        )

    # The end

    def heal(self) -> None:
        """All faults end; in bounded time all is well."""
        self.network.cut.clear()
        for wire in self.network.wires.values():
            wire.fates.clear()
            wire.mute = False
        for house in self.houses.values():
            house.platter.room = Room.FREE
            house.platter.slow = 0.0
            house.platter.fuse = None
            house.start()
        self.clock(3, 0)
        self.city.register(NODES)
        for name in LINKS:
            self.network.up(name)

    def settle(self) -> None:
        """Let virtual time run until everybody is content, at most four hours; then say what is not as it must be."""
        self.heal()
        for pause in (5, 60, 125, 600, 3600, 60, 125, 3600, 60, 3600, 60, 125):
            self.run(4)
            if self.content():
                break
            self.leap(pause)
            if pause > 600:
                self._reconnect()
        else:
            self.run(4)
        self.naive.all_there(self.ledger())
        if why := self.restless():
            raise LawBroken(f"all is there, and {why}")
        self._tallies()

    def _reconnect(self) -> None:
        """A lost receipt comes to who keeps more streams than a page has only with the next connection."""
        for name in LINKS:
            self.network.down(name)
            self.network.up(name)

    def content(self) -> bool:
        return not self.restless() and not (
            self.naive.committed - self.naive.destroyed - {g.mark for g in self.ledger()}
        )

    def restless(self) -> str:
        """Who still waits for something, if anybody does."""
        for name, house in self.nodes.items():
            inner: Any = house.node
            if inner._outbox.uncut:
                return f"{name} has {inner._outbox.uncut} uncut ratings"
            if waiting := inner._uplink.sender.lanes.unacknowledged():
                return f"{name} waits for acks of {waiting}"
        gateway: Any = self.gateway.gateway
        if waiting := gateway._forwarder.sender.lanes.unacknowledged():
            return f"the gateway waits for acks of {waiting}"
        for name in (*NODES, "g0"):
            if any(row.settled_at is None for row in self.rows(name)):
                return f"{name} has batches that no receipt covers"
        return ""

    def _tallies(self) -> None:
        if held := self.city.platter.query("SELECT position, row, reason FROM uncounted"):
            raise LawBroken(f"an honest rating is held uncounted: {held}")
        counted: dict[tuple[str, int], list[int]] = {}
        for given in self.ledger():
            cell = counted.setdefault((f"{given.stream.node}/{given.window}", given.counts_in), [0, 0, 0])
            cell[3 - given.level] += 1
        found = self.city.platter.query('SELECT "window", minute, satisfied, basic, dissatisfied FROM tally_minute')
        if {(window, minute): counts for window, minute, *counts in found} != counted:
            raise LawBroken("law 5: the tallies are not what the ledger says")
