"""Tablets over HTTP, on both databases: set up by a link, each rating once, and nothing from anybody else."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cloud.carriers import routes
from cloud.pki.authority import Authority
from cloud.spoken import feeder
from contract.identity import TABLET
from proof.__main__ import main as proof
from proof.tallies import differences
from tests.cloud.carriers import (
    BEHIND,
    EPOCH,
    NEXT,
    SECRET,
    WINDOW,
    batches,
    body,
    bound,
    counted,
    csrf,
    deliver,
    made,
    set_up,
)
from tests.cloud.furnished import CALENDAR, NODE, furnish
from tests.cloud.reception import NOW, Stage, open_stage
from tests.cloud.where import InFile, Where
from tests.proof.ledgers import publish_day

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    await furnish(where)
    async with open_stage(where, tablets=True) as one:
        yield one


ROWS = [(1, 100_000, 3), (1, 200_000, 1), (1, 300_000, 2)]


async def test_what_a_tablet_took_is_in_the_ledger_by_its_own_channel_at_its_own_time(stage: Stage) -> None:
    await bound(stage)
    async with stage.browser() as tablet:
        answer = await deliver(tablet, body(stage, ROWS))
    assert (answer.status_code, answer.json()) == (200, {"held": 3, "now": stage.now})
    assert await counted(stage, 3) == [(WINDOW, TABLET, 1, 1, 1)]
    (batch,) = batches(stage.where)
    assert (batch["node"], batch["epoch"], batch["first"]) == (f"{NODE}.tablet", EPOCH, 1)
    assert (batch["t0"], batch["q"]) == (stage.now - 800_000, 1)
    assert batch["rows"] == [[0, "01", 3, 1], [100_000, "01", 1, 1], [200_000, "01", 2, 1]]
    assert differences(stage.where.file, ZoneInfo("Asia/Shanghai")) == []


async def test_what_is_sent_again_counts_once_and_what_is_new_beside_it_counts(stage: Stage) -> None:
    """The answer was lost, again and again, and people went on rating."""
    await bound(stage)
    told = body(stage, ROWS)
    async with stage.browser() as tablet:
        answers = await asyncio.gather(*[deliver(tablet, told) for _ in range(4)])
        assert [(answer.status_code, answer.json()["held"]) for answer in answers] == [(200, 3)] * 4
        stage.later(5)
        more = body(stage, [*ROWS, (1, 902_000, 1)], mono=905_000)
        assert more["rows"][:3] == told["rows"]  # type: ignore[index]
        assert (await deliver(tablet, more)).json()["held"] == 4
        # Greeting alone takes nothing and forgets nothing.
        assert (await deliver(tablet, body(stage, [], first=5, mono=905_000))).json()["held"] == 4
    assert await counted(stage, 4) == [(WINDOW, TABLET, 1, 1, 2)]
    assert [(batch["first"], len(batch["rows"])) for batch in batches(stage.where)] == [(1, 3), (4, 1)]  # type: ignore[arg-type]


async def test_rows_of_runs_without_a_line_are_dated_by_the_run_before_or_estimated(stage: Stage) -> None:
    await bound(stage)
    async with stage.browser() as tablet:
        assert (await deliver(tablet, body(stage, [], mono=100_000))).status_code == 200
        met = stage.now
        stage.now += 600_000
        date = stage.now - BEHIND
        rows = [
            [1, 160_000, date - 540_000, 1, 1],
            [2, 10_000, date - 400_000, 2, 1],
            [3, 10_000, date - 20_000, 3, 1],
        ]
        told = {"v": 1, "epoch": EPOCH, "first": 1, "run": 3, "mono": 30_000, "date": date, "rows": rows}
        assert (await deliver(tablet, told)).json()["held"] == 3
    await counted(stage, 3)
    assert [(batch["q"], batch["t0"]) for batch in batches(stage.where)] == [
        (1, met + 60_000),
        (2, stage.now - 400_000),
        (1, stage.now - 20_000),
    ]
    assert batches(stage.where)[1]["bounds"] == [met + 60_000, stage.now - 30_000]


async def test_what_cannot_be_is_refused_told_of_and_can_be_given_anew(stage: Stage) -> None:
    """Other contents under a held number, numbers left out, and the epoch of another window."""
    await bound(stage)
    await bound(stage, "n" * 43, NEXT, "wu")
    told = body(stage, ROWS)
    async with stage.browser() as tablet:
        assert (await deliver(tablet, told)).status_code == 200
        forked = body(stage, [ROWS[0], (1, 250_000, 3), ROWS[2]])
        for wrong, secret, why, held in (
            (forked, SECRET, "forked", 1),
            (body(stage, ROWS, first=5), SECRET, "gap", 3),
            (told, "n" * 43, "elsewhere", 0),
        ):
            answer = await deliver(tablet, wrong, secret)
            assert (answer.status_code, answer.json()["why"], answer.json()["held"]) == (409, why, held)
        anew = body(stage, [(1, 250_000, 3)], epoch="B" * 10)
        assert (await deliver(tablet, anew)).json()["held"] == 1
    assert await counted(stage, 4) == [(WINDOW, TABLET, 2, 1, 1)]
    assert stage.where.query("SELECT reason, node, sum(count) FROM quarantine GROUP BY reason, node") == [
        ("conflict", f"{NODE}.tablet", 3)
    ]


async def test_a_link_sets_up_one_tablet_and_the_same_may_be_asked_again(stage: Stage) -> None:
    async with stage.browser() as operator, stage.browser() as tablet:
        await stage.come_in(operator, "li", "operator")
        link = await made(stage, operator)
        # Opened at another window, where somebody else's ratings may wait, it is no link at all, and not used up.
        assert (await set_up(tablet, link, window=NEXT)).status_code == 403
        called = {"window": WINDOW, "zh": "371721121 01", "en": "x"}
        for _ in range(2):
            answer = await set_up(tablet, link)
            assert (answer.status_code, set(answer.json())) == (200, set(called))
        assert (await set_up(tablet, link, "o" * 43)).status_code == 403
        assert (await set_up(tablet, "l" * 43)).status_code == 403
        late = await made(stage, operator)
        stage.later(72 * 3600)
        assert (await set_up(tablet, late, "o" * 43)).status_code == 403
    # Neither the link nor the secret is kept.
    kept = str(stage.where.query("SELECT * FROM carrier")) + str(stage.where.query("SELECT * FROM change"))
    assert link not in kept
    assert SECRET not in kept


async def test_a_tablet_that_is_ended_is_not_heard_any_more(stage: Stage) -> None:
    await bound(stage)
    async with stage.browser() as tablet, stage.browser() as operator:
        told = body(stage, ROWS)
        assert (await deliver(tablet, body(stage, ROWS[:1]))).status_code == 200
        await stage.come_in(operator, "wu", "operator")
        ((name,),) = stage.where.query("SELECT name FROM carrier")
        page = (await operator.get("/tablets")).text
        assert all(text in page for text in (WINDOW, "使用中", str(name)))
        answer = await operator.post(f"/tablets/{name}/end", data={"csrf": await csrf(operator)})
        assert answer.status_code == 303
        assert (await deliver(tablet, told)).status_code == 401
        assert "已停用" in (await operator.get("/tablets")).text
        # What it still keeps comes in by another one of the same window, under the same numbers.
        await bound(stage, "t" * 43, WINDOW, "sun")
        assert (await deliver(tablet, told, "t" * 43)).json()["held"] == 3
    await counted(stage, 3)
    noted = [what for (what,) in stage.where.query("SELECT what FROM change ORDER BY number")]
    assert [what for what in noted if "tablet" in what] == ["make-tablet", "end-tablet", "make-tablet"]


async def test_operators_alone_make_tablets_and_only_of_windows_there_are(stage: Stage) -> None:
    async with stage.browser() as operator, stage.browser() as auditor, stage.browser() as hall:
        await stage.come_in(operator, "li", "operator")
        answer = await operator.post("/tablets", data={"window": f"{NODE}/09", "csrf": await csrf(operator)})
        assert (answer.status_code, "没有登记这个窗口" in answer.text) == (400, True)
        assert (await operator.post("/tablets", data={"window": WINDOW})).status_code == 403
        await stage.come_in(auditor, "wu", "auditor")
        assert '<form method="post" action="/tablets"' not in (await auditor.get("/tablets")).text
        assert (await auditor.post("/tablets", data={"window": WINDOW})).status_code == 403
        await stage.come_in(hall, "sun", "township")
        assert (await hall.get("/tablets")).status_code == 403
    assert stage.where.query("SELECT count(*) FROM carrier") == [(0,)]


async def test_what_no_tablet_sends_is_refused(stage: Stage) -> None:
    await bound(stage)
    good = body(stage, ROWS)
    async with stage.browser() as tablet:
        for secret in ("x", "x" * 43):
            assert (await deliver(tablet, good, secret)).status_code == 401
        assert (await tablet.post("/api/tablet/ratings", json=good)).status_code == 401
        for changed in (
            {"v": 2}, {"epoch": "short"}, {"first": 0}, {"run": 0}, {"mono": -1}, {"more": 1},
            {"rows": [[1, 2, 3, 4, 1]]}, {"rows": [[1, 2, 3, 1, 0]]}, {"rows": [[1, 2, 3, 1]]},
            {"rows": [[1, 1, 1, 1, 1]] * 201},
        ):  # fmt: skip
            assert (await deliver(tablet, good | changed)).status_code == 400, changed
        huge = await tablet.post(
            "/api/tablet/ratings",
            content=b" " * (routes.MOST_BYTES + 1),
            headers={"Authorization": f"Bearer {SECRET}"},
        )
        assert huge.status_code == 413
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        assert (await tablet.post("/api/tablet/setup", json={}, headers=elsewhere)).status_code == 403
        assert (
            await tablet.post("/api/tablet/setup", json={"window": WINDOW, "link": "x", "secret": SECRET})
        ).status_code == 400
    assert stage.where.query("SELECT count(*) FROM carrier_batch") == [(0,)]


async def test_a_tablet_that_comes_too_often_is_told_to_wait_and_loses_nothing(stage: Stage) -> None:
    await bound(stage)
    async with stage.browser() as tablet:
        greeting = body(stage, [])
        assert [(await deliver(tablet, greeting)).status_code for _ in range(60)] == [200] * 59 + [429]
        stage.ticks += 2
        assert (await deliver(tablet, body(stage, ROWS))).json()["held"] == 3


async def test_what_the_database_does_not_take_can_be_sent_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise OSError("the cable is out")

    await bound(stage)
    async with stage.browser() as tablet:
        with monkeypatch.context() as cut:
            cut.setattr("cloud.carriers.store.move", away)
            assert (await deliver(tablet, body(stage, ROWS))).status_code == 503
        assert stage.where.query("SELECT count(*) FROM carrier_batch") == [(0,)]
        assert (await deliver(tablet, body(stage, ROWS))).json()["held"] == 3
    await counted(stage, 3)


async def test_what_waits_when_the_city_ends_is_counted_by_its_next_run(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_self: feeder.Feeder) -> None:
        """Feed nothing."""

    await furnish(where)
    with monkeypatch.context() as cut:
        cut.setattr(feeder.Feeder, "_feed", nothing)
        async with open_stage(where, tablets=True) as stage, stage.browser() as tablet:
            await bound(stage)
            assert (await deliver(tablet, body(stage, ROWS))).status_code == 200
    async with open_stage(where, tablets=True) as stage:
        assert await counted(stage, 3) == [(WINDOW, TABLET, 1, 1, 1)]
        async with asyncio.timeout(10):
            while where.query("SELECT count(*) FROM carrier_batch WHERE settled IS NULL") != [(0,)]:
                await asyncio.sleep(0.05)


async def test_an_auditor_with_the_cas_certificate_alone_finds_nothing(tmp_path: Path, upgraded_file: Path) -> None:
    """Who speaks for tablets is certified like any node."""
    where = InFile(tmp_path, upgraded_file)
    await furnish(where)
    Authority.found(tmp_path / "ca", NOW)
    async with open_stage(where, tablets=True, pki=tmp_path / "ca") as stage, stage.browser() as tablet:
        await bound(stage)
        assert (await deliver(tablet, body(stage, ROWS))).status_code == 200
        await counted(stage, 3)
    await publish_day(where.file, CALENDAR.day(NOW), at=NOW + 2 * 86_400_000)
    assert proof(["audit", "--database", str(where.file), "--ca", str(tmp_path / "ca" / "ca.pem")]) == 0


async def test_the_page_and_what_keeps_it_are_everybodys_and_the_same(stage: Stage) -> None:
    async with stage.browser() as tablet:
        page = await tablet.get(f"/window/{WINDOW}")
        assert page.text == (await tablet.get(f"/window/{NEXT}")).text
        assert "manifest-src 'self'" in page.headers["content-security-policy"]
        worker = await tablet.get("/window/worker.js")
        assert worker.headers["content-type"].startswith("text/javascript")
        for name in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
            assert f'"{name}"' in worker.text
            assert (await tablet.get(name)).status_code == 200
        listed = json.loads(worker.text.partition("const FILES = ")[2].partition(";")[0])
        assert [(await tablet.get(name)).status_code for name in listed] == [200] * len(listed)
        manifest = (await tablet.get(f"/window/{WINDOW}/app.webmanifest")).json()
        assert (manifest["start_url"], manifest["display"]) == (f"/window/{WINDOW}", "fullscreen")
        for strange in ("nothing/01", f"{NODE}.tablet/01", f"{NODE}/UP"):
            assert (await tablet.get(f"/window/{strange}")).status_code == 404


async def test_a_city_without_tablets_has_none_of_it(where: Where) -> None:
    await furnish(where)
    async with open_stage(where) as stage, stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        assert (await browser.get("/tablets")).status_code == 404
        assert (await browser.get(f"/window/{WINDOW}")).status_code == 404
        assert "/tablets" not in (await browser.get("/desk")).text
