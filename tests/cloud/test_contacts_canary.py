"""A contact that would be known anywhere: nothing that is answered, logged, stored or backed up holds it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from cloud.address import url_of
from cloud.contacts.rules import MAY
from cloud.copy.backup import backup
from cloud.door.rules import TABLE
from cloud.people.rules import ROLES, Role
from tests.cloud.moving import untold
from tests.cloud.questions import _sent
from tests.cloud.reception import Stage, key_of, open_stage
from tests.cloud.where import InFile, Where

pytestmark = pytest.mark.timeout(120)

NODE = "371721121-a1"
TELEPHONE, MASKED, NAME = "13912340987", "139****0987", "欧阳测试女士"
# As it is typed, stored, written out in JSON, in an address, and without its separators.
CANARIES = [
    TELEPHONE.encode(),
    b"139-1234-0987",
    b"139 1234 0987",
    NAME.encode(),
    NAME.encode("gb18030"),
    NAME.encode("unicode_escape"),
    b"%E6%AC%A7%E9%98%B3%E6%B5%8B%E8%AF%95",
]


# At how many addresses each is answered, at the least, and who notes something in a case of their place.
ANSWERED: Mapping[Role, int] = {
    "wall": 10, "clerk": 30, "township": 50, "supervisor": 50, "operator": 75, "auditor": 70, "admin": 80
}  # fmt: skip
NOTING = ("clerk", "township", "supervisor", "operator", "admin")
NAMES = {"{node}": NODE, "{window}": "01", "{kind}": "windows", "{by}": "day", "{name}": "operator-key"}


def held(told: bytes) -> list[bytes]:
    return [canary for canary in CANARIES if canary.lower() in told.lower()]


def addresses() -> Iterator[str]:
    for method, path in TABLE:
        if method == "GET":
            for number in ("1", "2") if "{number}" in path else ("",):
                filled = path
                for name, value in {**NAMES, "{number}": number}.items():
                    filled = filled.replace(name, value)
                yield filled
                if not path.startswith("/api"):
                    yield f"{filled}?as=csv"
    yield "/cases?which=any&as=csv"


def asked(stage: Stage) -> tuple[set[str], int, dict[Role, Counter[int]]]:
    """Ask for everything as everybody; at which addresses a contact was told, how often a masked one, and statuses."""
    told, masked, statuses = set(), 0, {role: Counter[int]() for role in ROLES}
    for role in ROLES:
        with client_of(stage, role) as client:
            requests = [client.build_request("GET", address) for address in addresses()]
            requests += [client.build_request("GET", "/search", params={"q": q}) for q in ("0987", "欧阳", "1391234")]
            deeds = {"action": "note", "text": "记下"}, {"action": "assign", "assignee": f"{role}-key"}
            for number, deed in enumerate(deeds, 1):
                form = {**deed, "chosen": f"{number}:{version_of(stage, number)}"}
                requests.append(client.build_request("POST", "/cases/bulk", data=form))
            for request in requests:
                stage.ticks += 1
                answer = _sent(client, request)
                statuses[role][answer.status_code] += 1
                whole = answer.content + repr(answer.headers.raw).encode()
                masked += MASKED.encode() in whole
                if held(whole):
                    told.add(f"{role} {request.url}")
            for q in (TELEPHONE, "139-1234-0987", NAME, "0987"):
                stage.ticks += 1
                if 'href="/cases/' in client.get("/search", params={"q": q}).text:
                    told.add(f"{role} finds {q}")
    return told, masked, statuses


def version_of(stage: Stage, number: int) -> int:
    with client_of(stage, "operator") as client:
        version: int = client.get(f"/api/cases/{number}").json()["case"]["version"]
    return version


def everything_in(folder: Path) -> bytes:
    """The bytes of a database's files, and of its backup."""
    return b"".join(one.read_bytes() for one in folder.glob("*.db*"))


def client_of(stage: Stage, role: Role) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key_of(role)}", "Accept-Encoding": "identity"}
    return httpx.Client(base_url=stage.address.rstrip("/"), headers=headers, trust_env=False, timeout=10)


async def leave(stage: Stage, client: httpx.AsyncClient) -> list[httpx.Response]:
    """Let contacts be left in cases 1 and 2, by a page and by a program."""
    await stage.open_cases(f"{NODE}/01", f"{NODE}/02")
    form = {"seen": "1", "telephone": "139-1234-0987", "name": NAME, "consent": "yes"}
    api = {"telephone": TELEPHONE, "name": NAME, "consent": True, "version": 1}
    answers = [await client.post("/cases/1/contact", data=form), await client.post("/api/cases/2/contact", json=api)]
    assert [one.status_code for one in answers] == [303, 200]
    return answers


async def test_no_answer_but_the_reading_holds_a_contact(tmp_path: Path, upgraded_file: Path) -> None:
    async with open_stage(InFile(tmp_path, upgraded_file)) as stage, stage.program("operator") as client:
        answers = await leave(stage, client)
        for number in (1, 2):
            page = await client.post(f"/cases/{number}/contact/read", data={"reason": "回访"})
            program = await client.post(f"/api/cases/{number}/contact/read", json={"reason": "回访"})
            assert [held(one.content) != [] for one in (page, program)] == [True, True]
        told, masked, statuses = await asyncio.to_thread(asked, stage)
        assert told == set()
        assert masked > 0
        # What is refused or not there could tell nothing.
        answered = {role: count[200] for role, count in statuses.items()}
        assert {role: answered[role] for role, least in ANSWERED.items() if answered[role] < least} == {}
        assert not any(count[500] for count in statuses.values())
        for number, action, roles in ((1, "note", NOTING), (2, "assign", MAY)):
            history = (await client.get(f"/api/cases/{number}")).json()["steps"]
            assert {step["who"] for step in history if step["action"] == action} == {f"{role}-key" for role in roles}
        gone = {"reason": "群众要求", "version": (await client.get("/api/cases/2")).json()["case"]["version"]}
        answers.append(await client.request("DELETE", "/api/cases/2/contact", json=gone))
        assert [held(one.content) for one in answers] == [[]] * 3
        assert answers[-1].status_code == 200


async def test_neither_database_nor_backup_nor_log_holds_a_contact(
    where: Where, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # The test's own programs say what they ask for.
    caplog.set_level(logging.WARNING, "httpx")
    caplog.set_level(logging.INFO)
    async with open_stage(where) as stage, stage.program("operator") as client:
        await leave(stage, client)
        files = [one for one in stage.contacts.iterdir() if one.name[0] != "."]
        assert [held(one.read_bytes()) != [] for one in files] == [True, True]
        assert (await client.post("/cases/1/contact/read", data={"reason": "回访"})).status_code == 200
        # What cannot be read is told without what is in it.
        for one in files:
            one.write_bytes(one.read_bytes()[:-1])
        assert (await client.post("/cases/1/contact/read", data={"reason": "回访"})).status_code == 500
        await backup(url_of(where.database), tmp_path / "backup.db", untold)
        stored = everything_in(tmp_path)
        assert MASKED.encode() in stored
        assert held(stored) == []
    assert held(caplog.text.encode()) == []
    assert "cannot be read" in caplog.text
