"""One ledger for every channel: each is counted and audited by itself, and never pooled with the buttons."""

import asyncio
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest

from cloud.board.load import load
from cloud.board.rules import Board
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.cases.policy import shipped
from cloud.cases.sifting import sifted
from cloud.filtered import store as filtered
from cloud.ledger.counting import Entry, Rows
from cloud.recount.recount import mend, recount
from cloud.registry.snapshot import RegisteredNode, RegisteredWindow, Registry
from cloud.series.embedded import Embedded
from cloud.series.lines import rating_lines
from cloud.series.port import CITY
from contract.batch import Batch
from contract.codec import encode
from contract.errors import Reason
from contract.identity import CHANNELS, PHONE
from contract.rating import Quality, Row
from contract.signing import Signer, public_key
from proof.tallies import differences
from tests.cloud.conftest import EPOCH, NODE, NOW, SIGNERS, Desk, entry, ranges

ZONE = "Asia/Shanghai"
CALENDAR = Calendar(ZONE)
BY_PHONE = f"{NODE}.{PHONE}"
WINDOW = f"{NODE}/01"
KEY = Signer(b"phones".ljust(32, b"."))
MINUTE = (NOW - 1000) // MINUTE_MS

REGISTRY = Registry(
    1,
    nodes=[
        RegisteredNode(NODE, "node", NODE[:9], public_key(SIGNERS[NODE].public), 0, None),
        RegisteredNode(BY_PHONE, "node", NODE[:9], public_key(KEY.public), 0, None),
    ],
    windows=[RegisteredWindow(WINDOW, 0, None), RegisteredWindow(f"{NODE}/02", 0, None)],
)


def batch(first: int, *rows: tuple[str, int], quality: Quality = Quality.SYNCHRONISED) -> Batch:
    bounds = (NOW - 2000, NOW) if quality is Quality.ESTIMATED else None
    content = [Row(index, window, level, 1) for index, (window, level) in enumerate(rows)]
    return Batch(1, BY_PHONE, EPOCH, first, NOW - 1000, quality, content, bounds=bounds)


def by_phone(first: int, *rows: tuple[str, int], quality: Quality = Quality.SYNCHRONISED) -> bytes:
    return KEY.entry(encode(batch(first, *rows, quality=quality)))


@pytest.fixture
async def rated(desk: Desk) -> Desk:
    """Three ratings by the buttons of a window, and three by telephones at the same one and its neighbour."""
    desk.registry = REGISTRY
    await desk.exchange(entry(1, ("01", 3), ("01", 3), ("01", 2)))
    assert ranges(await desk.exchange(by_phone(1, ("01", 1), ("01", 1), ("02", 3)))) == ([(1, 3)], [], [])
    return desk


def rows(desk: Desk, table: str, place: str = "") -> Sequence[tuple[object, ...]]:
    columns = f"{place}, " if place else ""
    return desk.query(
        f"SELECT {columns}channel, satisfied, basic, dissatisfied FROM {table} ORDER BY {columns}channel"  # noqa: S608  (names of ours)
    )


async def test_each_tally_has_a_row_for_each_channel(rated: Desk) -> None:
    by_window = [
        (WINDOW, "button", 2, 1, 0),
        (WINDOW, "phone", 0, 0, 2),
        (f"{NODE}/02", "phone", 1, 0, 0),
    ]
    assert rows(rated, "tally_minute", '"window"') == by_window
    assert rows(rated, "tally_day", '"window"') == by_window
    assert rows(rated, "tally_township", "township") == [
        (NODE[:9], "button", 2, 1, 0),
        (NODE[:9], "phone", 1, 0, 2),
    ]
    assert rows(rated, "tally_city") == [("button", 2, 1, 0), ("phone", 1, 0, 2)]


async def test_every_channel_that_there_is_counts_the_same_window_apart(desk: Desk) -> None:
    names = {channel: NODE if channel == "button" else f"{NODE}.{channel}" for channel in CHANNELS}
    keys = {channel: SIGNERS[NODE] if channel == "button" else KEY for channel in CHANNELS}
    nodes = [RegisteredNode(names[one], "node", NODE[:9], public_key(keys[one].public), 0, None) for one in CHANNELS]
    desk.registry = Registry(1, nodes=nodes, windows=[RegisteredWindow(WINDOW, 0, None)])
    for count, channel in enumerate(CHANNELS, start=1):
        given = [Row(0, "01", 3, 1)] * count
        batch_of = Batch(1, names[channel], EPOCH, 1, NOW - 1000, Quality.SYNCHRONISED, given)
        await desk.exchange(keys[channel].entry(encode(batch_of)))
    counts = sorted((channel, count, 0, 0) for count, channel in enumerate(CHANNELS, start=1))
    for table in ("tally_minute", "tally_day", "tally_township", "tally_city"):
        assert rows(desk, table) == counts
    assert (await recount(desk.database, CALENDAR, lambda *_: None)).equal
    assert differences(desk.path, ZoneInfo(ZONE)) == []


async def test_whoever_counts_the_ledger_again_finds_the_same(rated: Desk) -> None:
    found = await recount(rated.database, CALENDAR, lambda *_: None)
    assert (found.equal, found.counted) == (True, 6)
    assert differences(rated.path, ZoneInfo(ZONE)) == []


async def test_a_rating_that_is_moved_to_another_channel_is_found_and_set_right(rated: Desk) -> None:
    async with rated.database.writer.begin() as connection:
        await connection.exec_driver_sql("UPDATE tally_day SET channel = 'moved' WHERE channel = 'phone'")
    assert len(differences(rated.path, ZoneInfo(ZONE))) == 4
    before, after = await mend(rated.database, CALENDAR, lambda *_: None)
    assert (before.equal, after.equal) == (False, True)
    assert differences(rated.path, ZoneInfo(ZONE)) == []


async def test_an_estimate_stands_beside_its_own_channel(desk: Desk) -> None:
    desk.registry = REGISTRY
    await desk.exchange(by_phone(1, ("01", 1), quality=Quality.ESTIMATED))
    assert desk.query('SELECT minute, "window", channel, ratings FROM tally_estimated') == [
        (MINUTE, WINDOW, "phone", 1)
    ]
    assert (await recount(desk.database, CALENDAR, lambda *_: None)).equal
    assert differences(desk.path, ZoneInfo(ZONE)) == []


async def test_the_wall_tells_what_the_buttons_say(rated: Desk) -> None:
    """Loaded or applied commit by commit; what came by telephone is in the feed, as such."""
    veil = shipped().veil

    async def board() -> Board:
        loaded = await load(rated.database.reader, CALENDAR, NOW, veil)
        return Board(loaded, boot="b", now=NOW, calendar=CALENDAR, least=1, veil=veil, townships=[NODE[:9]])

    loaded = await board()
    assert loaded.snapshot().total == 3
    assert loaded.snapshot().townships[NODE[:9]].n == (2, 1, 0)
    assert sorted(item.channel for item in loaded.snapshot().feed) == ["button"] * 3 + ["phone"] * 3

    await rated.exchange(by_phone(4, ("01", 1)), entry(4, ("02", 3)))
    for commit in rated.commits:
        loaded.apply(commit)
    assert loaded.snapshot().total == 4
    assert loaded.snapshot().townships[NODE[:9]].n == (3, 1, 0)
    assert (await board()).snapshot().total == 4


async def test_charts_are_of_the_buttons(rated: Desk) -> None:
    charts = Embedded(rated.database.reader, CALENDAR)
    hour = NOW // HOUR_MS * HOUR_MS // MINUTE_MS
    for place in (CITY, NODE[:6], NODE[:9], WINDOW):
        assert dict(await charts.minutes(place, MINUTE, MINUTE)) == {MINUTE: (2, 1, 0)}
    for place in (CITY, NODE[:9]):
        assert dict(await charts.hours(place, hour - 60, hour + 60)) in ({hour: (2, 1, 0)}, {hour - 60: (2, 1, 0)})


def test_a_point_names_the_window_at_the_counter_and_its_channel() -> None:
    (line,) = rating_lines(batch(1, ("01", 1)), [0])
    assert line.startswith(f"rating,channel=phone,county=371721,level=1,township={NODE[:9]},window={WINDOW} ")


async def test_dissatisfaction_by_telephone_is_a_case_of_the_window(rated: Desk) -> None:
    raw = by_phone(1, ("01", 1))
    found = sifted([Rows(Entry(7, "batch", BY_PHONE, EPOCH, 1, 1, raw), [0])])
    assert [one.window for one in found.dissatisfied] == [WINDOW]


async def test_a_window_that_nobody_registered_counts_by_no_channel_until_it_is(desk: Desk) -> None:
    desk.registry = REGISTRY
    assert ranges(await desk.exchange(by_phone(1, ("07", 1), ("0.1", 1)))) == ([(1, 2)], [], [])
    assert desk.query("SELECT reason FROM uncounted") == [(Reason.UNKNOWN_WINDOW.value,)] * 2
    assert rows(desk, "tally_city") == []

    desk.registry = Registry(2, nodes=REGISTRY.nodes.values(), windows=[RegisteredWindow(f"{NODE}/07", 0, None)])
    desk.intake.admit()
    while len(desk.commits) < 2:
        await asyncio.sleep(0.001)
    assert rows(desk, "tally_minute", '"window"') == [(f"{NODE}/07", "phone", 0, 0, 1)]
    assert differences(desk.path, ZoneInfo(ZONE)) == []


async def test_what_is_flagged_of_one_channel_takes_nothing_from_another(rated: Desk) -> None:
    span = (NOW - 1000 - HOUR_MS, NOW + HOUR_MS)
    for node in (NODE, BY_PHONE, NODE):
        async with rated.database.writer.begin() as connection:
            await filtered.recount(connection, node, span, [(EPOCH, 1, 1)])
    assert rows(rated, "tally_flagged", '"window"') == [(WINDOW, "button", 1, 0, 0), (WINDOW, "phone", 0, 0, 1)]
    async with rated.database.reader.connect() as connection:
        shown = await filtered.between(connection, (WINDOW, WINDOW), MINUTE, MINUTE, width=1)
    assert dict(shown) == {MINUTE: (1, 0, 0)}
