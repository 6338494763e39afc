"""Publishing: an edition is what the ledger said at its position, and none that is out ever changes."""

import asyncio
import json
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from cloud.app import create_app
from cloud.database import Database
from cloud.ledger import store as ledger
from cloud.ledger.store import Entry
from cloud.registry.load import register
from cloud.reports import routes, store
from cloud.reports.publishing import Wish, publish
from cloud.reports.rules import DAY_MS, due
from contract.batch import Batch
from contract.codec import encode
from contract.errors import SettingsError, Unavailable
from contract.rating import Became, Quality, Row
from contract.signing import Signer, public_key
from proof.edition import Published, faults, misfit, objection, read
from proof.given import Given
from proof.period import period
from proof.policy import shipped
from proof.units import Kind
from tests.cloud.conftest import NODE, NOW, SIGNERS, Desk, entry
from tests.cloud.doors import open_door

CITY = Signer(b"9" * 32)
ZONE = "Asia/Shanghai"
MONTH = period("2026-11")
NOT_GUARDED = msgspec.structs.replace(shipped("guarded"), weights=(1.0, 0.9, 0.0))


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()) * 1000


BEHIND = at("2026-12-01")
assert at("2026-11-01") < NOW < BEHIND


def wish(*, final: bool = False, days: int = 7, **scores: str) -> Wish:
    given = {code.lstrip("_"): Given(Decimal(score), row) for row, (code, score) in enumerate(scores.items(), 1)}
    return Wish(MONTH, shipped("guarded"), given, "scores.csv", final, days)


@pytest.fixture
async def rated(desk: Desk) -> Desk:
    """Windows 01 and 02 of one node, registered and rated: 40 satisfied, 10 dissatisfied."""
    form = f'{{"nodes": [{{"node": "{NODE}", "key": "{SIGNERS[NODE].public}", "windows": ["01", "02"]}}]}}'
    await register(desk.database.writer, form, NOW)
    await desk.exchange(entry(1, *[("01", 3)] * 40, *[("02", 1)] * 10))
    return desk


async def published(database: Database, when: int, asked: Wish) -> Published:
    return (await publish(database, CITY, asked, zone=ZONE, at=when))[0]


async def test_offices_and_people_are_in_no_edition(rated: Desk) -> None:
    window = f"{NODE}/01"
    staff = {
        "offices": [{"code": "371721121:zw", "zh": "政务大厅", "en": "Hall", "windows": [{"id": window}]}],
        "duties": [
            {"person": "371721121:1", "zh": "李敏", "en": "x", "window": window, "from": "2026-11-01T00:00:00+08:00"}
        ],
    }
    before, _ = await publish(rated.database, CITY, wish(), zone=ZONE, at=BEHIND)
    await register(rated.database.writer, json.dumps(staff), NOW)
    one, report = await publish(rated.database, CITY, wish(), zone=ZONE, at=BEHIND)

    assert one.edition.lines == before.edition.lines
    assert {line.unit.kind for line in report.lines} == {Kind.CITY, Kind.COUNTY, Kind.TOWNSHIP, Kind.WINDOW}
    assert "李敏".encode() not in one.raw
    for code in ("371721121:zw", "371721121:1"):
        given = wish()._replace(assessments={code: Given(Decimal(90), 1)})
        with pytest.raises(SettingsError, match=rf"no unit of 2026-11 has a code such as {code} \(row 1\)"):
            await publish(rated.database, CITY, given, zone=ZONE, at=BEHIND)


async def test_a_report_is_frozen_with_all_that_it_follows_from(rated: Desk) -> None:
    one, report = await publish(rated.database, CITY, wish(_371721121="90"), zone=ZONE, at=BEHIND)
    told = one.edition
    assert (told.period, told.number, told.stage, told.position) == ("2026-11", 1, "appeal", 1)
    assert (told.until, told.zone, told.policy) == (BEHIND + 7 * DAY_MS, ZONE, shipped("guarded"))
    assert objection(one, public_key(CITY.public)) is None
    assert list(faults(told, {f"{NODE}/01": (40, 0, 0), f"{NODE}/02": (0, 0, 10)}, {}, {})) == []
    by_code = {line.code: line for line in told.lines}
    assert by_code["371721121"].counts == (40, 0, 10)
    assert by_code["371721121"].assessment == "90"
    # Every place is named, also where nobody rated.
    assert sum(len(code) == 9 for code in by_code) == 167
    assert by_code["371702100"].k == "1.0000"
    assert report.edition == ("appeal", 1)
    assert len(report.lines) == len(told.lines)


async def test_who_was_asked_stands_beside_each_score_also_where_nobody_rated(rated: Desk) -> None:
    """Counted from the ledger by whoever publishes, also where the city does not run."""
    tokens = [f"TOKEN{number:05}" for number in range(3)]
    told = [
        Row(0, window, Became.SILENT, 1, None, token) for window, token in zip(("01", "01", "03"), tokens, strict=True)
    ]
    visits = Batch(1, f"{NODE}.prompt", "PROMPTPROM", 1, NOW, Quality.SYNCHRONISED, told)
    answer = Batch(1, NODE, "ANSWERSANS", 1, NOW, Quality.SYNCHRONISED, [Row(0, "01", 2, 1, None, tokens[0])])
    async with rated.database.writer.begin() as connection:
        for kind, one in (("visits", visits), ("batch", answer)):
            raw = CITY.entry(encode(one))
            await ledger.append(connection, [Entry(kind, one.node, one.epoch, one.first, one.last, NOW, "live", raw)])
    made, report = await publish(rated.database, CITY, wish(), zone=ZONE, at=BEHIND)
    asked = {line.code: line.turnout for line in made.edition.lines if line.turnout is not None}
    whole, quiet = (3, 0, 1, 0), (1, 0, 0, 0)
    assert asked == {
        "city": whole, "371721": whole, "371721121": whole, f"{NODE}/01": (2, 0, 1, 0), f"{NODE}/03": quiet,
    }  # fmt: skip
    assert made.edition.visited == made.edition.position == 3
    beside = {line.unit.code: line.beside.participation for line in report.lines}
    assert beside[f"{NODE}/03"] == (Fraction(0), Fraction(0), Fraction(1))
    assert beside[f"{NODE}/02"] is None


async def test_what_comes_late_changes_the_next_edition_and_none_that_is_out(rated: Desk) -> None:
    first = await published(rated.database, BEHIND, wish())
    await rated.exchange(entry(51, ("02", 1)))
    last = await published(rated.database, BEHIND + 7 * DAY_MS, wish(final=True))
    assert (last.edition.number, last.edition.stage, last.edition.position) == (2, "final", 3)
    assert misfit(first, last.edition) is None
    counts = [{line.code: line.counts for line in one.edition.lines}[f"{NODE}/02"] for one in (first, last)]
    assert counts == [(0, 0, 10), (0, 0, 11)]
    async with rated.database.reader.connect() as connection:
        assert await store.numbered(connection, "2026-11", 1) == first
        assert await store.of_period(connection, "2026-11") == last
        assert await store.of_period(connection, "2026-10") is None
    # And a correction is a new edition, with appeals of its own.
    third = await published(rated.database, BEHIND + 30 * DAY_MS, wish(days=3))
    assert (third.edition.number, third.edition.stage, third.edition.until) == (3, "appeal", BEHIND + 33 * DAY_MS)


@pytest.mark.parametrize(
    ("when", "asked", "said"),
    [
        (BEHIND - 1, wish(), "2026-11 is not over: until then `manyi score` makes provisional reports"),
        (BEHIND, wish(final=True), "nobody could appeal yet"),
        (BEHIND, wish(days=0), "2026-11: an edition may be appealed against for a day at least"),
        (BEHIND, wish()._replace(policy=NOT_GUARDED), "its policy calls itself guarded 1, and has other figures"),
        (BEHIND, wish(_371721999="5"), r"scores.csv: no unit of 2026-11 has a code such as 371721999 \(row 1\)"),
    ],
)
async def test_what_is_not_due(rated: Desk, when: int, asked: Wish, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        await published(rated.database, when, asked)
    async with rated.database.reader.connect() as connection:
        assert await store.newest(connection, 9) == []


async def test_appeals_are_waited_for(rated: Desk) -> None:
    first = await published(rated.database, BEHIND, wish(days=3))
    for days, said in ((0, "3 more days"), (1, "2 more days"), (2, "1 more day$")):
        with pytest.raises(SettingsError, match=f"edition 1 may be appealed against for {said}"):
            due(first, MONTH, behind=BEHIND, now=BEHIND + days * DAY_MS, final=True, appeal_days=3)
    assert due(first, MONTH, behind=BEHIND, now=BEHIND + 3 * DAY_MS, final=True, appeal_days=9) == (
        "final",
        BEHIND + 3 * DAY_MS,
    )


async def test_two_who_publish_at_once_make_one_edition(rated: Desk) -> None:
    ended = await asyncio.gather(*(published(rated.database, BEHIND, wish()) for _ in range(3)), return_exceptions=True)
    async with rated.database.reader.connect() as connection:
        made = await store.newest(connection, 9)
    assert sorted(one.edition.number for one in made) == list(range(1, len(made) + 1))
    assert len(made) == sum(isinstance(one, Published) for one in ended)
    assert all(isinstance(one, Published | Unavailable) for one in ended)


async def test_ratings_go_on_meanwhile(rated: Desk) -> None:
    await published(rated.database, BEHIND, wish())
    before = rated.commits[-1].number
    await rated.exchange(entry(51, ("01", 3)))
    assert rated.commits[-1].number == before + 1
    assert rated.intake.trouble is None


async def test_reports_over_http(rated: Desk) -> None:
    first = await published(rated.database, BEHIND, wish())
    await published(rated.database, BEHIND + 7 * DAY_MS, wish(final=True))
    transport = httpx.ASGITransport(create_app([routes.router(rated.database.reader)], door=open_door))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        told = (await client.get("/api/reports")).json()["reports"]
        assert [(one["period"], one["number"], one["stage"]) for one in told] == [
            ("2026-11", 2, "final"),
            ("2026-11", 1, "appeal"),
        ]
        assert len((await client.get("/api/reports", params={"limit": 1})).json()["reports"]) == 1
        text = await client.get("/api/reports/2026-11/1")
        assert text.headers["content-type"] == "text/plain; charset=utf-8"
        assert text.text.startswith(
            "# 满意 Manyi · 考核修正 report 2026-11 · 第 1 版 edition · 申诉期 open to appeals\n"
        )
        assert read(text.text, "1") == first
        assert (await client.get("/api/reports/2026-11/3")).status_code == 404
        assert (await client.get("/api/reports/2026;11/1")).status_code == 422


async def test_rows_do_not_count_that_are_held(rated: Desk) -> None:
    """A window that nobody registered: its ratings stand in the ledger, and in no report."""
    await rated.exchange(entry(51, ("77", 1)))
    one = await published(rated.database, BEHIND, wish())
    assert f"{NODE}/77" not in {line.code for line in one.edition.lines}
