"""Appeals on both databases: filed while an edition is open, decided once, and waited for by the final edition."""

import asyncio

import pytest

from cloud.appeals import store
from cloud.appeals.appeal import Appeal, AppealRefused, Wish
from cloud.appeals.desk import AppealDesk
from cloud.appeals.store import Asked
from cloud.changes import store as changes
from cloud.database import Database
from contract.errors import SettingsError
from tests.cloud.editions import AFTER, BESIDE, DAY_S, DAYS, FAR, WINDOW, published, rated
from tests.cloud.furnished import TODAY
from tests.cloud.where import Where

OVER = AFTER + DAYS * DAY_S * 1000
SAID = "两名工作人员代按"


@pytest.fixture(autouse=True)
async def edition(where: Where) -> None:
    await rated(where)
    await published(where)


def wish(unit: str = WINDOW, edition: int = 1) -> Wish:
    return Wish(TODAY, edition, unit, "misuse", SAID)


async def appeals(database: Database, place: str = "city") -> list[Appeal]:
    async with database.reader.connect() as connection:
        return await store.page(connection, Asked(place), 99)


async def test_appeals_are_filed_and_decided_and_each_deed_is_in_the_log(database: Database) -> None:
    desk = AppealDesk(database, now=lambda: AFTER)
    for unit in (WINDOW, "371721121", "371721", BESIDE, FAR):
        await desk.file(wish(unit), "li")
    await desk.act(1, "grant", "已报两人会签", "wang", seen=1)
    await desk.act(2, "withdraw", "", "li", seen=1)
    found = {one.number: one for one in await appeals(database)}
    assert {number: one.state for number, one in found.items()} == {
        1: "granted", 2: "withdrawn", 3: "filed", 4: "filed", 5: "filed",
    }  # fmt: skip
    assert found[1] == Appeal(1, *wish(), "li", AFTER, "granted", "已报两人会签", "wang", AFTER, 2)
    assert [one.number for one in await appeals(database, "371721121")] == [2, 1]
    assert [one.number for one in await appeals(database, "371721")] == [4, 3, 2, 1]
    assert [one.number for one in await appeals(database, WINDOW)] == [1]
    async with database.reader.connect() as connection:
        log = await changes.page(connection, 1 << 53, 2)
        assert [(one.what, one.who, one.subject, one.place) for one in log] == [
            ("withdraw-appeal", "li", "2", "371721121"),
            ("grant-appeal", "wang", "1", WINDOW),
        ]
        assert log[0].body == {"period": TODAY, "edition": 1, "kind": "misuse"}
        assert await store.undecided(connection, TODAY) == 3
        assert await store.standing(connection, "371721", AFTER) == {"filed": 2, "granted": 1, "withdrawn": 1}
        assert await store.standing(connection, "371721", AFTER + 1) == {"filed": 2}
        filtered = await store.page(connection, Asked("city", "filed", TODAY, 5), 99)
        assert [one.number for one in filtered] == [4, 3]


async def test_one_is_undecided_of_a_unit_kind_and_edition(database: Database) -> None:
    desk = AppealDesk(database, now=lambda: AFTER)
    await desk.file(wish(), "li")
    with pytest.raises(AppealRefused) as refused:
        await desk.file(wish(), "wang")
    assert refused.value.why == "twice"
    await desk.file(wish()._replace(kind="other"), "wang")
    await desk.act(1, "refuse", "查无此事", "wang", seen=1)
    assert (await desk.file(wish(), "li")).number == 3


@pytest.mark.parametrize(
    ("asked", "when", "why"),
    [
        (wish(), OVER, "late"),
        (wish(edition=2), AFTER, "unknown"),
        (wish("371721121-zz/01"), AFTER, "unknown"),
        (wish()._replace(reason="短"), AFTER, "content"),
    ],
)
async def test_what_cannot_be_filed(database: Database, asked: Wish, when: int, why: str) -> None:
    with pytest.raises(AppealRefused) as refused:
        await AppealDesk(database, now=lambda: when).file(asked, "li")
    assert refused.value.why == why
    assert await appeals(database) == []


async def test_of_two_at_once_the_later_one_looks_again(database: Database, where: Where) -> None:
    first = AppealDesk(database, now=lambda: AFTER)
    async with await where.open() as other:
        second = AppealDesk(other, now=lambda: AFTER)
        filing = await asyncio.gather(*(desk.file(wish(), "li") for desk in (first, second)), return_exceptions=True)
        assert [one.why for one in filing if isinstance(one, AppealRefused)] == ["twice"]
        ended = await asyncio.gather(
            first.act(1, "grant", "已报会签", "wang", seen=1),
            second.act(1, "refuse", "查无此事", "chen", seen=1),
            return_exceptions=True,
        )
    assert [one.why for one in ended if isinstance(one, AppealRefused)] == ["changed"]
    (appeal,) = await appeals(database)
    assert appeal.version == 2
    with pytest.raises(AppealRefused) as refused:
        await first.act(9, "grant", "已报会签", "wang", seen=1)
    assert refused.value.why == "unknown"


async def test_no_final_edition_comes_about_while_an_appeal_is_undecided(database: Database, where: Where) -> None:
    desk = AppealDesk(database, now=lambda: AFTER)
    await desk.file(wish(), "li")
    await desk.file(wish("371721"), "li")
    with pytest.raises(SettingsError, match=f"{TODAY}: 2 appeals are undecided"):
        await published(where, at=OVER, final=True)
    await desk.act(1, "refuse", "查无此事", "wang", seen=1)
    with pytest.raises(SettingsError, match="1 appeal is undecided"):
        await published(where, at=OVER, final=True)
    await desk.act(2, "withdraw", "", "li", seen=1)
    assert (await published(where, at=OVER, final=True)).edition.stage == "final"
    with pytest.raises(AppealRefused) as refused:
        await desk.file(wish(edition=2), "li")
    assert refused.value.why == "late"


async def test_an_edition_that_a_newer_one_follows_is_not_open(database: Database, where: Where) -> None:
    await published(where)
    desk = AppealDesk(database, now=lambda: AFTER)
    with pytest.raises(AppealRefused) as refused:
        await desk.file(wish(), "li")
    assert refused.value.why == "late"
    assert (await desk.file(wish(edition=2), "li")).edition == 2
