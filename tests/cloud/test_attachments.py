"""Files of cases over HTTP: kept before the step that names them, given to whoever sees the case, never altered."""

import errno
import os
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from unittest.mock import patch

import httpx
import pytest

from cloud.attachments.folder import Folder
from cloud.changes import store as changes
from cloud.database import write
from cloud.shelf import CITY, LOCK
from tests.cloud.reception import Stage, open_stage
from tests.cloud.where import Where

NODE = "371721121-a1"
PDF = b"%PDF-1.7\n" + b"x" * 1000
DIGEST = sha256(PDF).hexdigest()
PLACE = f"/cases/1/files/{DIGEST}"
ABSENT = "this is not in your place, or there is no such thing"


@pytest.fixture
async def stage(where: Where) -> AsyncIterator[Stage]:
    async with open_stage(where) as opened:
        await opened.open_cases(f"{NODE}/01", "371722101-a1/01", f"{NODE}/02")
        yield opened


async def attach(
    client: httpx.AsyncClient, raw: bytes = PDF, name: str = "说明.pdf", number: int = 1, **form: object
) -> httpx.Response:
    given = {"seen": "1", "text": "现场照片", **form}
    return await client.post(f"/cases/{number}/attach", data=given, files={"file": (name, raw)})


async def steps(client: httpx.AsyncClient, number: int = 1) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await client.get(f"/api/cases/{number}")).json()["steps"]
    return found


def kept(stage: Stage) -> list[str]:
    files = (file for file in stage.attachments.rglob("*") if file.is_file() and file.name not in {LOCK, CITY})
    return sorted(str(file.relative_to(stage.attachments)) for file in files)


async def test_a_file_is_kept_shown_in_the_history_and_given_again(stage: Stage) -> None:
    async with stage.program("township") as client:
        answer = await attach(client)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/cases/1")
        assert kept(stage) == [f"{DIGEST[:2]}/{DIGEST}"]
        assert (stage.attachments / DIGEST[:2] / DIGEST).read_bytes() == PDF
        step = (await steps(client))[-1]
        assert (step["action"], step["text"], step["who"]) == ("attach", "现场照片", "township-key")
        assert step["attachment"] == {
            "name": "说明.pdf",
            "sha256": DIGEST,
            "media_type": "application/pdf",
            "size": len(PDF),
        }
        page = (await client.get("/cases/1")).text
        assert f'<a href="{PLACE}" download>说明.pdf</a>' in page
        given = await client.get(PLACE)
        assert (given.status_code, given.content) == (200, PDF)
        assert given.headers["Content-Type"] == "application/pdf"
        assert given.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E8%AF%B4%E6%98%8E.pdf"
        assert given.headers["X-Content-Type-Options"] == "nosniff"
        assert given.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert given.headers["Cache-Control"] == "no-store"
    async with await stage.where.open() as database, database.reader.connect() as connection:
        log = await changes.page(connection, 1 << 53, 1)
    assert (log[0].who, log[0].what, log[0].subject, log[0].place) == (
        "township-key",
        "read-file",
        "case 1",
        f"{NODE}/01",
    )
    assert log[0].body == {"file": "说明.pdf", "sha256": DIGEST}
    async with stage.program("admin") as client:
        assert "读取附件" in (await client.get("/changes")).text


async def test_who_does_not_see_the_case_is_answered_as_if_there_were_none(stage: Stage) -> None:
    async with stage.program("operator") as city:
        assert (await attach(city)).status_code == 303
        assert (await attach(city, number=2)).status_code == 303
    async with stage.program("township") as client:
        for number in (2, 99):
            answers = [
                await client.get(f"/cases/{number}/files/{DIGEST}"),
                await attach(client, number=number),
            ]
            assert [(one.status_code, one.json()["detail"]) for one in answers] == [(403, ABSENT)] * 2
        # A file of another case is none of this one.
        for digest in ("0" * 64, DIGEST.upper(), "..%2f..", DIGEST[:-1]):
            assert (await client.get(f"/cases/1/files/{digest}")).status_code == 404, digest
        assert (await client.get(f"/cases/3/files/{DIGEST}")).status_code == 404
        async with await stage.where.open() as database, database.writer.begin() as connection:
            veiled = stage.now + 60_000
            await write(connection, 'UPDATE case_rating SET seen_from = :at WHERE "case" = 1', [(veiled,)])
        assert [(await client.get(PLACE)).status_code, (await attach(client)).status_code] == [403, 403]
    async with stage.program("clerk") as clerk, stage.program("auditor") as auditor:
        for client in (clerk, auditor):
            assert (await attach(client)).status_code == 403


async def test_what_is_refused_leaves_no_step(stage: Stage) -> None:
    async with stage.program("operator") as client:
        refused = [
            (await attach(client, b"<script>", "a.html"), 400, "这种文件不收"),
            (await attach(client, b"", "a.pdf"), 400, "没有选文件"),
            (await attach(client, PDF, seen="7"), 409, "别人刚改过"),
            (await attach(client, PDF, text="长" * 4001), 400, "说明太短或内容不对"),
            (await attach(client, PDF.ljust(10 * 1024 * 1024 + 1)), 413, "超过 10 MB"),
            (await attach(client, PDF.ljust(11_000_000)), 413, ""),
            (await client.post("/cases/1/attach", data={"seen": "1"}), 422, ""),
        ]
        for answer, status, said in refused:
            assert (answer.status_code, said in answer.text) == (status, True), answer.text[:200]
            # What was typed stands where it was typed.
            if said and status != 413:
                assert re.search(r'<textarea id="text-attach"[^>]*>(现场照片|长+)</textarea>', answer.text)
        assert len(await steps(client)) == 1
        assert (await attach(client, PDF.ljust(10 * 1024 * 1024))).status_code == 303


async def test_a_file_that_is_gone_or_altered_is_never_given(stage: Stage) -> None:
    file = stage.attachments / DIGEST[:2] / DIGEST
    async with stage.program("operator") as client:
        await attach(client)
        for damage in (PDF[:-1] + b"y", PDF + b"x", None):
            if damage is None:
                file.unlink()
            else:
                file.write_bytes(damage)
            answer = await client.get(PLACE)
            assert (answer.status_code, "不见了，或被改动过" in answer.text) == (500, True)
            assert b"%PDF" not in answer.content
        # Given once more it is whole again, for every step that names it.
        assert (await attach(client, seen="2")).status_code == 303
        assert (await client.get(PLACE)).content == PDF
    async with await stage.where.open() as database, database.reader.connect() as connection:
        assert [one.what for one in await changes.page(connection, 1 << 53, 9)].count("read-file") == 1


@pytest.mark.parametrize(("code", "status", "said"), [(errno.ENOSPC, 507, "磁盘已满"), (errno.EACCES, 503, "存不下来")])
async def test_a_disk_that_takes_nothing_is_told_and_nothing_is_half_done(
    stage: Stage, code: int, status: int, said: str
) -> None:
    def failing(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    async with stage.program("operator") as client:
        with patch("transport.deposit.os.fsync", failing):
            answer = await attach(client)
        assert (answer.status_code, said in answer.text) == (status, True)
        assert (kept(stage), len(await steps(client))) == ([], 1)
        assert (await attach(client)).status_code == 303


async def test_a_file_is_on_the_disk_before_its_step_is_written(stage: Stage) -> None:
    seen: list[int] = []
    whole = Folder.put

    def watched(self: Folder, raw: bytes) -> str:
        digest = whole(self, raw)
        seen.append(len(self.get(digest, len(raw))))
        return digest

    async with stage.program("operator") as client:
        with patch.object(Folder, "put", watched):
            await attach(client, seen="5")
        assert (seen, len(await steps(client)), kept(stage)) == ([len(PDF)], 1, [f"{DIGEST[:2]}/{DIGEST}"])
