"""Points a second into InfluxDB, and how long trends and the ranking take from every store of series.

Writing: 600,000 ratings of 1,000 windows, and of 10,000, stand in an SQLite ledger, ten to a batch; the feeder reads
and decodes them, makes the lines, gzips and writes them. Beside it, in the same run, the bare influxdb-client writes
the same lines, made before the clock runs, in batches of 5,000: one after the other, and two in flight; `adapter` is
our adapter given those very lines, a page of the feeder's at a time. `feeder_sums` is the feeder while it also writes
the sums by hour and day again after each page, as for what was fed late.

Reading: sums that stand for 30 million ratings (10,000 windows, 30 days) in InfluxDB, SQLite and PostgreSQL; asked for
through the city's own routes, the answer made whole, without a network between.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import httpx
from fastapi import FastAPI
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

from bench.rig import arguments, codes, percentile, show
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.database import Database, open_database, upgrade_database, write
from cloud.estimates.store import Minutes
from cloud.ledger import store as ledger
from cloud.ledger.cells import ONE, Cells
from cloud.ledger.pages import ROWS_A_PAGE
from cloud.registry.snapshot import County, Place, Registry
from cloud.series.feeder import Feeder, Rolled
from cloud.series.influx import LINES, Influx
from cloud.series.lines import DAILY, FOREVER, HOURLY, RAW, RollupRow, rating_lines, sum_lines
from cloud.series.opening import influx_of, open_series
from cloud.series.routes import router
from cloud.settings import SeriesSettings
from cloud.tallies import store as tallies
from contract.batch import Batch
from contract.codec import encode
from contract.identity import county_of
from contract.rating import Quality, Row
from firmware_sim.servers.influx import Influx as InfluxServer
from firmware_sim.servers.postgres import Postgres

RATINGS = 600_000
A_BATCH = 10
# 1,000 windows have 3,000 series of ratings, one for each level; 10,000 have 30,000.
NODES = (250, 2_500)
WINDOWS_A_NODE = 4
DAYS = 30
ASKED = 100
CALENDAR = Calendar("Asia/Shanghai")
# InfluxDB goes by its own clock in what it refuses as too old.
TODAY = CALENDAR.last_days(CALENDAR.day(time.time_ns() // 1_000_000), 2)[0]
NOW = CALENDAR.start(TODAY) + 20 * HOUR_MS
TOWNSHIP = "371721121"

TOWNSHIPS = """
INSERT INTO tally_township (hour, township, channel, satisfied, basic, dissatisfied)
VALUES (:hour, :township, :channel, :satisfied, :basic, :dissatisfied)
"""


def batches(ratings: int, nodes: int) -> Iterator[Batch]:
    """Batches of `A_BATCH` ratings, in the order in which they would come in within a busy hour."""
    places = codes()
    names = [f"{places[number % len(places)]}-a{number // len(places)}" for number in range(nodes)]
    for number in range(ratings // A_BATCH):
        turn, node = divmod(number, nodes)
        rows = [
            Row(index * 250, f"{(turn + index) % WINDOWS_A_NODE:02d}", 1 + (number + index * 5) % 3, 1)
            for index in range(A_BATCH)
        ]
        at = NOW - 2 * HOUR_MS + turn * 15_000 + node
        yield Batch(1, names[node], "q7Zk2wX0aB", turn * A_BATCH + 1, at, Quality.SYNCHRONISED, rows)


def cells(made: list[Batch]) -> Cells:
    """Counts of the ratings in `made`."""
    found: dict[tuple[str, int], int] = {}
    for batch in made:
        for row in batch.rows:
            cell = (f"{batch.node}/{row.window}", (batch.t0 + row.ms) // MINUTE_MS)
            found[cell] = found.get(cell, 0) + ONE[row.level]
    return found


async def fill(database: Database, ratings: int, nodes: int) -> list[str]:
    """Put them into the ledger, with their tallies; the lines that they come to."""
    made = list(batches(ratings, nodes))
    entries = [
        ledger.Entry("batch", b.node, b.epoch, b.first, b.last, b.t0, "live", encode(b) + b"\nsigned") for b in made
    ]
    async with database.writer.begin() as connection:
        for begin in range(0, len(entries), 10_000):
            await ledger.append(connection, entries[begin : begin + 10_000])
        await tallies.add(connection, cells(made), CALENDAR)
    return [line for batch in made for line in rating_lines(batch, range(A_BATCH))]


async def bare(server: InfluxServer, name: str, lines: list[str], flights: int) -> float:
    """The bare client with `flights` requests at a time; points a second."""
    async with influx_of(settings(server, name)) as influx:
        await influx.prepare()
    parts = iter(["\n".join(lines[begin : begin + LINES]) for begin in range(0, len(lines), LINES)])
    async with InfluxDBClientAsync(server.url, token=server.token, org="manyi", timeout=60_000) as client:
        api = client.write_api()

        async def work() -> None:
            for part in parts:
                await api.write(bucket=f"{name}/raw", record=part)

        begin = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(flights)))
        return len(lines) / (time.perf_counter() - begin)


async def adapted(server: InfluxServer, name: str, lines: list[str]) -> float:
    """The adapter without what feeds it; points a second."""
    async with influx_of(settings(server, name)) as influx:
        await influx.prepare()
        begin = time.perf_counter()
        for start in range(0, len(lines), ROWS_A_PAGE):
            assert await influx.write(RAW, sorted(lines[start : start + ROWS_A_PAGE])) == []  # noqa: S101
        return len(lines) / (time.perf_counter() - begin)


async def feed(database: Database, influx: Influx, ratings: int, *, sums: bool) -> float:
    """The feeder from the ledger's first entry to its head; points a second."""
    await influx.prepare()
    async with database.writer.begin() as connection:
        await write(connection, "DELETE FROM series_cursor")
    feeder = Feeder(database, influx, calendar=CALENDAR, now=lambda: NOW)
    begin = time.perf_counter()
    await feeder.feed(rolled=None if sums else Rolled(0, 1 << 62))
    took = time.perf_counter() - begin
    assert (feeder.behind, feeder.rejected, feeder.skipped) == (0, 0, 0)  # noqa: S101
    (rows,) = await influx.ask("SELECT count(n) FROM raw.rating")
    assert rows.values[0][1] == ratings  # noqa: S101
    for measurement in (HOURLY, DAILY):
        found = await influx.ask(f"SELECT sum(satisfied) + sum(basic) + sum(dissatisfied) FROM forever.{measurement}")  # noqa: S608
        assert [one.values[0][1] for one in found] == ([ratings] if sums else []), measurement  # noqa: S101
    return ratings / took


def settings(server: InfluxServer, name: str) -> SeriesSettings:
    """A city's settings for the series called `name`."""
    return SeriesSettings(kind="influx", url=server.url, database=name, token_file=str(server.token_file))


async def writing(folder: Path, server: InfluxServer, ratings: int, nodes: int) -> dict[str, float]:
    """Measure each way of writing the ratings of `nodes` into a database of its own, which is dropped after it."""
    figures: dict[str, float] = {}
    async with await open_database(str(folder / f"ledger{nodes}.db")) as database:
        lines = await fill(database, ratings, nodes)

        for figure, flights in (("bare_one", 1), ("bare_two", 2)):
            figures[figure] = await bare(server, figure, lines, flights)
            await server.query(f'DROP DATABASE "{figure}"')
        figures["adapter"] = await adapted(server, "adapter", lines)
        await server.query('DROP DATABASE "adapter"')
        for figure, sums in (("feeder", False), ("feeder_sums", True)):
            async with influx_of(settings(server, figure)) as influx:
                figures[figure] = await feed(database, influx, ratings, sums=sums)
            await server.query(f'DROP DATABASE "{figure}"')
    windows = nodes * WINDOWS_A_NODE
    return {f"{figure}_{windows}_points_per_s": round(value) for figure, value in figures.items()}


def hours() -> Iterator[RollupRow]:
    """The sums by township and hour of a month of 30 million ratings, eleven hours a day."""
    random = Random(1)
    for day in CALENDAR.last_days(TODAY, DAYS):
        for hour in range(8, 19):
            minute = CALENDAR.start(day) // MINUTE_MS + hour * 60
            for township in sorted(codes()):
                yield minute, township, "button", 480 + random.randrange(20), 30 + random.randrange(20), 18


def days() -> Iterator[RollupRow]:
    """The sums by window and day of the same month."""
    places = codes()
    for day in CALENDAR.last_days(TODAY, DAYS):
        minute = CALENDAR.start(day) // MINUTE_MS
        for number in range(10_000):
            place = places[number % len(places)]
            yield minute, f"{place}-a{number // len(places)}/01", "button", 86, 8, 6


def registry() -> Registry:
    """All townships of the city."""

    def place(code: str) -> Place:
        return Place(code, code, code, code, code)

    counties = sorted({county_of(code) for code in codes()})
    return Registry(
        counties=[
            County(place(county), tuple(place(code) for code in codes() if county_of(code) == county))
            for county in counties
        ]
    )


@asynccontextmanager
async def client(database: Database, series: SeriesSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the city's routes over `series`."""
    known = registry()
    async with open_series(series, database, calendar=CALENDAR, now=lambda: NOW) as opened:
        app = FastAPI()
        app.include_router(
            router(
                opened.reader,
                Minutes(database.reader),
                registry=lambda: known,
                calendar=CALENDAR,
                clock=lambda: NOW,
            )
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city") as made:
            yield made


async def ask(client: httpx.AsyncClient, url: str, asked: int) -> tuple[list[float], httpx.Response]:
    """Milliseconds of `asked` answers, and the last one."""
    took = []
    answer = (await client.get(url)).raise_for_status()
    for _ in range(asked):
        begin = time.perf_counter()
        answer = (await client.get(url)).raise_for_status()
        took.append((time.perf_counter() - begin) * 1000)
    return took, answer


async def reading(folder: Path, server: InfluxServer, asked: int) -> dict[str, float]:
    """Measure a township's trend of 30 days by hour and the ranking of all townships over them."""
    figures: dict[str, float] = {}
    postgres = Postgres(folder / "postgres")
    await postgres.start()
    await postgres.create("city")
    url = postgres.url_with_password("city")
    await upgrade_database(url)
    influx = settings(server, "reading")
    async with influx_of(influx) as filled:
        await filled.prepare()
        await filled.write(FOREVER, [*sum_lines(HOURLY, hours()), *sum_lines(DAILY, days())])
    answers: dict[str, list[object]] = {}
    places = (
        ("influx", str(folder / "empty.db"), influx),
        ("sqlite", str(folder / "reading.db"), SeriesSettings()),
        ("postgresql", url, SeriesSettings()),
    )
    for name, where, series in places:
        async with await open_database(where) as database:
            if series.kind == "embedded":
                async with database.writer.begin() as connection:
                    await write(connection, TOWNSHIPS, hours())
            async with client(database, series) as city:
                for figure, path in (
                    ("trend", f"/api/trends/hour?place={TOWNSHIP}&count={DAYS * 24}"),
                    ("ranking", "/api/ranking"),
                ):
                    took, answer = await ask(city, path, asked)
                    figures[f"{name}_{figure}_p50_ms"] = percentile(took, 0.50)
                    figures[f"{name}_{figure}_p99_ms"] = percentile(took, 0.99)
                    answers.setdefault(figure, []).append(answer.json())
    await postgres.stop()
    for figure, given in answers.items():
        assert all(answer == given[0] for answer in given), figure  # noqa: S101
    (counts,) = {sum(row["count"] for row in given["townships"]) for given in answers["ranking"]}  # type: ignore[index]
    return {**figures, "ratings_ranked": counts}


async def main() -> None:
    """Start the servers, measure writing, then reading."""
    options = arguments(__doc__ or "")
    share = 10 if options.quick else 1
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        server = InfluxServer(folder / "influx")
        await server.start()
        try:
            written = [await writing(folder, server, RATINGS // share, nodes) for nodes in NODES]
            read = await reading(folder, server, ASKED // share)
        finally:
            await server.stop()
    show({**written[0], **written[1], **read}, bare=options.json)


if __name__ == "__main__":
    asyncio.run(main())
