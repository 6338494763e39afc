"""Whose clock disagrees: at once where its word is ahead of its arrival, and never for what the way does to a word."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.clocks import store
from cloud.clocks.rules import FROZEN_MS, LIVE_MS, OFF_MS, SILENT_MS, WHILE_MS, Skew, Watch, Word
from cloud.clocks.worker import Keeper
from cloud.database import Database
from cloud.health.checks import in_time
from cloud.health.rules import Fleet, tile
from cloud.looking import Looking
from contract.codec import encode
from contract.hello import Hello
from contract.status import GatewayStatus, NodeHealth, NodeStatus
from tests.cloud.conftest import EPOCH, NODE, NOW, SIGNERS, Desk, entry

MINUTE = 60_000
GATEWAY = "371721121-g0"


def hello(at: int, arrived: int, *, error: int = 0, boottime: int | None = None, boot: str = "boot") -> Word:
    return Word("hello", NODE, at, error, arrived, (boot, arrived if boottime is None else boottime))


def rating(at: int, arrived: int) -> Word:
    return Word("rating", NODE, at, 0, arrived)


def skew(*words: Word, own: int | None = 0) -> int | None:
    """By how much it disagrees after `words`; None: not at all."""
    watch = Watch(lambda: own)
    for word in words:
        watch.hear([word])
    found = watch.skews(words[-1].arrived)
    assert len(found) <= 1
    return found[0].off_ms if found else None


@pytest.mark.parametrize("off", [OFF_MS, 10 * OFF_MS, 315_576_000_000])
def test_one_hello_that_is_ahead_of_its_arrival_is_enough(off: int) -> None:
    assert skew(hello(NOW + off, NOW)) == off
    assert skew(hello(NOW + off - 1, NOW)) == (None if off == OFF_MS else off - 1)
    assert skew(hello(NOW + off, NOW, error=1), own=1) == (None if off == OFF_MS else off - 2)


def test_a_clock_that_is_behind_is_one_only_when_nothing_comes_in_time() -> None:
    late = [hello(NOW + n * MINUTE - 5_000 - n, NOW + n * MINUTE) for n in range(4)]
    assert skew(*late[:2]) is None
    assert skew(*late[:3]) == -5_000
    assert skew(*late) == -5_001
    assert skew(*late[:2], hello(NOW + 3 * MINUTE - 1_999, NOW + 3 * MINUTE)) is None


@given(delays=st.lists(st.integers(0, 40 * MINUTE), min_size=1, max_size=30))
def test_hellos_that_waited_and_come_all_at_once_are_one_while(delays: list[int]) -> None:
    said = sorted(NOW - delay for delay in delays)
    assert skew(*(hello(at, NOW + n % 7, boottime=at) for n, at in enumerate(said))) is None


@given(
    ways=st.lists(st.integers(0, 10 * MINUTE), min_size=1, max_size=40),
    again=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 60 * MINUTE)), max_size=20),
)
def test_a_right_clock_is_never_blamed_for_its_way_as_long_as_some_word_is_quick(
    ways: list[int], again: list[tuple[int, int]]
) -> None:
    """A hello a minute, every second one within 2 s, whatever the others do, old ones said again at any moment."""
    sent = [(NOW + n * MINUTE, 1_999 if n % 2 else way) for n, way in enumerate(ways)]
    words = [(at + way, hello(at, at + way, boottime=at)) for at, way in sent]
    for which, later in again:
        at, way = sent[which % len(sent)]
        words.append((at + way + later, hello(at, at + way + later, boottime=at)))
    watch = Watch(lambda: 0)
    for arrived, word in sorted(words):
        watch.hear([word])
        assert watch.skews(arrived) == []


def test_an_old_hello_said_again_and_again_says_nothing() -> None:
    replayed = [hello(NOW, NOW + n * MINUTE, boottime=5) for n in range(10)]
    assert skew(*replayed) is None
    # Nor one of an earlier boot, between those of the present one.
    words: list[Word] = []
    for n in range(10):
        words += [
            hello(NOW + n * MINUTE, NOW + n * MINUTE, boot="now"),
            hello(NOW - 10 * MINUTE, NOW + n * MINUTE + 30_000, boottime=5, boot="then"),
        ]
    assert skew(*words) is None


def test_it_is_over_with_the_first_word_that_agrees() -> None:
    ahead = hello(NOW + 5_000, NOW)
    assert skew(ahead, hello(NOW + MINUTE, NOW + MINUTE)) is None
    assert skew(ahead, hello(NOW + MINUTE + 9_000, NOW + MINUTE)) == 9_000
    watch = Watch(lambda: 0)
    watch.hear([ahead, hello(NOW + MINUTE + 9_000, NOW + MINUTE)])
    assert watch.skews(NOW + MINUTE) == [Skew(NODE, 9_000, NOW, NOW + MINUTE)]
    assert watch.skews(NOW + MINUTE + SILENT_MS + 1) == []


def test_a_live_rating_far_from_its_arrival_alarms() -> None:
    assert skew(rating(NOW + FROZEN_MS + OFF_MS, NOW)) == OFF_MS
    assert skew(rating(NOW + FROZEN_MS + OFF_MS - 1, NOW)) is None
    far = LIVE_MS + FROZEN_MS
    assert skew(*(rating(NOW + n * WHILE_MS - far, NOW + n * WHILE_MS) for n in range(3))) == -LIVE_MS
    assert skew(*(rating(NOW + n * WHILE_MS - far + 1, NOW + n * WHILE_MS) for n in range(3))) is None
    # A burst after an outage is one while, and what comes in time is the end of it.
    assert skew(*(rating(NOW - far - n, NOW) for n in range(50))) is None


def test_a_right_hello_does_not_clear_what_ratings_show_and_the_worse_counts() -> None:
    words = [rating(NOW + 3_600_000, NOW), hello(NOW, NOW + 1)]
    assert skew(*words) == 3_600_000 - FROZEN_MS
    assert skew(*words, rating(NOW + 2, NOW + 3)) is None
    assert skew(*words, hello(NOW + 7_200_000, NOW + 3)) == 7_200_000 - 3


def test_nobody_is_judged_by_a_clock_that_is_not_known_to_be_right() -> None:
    own: list[int | None] = [0]
    watch = Watch(lambda: own[0])
    watch.hear([hello(NOW + 5_000, NOW)])
    own[0] = None
    watch.hear([hello(NOW + 5_000, NOW + 1)])
    assert watch.skews(NOW + 1) == []
    assert list(watch.agreed(NOW + 1)) == []


# In the database, and from there to wherever devices are shown


async def test_it_is_kept_for_other_processes_and_goes_away_by_itself(database: Database) -> None:
    now = [NOW]
    watch = Watch(lambda: 0)
    keeper = Keeper(watch, database, now=lambda: now[0])
    looking = Looking[dict[str, Skew]](database, store.skews, {}, every_s=0.01)

    async def kept() -> dict[str, Skew]:
        async with database.reader.connect() as connection:
            return await store.skews(connection)

    watch.hear([hello(NOW + 5_000, NOW)])
    await keeper.keep()
    assert await kept() == {NODE: Skew(NODE, 5_000, NOW, NOW)}
    watch.hear([hello(NOW + MINUTE + 5_100, NOW + MINUTE)])
    await keeper.keep()
    assert (await kept())[NODE].off_ms == 5_000  # (nothing worth a write)
    watch.hear([hello(NOW + 2 * MINUTE + 9_000, NOW + 2 * MINUTE)])
    await keeper.keep()
    assert await kept() == {NODE: Skew(NODE, 9_000, NOW, NOW + 2 * MINUTE)}
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(looking.run())
        while not looking.seen:
            await asyncio.sleep(0.01)
        reading.cancel()
    assert looking.seen == {NODE: Skew(NODE, 9_000, NOW, NOW + 2 * MINUTE)}

    # Another worker has the county now, and hears that all is well.
    heir = Watch(lambda: 0)
    successor = Keeper(heir, database, now=lambda: now[0])
    await successor.keep()
    assert NODE in await kept()
    heir.hear([hello(NOW + 3 * MINUTE, NOW + 3 * MINUTE)])
    await successor.keep()
    assert await kept() == {}


async def test_who_is_not_heard_any_more_is_not_spoken_of(database: Database) -> None:
    now = [NOW]
    watch = Watch(lambda: 0)
    keeper = Keeper(watch, database, now=lambda: now[0])
    watch.hear([hello(NOW + 5_000, NOW)])
    await keeper.keep()
    now[0] += SILENT_MS + 1

    await keeper.keep()

    async with database.reader.connect() as connection:
        assert await store.skews(connection) == {}


def greeting(at: int | None, boottime: int) -> bytes:
    said = Hello(1, NODE, EPOCH, 0, f"n{boottime}", 0, "boot", boottime, 5, [], at=at, error=20)
    return SIGNERS[NODE].entry(encode(said))


async def test_what_arrives_is_heard_with_when_it_came(desk: Desk) -> None:
    words: list[Word] = []
    desk.intake.on_words = words.extend
    await desk.exchange(greeting(None, 1), greeting(NOW + 7, 2), entry(1, ("01", 3), ("01", 2), t0=NOW + 3))
    await desk.exchange(entry(3, ("01", 3)), lane="backlog")
    # Again, byte for byte: it says nothing about now.
    await desk.exchange(entry(1, ("01", 3), ("01", 2), t0=NOW + 3))

    assert words == [
        Word("hello", NODE, NOW + 7, 20, NOW, ("boot", 2)),
        Word("rating", NODE, NOW + 4, 0, NOW),
    ]


async def test_what_disagrees_is_flagged_and_still_counted(desk: Desk) -> None:
    watch = Watch(lambda: 0)
    desk.intake.on_words = watch.hear
    await desk.exchange(entry(1, ("01", 3), t0=NOW + 30_000))

    assert [skew.off_ms for skew in watch.skews(NOW)] == [30_000 - FROZEN_MS]
    assert desk.tallied == (1, 0, 0)


def fleet_of(*nodes: NodeStatus) -> Fleet:
    fleet = Fleet(NOW)
    fleet.hear(GatewayStatus(GATEWAY, "up", clock_error_ms=5, nodes=[NodeHealth(one, NOW) for one in nodes]), NOW)
    return fleet


def test_a_device_says_so_unless_something_worse_is_to_be_said() -> None:
    names = [f"371721121-a{number}" for number in range(4)]
    fleet = fleet_of(
        NodeStatus(names[0], "up", clock_error_ms=3),
        NodeStatus(names[1], "up", clock_error_ms=None),
        NodeStatus(names[2], "up", clock_error_ms=3, full=True),
        NodeStatus(names[3], "down"),
    )
    skews = {name: Skew(name, -4_000, NOW - 9, NOW) for name in (*names, GATEWAY, "371721121-nobody")}

    devices = {device.node: device for device in fleet.devices(NOW, (), (), skews)}

    assert [devices[name].state for name in (*names, GATEWAY)] == ["skewed", "skewed", "full", "offline", "skewed"]
    assert {device.clock_off_ms for device in devices.values()} == {-4_000}
    assert devices[names[0]].since == NOW - 9
    assert [(one.node, one.state) for one in tile([devices[GATEWAY]], NOW).worst] == [(GATEWAY, "skewed")]
    well = fleet.devices(NOW, (), (), {})
    assert {device.state for device in well} == {"online", "unsynced", "full", "offline"}
    assert {device.clock_off_ms for device in well} == {None}


async def test_health_names_the_worst_and_stays_well_enough_to_work() -> None:
    def said(*skews: Skew) -> Callable[[], list[Skew]]:
        return lambda: list(skews)

    assert (await in_time(said())).ok
    part = await in_time(said(Skew("371721121-a1", 2_000, 1, 1), Skew("371721121-a2", -9_500, 1, 1)))
    assert (part.ok, part.vital) == (False, False)
    assert part.detail == "2 clocks disagree with the city's, 371721121-a2 by -9.5 s at least"
