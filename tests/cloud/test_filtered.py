"""Raw and filtered side by side: the raw side is what counts, and the difference gives nobody away."""

from collections.abc import AsyncIterator
from random import Random
from typing import get_args

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.app import create_app
from cloud.database import Database
from cloud.estimates.store import Minutes
from cloud.filtered import routes as filtered_routes
from cloud.filtered import store
from cloud.filtered.rules import less, pairs
from cloud.misuse import routes as misuse_routes
from cloud.misuse import store as flags
from cloud.registry.snapshot import RegisteredWindow, Registry, names_of
from cloud.registry.store import load, seed_places
from cloud.series import routes as series_routes
from cloud.series.embedded import Embedded
from cloud.series.rules import OTHERS, VEIL_MS, Veil
from proof.scores import Counts
from tests.cloud.doors import open_door
from tests.cloud.watching import (
    CALENDAR,
    DAY,
    NODE,
    POLICY,
    at,
    batches,
    commit,
    filter_of,
    kept,
    one,
    steady,
    weekdays,
)

NEXT = CALENDAR.later(DAY, 1)
NOW = at("08:00", NEXT)
COUNT = st.integers(0, 60)
COUNTS = st.tuples(COUNT, COUNT, COUNT)


SHARE = st.floats(0, 1)
CELLS = st.lists(st.tuples(COUNTS, st.tuples(SHARE, SHARE, SHARE)), min_size=1, max_size=5)


@given(CELLS, st.sampled_from(get_args(Veil)), st.integers(0, 10 * VEIL_MS))
def test_what_is_hidden_on_one_side_does_not_follow_from_the_other(
    cells: list[tuple[Counts, tuple[float, float, float]]],
    veil: Veil,
    now: int,
) -> None:
    firsts = [index * VEIL_MS for index in range(len(cells))]
    raw = {first: n for first, (n, _) in zip(firsts, cells, strict=True)}
    flagged = {
        first: (int(n[0] * share[0]), int(n[1] * share[1]), int(n[2] * share[2]))
        for first, (n, share) in zip(firsts, cells, strict=True)
    }
    for span in pairs(firsts, raw, flagged, {}, now=now, veil=veil):
        n = raw[span.at]
        assert span.raw.count == sum(n)
        assert span.filtered.count == sum(n) - sum(flagged[span.at])
        assert span.flagged == sum(flagged[span.at])
        fresh = span.at + 2 * VEIL_MS > now or span.at == firsts[-1]
        shown = span.raw.n is not None and span.filtered.n is not None
        if shown and 0 < span.flagged <= OTHERS:
            assert not fresh
        if veil == "ever" or (veil == "fresh" and fresh):
            assert span.filtered.n is None
        if span.raw.n is None and span.raw.count:
            assert span.filtered.n is None
        if span.filtered.n is not None:
            assert span.filtered.n == less(n, flagged[span.at])


@pytest.fixture
async def places(database: Database) -> Registry:
    """Every place of the city, and two windows."""
    await seed_places(database.writer)
    async with database.reader.begin() as connection:
        loaded = await load(connection, NOW)
    windows = [RegisteredWindow(f"{NODE}/{name}", 0, None) for name in ("01", "02")]
    return Registry(1, counties=loaded.counties, windows=windows)


@pytest.fixture
async def client(database: Database, places: Registry) -> AsyncIterator[httpx.AsyncClient]:
    """A month with a burst and repeats on the last day, judged, behind the routes."""
    ratings = [rating for day in weekdays(DAY, 20) for rating in steady(day)]
    ratings += [one(at("15:00") + 11_000 * index) for index in range(40)]
    ratings += [one(at("10:00") + 4_000 * index, window="02") for index in range(3)]
    ratings = sorted({rating.at: rating for rating in ratings}.values())
    random = Random(3)
    await commit(database, batches(ratings, [random.choice([1, 2, 3]) for _ in ratings]))
    await filter_of(database, NOW, places).catch_up()
    series = Embedded(database.reader, CALENDAR)
    app = create_app(
        [
            series_routes.router(
                series, Minutes(database.reader), registry=lambda: places, calendar=CALENDAR, clock=lambda: NOW
            ),
            filtered_routes.router(
                database.reader,
                Minutes(database.reader),
                version=POLICY.version,
                registry=lambda: places,
                calendar=CALENDAR,
                clock=lambda: NOW,
            ),
            misuse_routes.router(database.reader, registry=lambda: places, calendar=CALENDAR, clock=lambda: NOW),
        ],
        door=open_door,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as made:
        yield made


PLACES = ["city", "371721", "371721121", f"{NODE}/01"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("by", "count"), [("minute", 24 * 60), ("hour", 48), ("day", 30)])
async def test_the_raw_side_is_the_trend_and_the_other_lacks_what_is_flagged(
    client: httpx.AsyncClient, place: str, by: str, count: int
) -> None:
    asked: dict[str, str | int] = {"place": place, "count": count}
    trend = (await client.get(f"/api/trends/{by}", params=asked)).json()
    both = (await client.get(f"/api/filtered/{by}", params=asked)).json()

    assert both["version"] == POLICY.version
    assert [span["raw"] for span in both["spans"]] == trend["buckets"]
    assert [span["filtered"]["at"] for span in both["spans"]] == [span["at"] for span in both["spans"]]
    assert all(span["raw"]["count"] - span["flagged"] == span["filtered"]["count"] for span in both["spans"])
    total = sum(span["flagged"] for span in both["spans"])
    found = (await client.get("/api/flags", params={"place": place, "first": "2026-10-01"})).json()
    numbers = {
        (flag["node"], epoch, number)
        for flag in found["flags"]
        for epoch, first, last in flag["numbers"]
        for number in range(first, last + 1)
    }
    assert total == len(numbers) > 0
    changed = [span for span in both["spans"] if span["flagged"] > OTHERS and span["raw"]["n"] is not None]
    # By minute nothing of so small a place is ever shown but its number.
    assert bool(changed) == (by != "minute" or place in {"city", "371721"})
    assert all(sum(span["raw"]["n"]) - sum(span["filtered"]["n"] or ()) == span["flagged"] for span in changed)


async def test_flags_say_what_where_when_and_why_and_come_page_by_page(client: httpx.AsyncClient) -> None:
    whole = (await client.get("/api/flags", params={"first": DAY, "last": DAY})).json()
    assert {flag["rule"] for flag in whole["flags"]} == {"burst", "mash", "double"}
    assert {count["rule"]: count["flags"] for count in whole["counts"]} == {
        rule: sum(flag["rule"] == rule for flag in whole["flags"]) for rule in ("burst", "mash", "double")
    }
    repeat = next(flag for flag in whole["flags"] if flag["window"] == f"{NODE}/02")
    assert repeat == {
        "rule": "double",
        "version": POLICY.version,
        "township": NODE[:9],
        "node": NODE,
        "window": f"{NODE}/02",
        "day": DAY,
        "begin": at("10:00"),
        "end": at("10:00:08"),
        "ratings": 2,
        "numbers": repeat["numbers"],
        "figures": {"shortest_s": 4.0, "within_s": 8},
    }
    pages: list[dict[str, int]] = []
    after: str | None = ""
    while after is not None:
        page = (await client.get("/api/flags", params={"first": DAY, "last": DAY, "limit": 1, "after": after})).json()
        pages += page["flags"]
        after = page["after"]
    assert pages == whole["flags"]
    assert [flag["begin"] for flag in pages] == sorted((flag["begin"] for flag in pages), reverse=True)


async def test_flags_of_another_place_or_time_are_not_told(client: httpx.AsyncClient) -> None:
    for asked in ({"place": "371722"}, {"place": "371721122"}, {"last": CALENDAR.later(DAY, -1)}):
        found = (await client.get("/api/flags", params=asked)).json()
        assert (found["flags"], found["counts"], found["after"]) == ([], [], None), asked
    window = (await client.get("/api/flags", params={"place": f"{NODE}/02"})).json()
    assert {flag["rule"] for flag in window["flags"]} == {"double"}


async def test_no_answer_on_flags_has_a_grade(client: httpx.AsyncClient) -> None:
    text = (await client.get("/api/flags")).text
    assert "numbers" in text
    assert not [word for word in ("level", "satisf", "basic", "score") if word in text]


@pytest.mark.usefixtures("client")
async def test_a_flagged_rating_is_counted_once_however_many_flags_it_has(database: Database) -> None:
    rows = (await kept(database))["counts"]
    counted = sum(int(str(number)) for row in rows for number in row[3:])
    async with database.reader.begin() as connection:
        assert sum(size for *_, size in await flags.counts(connection, names_of("city"), (0, NOW))) > counted >= 42
        whole = await store.between(connection, names_of("city"), 0, 1 << 40, width=15)
    assert sum(map(sum, whole.values())) == counted
