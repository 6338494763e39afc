"""Windows, heat map and search over HTTP: what is counted, what is veiled, and what lies in whose place."""

from collections.abc import AsyncIterator

import pytest

from cloud.people.rules import Role
from cloud.visits import store as visits
from cloud.visits.store import Asked, Rated
from contract.rating import Became
from tests.cloud.furnished import CALENDAR, FOREIGN, NODE, OTHER, TODAY, furnish, rate
from tests.cloud.reception import Stage, open_stage
from tests.cloud.where import Where

YESTERDAY = CALENDAR.later(TODAY, -1)
WINDOW = f"{NODE}/01"


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    await furnish(where)
    await rate(where, WINDOW, YESTERDAY, 10 * 60 + 5, (18, 1, 1))
    await rate(where, WINDOW, CALENDAR.later(TODAY, -3), 10 * 60 + 7, (20, 0, 0))
    await rate(where, f"{NODE}/02", YESTERDAY, 11 * 60, (3, 0, 0))
    # Today's: its minute is seen by the city, its grade by nobody.
    await rate(where, WINDOW, TODAY, 60 + 7, (0, 0, 500))
    await rate(where, f"{FOREIGN}/01", CALENDAR.later(TODAY, -20), 9 * 60, (0, 0, 30))
    async with open_stage(where) as opened:
        yield opened


async def seen(stage: Stage, role: Role, path: str) -> str:
    async with stage.program(role) as client:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        return " ".join(answer.text.split())


async def status(stage: Stage, role: Role, path: str) -> int:
    async with stage.program(role) as client:
        return (await client.get(path)).status_code


async def test_windows_are_listed_with_score_last_press_and_cases(stage: Stage) -> None:
    await stage.open_cases(WINDOW, f"{FOREIGN}/01")
    stage.later(60)
    async with stage.program("operator") as client:
        lines = (await client.get("/windows?as=csv&lang=en")).text.splitlines()
    cells = dict(
        zip(lines[0].split(","), next(line for line in lines if line.startswith(WINDOW)).split(","), strict=True)
    )
    assert cells["Office"] == "Service Hall"
    assert (cells["Yesterday"], cells["Yesterday's score"]) == ("20", "93.0%")
    assert (cells["This month"], cells["This month's score"]) == ("40", "96.5%")
    assert cells["Last rating"] == f"{TODAY} 01:07"
    assert cells["Open cases"] == "1"
    other = next(line for line in lines if line.startswith(f"{NODE}/02")).split(",")
    assert other[5:9] == ["3", "few", "3", "few"]
    assert len(lines) == 7
    far = next(line for line in lines if line.startswith(f"{FOREIGN}/01")).split(",")
    assert far[4] == CALENDAR.later(TODAY, -20)


async def test_below_the_city_a_last_press_has_an_hour_and_no_minute(stage: Stage) -> None:
    for role in ("township", "supervisor", "auditor"):
        page = await seen(stage, role, f"/windows/{WINDOW}")
        assert f"{TODAY} 01:00" in page
        assert f"{TODAY} 01:07" not in page
        device = await seen(stage, role, f"/devices/{NODE}")
        assert f"{TODAY} 01:07" not in device
    assert f"{TODAY} 01:07" in await seen(stage, "operator", f"/windows/{WINDOW}")


async def test_a_page_of_windows_leads_to_the_next(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.windows.pages.PAGE", 2)
    page = await seen(stage, "operator", "/windows")
    assert "after=371702001-c3%2F02" in page
    assert 'rel="next"' not in await seen(stage, "operator", f"/windows?after={NODE}/02")
    assert OTHER not in await seen(stage, "township", "/windows")


async def test_windows_and_heat_of_other_places_are_not_shown(stage: Stage) -> None:
    assert await status(stage, "township", f"/windows/{FOREIGN}/01") == 403
    assert await status(stage, "township", "/windows?place=371702001") == 403
    assert await status(stage, "clerk", "/windows") == 403
    assert await status(stage, "operator", f"/windows/{NODE}/09") == 404
    assert await status(stage, "clerk", f"/heat?place={NODE}/02") == 403
    assert await status(stage, "clerk", "/heat") == 200
    assert await status(stage, "operator", "/heat?weeks=5") == 422


@pytest.mark.parametrize("place", [WINDOW, "371721121", "371721", "city"])
async def test_heat_has_whole_days_up_to_yesterday(stage: Stage, place: str) -> None:
    async with stage.program("operator") as client:
        lines = (await client.get(f"/heat?as=csv&lang=en&weeks=4&place={place}")).text.splitlines()[1:]
    rows = {tuple(line.split(",")) for line in lines}
    days = [
        ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[CALENDAR.weekday(CALENDAR.later(TODAY, -n))] for n in (1, 3)
    ]
    assert {(days[0], "10", "20", "93.0"), (days[1], "10", "20", "100.0")} <= rows
    # 500 dissatisfied of today are nowhere.
    assert not [row for row in rows if int(row[2]) > 30]
    assert ((days[0], "11", "3", "") in rows) == (place != WINDOW)
    page = await seen(stage, "operator", f"/heat?weeks=4&place={place}")
    assert 'data-bin="3"' in page
    assert ('data-bin="few"' in page) == (place != WINDOW)


async def test_search_finds_by_name_in_the_own_place_alone(stage: Stage) -> None:
    await stage.open_cases(WINDOW, f"{FOREIGN}/01")
    stage.later(60)
    for q, link in (
        ("政务", f"/windows/{WINDOW}"),
        ("service h", f"/windows/{WINDOW}"),
        ("A1/02", f"/windows/{NODE}/02"),
        ("-a1", f"/devices/{NODE}"),
        ("371721121", "/windows?place=371721121"),
        ("#1", "/cases/1"),
        ("2", "/cases/2"),
    ):
        assert f'href="{link}"' in await seen(stage, "operator", f"/search?q={q.replace('#', '%23')}"), q
    township = await seen(stage, "township", "/search?q=c3")
    assert "c3/" not in township
    assert 'href="/cases/2"' not in await seen(stage, "township", "/search?q=2")
    assert 'href="/cases/1"' in await seen(stage, "township", "/search?q=1")
    assert 'href="/devices' not in await seen(stage, "clerk", "/search?q=a1")
    assert 'href="/cases/1"' in await seen(stage, "clerk", "/search?q=1")


async def test_search_finds_people_for_administrators_alone(stage: Stage) -> None:
    await stage.account("wang.min", "operator")
    for q, name in (("李敏", "371721121:1024"), ("li min", "371721121:1024"), ("WANG.", "/people/wang.min")):
        assert name in await seen(stage, "admin", f"/search?q={q}")
        assert name not in await seen(stage, "operator", f"/search?q={q}")
    for wild in ("%25", "_", "!"):
        assert "/people/wang.min" not in await seen(stage, "admin", f"/search?q={wild}")


async def test_a_search_for_nothing_or_too_much_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "没有找到" in await seen(stage, "operator", "/search?q=%3Cscript%3E")
    assert "<script>" not in (await seen(stage, "operator", "/search?q=%3Cscript%3E")).partition("<main")[2]
    assert await status(stage, "operator", "/search") == 200
    assert await status(stage, "operator", f"/search?q={'x' * 101}") == 422
    assert "只列前 20 个" in await seen(stage, "operator", "/search?q=37")


async def test_beside_the_score_stands_who_rated_of_those_asked_and_what_all_of_them_may_think(where: Where) -> None:
    await furnish(where)
    await rate(where, WINDOW, YESTERDAY, 10 * 60 + 5, (18, 1, 1))
    async with open_stage(where) as stage:
        assert "Rated / asked" not in await seen(stage, "operator", "/windows?lang=en")
    tokens = [f"TOKEN{number:05}" for number in range(40)]
    told = [Asked(NODE, token, WINDOW, YESTERDAY, None, 1, Became.SILENT) for token in tokens]
    # Of today nobody sees a grade, nor who is asked.
    told.append(Asked(NODE, "TOKEN_____", WINDOW, TODAY, None, 1, Became.SILENT))
    rated = [Rated(NODE, token, WINDOW, YESTERDAY, 3, 1, number) for number, token in enumerate(tokens[:20], 1)]
    async with await where.open() as database, database.writer.begin() as connection:
        before = await visits.cursor(connection)
        await visits.move(connection, before, before._replace(zone=CALENDAR.zone))
        await visits.take(connection, told, rated)
    async with open_stage(where) as stage:
        for page in ("/windows?lang=en", f"/windows/{WINDOW}?lang=en"):
            shown = await seen(stage, "operator", page)
            assert "Rated / asked, this month" in shown
            assert "50% / 40" in shown
            assert "50.0–100.0%" in shown
            # The box to search in stays empty.
            assert 'value="True"' not in shown
        assert "应评" in await seen(stage, "township", f"/windows/{WINDOW}?lang=zh")
