"""Last week beside the trends: read from the tallies or told commit by commit it is the same, over midnight too."""

from random import Random

import pytest

from cloud.board.load import load
from cloud.board.loaded import Loaded
from cloud.board.rules import Board
from cloud.board.week import week_before
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.cases.policy import shipped
from cloud.database import Database
from cloud.ledger.cells import number_of
from cloud.ledger.commit import Commit
from proof.scores import Counts
from tests.cloud.past import tally

VEIL = shipped().veil
DAY_MS = 24 * HOUR_MS
WINDOW = "371721121-a1/01"


def board_of(loaded: Loaded, calendar: Calendar, now: int, least: int = 5) -> Board:
    return Board(loaded, boot="boot", veil=VEIL, now=now, calendar=calendar, least=least, townships=[])


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Kolkata", "Etc/GMT+11"])
async def test_loaded_or_told_last_week_is_the_same_at_any_later_time(database: Database, zone: str) -> None:
    calendar = Calendar(zone)
    begin = calendar.start("2026-11-28") + 22 * HOUR_MS + 17 * MINUTE_MS
    random = Random(zone)
    moments = random.sample(range(begin - 40 * DAY_MS, begin + 2 * HOUR_MS, MINUTE_MS), 500)
    moments += random.sample(range(begin - 8 * DAY_MS, begin - 6 * DAY_MS, MINUTE_MS), 500)
    ratings = {at // MINUTE_MS: (random.randint(0, 9), random.randint(0, 3), random.randint(0, 3)) for at in moments}
    fresh = board_of(await load(database.reader, calendar, begin, VEIL), calendar, begin)
    for number, (minute, n) in enumerate(ratings.items(), start=1):
        fresh.apply(Commit(number, number, begin, {(WINDOW, minute): number_of(n)}, (), (), 0, 0))
    await tally(database, calendar, {WINDOW: ratings})
    early = board_of(await load(database.reader, calendar, begin, VEIL), calendar, begin)
    shown = set()
    # Past midnight, into another week's day, and a whole week on.
    for later in (0, 43, 103, 104, 24 * 60, 7 * 24 * 60 + 5):
        now = begin + later * MINUTE_MS
        whole = board_of(await load(database.reader, calendar, now, VEIL), calendar, now).snapshot()
        for board in (fresh, early):
            board.advance(now)
            told = board.snapshot()
            assert (told.last_week, told.city) == (whole.last_week, whole.city)
            assert told.trends == whole.trends
        shown.add(whole.city.week_change)
        assert [whole.last_week.day[at + 7] for at in range(23)] == [
            score if count >= 5 else None for _, score, count in whole.trends.day[:23]
        ]
    assert None in shown
    assert len(shown) > 2


def test_a_week_ago_is_the_same_hour_of_the_same_weekday() -> None:
    calendar = Calendar("Asia/Shanghai")
    now = calendar.moment("2026-11-28", 15 * 60 + 5)
    assert week_before(calendar, now) == now - 7 * DAY_MS
    # Where clocks are changed, what they show is what counts.
    berlin = Calendar("Europe/Berlin")
    assert week_before(berlin, berlin.moment("2026-10-30", 9 * 60)) == berlin.moment("2026-10-23", 9 * 60)


def told(board: Board, at: int, n: Counts) -> None:
    number = board.commits + 1
    board.apply(Commit(number, number, at, {(WINDOW, at // MINUTE_MS): number_of(n)}, (), (), 0, 0))


async def test_today_is_compared_up_to_the_minute_and_only_on_enough_ratings(database: Database) -> None:
    calendar = Calendar("Asia/Shanghai")
    now = calendar.moment("2026-11-28", 10 * 60 + 30)
    board = board_of(await load(database.reader, calendar, now, VEIL), calendar, now, least=20)
    told(board, now, (19, 0, 0))
    told(board, now - 7 * DAY_MS - MINUTE_MS, (20, 0, 0))
    # What was still to come at this time of day last week is not compared, nor is the day before it.
    told(board, now - 7 * DAY_MS, (0, 0, 50))
    told(board, calendar.start("2026-11-21") - 1, (0, 0, 50))
    assert board.snapshot().city.week_change is None
    told(board, now, (0, 1, 0))
    assert board.snapshot().city.week_change == -2.0
    # One more minute, and that minute of last week counts.
    board.advance(now + MINUTE_MS)
    assert board.snapshot().city.week_change == 69.4
    # At midnight it begins anew, with too few on either side.
    board.advance(calendar.start("2026-11-29") + 5 * MINUTE_MS)
    told(board, calendar.start("2026-11-29"), (30, 0, 0))
    assert board.snapshot().city.week_change is None
    # The first minutes of that Sunday a week ago come late.
    told(board, calendar.start("2026-11-22"), (0, 30, 0))
    assert board.snapshot().city.week_change == 40.0


async def test_last_week_goes_out_when_it_changed_and_not_with_every_rating(database: Database) -> None:
    calendar = Calendar("Asia/Shanghai")
    now = calendar.moment("2026-11-28", 10 * 60 + 30)
    board = board_of(await load(database.reader, calendar, now, VEIL), calendar, now)
    told(board, now, (9, 0, 0))
    diff = board.diff()
    assert diff is not None
    assert not diff.last_week
    told(board, now - 7 * DAY_MS, (3, 0, 3))
    diff = board.diff()
    assert diff is not None
    assert diff.last_week
    assert (diff.last_week.minute, diff.last_week.hour[-1], diff.last_week.day[-1]) == (50.0, 50.0, 50.0)
    assert [score for score in diff.last_week.hour + diff.last_week.day if score is not None] == [50.0, 50.0]
