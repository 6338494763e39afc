"""An estimate counts at its moment, is known as one everywhere, and its bounds are found without reading a batch."""

import httpx
import msgspec
from fastapi import FastAPI

from cloud.board.load import load
from cloud.board.picture import FeedItem
from cloud.board.rules import Board
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.cases.policy import shipped
from cloud.estimates.routes import router
from cloud.estimates.store import Minutes
from cloud.ledger.commit import Commit, packed, unpacked
from cloud.series.rules import buckets, by_start
from cloud.trace.rules import ways
from cloud.trace.store import look
from contract.batch import Batch
from contract.codec import encode
from contract.rating import Quality, Row
from proof import ledger
from tests.cloud.conftest import EPOCH, NODE, NOW, SIGNERS, Desk, entry, registry_of

VEIL = shipped().veil
CALENDAR = Calendar("Asia/Shanghai")
OLD = "AAAAAAAAAA"
DAY_MS = 24 * HOUR_MS


def guess(first: int, *rows: tuple[int, str, int], t0: int, early: int, late: int, epoch: str = OLD) -> bytes:
    """A signed batch of (ms, window, level) whose t0 is `t0`, between `early` before it and `late` after it."""
    content = [Row(ms, window, level, 1) for ms, window, level in rows]
    bounds = (t0 - early, t0 + late)
    return SIGNERS[NODE].entry(encode(Batch(1, NODE, epoch, first, t0, Quality.ESTIMATED, content, bounds=bounds)))


YESTERDAY = NOW - DAY_MS
FIRST = guess(1, (0, "01", 3), (90_000, "02", 1), t0=YESTERDAY, early=3_600_000, late=7_200_000)


async def test_its_bounds_stand_beside_it(desk: Desk) -> None:
    await desk.exchange(FIRST, entry(1, ("01", 2)))
    await desk.exchange(guess(3, (5, "01", 3), t0=NOW - 500, early=20, late=10))

    assert desk.query("SELECT position, epoch, first, last, at, earliest, latest FROM estimate ORDER BY position") == [
        (1, OLD, 1, 2, YESTERDAY, YESTERDAY - 3_600_000, YESTERDAY + 7_200_000),
        (3, OLD, 3, 3, NOW - 500, NOW - 520, NOW - 490),
    ]
    assert [one.bounds for one in ledger.read(desk.path)] == [
        (YESTERDAY - 3_600_000, YESTERDAY + 7_200_000),
        (YESTERDAY - 3_510_000, YESTERDAY + 7_290_000),
        None,
        (NOW - 515, NOW - 485),
    ]


async def test_it_counts_and_how_many_do_is_counted_apart(desk: Desk) -> None:
    await desk.exchange(FIRST)
    await desk.exchange(FIRST)  # again: once is enough
    await desk.exchange(guess(1, (0, "01", 3), (90_000, "02", 1), (100_000, "02", 1), t0=YESTERDAY, early=1, late=1))
    await desk.exchange(entry(1, ("01", 2)))

    assert desk.tallied == (1, 1, 2)
    minute = YESTERDAY // MINUTE_MS
    cells = desk.query('SELECT minute, "window", ratings FROM tally_estimated ORDER BY minute, "window"')
    assert cells == [(minute, f"{NODE}/01", 1), ((YESTERDAY + 90_000) // MINUTE_MS, f"{NODE}/02", 2)]
    assert desk.commits[0].estimated == {
        (f"{NODE}/01", minute): 1,
        (f"{NODE}/02", (YESTERDAY + 90_000) // MINUTE_MS): 1,
    }
    counts = await Minutes(desk.database.reader)("city", minute, minute + 5)
    assert sum(counts.values()) == 3
    assert await Minutes(desk.database.reader)(f"{NODE}/01", minute, minute + 5) == {minute: 1}
    assert await Minutes(desk.database.reader)("371722", minute, minute + 5) == {}


async def test_one_that_was_held_is_counted_apart_when_it_is_admitted(desk: Desk) -> None:
    await desk.exchange(guess(1, (0, "77", 3), t0=YESTERDAY, early=9, late=9))
    assert desk.query("SELECT count(*) FROM tally_estimated") == [(0,)]
    desk.registry = registry_of("01", "02", "77")
    desk.intake.admit()
    await desk.exchange(entry(1, ("01", 2)))

    assert desk.query("SELECT ratings FROM tally_estimated") == [(1,)]
    assert sum(sum(commit.estimated.values()) for commit in desk.commits) == 1


async def test_the_board_knows_it_from_the_commit_and_from_a_load_alike(desk: Desk) -> None:
    def board_of(loaded: object) -> Board:
        return Board(
            loaded,  # type: ignore[arg-type]
            boot="boot",
            now=NOW,
            veil=VEIL,
            calendar=CALENDAR,
            least=1,
            townships=[],
        )

    told = board_of(await load(desk.database.reader, CALENDAR, NOW, VEIL))
    desk.intake.listeners.append(lambda commit: told.apply(unpacked(packed(commit))))
    await desk.exchange(FIRST, entry(1, ("01", 2)), guess(3, (5, "01", 3), t0=NOW - 500, early=20, late=10))

    for board in (told, board_of(await load(desk.database.reader, CALENDAR, NOW, VEIL))):
        picture = board.snapshot()
        estimated = picture.trends.estimated
        assert estimated.minute == [((NOW - 495) // MINUTE_MS * MINUTE_MS, 1)]
        assert sum(count for _, count in estimated.hour) == 1
        assert [count for _, count in estimated.day] == [2, 1]
        assert [item.estimated for item in picture.feed] == [True, False, True, True]
        assert isinstance(picture.feed[0], FeedItem)


def test_a_commit_of_an_older_program_has_none() -> None:
    whole = Commit(1, 2, 3, {}, (), (), 0, 0, estimated={("w", 1): 2})
    assert unpacked(packed(whole)).estimated == {("w", 1): 2}
    older = msgspec.msgpack.encode(msgspec.msgpack.decode(packed(whole))[:-1])
    assert unpacked(older).estimated == {}


def test_buckets_say_how_many_of_them_are_estimates() -> None:
    day = CALENDAR.start(CALENDAR.day(NOW))
    minutes = {NOW // MINUTE_MS: 2, NOW // MINUTE_MS - 1: 1}
    assert by_start("minute", minutes, CALENDAR)[NOW // MINUTE_MS * MINUTE_MS] == 2
    assert by_start("hour", minutes, CALENDAR) == {CALENDAR.hour(NOW): 3} or len(minutes) == 2
    assert by_start("day", minutes, CALENDAR) == {day: 3}
    (bucket,) = buckets([day], {day: (4, 0, 0)}, {day: 3}, now=NOW, veil="fresh")
    assert (bucket.count, bucket.n, bucket.estimated) == (4, None, 3)


async def test_its_bounds_are_asked_for_over_http(desk: Desk) -> None:
    await desk.exchange(FIRST)
    await desk.exchange(guess(3, (5, "01", 3), t0=NOW - 500, early=20, late=10))
    app = FastAPI()
    app.include_router(router(desk.database.reader))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city") as client:
        page = (await client.get("/api/estimates", params={"limit": 1})).json()
        assert [one["first"] for one in page["estimates"]] == [3]
        rest = (await client.get("/api/estimates", params={"before": page["before"], "node": "371721"})).json()
        assert rest["before"] is None
        assert rest["estimates"] == [
            {
                "position": 1,
                "node": NODE,
                "epoch": OLD,
                "first": 1,
                "last": 2,
                "at": YESTERDAY,
                "earliest": YESTERDAY - 3_600_000,
                "latest": YESTERDAY + 7_200_000,
            }
        ]
        none = (await client.get("/api/estimates", params={"node": "371721121-a2"})).json()
        assert none == {"estimates": [], "before": None}
        assert (await client.get("/api/estimates", params={"node": "'; --"})).status_code == 422


async def test_a_trace_tells_its_bounds(desk: Desk) -> None:
    await desk.exchange(FIRST)
    async with desk.database.reader.connect() as connection:
        facts = await look(connection, NODE, 2)

    assert facts.ratings[0].bounds == (YESTERDAY - 3_510_000, YESTERDAY + 7_290_000)
    (way,) = ways(NODE, 2, facts)
    assert "estimated, up to 3,600.0 s earlier or 7,200.0 s later" in way.steps[0].detail
    await desk.exchange(entry(1, ("01", 2)))
    async with desk.database.reader.connect() as connection:
        assert "estimated" not in ways(NODE, 1, await look(connection, NODE, 1), epoch=EPOCH)[0].steps[0].detail
