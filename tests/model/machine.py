"""The stateful model: hypothesis chooses what happens next, the world lets it happen, the naive model judges."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.model.count import deeds, steps
from tests.model.houses import NODES, WINDOWS
from tests.model.network import FINE, LATENCY_S, Fate
from tests.model.platter import Blow, Room
from tests.model.world import HOUSES, LINKS, WIRES, World

DAY_S = 86_400.0
YEARS_MS = 10 * 365 * 86_400_000
# A city is restored from backups of the last weeks; with the days it then takes to hear of it, all within the thirty.
OLDEST_BACKUP_S = 15 * DAY_S

node = st.sampled_from(NODES)
house = st.sampled_from(HOUSES)
window = st.sampled_from(WINDOWS)
level = st.integers(1, 3)
wire = st.sampled_from(WIRES)
fate = st.sampled_from(
    [
        Fate(()),
        FINE,
        Fate((LATENCY_S, LATENCY_S)),
        Fate((0.5,)),
        Fate((3.0,)),
        Fate((LATENCY_S, 40.0)),
        Fate((150.0,)),
        Fate(torn=True),
        Fate(forged=True),
    ]
)


class Machine(RuleBasedStateMachine):
    """Every rule is one thing that can happen; `teardown` heals everything and asks whether all has come through."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.healed = 0

    def _step(self, name: str) -> World:
        steps[name] += 1
        return self.world

    @rule(node=node, window=window, level=level, count=st.integers(1, 5))
    def press(self, node: str, window: str, level: int, count: int) -> None:
        """Some choices settle in one moment, and everybody has a little time for it."""
        world = self._step("press")
        for _ in range(count):
            world.press(node, window, level)
        world.run(0.001)

    @rule(window=window, level=level, gap=st.sampled_from([0.005, 0.1, 1.0]))
    def press_one_by_one(self, window: str, level: int, gap: float) -> None:
        """At both nodes in turn, so that their streams mix."""
        world = self._step("press one by one")
        for node in NODES * 2:
            world.press(node, window, level)
            world.run(gap)

    @rule(node=node, level=level)
    def press_and_wait(self, node: str, level: int) -> None:
        """As on a calm day: the rating has come through before anything else happens."""
        world = self._step("press and wait")
        world.press(node, WINDOWS[0], level)
        world.run(2.1)

    @rule(node=node)
    def windows_close(self, node: str) -> None:
        """Choices that are being recorded are given up half-way."""
        self._step("windows close").nodes[node].close_windows()

    @rule(node=node, level=level, statements=st.integers(0, 4))
    def windows_close_on_a_press(self, node: str, level: int, statements: int) -> None:
        """A choice is given up when its disk has carried out so many of its statements."""
        world = self._step("windows close on a press")
        platter = world.nodes[node].platter
        slow, platter.slow = platter.slow, 0.01
        world.press(node, WINDOWS[0], level)
        world.run(0.01 * statements + 0.005)
        world.nodes[node].close_windows()
        platter.slow = slow

    @rule(seconds=st.sampled_from([0.005, 0.03, 0.3, 2.1, 7.0, 31.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self._step("time passes").run(seconds)

    @rule(seconds=st.sampled_from([600.0, 3600.0, DAY_S, 3 * DAY_S, 12 * DAY_S]))
    def all_sleep(self, seconds: float) -> None:
        world = self._step("all sleep")
        world.leap(seconds)
        world.run(0.5)

    @rule(days=st.sampled_from([30, 45]))
    def thirty_days_pass(self, days: int) -> None:
        """What was settled before may go now; each first hears what the time is."""
        world = self._step("thirty days pass")
        world.leap(days * DAY_S)
        world.run(61)
        world.run(11)

    @rule(wire=wire, fates=st.lists(fate, min_size=1, max_size=4))
    def fates(self, wire: str, fates: list[Fate]) -> None:
        """What becomes of the next payloads on a wire."""
        self._step("fates").network.wires[wire].fates.extend(fates)

    @rule(node=node, level=level)
    def somebody_forges(self, node: str, level: int) -> None:
        """A copy of a rating with another level overtakes it."""
        world = self._step("somebody forges")
        world.network.wires[f"{node} up"].fates.extendleft([Fate(forged=True)] * 2)
        world.press(node, WINDOWS[0], level)
        world.run(0.1)

    @rule(wire=wire, mute=st.booleans())
    def one_way_loss(self, wire: str, mute: bool) -> None:  # noqa: FBT001
        self._step("one-way loss").network.wires[wire].mute = mute

    @rule(link=st.sampled_from(LINKS), up=st.booleans())
    def link(self, link: str, up: bool) -> None:  # noqa: FBT001
        world = self._step("link")
        (world.network.up if up else world.network.down)(link)

    @rule(house=house, power=st.booleans(), back=st.booleans())
    def crash(self, house: str, power: bool, back: bool) -> None:  # noqa: FBT001
        world = self._step("crash")
        world.kill(house, power=power)
        if back:
            world.start(house)

    @rule(house=house, left=st.integers(0, 12), blow=st.sampled_from(Blow))
    def fuse(self, house: str, left: int, blow: Blow) -> None:
        """At one of the next statements of its disk, the process dies or the statement fails."""
        self._step("fuse").burn(house, left, blow)

    @precondition(lambda self: not all(house.runs for house in self.world.houses.values()))
    @rule(house=house)
    def start(self, house: str) -> None:
        self._step("start").start(house)

    @rule(house=house)
    def back_up(self, house: str) -> None:
        self._step("back up").back_up(house)

    @rule(house=house)
    def restore(self, house: str) -> None:
        """An older image of its disk, or for want of one an empty disk; a city that is too old is not restored."""
        self._step("restore")
        self._bring_back(house)

    @rule(house=house, node=node, level=level)
    def restore_what_was_before(self, house: str, node: str, level: int) -> None:
        """A backup is brought back soon: what came through since is not on that disk any more."""
        world = self._step("restore what was before")
        world.back_up(house)
        world.press(node, WINDOWS[0], level)
        world.run(2.1)
        self._bring_back(house)

    def _bring_back(self, house: str) -> None:
        world = self.world
        made, image = world.images.get(house, (world.loop.time(), b""))
        if house == "city" and (not image or world.loop.time() - made > OLDEST_BACKUP_S):
            return
        world.put_back(house, image)
        world.start(house)

    @rule(house=house, room=st.sampled_from(Room))
    def disk(self, house: str, room: Room) -> None:
        self._step("disk full").houses[house].platter.room = room

    @rule(house=house, slow=st.sampled_from([0.0, 0.0, 0.004, 0.05, 2.0]))
    def slow_disk(self, house: str, slow: float) -> None:
        self._step("slow disk").houses[house].platter.slow = slow

    @rule(error_ms=st.sampled_from([None, 3, 500]), off_ms=st.sampled_from([0, YEARS_MS, -YEARS_MS, -200 * YEARS_MS]))
    def city_clock(self, error_ms: int | None, off_ms: int) -> None:
        """The city's kernel knows how right its clock is, or does not, and then the clock says anything."""
        self._step("city clock").clock(error_ms, off_ms)

    @rule(house=st.sampled_from([*NODES, "g0"]), off_ms=st.sampled_from([0, YEARS_MS, -YEARS_MS]))
    def wall_clock(self, house: str, off_ms: int) -> None:
        self._step("wall clock").houses[house].host.wall_off_ms = off_ms

    @rule(nodes=st.sampled_from([NODES, NODES[:1], ()]))
    def registry(self, nodes: tuple[str, ...]) -> None:
        """The city's registry lacks a node for a while."""
        self._step("registry").city.register(nodes)

    @precondition(lambda self: len(self.world.naive.pressed) > self.healed + 8)
    @rule()
    def all_is_healed(self) -> None:
        """In the middle of a story: all must come through, and the story goes on."""
        self._step("all is healed").settle()
        self.healed = len(self.world.naive.pressed)

    @invariant()
    def holds(self) -> None:
        """Rules that let no time pass are checked too."""
        self.world.check()

    def teardown(self) -> None:
        world = self.world
        try:
            if not world.broken:
                world.settle()
        finally:
            deeds["stories"] += 1
            deeds["ratings"] += len(world.naive.pressed)
            deeds["turns of the loop"] += world.loop.turns
            deeds["payloads"] += sum(wire.carried for wire in world.network.wires.values())
            deeds["statements"] += sum(house.platter.statements for house in world.houses.values())
            deeds["virtual days"] += round(world.loop.time() / DAY_S)
            world.close()
