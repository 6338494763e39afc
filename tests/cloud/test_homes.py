"""Visits over HTTP, on both databases: with a rating or without one, each once, and seen by whom they may be seen."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest

from cloud.calendar import HOUR_MS
from cloud.homes import pages
from cloud.pki.authority import Authority
from cloud.spoken import feeder
from contract.identity import HOME
from proof.__main__ import main as proof
from tests.cloud.carriers import BEHIND, CSRF, EPOCH, LINK, SECRET, batches, counted
from tests.cloud.furnished import CALENDAR, NODE, OTHER, furnish
from tests.cloud.reception import NOW, Stage, open_stage
from tests.cloud.where import InFile, Where
from tests.proof.ledgers import publish_day

pytestmark = pytest.mark.timeout(60)

WINDOW, NEXT, AWAY = f"{NODE}/01", f"{NODE}/02", f"{OTHER}/01"
VISIT = ("home", "李庄村", "社保卡", "2026-11-22T10:15", "老人代办")
# A level of 0: it was not rated.
LEVELS = (3, 0, 1, 0, 2)
VISITS = 'SELECT number, rating, kind, place, item, said, note, "window" FROM home_visit ORDER BY node, epoch, number'


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    await furnish(where)
    async with open_stage(where, homes=True) as one:
        yield one


async def csrf(browser: httpx.AsyncClient) -> str:
    found = CSRF.search((await browser.get("/assistants")).text)
    assert found is not None
    return found[1]


async def bound(
    stage: Stage, secret: str = SECRET, window: str = WINDOW, name: str = "li", holder: str = "王帮办"
) -> None:
    """A telephone of `holder` for `window` that is known by `secret`, in a city that knows who speaks for homes."""
    async with stage.browser() as operator, stage.browser() as telephone:
        await stage.come_in(operator, name, "operator")
        form = {"window": window, "holder": holder, "csrf": await csrf(operator)}
        found = LINK.search((await operator.post("/assistants", data=form)).text)
        assert found is not None
        address, _, link = found[1].partition("#")
        assert address == f"{stage.address}visit/{window}"
        told = {"window": window, "link": link, "secret": secret}
        assert (await telephone.post("/api/home/setup", json=told)).status_code == 200
        async with asyncio.timeout(20):
            while (await deliver(telephone, body(stage, [], epoch=secret[:10]), secret)).status_code == 503:
                await asyncio.sleep(0.05)
    stage.now += HOUR_MS


def body(
    stage: Stage, levels: Sequence[int], first: int = 1, *, epoch: str = EPOCH, words: Sequence[str] = VISIT
) -> dict[str, object]:
    """A delivery of visits, a minute between two, by a telephone whose wall clock is a week behind."""
    date, mono = stage.now - BEHIND, 900_000
    visits = [
        [1, (first + at) * 60_000, date - mono + (first + at) * 60_000, level, int(level > 0), *words]
        for at, level in enumerate(levels)
    ]
    return {"v": 1, "epoch": epoch, "first": first, "run": 1, "mono": mono, "date": date, "visits": visits}


async def deliver(telephone: httpx.AsyncClient, told: dict[str, object], secret: str = SECRET) -> httpx.Response:
    return await telephone.post("/api/home/visits", json=told, headers={"Authorization": f"Bearer {secret}"})


async def test_ratings_are_in_the_ledger_by_a_channel_of_their_own_and_visits_beside_it(stage: Stage) -> None:
    await bound(stage)
    async with stage.browser() as telephone:
        answer = await deliver(telephone, body(stage, LEVELS))
        assert (answer.status_code, answer.json()) == (200, {"held": 5, "now": stage.now})
    assert await counted(stage, 3) == [(WINDOW, HOME, 1, 1, 1)]
    (batch,) = batches(stage.where)
    assert (batch["node"], batch["epoch"], batch["first"]) == (f"{NODE}.home", EPOCH, 1)
    # Without gaps, however many visits lie between.
    assert [row[2] for row in batch["rows"]] == [3, 1, 2]  # type: ignore[attr-defined]
    assert [(number, rating) for number, rating, *_ in stage.where.query(VISITS)] == [
        (1, 1), (2, None), (3, 2), (4, None), (5, 3),
    ]  # fmt: skip
    assert {tuple(row[2:]) for row in stage.where.query(VISITS)} == {(*VISIT, WINDOW)}


async def test_whatever_is_sent_again_counts_once_and_what_is_new_of_it_is_taken(stage: Stage) -> None:
    await bound(stage)
    async with stage.browser() as telephone:
        told = body(stage, LEVELS)
        answers = await asyncio.gather(*[deliver(telephone, told) for _ in range(4)])
        assert [answer.json()["held"] for answer in answers] == [5] * 4
        more = body(stage, (*LEVELS, 1, 0))
        assert (await deliver(telephone, more)).json()["held"] == 7
        assert (await deliver(telephone, body(stage, (1, 0, 3), first=6))).json()["held"] == 8
    assert await counted(stage, 5) == [(WINDOW, HOME, 2, 1, 2)]
    assert [rating for _, rating, *_ in stage.where.query(VISITS)] == [1, None, 2, None, 3, 4, None, 5]


async def test_a_grade_is_not_changed_afterwards_nor_a_visit_made_rated(stage: Stage) -> None:
    await bound(stage)
    async with stage.browser() as telephone:
        assert (await deliver(telephone, body(stage, LEVELS))).status_code == 200
        for levels, held in (((1, *LEVELS[1:]), 0), ((3, 3, *LEVELS[2:]), 1), ((3, 0, 0, 0, 2), 2)):
            answer = await deliver(telephone, body(stage, levels))
            assert (answer.status_code, answer.json()["why"], answer.json()["held"]) == (409, "forked", held)
        assert (await deliver(telephone, body(stage, (3,), first=7))).json()["why"] == "gap"
        # Other words under the same number are what was first said, and nothing is refused for them.
        said = ("station", "王庄村", "医保", "2026-11-22T10:16", "改了")
        assert (await deliver(telephone, body(stage, LEVELS, words=said))).json()["held"] == 5
    assert await counted(stage, 3) == [(WINDOW, HOME, 1, 1, 1)]
    assert {tuple(row[2:7]) for row in stage.where.query(VISITS)} == {VISIT}
    assert stage.where.query("SELECT reason, node, sum(count) FROM quarantine GROUP BY reason, node") == [
        ("conflict", f"{NODE}.home", 4)
    ]


async def test_what_the_database_does_not_take_is_taken_whole_or_not_at_all(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise OSError("the cable is out")

    await bound(stage)
    async with stage.browser() as telephone:
        for broken in ("cloud.homes.store.keep", "cloud.carriers.store.keep", "cloud.carriers.store.move"):
            with monkeypatch.context() as cut:
                cut.setattr(broken, away)
                assert (await deliver(telephone, body(stage, LEVELS))).status_code == 503
            assert stage.where.query("SELECT count(*) FROM home_visit") == [(0,)]
            assert stage.where.query("SELECT count(*) FROM carrier_batch") == [(0,)]
        assert (await deliver(telephone, body(stage, LEVELS))).json()["held"] == 5
    await counted(stage, 3)


async def test_a_telephone_that_is_written_into_a_note_is_not_kept_and_the_rating_is(stage: Stage) -> None:
    await bound(stage)
    async with stage.browser() as telephone:
        words = ("home", "李庄村", "社保卡", "2026-11-22T10:15", "王女士 13812345678")
        assert (await deliver(telephone, body(stage, (1,), words=words))).status_code == 200
    assert await counted(stage, 1) == [(WINDOW, HOME, 0, 0, 1)]
    assert [row[6] for row in stage.where.query(VISITS)] == ["王女士 …"]


async def test_a_year_later_its_words_are_forgotten_and_its_number_never(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder, "PRUNE_S", 0.0)
    await bound(stage)
    async with stage.browser() as telephone:
        told = body(stage, LEVELS)
        assert (await deliver(telephone, told)).status_code == 200
        stage.now += 364 * 24 * HOUR_MS
        assert (await deliver(telephone, body(stage, (3,), first=6))).json()["held"] == 6
        stage.now += 2 * 24 * HOUR_MS
        async with asyncio.timeout(20):
            while stage.where.query(VISITS)[0][2:7] != ("", "", "", "", ""):
                await asyncio.sleep(0.05)
        assert stage.where.query(VISITS)[5][2:7] == VISIT
        # A telephone that lay in a drawer counts nothing twice.
        assert (await deliver(telephone, told)).json()["held"] == 6
    await counted(stage, 4)
    assert stage.where.query("SELECT count(*) FROM home_visit") == [(6,)]


async def test_each_sees_the_visits_of_their_own_place_and_nobody_a_grade(stage: Stage) -> None:
    await bound(stage)
    await bound(stage, "o" * 43, AWAY, "wu", "赵帮办")
    async with stage.browser() as telephone:
        assert (await deliver(telephone, body(stage, LEVELS))).status_code == 200
        far = ("station", "南关社区", "低保", "2026-11-22T09:05", "")
        assert (await deliver(telephone, body(stage, (1,), epoch="B" * 10, words=far), "o" * 43)).status_code == 200
    await counted(stage, 4)
    seen: dict[str, str] = {}
    for name, role in (("qian", "operator"), ("sun", "auditor"), ("zhou", "township"), ("feng", "supervisor")):
        async with stage.browser() as person:
            await stage.come_in(person, name, role)  # type: ignore[arg-type]
            seen[role] = (await person.get("/homes")).text
            assert ("帮办手机" in seen[role]) == (role in {"operator", "auditor"})
            answer = await person.get("/homes?as=csv")
            assert ("已评价" in answer.text) == (role == "operator")
    for text in seen.values():
        assert all(word in text for word in ("李庄村", "社保卡", "老人代办", "王帮办"))
        assert re.search("满意|Satisfied|data-level", text.partition("<main")[2].partition("</main>")[0]) is None
    assert ("南关社区" in seen["operator"], "南关社区" in seen["supervisor"]) == (True, True)
    assert "南关社区" not in seen["township"]
    # Moments and which one was rated are the city's.
    assert "2026-11-22 10:15" in seen["operator"]
    assert all("10:15" not in seen[role] for role in ("auditor", "township", "supervisor"))
    # Of one visit alone only the city sees whether it was rated.
    assert '<td class="number">1</td><td class="number">1</td><td class="number">100%</td>' in seen["operator"]
    assert "100%" not in seen["supervisor"]
    assert "60%" in seen["supervisor"]
    async with stage.browser() as clerk:
        await stage.come_in(clerk, "chen", "clerk")
        assert (await clerk.get("/homes")).status_code == 403
        assert (await clerk.get("/assistants")).status_code == 403
    async with stage.browser() as hall:
        await stage.come_in(hall, "wei", "township")
        assert (await hall.get(f"/homes?place={OTHER[:9]}")).status_code == 403
        for wrong in ("month=2026-13", "month=9999-12", "after=1~2~3"):
            assert (await hall.get(f"/homes?{wrong}")).status_code == 422
        assert "李庄村" not in (await hall.get("/homes?month=2026-10")).text


async def test_a_long_list_goes_on_where_its_page_ended(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST", 2)
    await bound(stage)
    async with stage.browser() as telephone, stage.browser() as operator:
        for number in range(5):
            words = (*VISIT[:4], f"第{number}次")
            assert (await deliver(telephone, body(stage, (0,), number + 1, words=words))).status_code == 200
        await stage.come_in(operator, "qian", "operator")
        found, address = [], "/homes"
        while address:
            page = (await operator.get(address)).text
            found += re.findall("第[0-9]次", page)
            more = re.search(r'class="more" rel="next" href="([^"]+)"', page)
            address = f"/homes{more[1].replace('&amp;', '&')}" if more else ""
    assert found == [f"第{number}次" for number in (4, 3, 2, 1, 0)]


async def test_a_telephone_is_somebodys_and_a_tablets_secret_is_none_of_its(where: Where) -> None:
    await furnish(where)
    async with open_stage(where, homes=True, tablets=True) as stage, stage.browser() as operator:
        await bound(stage)
        await stage.come_in(operator, "qian", "operator")
        for holder in ("", "  ", "\u200b"):
            form = {"window": WINDOW, "holder": holder, "csrf": await csrf(operator)}
            answer = await operator.post("/assistants", data=form)
            assert (answer.status_code, "请填写帮办代办员" in answer.text) == (400, True)
        shown = {"Authorization": f"Bearer {SECRET}"}
        empty = {**body(stage, []), "rows": []}
        del empty["visits"]
        assert (await operator.post("/api/tablet/ratings", json=empty, headers=shown)).status_code == 401
        ((name,),) = where.query("SELECT name FROM carrier")
        assert (await operator.post(f"/tablets/{name}/end", data={"csrf": await csrf(operator)})).status_code == 303
        assert where.query("SELECT ended_at FROM carrier") == [(None,)]
        assert (await operator.post(f"/assistants/{name}/end", data={"csrf": await csrf(operator)})).status_code == 303
        async with stage.browser() as telephone:
            assert (await deliver(telephone, body(stage, LEVELS))).status_code == 401


async def test_an_auditor_with_the_cas_certificate_alone_finds_nothing(tmp_path: Path, upgraded_file: Path) -> None:
    """Numbers of ratings have no gaps where visits were not rated."""
    where = InFile(tmp_path, upgraded_file)
    await furnish(where)
    Authority.found(tmp_path / "ca", NOW)
    async with open_stage(where, homes=True, pki=tmp_path / "ca") as stage, stage.browser() as telephone:
        await bound(stage)
        assert (await deliver(telephone, body(stage, LEVELS))).status_code == 200
        await counted(stage, 3)
    await publish_day(where.file, CALENDAR.day(NOW), at=NOW + 2 * 24 * HOUR_MS)
    assert proof(["audit", "--database", str(where.file), "--ca", str(tmp_path / "ca" / "ca.pem")]) == 0


async def test_the_page_and_what_keeps_it_are_everybodys_and_the_same(stage: Stage) -> None:
    async with stage.browser() as telephone:
        page = await telephone.get(f"/visit/{WINDOW}")
        assert page.text == (await telephone.get(f"/visit/{NEXT}")).text
        worker = await telephone.get("/visit/worker.js")
        listed = json.loads(worker.text.partition("const FILES = ")[2].partition(";")[0])
        assert {"/static/homes/visit.js", "/static/homes/outbox.js", "/static/homes/page.css"} <= set(listed)
        assert [(await telephone.get(name)).status_code for name in listed] == [200] * len(listed)
        assert (await telephone.get(f"/window/{WINDOW}")).status_code == 404
