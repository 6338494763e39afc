"""What a board starts from, read from the tallies."""

from cloud.board.load import load
from cloud.calendar import Calendar
from cloud.cases.policy import shipped
from tests.cloud.conftest import NODE, NOW, Desk, entry

CALENDAR = Calendar("Asia/Shanghai")
VEIL = shipped().veil
FIVE = VEIL.minutes * 60_000


async def test_what_was_pressed_just_now_is_known_to_be_behind_the_veil(desk: Desk) -> None:
    """By when it was pressed: `NOW` is a full five minutes, and so is what lies five before it."""
    assert NOW % FIVE == 0
    older = entry(1, ("01", 3), ("01", 1), t0=NOW - FIVE - 1000)
    newer = entry(3, ("01", 1), ("02", 2), t0=NOW - 1000)
    await desk.exchange(older, newer)

    async def fresh(now: int) -> dict[str, tuple[int, int, int]]:
        return dict((await load(desk.database.reader, CALENDAR, now, VEIL)).fresh)

    both = {f"{NODE}/01": (0, 0, 1), f"{NODE}/02": (0, 1, 0)}
    assert await fresh(NOW) == both
    assert await fresh(NOW + FIVE - 1) == both
    assert await fresh(NOW + FIVE) == {}


async def test_neither_yesterday_nor_tomorrow_is_of_today(desk: Desk) -> None:
    midnight = CALENDAR.end(CALENDAR.day(NOW))
    desk.now = midnight - 1000
    await desk.exchange(entry(1, ("01", 3), t0=midnight - 2000), entry(2, ("01", 1), t0=midnight + 2000))

    before = await load(desk.database.reader, CALENDAR, midnight - 1, VEIL)
    assert before.fresh == {f"{NODE}/01": (1, 0, 0)}
    after = await load(desk.database.reader, CALENDAR, midnight, VEIL)
    assert after.fresh == {f"{NODE}/01": (0, 0, 1)} == after.ahead[CALENDAR.day(midnight)]
