"""Contacts over HTTP, on pages and for programs: kept in a file alone, masked, read with a word about it, deleted."""

import asyncio
import errno
import os
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest

from cloud.cases.desk import CaseDesk
from cloud.changes import store as changes
from cloud.contacts.folder import Folder
from cloud.contacts.policy import shipped
from cloud.contacts.rules import Contact
from cloud.database import write
from cloud.shelf import CITY, LOCK
from contract.errors import Unavailable
from tests.cloud.reception import Stage, open_stage
from tests.cloud.where import Where

NODE = "371721121-a1"
WINDOW = f"{NODE}/01"
TELEPHONE, MASKED = "13812345678", "138****5678"
ROWS = """
SELECT "case", telephone, name, recorded_by, deleted_by, deleted_at IS NOT NULL AS gone FROM contact
ORDER BY recorded_at, file
"""


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    async with open_stage(where) as opened:
        await opened.open_cases(WINDOW, "371722101-a1/01", f"{NODE}/02")
        yield opened


async def version(client: httpx.AsyncClient, number: int = 1) -> int:
    found: int = (await client.get(f"/api/cases/{number}")).json()["case"]["version"]
    return found


async def leave(
    client: httpx.AsyncClient, telephone: str = TELEPHONE, number: int = 1, **form: object
) -> httpx.Response:
    given = {"seen": "1", "telephone": telephone, "name": "王女士", "consent": "yes", **form}
    return await client.post(f"/cases/{number}/contact", data=given)


async def read(client: httpx.AsyncClient, number: int = 1, reason: str = "回访") -> httpx.Response:
    return await client.post(f"/cases/{number}/contact/read", data={"reason": reason})


async def delete(client: httpx.AsyncClient, seen: int, number: int = 1, reason: str = "群众要求") -> httpx.Response:
    return await client.post(f"/cases/{number}/contact/delete", data={"seen": seen, "reason": reason})


def files(stage: Stage) -> list[Path]:
    return (
        sorted(file for file in stage.contacts.rglob("*") if file.name not in {LOCK, CITY})
        if stage.contacts.is_dir()
        else []
    )


def rows(stage: Stage) -> list[tuple[object, ...]]:
    return [(*row[:-1], bool(row[-1])) for row in stage.where.query(ROWS)]


async def log(stage: Stage) -> list[changes.Change]:
    async with await stage.where.open() as database, database.reader.connect() as connection:
        return await changes.page(connection, 1 << 53, 9)


async def steps(client: httpx.AsyncClient, number: int = 1) -> list[tuple[str, str, str]]:
    found = (await client.get(f"/api/cases/{number}")).json()["steps"]
    return [(step["action"], step["who"], step["text"]) for step in found]


async def test_a_contact_is_left_read_and_deleted(stage: Stage) -> None:
    async with stage.program("township") as client:
        answer = await leave(client, " 138 1234-5678 ")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/cases/1")
        (file,) = files(stage)
        assert re.fullmatch("[0-9a-f]{32}", file.name)
        assert [stat.S_IMODE(one.stat().st_mode) for one in (file, file.parent)] == [0o600, 0o700]
        assert file.read_bytes() == b'{"telephone":"13812345678","name":"\xe7\x8e\x8b\xe5\xa5\xb3\xe5\xa3\xab"}'
        assert rows(stage) == [(1, MASKED, "王**", "township-key", None, False)]
        page = (await client.get("/cases/1")).text
        assert f"<dd>{MASKED} 王**</dd>" in page
        whole = (await client.get("/api/cases/1")).json()
        assert (whole["case"]["contact"], "contact" in whole["allowed"]) == (True, True)

        answer = await read(client)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        assert (f"<strong>{TELEPHONE}</strong>" in answer.text, "王女士" in answer.text) == (True, True)
        assert TELEPHONE not in (await client.get("/cases/1")).text

        answer = await delete(client, await version(client))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/cases/1")
        assert (files(stage), rows(stage)) == ([], [(1, "", "", "township-key", "township-key", True)])
        assert await steps(client) == [
            ("open", "system", ""),
            ("leave_contact", "township-key", ""),
            ("read_contact", "township-key", "回访"),
            ("delete_contact", "township-key", "群众要求"),
        ]
        whole = (await client.get("/api/cases/1")).json()
        assert (whole["case"]["contact"], "verify" in whole["allowed"]) == (False, True)
        refused = await read(client)
        assert (refused.status_code, "没有联系方式，或已删除" in refused.text) == (404, True)
    told = [(one.who, one.what, one.subject, one.place, one.body) for one in (await log(stage))[:3]]
    assert told == [
        ("township-key", "end-contact", "case 1", WINDOW, {"reason": "群众要求"}),
        ("township-key", "read-contact", "case 1", WINDOW, {"reason": "回访"}),
        ("township-key", "add-contact", "case 1", WINDOW, {"consent": True}),
    ]


async def test_programs_do_the_same(stage: Stage) -> None:
    async with stage.program("operator") as client:
        form = {"telephone": "0530-5612345", "name": "Li Min", "consent": True, "version": 1}
        answer = await client.post("/api/cases/1/contact", json=form)
        assert (answer.status_code, answer.json()) == (200, {"telephone": "0530-****345", "name": "L**"})
        answer = await client.post("/api/cases/1/contact/read", json={"reason": "回访"})
        assert (answer.status_code, answer.json()) == (200, {"telephone": "0530-5612345", "name": "Li Min"})
        assert answer.headers["Cache-Control"] == "no-store"
        gone = {"reason": "群众要求", "version": 3}
        answer = await client.request("DELETE", "/api/cases/1/contact", json=gone)
        assert (answer.status_code, answer.json(), files(stage)) == (200, {"gone": True}, [])
        refused = [
            (await client.post("/api/cases/1/contact", json={**form, "version": 1}), 409),
            (await client.post("/api/cases/1/contact", json={**form, "version": 4, "consent": False}), 400),
            (await client.post("/api/cases/1/contact", json={**form, "version": 4, "telephone": "12345"}), 400),
            (await client.post("/api/cases/1/contact", json={**form, "version": 4, "other": 1}), 400),
            (await client.post("/api/cases/1/contact", content=b" " * 5000), 413),
            (await client.post("/api/cases/1/contact/read", json={"reason": "回访"}), 404),
            (await client.post("/api/cases/1/contact/read", json={"reason": ""}), 400),
            (await client.request("DELETE", "/api/cases/1/contact", json={**gone, "version": 4}), 404),
            (await client.request("DELETE", "/api/cases/1/contact", json={**gone, "reason": "打 13912345678"}), 400),
        ]
        assert [answer.status_code for answer, _ in refused] == [status for _, status in refused]
        assert all(answer.json()["detail"] and "12345" not in answer.text for answer, _ in refused)
        assert (files(stage), len(await steps(client))) == ([], 4)


@pytest.mark.parametrize(
    ("role", "own", "foreign"),
    [("clerk", 403, 403), ("auditor", 403, 403), ("township", 303, 403), ("supervisor", 303, 403),
     ("operator", 303, 303), ("admin", 303, 303)],
)  # fmt: skip
async def test_who_acts_in_a_case_leaves_a_contact_and_nobody_else_even_sees_it_masked(
    stage: Stage, role: str, own: int, foreign: int
) -> None:
    async with stage.program("operator") as city, stage.program(role) as client:  # type: ignore[arg-type]
        assert [(await leave(client)).status_code, (await leave(client, number=2)).status_code] == [own, foreign]
        await leave(city, seen=await version(city))
        seen = await version(city)
        page = (await client.get("/cases/1")).text
        assert (MASKED in page, 'action="/cases/1/contact/read"' in page) == (own == 303,) * 2
        if own == 403:
            assert "群众留了联系方式" in page
        answers = [
            (await read(client)).status_code,
            (await client.post("/api/cases/1/contact/read", json={"reason": "回访"})).status_code,
        ]
        assert answers == [200 if own == 303 else 403] * 2
        assert (await read(client, number=2)).status_code in ({403} if foreign == 403 else {200, 404})
        if own == 403:
            assert (await delete(client, seen)).status_code == 403
            assert len(files(stage)) == 1


async def test_a_case_behind_the_veil_has_no_contact_for_who_does_not_see_it(stage: Stage) -> None:
    async with stage.program("operator") as city, stage.program("township") as client:
        await leave(city)
        async with await stage.where.open() as database, database.writer.begin() as connection:
            await write(connection, 'UPDATE case_rating SET seen_from = :at WHERE "case" = 1', [(stage.now + 60_000,)])
        assert [(await read(client)).status_code, (await leave(client)).status_code] == [403, 403]


async def test_a_contact_that_is_left_again_takes_the_place_of_the_first_whose_file_is_deleted(stage: Stage) -> None:
    async with stage.program("township") as client:
        await leave(client)
        before = files(stage)
        stage.later(60)
        assert (await leave(client, "13987654321", seen="2", name="")).status_code == 303
        assert (len(files(stage)), files(stage) != before) == (1, True)
        assert rows(stage) == [
            (1, "", "", "township-key", "township-key", True),
            (1, "139****4321", "", "township-key", None, False),
        ]
        assert [action for action, _, _ in await steps(client)] == [
            "open",
            "leave_contact",
            "delete_contact",
            "leave_contact",
        ]
        assert "13987654321" in (await read(client)).text
    assert [one.body for one in await log(stage) if one.what == "end-contact"] == [{"reason": "replaced"}]


async def test_what_is_refused_leaves_nothing_and_stands_in_the_form_again(stage: Stage) -> None:
    async with stage.program("operator") as client:
        refused = [
            (await leave(client, "12345"), 400, "手机 11 位"),
            (await leave(client, name="长" * 21), 400, "最多 20 个字"),
            (await leave(client, consent=""), 400, "须经群众同意"),
            (await leave(client, seen="7"), 409, "别人刚改过"),
        ]
        for answer, status, said in refused:
            assert (answer.status_code, said in answer.text) == (status, True)
            assert re.search(r'<details open>\s*<summary data-key="l">', answer.text)
            assert re.search(r'name="telephone"[^>]*value="1[0-9]+"', answer.text)
        assert (files(stage), rows(stage), len(await steps(client))) == ([], [], 1)
        await leave(client)
        for answer, said in (
            (await read(client, reason=""), "请写明事由"),
            (await read(client, reason=f"打 {TELEPHONE}"), "不要写电话号码"),
            (await delete(client, 2, reason=""), "请写明事由"),
        ):
            assert (answer.status_code, said in answer.text) == (400, True)
        assert (await delete(client, 1)).status_code == 409
        assert (len(files(stage)), len(await steps(client))) == (1, 2)
        english = await client.post("/cases/1/contact?lang=en", data={"seen": "1", "telephone": "x"})
        assert "a mobile has 11 digits" in english.text
        # A case that has ended takes none.
        await client.post("/api/cases/3/steps", json={"action": "call_unfounded", "version": 1, "text": "查无此事"})
    async with stage.program("supervisor") as client:
        deed = {"action": "uphold_unfounded", "version": 2}
        assert (await client.post("/api/cases/3/steps", json=deed)).status_code == 200
        assert (await leave(client, number=3, seen="3")).status_code == 409
        assert 'action="/cases/3/contact"' not in (await client.get("/cases/3")).text
    assert len(files(stage)) == 1


async def test_more_readings_than_an_hour_may_have_are_refused_of_each_person(stage: Stage) -> None:
    most = shipped().readings_an_hour
    async with stage.program("township") as client, stage.program("admin") as other:
        await leave(client)
        for _ in range(most):
            assert (await read(client)).status_code == 200
            stage.later(60)
        refused = await read(client)
        assert (refused.status_code, "已到上限" in refused.text, TELEPHONE in refused.text) == (429, True, False)
        answer = await client.post("/api/cases/1/contact/read", json={"reason": "回访"})
        assert (answer.status_code, "within an hour" in answer.json()["detail"]) == (429, True)
        # Another one may, and the log has no reading that was none.
        assert (await read(other)).status_code == 200
        assert len(await steps(client)) == 2 + most + 1
        stage.later(3600 - 60 * most + 1)
        assert (await read(client)).status_code == 200


async def test_a_file_that_is_gone_is_told_and_no_reading_is_written_down(stage: Stage) -> None:
    async with stage.program("operator") as client:
        await leave(client)
        (file,) = files(stage)
        for damage in (b"{", None):
            if damage is None:
                file.unlink()
            else:
                file.write_bytes(damage)
            answer = await read(client)
            assert (answer.status_code, "读不出来" in answer.text) == (500, True)
        assert len(await steps(client)) == 2
        # Deleting it is possible still.
        assert (await delete(client, 2)).status_code == 303
        assert rows(stage)[0][-1] is True


async def test_a_contact_that_was_replaced_while_it_was_read_is_not_shown(stage: Stage) -> None:
    whole = Folder.get
    async with stage.program("operator") as client:
        await leave(client)

        def replaced(self: Folder, name: str) -> Contact:
            found = whole(self, name)
            with httpx.Client(base_url=stage.address, headers=dict(client.headers), trust_env=False) as another:
                form = {"seen": 2, "telephone": "13987654321", "consent": "yes"}
                assert another.post("/cases/1/contact", data=form).status_code == 303
            return found

        with patch.object(Folder, "get", replaced):
            answer = await read(client)
        assert (answer.status_code, TELEPHONE in answer.text) == (404, False)
        assert "read_contact" not in {action for action, _, _ in await steps(client)}


@pytest.mark.parametrize(("code", "status", "said"), [(errno.ENOSPC, 507, "磁盘已满"), (errno.EACCES, 503, "存不下来")])
async def test_a_disk_that_takes_nothing_is_told_and_nothing_is_half_done(
    stage: Stage, code: int, status: int, said: str
) -> None:
    def failing(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    async with stage.program("operator") as client:
        with patch("transport.deposit.os.fsync", failing):
            answer = await leave(client)
        assert (answer.status_code, said in answer.text) == (status, True)
        assert (files(stage), rows(stage), len(await steps(client))) == ([], [], 1)
        assert (await leave(client)).status_code == 303


async def test_a_file_is_on_the_disk_before_its_row_and_stays_where_nobody_knows_of_the_commit(stage: Stage) -> None:
    seen: list[tuple[int, int]] = []
    whole = Folder.put

    def watched(self: Folder, contact: Contact) -> str:
        name = whole(self, contact)
        seen.append((len(files(stage)), len(rows(stage))))
        return name

    real = CaseDesk.take

    async def committed(self: CaseDesk, *words: object, **more: object) -> object:
        await real(self, *words, **more)  # type: ignore[arg-type]
        raise Unavailable("database: no answer")

    async with stage.program("operator") as client:
        with patch.object(Folder, "put", watched):
            await leave(client, seen="5")
            assert (seen, files(stage), rows(stage)) == ([(1, 0)], [], [])
            with patch.object(CaseDesk, "take", committed):
                assert (await leave(client)).status_code == 503
        # It was there in truth, and so is its file.
        assert (len(files(stage)), len(rows(stage))) == (1, 1)
        assert (await read(client)).status_code == 200


async def test_a_file_that_cannot_be_deleted_is_told_and_read_by_nobody(stage: Stage) -> None:
    def failing(_self: Path, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, f"{missing_ok}")

    async with stage.program("operator") as client:
        await leave(client)
        with patch("cloud.shelf.Path.unlink", failing):
            answer = await delete(client, 2)
        assert (answer.status_code, "暂时还在磁盘上" in answer.text) == (202, True)
        assert (len(files(stage)), rows(stage)) == (1, [(1, "", "", "operator-key", "operator-key", False)])
        assert (await read(client)).status_code == 404


async def test_a_running_city_deletes_by_itself_and_says_so_where_it_cannot(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.contacts.worker.LOOK_S", 0.05)
    async with open_stage(where) as stage, stage.program("operator") as client:
        await stage.open_cases(WINDOW)
        await leave(client)
        lost = stage.attachments / "00" / ("0" * 64)
        lost.parent.mkdir(parents=True)
        (stage.attachments / CITY).touch()
        lost.write_bytes(b"x")
        os.utime(lost, (1, 1))
        deeds = ("contact", "verify", "rectify", "reply", "revisit", "close")
        for number, action in enumerate(deeds, 2):
            deed = {
                "action": action,
                "version": number,
                "text": "说清楚了",
                "rating": 3 if action == "revisit" else None,
            }
            assert (await client.post("/api/cases/1/steps", json=deed)).status_code == 200

        with patch("cloud.shelf.deposit.sync", side_effect=OSError(errno.EIO, "input/output error")):
            stage.later(31 * 86_400)
            while True:
                health = (await client.get("/health")).json()["parts"]
                # The look that the clock was turned in may have found the orphan alone.
                if "on the disk still" in health["contacts"]["detail"]:
                    break
                await asyncio.sleep(0.05)
        assert health["contacts"]["ok"] is False
        assert rows(stage)[0][-1] is False
        while not rows(stage)[0][-1] or lost.exists():
            await asyncio.sleep(0.05)
        assert files(stage) == []
        assert (await steps(client))[-1] == ("delete_contact", "system", "")


async def test_a_city_on_the_folders_of_another_says_so_and_keeps_nothing_there(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.contacts.worker.LOOK_S", 0.05)
    async with open_stage(where) as stage, stage.program("operator") as client:
        await stage.open_cases(WINDOW)
        # In one step, or the city that looks at it meanwhile takes it for its own.
        theirs = stage.contacts.with_name("theirs")
        theirs.mkdir()
        (theirs / CITY).write_text("/srv/other.db\n", encoding="utf-8")
        theirs.rename(stage.contacts)
        answer = await leave(client)
        assert (answer.status_code, files(stage), rows(stage)) == (503, [], [])
        stage.later(3601)
        while (health := (await client.get("/health")).json()["parts"]["contacts"])["ok"]:
            await asyncio.sleep(0.05)
        assert "its .city says that it is of /srv/other.db" in health["detail"]
        assert "give this city a folder of its own" in health["detail"]
        (stage.contacts / CITY).write_bytes(b"")
        assert (await leave(client)).status_code == 303
        while not (await client.get("/health")).json()["parts"]["contacts"]["ok"]:
            await asyncio.sleep(0.05)
