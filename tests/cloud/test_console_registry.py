"""The pages on imports, closures, days and duties over HTTP: what each role may, refusals with why, and the log."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from cloud.calendar import Calendar
from cloud.database import fetch, write
from cloud.hours.public import known_years
from cloud.registry.load import register
from cloud.staffing.store import DUTIES
from contract.signing import Signer
from tests.cloud.reception import NOW, Stage, open_stage
from tests.cloud.where import Where

NODE = "371721121-a1"
W1 = f"{NODE}/01"
LI, WANG = "371721121:1024", "371721121:2048"
CALENDAR = Calendar("Asia/Shanghai")
TODAY = CALENDAR.day(NOW)
NODES = {"nodes": [{"node": NODE, "key": Signer(b"o" * 32).public, "windows": ["01", "02"]}]}
TABLE = f"person,zh,en,window,from,to\n{LI},李敏,Li Min,{W1},{TODAY} 08:30,{TODAY} 23:00\n".encode()


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    async with await where.open() as database:
        await register(database.writer, json.dumps(NODES), NOW)
    async with open_stage(where) as opened:
        yield opened


async def csrf(browser: httpx.AsyncClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/desk")).text)
    assert found is not None
    return found[1]


async def send(browser: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    return await browser.post(path, data={"csrf": await csrf(browser), **form})


async def upload(
    browser: httpx.AsyncClient, raw: bytes, kind: str = "duties", name: str = "值班.csv", word: str | None = None
) -> httpx.Response:
    form = {"csrf": await csrf(browser) if word is None else word, "kind": kind}
    return await browser.post("/imports", data=form, files={"file": (name, raw)})


async def rows(stage: Stage, query: str) -> list[tuple[object, ...]]:
    async with await stage.where.open() as database, database.reader.connect() as connection:
        return await fetch(connection, query)


async def person_of(stage: Stage, name: str, code: str | None) -> None:
    async with await stage.where.open() as database, database.writer.begin() as connection:
        await write(connection, "UPDATE account SET person = :person WHERE name = :name", [(code, name)])


async def test_an_operator_tries_a_table_sees_what_it_changes_and_applies_it_once(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        assert "duties" in (await browser.get("/imports?lang=en")).text
        answer = await upload(browser, TABLE)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/imports/1"), answer.text
        page = (await browser.get("/imports/1")).text
        for said in ("李敏", "2 added, 0 changed, 0 the same", f"{TODAY} 23:00"):
            assert said in page
        assert await rows(stage, "SELECT * FROM duty") == []
        export = (await browser.get("/imports/1?as=csv")).text
        assert f"{W1} · {TODAY} 08:30" in export

        assert (await send(browser, "/imports/1/apply")).headers["Location"] == "/imports/1"
        assert [row[3] for row in await rows(stage, 'SELECT "window", valid_from, valid_to, person FROM duty')] == [LI]
        again = await send(browser, "/imports/1/apply")
        assert again.status_code == 409
        assert "applied already" in again.text
        assert (await send(browser, "/imports/1/drop")).status_code == 409
        assert (await browser.get("/imports/9")).status_code == 404
        assert (await send(browser, "/imports/9/apply")).status_code == 404

        changed = TABLE.replace(b"23:00", b"22:00").replace("李敏".encode(), "李大敏".encode())
        await upload(browser, changed)
        page = (await browser.get("/imports/2")).text
        assert f"to: {TODAY} 23:00 → {TODAY} 22:00" in page
        assert "zh: 李敏 → 李大敏" in page
        async with await stage.where.open() as database:
            await register(database.writer, json.dumps(NODES), NOW + 5)
        late = await send(browser, "/imports/2/apply")
        assert late.status_code == 409
        assert "Somebody has changed the registry since" in late.text
        assert "Throw away all that are overtaken" in (await browser.get("/imports")).text
        assert (await send(browser, "/imports/old/drop")).status_code == 303
        assert (await browser.get("/imports/2")).status_code == 404
        assert (await browser.get("/imports/1")).status_code == 200
        log = await rows(stage, "SELECT what, who, body FROM change ORDER BY number DESC LIMIT 4")
        assert [row[:2] for row in log] == [
            ("end-plan", "li"), ("make-plan", "li"), ("change-registry", "li"), ("make-plan", "li"),
        ]  # fmt: skip
        assert json.loads(str(log[2][2]))["added"] == 2


async def test_wrong_files_are_refused_in_the_askers_language(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "admin")
        wrong = TABLE.replace(b"08:30", b"8:30:10") + f"{LI},,Li Min,{W1},,\n".encode()
        answer = await upload(browser, wrong)
        assert answer.status_code == 400
        for said in ("值班.csv 有 3 处问题", "应为整分钟的时间", "没有填："):
            assert said in answer.text
        assert re.findall(r'<td class="number">(\d+)</td>', answer.text)[:3] == ["2", "3", "3"]
        for name, raw, said in (("x.txt", b"x", "这个文件不能导入"), ("x.xlsx", b"PK", "这个文件不能导入")):
            answer = await upload(browser, raw, name=name)
            assert (answer.status_code, said in answer.text) == (400, True)
        assert (await upload(browser, TABLE, kind="people")).status_code == 422
        assert await rows(stage, "SELECT number FROM registry_plan") == []
        template = await browser.get("/imports/template/days")
        assert template.text.splitlines()[0] == "\ufeff日期,类型,原因"


async def test_an_upload_is_bounded_and_needs_the_sessions_own_word(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        assert (await upload(browser, TABLE, word="guess")).status_code == 403
        assert (await upload(browser, b"x" * (10 * 1024 * 1024 + 1))).status_code == 413
        assert (await upload(browser, b"x" * (11 * 1024 * 1024))).status_code == 413
        torn = {"Content-Type": "multipart/form-data; boundary=x"}
        assert (await browser.post("/imports", content=b"--x\r\ntorn", headers=torn)).status_code in {400, 403}
        none = {"Content-Type": "multipart/form-data"}
        assert (await browser.post("/imports", content=b"--x", headers=none)).status_code in {400, 403}
        # Nowhere else is a form with a file read.
        parts = {"csrf": await csrf(browser), "name": "li"}
        assert (await browser.post("/closures", data=parts, files={"file": ("x", b"x")})).status_code == 403
    async with stage.program("operator") as program:
        answer = await program.post("/imports", data={"kind": "duties"}, files={"file": ("x.csv", b"x" * 11_000_000)})
        assert answer.status_code == 413
        answer = await program.post("/imports", data={"kind": "duties"}, files={"file": ("x.csv", TABLE)})
        assert answer.headers["Location"] == "/imports/1"


async def test_closures_and_days_are_added_and_taken_back_where_one_may(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.come_in(browser, "sun", "supervisor")
        place = "/closures?place=371721121"
        form = {"first": "2026-12-07", "last": "2026-12-08", "reason": "停电检修"}
        assert (await send(browser, place, **form)).headers["Location"] == place
        assert "停电检修" in (await browser.get(place)).text
        for wrong, said in (
            ({}, "已经登记过"),
            ({"first": "2026-12-09"}, "末日早于首日"),
            ({"reason": "  "}, "请写原因"),
        ):
            answer = await send(browser, place, **{**form, **wrong})
            assert (answer.status_code, said in answer.text) == (400, True), said
        assert (await send(browser, "/closures?place=371722101", **form)).status_code == 403
        assert (await send(browser, "/closures?place=city", **form)).status_code == 403
        assert (await send(browser, "/closures/days", day="2026-12-07", kind="rest", reason="x")).status_code == 403
        assert (await send(browser, f"/closures/end{place[9:]}", first="2026-12-07")).headers["Location"] == place
        gone = await send(browser, f"/closures/end{place[9:]}", first="2026-12-07")
        assert (gone.status_code, "没有这一项" in gone.text) == (400, True)
        assert (await send(browser, "/closures", **form)).headers["Location"] == "/closures"
        nowhere = await send(browser, f"/closures?place={NODE}/01", **form)
        assert (nowhere.status_code, "请选县区或乡镇" in nowhere.text) == (400, True)
        assert "还不知道" not in (await browser.get("/desk")).text
    async with stage.browser() as browser:
        await stage.come_in(browser, "zhou", "operator")
        day = {"day": "2026-12-12", "kind": "working", "reason": "补班"}
        assert (await send(browser, "/closures/days", **day)).status_code == 303
        assert (await send(browser, "/closures/days", **day)).status_code == 400
        assert (await send(browser, "/closures/days", **{**day, "reason": " "})).status_code == 400
        page = (await browser.get("/closures")).text
        assert "补班" in page
        assert "停电检修" in page
        assert (await send(browser, "/closures/days/end", day="2026-12-12")).status_code == 303
        assert (await send(browser, "/closures/days/end", day="2026-12-12")).status_code == 400
        log = await rows(stage, "SELECT what, who, place FROM change ORDER BY number DESC LIMIT 6")
        assert [row for row in log if row[0] not in {"set-password", "make-account"}] == [
            ("end-day", "zhou", "city"),
            ("set-day", "zhou", "city"),
            ("add-closure", "sun", "371721"),
            ("end-closure", "sun", "371721121"),
        ]


async def test_a_year_whose_holidays_nobody_knows_is_said_to_whoever_can_register_it(stage: Stage) -> None:
    # The clock stands in November, and next year's holidays come with the library's next version.
    year = max(known_years()[1] + 1, int(TODAY[:4]) + 1)
    stage.now = CALENDAR.start(f"{year}-01-01") - 100 * 86_400_000
    said = f"还不知道 {year} 年的节假日"
    async with stage.browser() as browser:
        await stage.come_in(browser, "zhou", "operator")
        for path in ("/desk", "/closures"):
            assert said in (await browser.get(path)).text, path
        await send(browser, "/closures/days", day=f"{year}-01-01", kind="holiday", reason="元旦")
        async with asyncio.timeout(10):
            # The registry is looked at once a second.
            while said in (await browser.get("/closures")).text:
                await asyncio.sleep(0.2)
        assert said not in (await browser.get("/desk")).text
    async with stage.browser() as browser:
        await stage.come_in(browser, "sun", "supervisor")
        assert "还不知道" not in (await browser.get("/closures")).text


async def test_who_sits_where_is_listed_by_day_window_and_person(stage: Stage) -> None:
    stage.now = CALENDAR.moment(TODAY, 600)
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        more = f"{WANG},王强,Wang Qiang,{NODE}/02,{TODAY} 01:00,{TODAY} 02:00\n".encode()
        await upload(browser, TABLE + more)
        await send(browser, "/imports/1/apply")
        page = (await browser.get("/duties?lang=en")).text
        assert "Li Min" in page
        assert "there now" in page
        assert "Wang Qiang" in page
        for query, seen in (
            ("window=a1/02", "王强"), ("window=A1/02", "王强"), ("person=WANG", "王强"),
            ("person=wang", "王强"), ("person=2048", "王强"), ("person=敏", "李敏"),
            ("place=371721121-a1/01", "李敏"), (f"after={NODE}/01&since={1 << 50}", "王强"),
        ):  # fmt: skip
            listed = (await browser.get(f"/duties?lang=zh&as=csv&{query}")).text
            assert [name for name in ("李敏", "王强") if name in listed] == [seen], query
        for query in ("day=2026-01-01", "person=%25x", "place=371722101"):
            assert "Nothing here" in (await browser.get(f"/duties?{query}")).text
    async with stage.browser() as browser:
        await stage.come_in(browser, "qian", "clerk")
        assert "王强" not in (await browser.get("/duties")).text
        assert (await browser.get("/duties?place=371721121")).status_code == 403


async def duties(stage: Stage) -> list[tuple[object, ...]]:
    """From when to when the first window is whose, as the clocks show it."""
    async with await stage.where.open() as database, database.reader.connect() as connection:
        found = await fetch(connection, DUTIES, (W1, W1, 0))
    shown = CALENDAR.shown
    return [(shown(begin), None if end is None else shown(end), who) for _, begin, end, who in sorted(found)]


async def test_a_clerk_signs_in_and_out_and_hands_the_window_on(stage: Stage) -> None:
    stage.now = CALENDAR.moment(TODAY, 600) + 20_000
    tomorrow = f"{CALENDAR.later(TODAY, 1)} 00:00"
    async with stage.browser() as first, stage.browser() as second:
        await stage.come_in(first, "qian", "clerk")
        await stage.come_in(second, "sun", "clerk")
        page = (await first.get("/desk")).text
        assert "现在没有人在岗" in page
        refused = await send(first, "/desk/sit")
        assert (refused.status_code, "请系统管理员填写" in refused.text) == (409, True)
        await person_of(stage, "qian", "371722101:7")
        assert "别的乡镇" in (await send(first, "/desk/sit")).text
        await person_of(stage, "qian", LI)
        await person_of(stage, "sun", WANG)

        assert (await send(first, "/desk/sit")).status_code == 303
        assert await duties(stage) == [(f"{TODAY} 10:01", tomorrow, LI)]
        assert "您（Qian）" in (await first.get("/desk")).text
        assert "已经在岗" in (await send(first, "/desk/sit")).text
        assert "现在在岗的是 Qian" in (await second.get("/desk")).text
        assert "您现在不在岗" in (await send(second, "/desk/leave")).text

        stage.later(3600)
        assert (await send(second, "/desk/sit")).status_code == 303
        assert await duties(stage) == [(f"{TODAY} 10:01", f"{TODAY} 11:01", LI), (f"{TODAY} 11:01", tomorrow, WANG)]
        stage.later(3600)
        assert (await send(second, "/desk/leave")).status_code == 303
        assert (await duties(stage))[1] == (f"{TODAY} 11:01", f"{TODAY} 12:01", WANG)
        log = await rows(stage, "SELECT what, who, subject, place FROM change ORDER BY number DESC LIMIT 3")
        assert log == [
            ("end-duty", "sun", WANG, W1), ("add-duty", "sun", WANG, W1), ("add-duty", "qian", LI, W1),
        ]  # fmt: skip
        assert await rows(stage, "SELECT code, zh FROM person ORDER BY code") == [(LI, "Qian"), (WANG, "Sun")]


async def test_a_rostered_duty_is_kept_and_it_is_said_whose_it_is(stage: Stage) -> None:
    stage.now = CALENDAR.moment(TODAY, 600)
    async with stage.browser() as browser:
        await stage.come_in(browser, "li", "operator")
        await upload(browser, TABLE)
        await send(browser, "/imports/1/apply")
    async with stage.browser() as browser:
        await stage.come_in(browser, "sun", "clerk")
        await person_of(stage, "sun", WANG)
        before = await duties(stage)
        refused = await send(browser, "/desk/sit")
        assert refused.status_code == 409
        assert f"这里到 {TODAY} 23:00 是 李敏" in refused.text
        assert await duties(stage) == before
        # Nor does whoever is rostered change the roster by leaving.
        await person_of(stage, "sun", LI)
        refused = await send(browser, "/desk/leave")
        assert (refused.status_code, "按值班表" in refused.text) == (409, True)
        assert await duties(stage) == before


async def test_a_sign_in_that_was_rostered_otherwise_is_the_rosters(stage: Stage) -> None:
    stage.now = CALENDAR.moment(TODAY, 509)
    async with stage.browser() as browser, stage.browser() as operator:
        await stage.come_in(browser, "sun", "clerk")
        await stage.come_in(operator, "li", "operator")
        await person_of(stage, "sun", LI)
        assert (await send(browser, "/desk/sit")).status_code == 303
        assert (await upload(operator, TABLE)).headers["Location"] == "/imports/1"
        await send(operator, "/imports/1/apply")
        assert await duties(stage) == [(f"{TODAY} 08:30", f"{TODAY} 23:00", LI)]
        stage.later(3600)
        await person_of(stage, "sun", WANG)
        assert "按值班表" in (await send(browser, "/desk/sit")).text
