"""What was lost from InfluxDB, changed or put there by somebody else is found exactly, and put right."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

import pytest

from cloud.calendar import MINUTE_MS
from cloud.database import Database
from cloud.series.feeder import Feeder
from cloud.series.influx import Influx, Reject
from cloud.series.lines import DAY_MS, FOREVER, NS_A_MS, RAW
from cloud.series.opening import influx_of
from cloud.series.reconcile import Reconciler
from cloud.series.repair import Account
from cloud.settings import SeriesSettings
from firmware_sim.servers.influx import Influx as Server
from proof.scores import Counts
from tests.cloud.filled import CALENDAR, NOON, TODAY, fill

pytestmark = pytest.mark.timeout(60)
WINDOWS = [f"37172{1 + w % 2}{121 + w % 3}-a{w}/0{w % 4}" for w in range(12)]
# Forty days, now and then a few ratings.
CELLS: dict[tuple[str, int], Counts] = {
    (window, (NOON - day * DAY_MS) // MINUTE_MS - number * 7): (3 + number % 2, number % 3, 1)
    for day in range(40)
    for number, window in enumerate(WINDOWS)
}
TOTAL = sum(map(sum, CELLS.values()))


class Place(NamedTuple):
    """A city's database and its InfluxDB, which has been fed."""

    database: Database
    influx: Influx
    feeder: Feeder
    names: list[tuple[str, str]]

    async def reconcile(self, *, every_point: bool = False) -> Account:
        def tell(_step: str, _done: int, _total: int) -> None: ...

        self.names.clear()
        reconciler = Reconciler(
            self.database,
            self.influx,
            calendar=CALENDAR,
            now=lambda: NOON,
            tell=tell,
            name=lambda kind, point: self.names.append((kind, point)),
        )
        return await reconciler.run(every_point=every_point)

    async def points(self) -> list[tuple[dict[str, str], int, list[int]]]:
        found = await self.influx.ask("SELECT n, presses, seq FROM raw.rating GROUP BY *")
        return [(rows.tags, at, values) for rows in found for at, *values in rows.values]


@pytest.fixture
async def place(database: Database, influx: Server, influx_database: str) -> AsyncIterator[Place]:
    await fill(database, CELLS, CALENDAR)
    settings = SeriesSettings(
        kind="influx", url=influx.url, database=influx_database, token_file=str(influx.token_file)
    )
    async with influx_of(settings) as opened:
        feeder = Feeder(database, opened, calendar=CALENDAR, now=lambda: NOON)
        await feeder.feed()
        yield Place(database, opened, feeder, [])


def counts(account: Account) -> tuple[int, int, int]:
    return account.ratings.missing, account.ratings.altered, account.ratings.foreign


def line(tags: dict[str, str], at: int, values: list[int]) -> str:
    names = ",".join(f"{tag}={value}" for tag, value in sorted(tags.items()))
    return f"rating,{names} n={values[0]}i,presses={values[1]}i,seq={values[2]}i {at}"


def named(tags: dict[str, str], at: int) -> str:
    """How a report names a rating: its tags, and its moment to the nanosecond."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at // 1000)
    names = ",".join(f"{tag}={tags[tag]}" for tag in ("channel", "county", "level", "township", "window"))
    return f"rating {names} {moment:%Y-%m-%dT%H:%M:%S.%f}{at % 1000:03d}Z"


async def test_a_thousand_lost_and_a_hundred_altered_points_are_found_exactly_and_put_right(place: Place) -> None:
    before = await place.points()
    assert len(before) == TOTAL > 2000
    picked = Random(1).sample(before, 1100)
    lost, altered = picked[:1000], picked[1000:]
    for tags, at, _ in lost:
        where = " AND ".join(f"\"{tag}\" = '{value}'" for tag, value in tags.items())
        await place.influx.ask(f"DELETE FROM rating WHERE {where} AND time = {at}")  # noqa: S608
    # Every kind of change there is: another count, other presses, another number.
    changed = [
        line(tags, at, [value + (index % 3 == field) for field, value in enumerate(values)])
        for index, (tags, at, values) in enumerate(altered)
    ]
    assert await place.influx.write(RAW, changed) == []

    first = await place.reconcile()
    assert counts(first) == (1000, 100, 0)
    assert not first.equal
    assert sorted(place.names) == sorted(
        [("missing", named(tags, at)) for tags, at, _ in lost]
        + [("altered", named(tags, at)) for tags, at, _ in altered]
    )
    assert sorted(map(str, await place.points())) == sorted(map(str, before))
    second = await place.reconcile()
    assert second.equal
    assert (second.points, place.names) == (0, [])


async def test_an_untouched_series_is_equal_also_point_by_point(place: Place) -> None:
    assert (await place.reconcile()).equal
    account = await place.reconcile(every_point=True)
    assert account.equal
    assert account.points == TOTAL


async def test_two_changes_that_cancel_out_in_the_sums_are_found_point_by_point(place: Place) -> None:
    series = [rows for rows in await place.points() if rows[0]["window"] == WINDOWS[0] and rows[0]["level"] == "3"]
    one, other = series[0], series[1]
    assert CALENDAR.day(one[1] // NS_A_MS) == CALENDAR.day(other[1] // NS_A_MS)
    await place.influx.write(
        RAW,
        [
            line(one[0], one[1], [1, one[2][1] + 1, one[2][2]]),
            line(other[0], other[1], [1, other[2][1] - 1, other[2][2]]),
        ],
    )
    assert (await place.reconcile()).equal
    assert counts(await place.reconcile(every_point=True)) == (0, 2, 0)
    assert (await place.reconcile(every_point=True)).equal


async def test_foreign_points_are_deleted_wherever_they_are(place: Place) -> None:
    window = WINDOWS[0]
    tags = {"channel": "button", "county": window[:6], "level": "3", "township": window[:9], "window": window}
    at = (NOON - DAY_MS) * NS_A_MS + 4711
    foreign = [
        line(tags, at, [1, 1, 1]),
        line(tags, (NOON + 90 * DAY_MS) * NS_A_MS, [1, 1, 1]),
        line({**tags, "county": "999999"}, at, [1, 1, 1]),
        line({**tags, "township": "999999999"}, at, [1, 1, 1]),
        # It begins like townships of ours.
        line({**tags, "township": "3717"}, at, [1, 1, 1]),
        line({**tags, "township": window[:6]}, at, [1, 1, 1]),
        line(
            {**tags, "spoon": "none, or one=1".replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=")},
            at,
            [1, 1, 1],
        ),
        f"rating,window={window} n=1i {at}",
        rf'rating,a\ "tag"\,\x=y,window={window} n=1i {at}',
    ]
    assert await place.influx.write(RAW, foreign) == []
    found = counts(await place.reconcile())
    assert found == (0, 0, len(foreign)), place.names
    assert len(await place.points()) == TOTAL
    assert (await place.reconcile(every_point=True)).equal


async def test_sums_that_differ_from_the_tallies_are_put_right(place: Place) -> None:
    async def sums() -> list[str]:
        found = [
            await place.influx.ask(f"SELECT * FROM forever.{name} GROUP BY *")  # noqa: S608
            for name in ("rating_1h", "rating_1d")  # noqa: RUF100, S608
        ]
        return sorted(str((rows.tags, row)) for answer in found for rows in answer for row in rows.values)

    before = await sums()
    day = CALENDAR.start(CALENDAR.last_days(TODAY, 3)[0]) * NS_A_MS
    await place.influx.ask(f"DELETE FROM rating_1d WHERE \"window\" = '{WINDOWS[0]}' AND time = {day}")  # noqa: S608
    tags = f"channel=button,county={WINDOWS[1][:6]},township={WINDOWS[1][:9]}"
    written = [f"rating_1d,{tags},window={WINDOWS[1]} basic=77i,dissatisfied=1i,satisfied=1i {day}"]
    written.append(f"rating_1h,{tags} basic=1i,dissatisfied=1i,satisfied=1i {day - DAY_MS * NS_A_MS * 80}")
    assert await place.influx.write("forever", written) == []
    assert await sums() != before

    account = await place.reconcile()
    assert counts(account) == (0, 0, 0)
    assert (account.sums.missing, account.sums.altered, account.sums.foreign) == (1, 1, 1)
    assert await sums() == before
    assert (await place.reconcile()).equal


async def test_a_sum_that_the_feeder_wrote_meanwhile_is_not_left_older_than_the_tallies(place: Place) -> None:
    day = CALENDAR.start(TODAY) * NS_A_MS
    await place.influx.ask(f"DELETE FROM rating_1d WHERE time = {day}")  # noqa: S608
    tags = f"channel=button,county={WINDOWS[2][:6]},township={WINDOWS[2][:9]},window=371721121-a2/09"
    assert await place.influx.write(FOREVER, [f"rating_1d,{tags} satisfied=1i {day}"]) == []
    write_lines, met = place.influx.write, 0

    async def late(policy: str, lines: list[str]) -> list[Reject]:
        nonlocal met
        if policy == FOREVER and met < 2:
            met += 1
            # Also a window that had no ratings on that day until now, and a foreign sum that has just been deleted.
            more = {(name, NOON // MINUTE_MS): (met, 1, 0) for name in (WINDOWS[0], "371721121-a2/09")}
            await fill(place.database, more, CALENDAR, epoch=f"another-0{met}")
            place.influx.write = write_lines  # type: ignore[method-assign]
            await place.feeder.feed()
            place.influx.write = late  # type: ignore[method-assign,assignment]
        return await write_lines(policy, lines)

    place.influx.write = late  # type: ignore[method-assign,assignment]
    account = await place.reconcile()
    assert met == 2
    assert (account.sums.missing, account.sums.foreign, account.refused) == (len(WINDOWS), 1, 0)
    again = await place.reconcile()
    assert again.equal, place.names


async def test_what_is_not_fed_yet_or_fed_meanwhile_is_no_difference(place: Place) -> None:
    more = {(WINDOWS[0], NOON // MINUTE_MS): (5, 0, 0), ("371725001-b/1", NOON // MINUTE_MS): (1, 1, 1)}
    await fill(place.database, more, CALENDAR, epoch="another-00")
    assert (await place.reconcile()).equal
    ask, met = place.influx.ask, False

    async def ask_and_feed(statement: str, **values: object) -> list[object]:
        nonlocal met
        if "count(n)" in statement and not met:
            met = True
            await place.feeder.feed()
        return await ask(statement, **values)  # type: ignore[return-value]

    place.influx.ask = ask_and_feed  # type: ignore[method-assign,assignment]
    assert (await place.reconcile()).equal
    assert met
    assert len(await place.points()) == TOTAL + 8
    assert (await place.reconcile(every_point=True)).equal
