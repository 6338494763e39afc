"""Importing tables, on both databases: what the trial says is exactly what applying changes, and it changes nothing."""

import json
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from cloud.calendar import Calendar
from cloud.changes import store as changes
from cloud.database import Database, fetch, metadata
from cloud.imports import store
from cloud.imports.columns import COLUMNS, EXAMPLES, KINDS, Kind
from cloud.imports.differences import Difference
from cloud.imports.importer import MOST_ROWS, Faulty, Importer, Unplanned
from cloud.imports.pages import headings
from cloud.imports.store import Plan
from cloud.registry.load import register
from cloud.staffing.rules import Staff, Tenure
from cloud.staffing.store import put
from contract.errors import SettingsError
from contract.signing import Signer

NOW = 1_795_370_400_000
NODE = "371721121-a1"
W1, W2 = f"{NODE}/01", f"{NODE}/02"
LI, WANG = "371721121:1024", "371721121:2048"
CALENDAR = Calendar("Asia/Shanghai")
NODES = {"nodes": [{"node": NODE, "key": Signer(b"o" * 32).public, "windows": ["01", "02"]}]}
HEAD = "人员编号,中文名,英文名,窗口,开始,结束"
# Of which an import may say what it would change; whatever else changes is how that is written down.
REGISTRY = (
    "window", "node", "node_config", "office", "person", "office_window", "duty", "office_closure", "office_hours",
    "special_day", "auditor", "county", "township", "token",
)  # fmt: skip


@pytest.fixture
async def importer(database: Database) -> Importer:
    await register(database.writer, json.dumps(NODES), NOW)
    return Importer(database, names=headings(), zone="Asia/Shanghai", now=lambda: NOW)


def table(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *rows)).encode()


async def everything(database: Database) -> dict[tuple[str, Any], Any]:
    """Every row of the registry by its table and key."""
    found = {}
    async with database.reader.begin() as connection:
        for name in REGISTRY:
            columns = metadata.tables[name].columns
            key = len(metadata.tables[name].primary_key.columns)
            order = ", ".join(f'"{column.name}"' for column in sorted(columns, key=lambda one: not one.primary_key))
            for row in await fetch(connection, f'SELECT {order} FROM "{name}"'):  # noqa: S608  (names of the schema)
                found[name, row[:key]] = row[key:]
    return found


async def differences(database: Database, plan: Plan) -> list[Difference]:
    async with database.reader.begin() as connection:
        return (await store.content(connection, plan.number))[1]


async def faults(importer: Importer, kind: Kind, raw: bytes) -> list[tuple[int, str, str]]:
    with pytest.raises(Faulty) as wrong:
        await importer.plan(kind, "x.csv", raw, "li")
    return [(one.row, one.column, one.word) for one in wrong.value.faults]


async def test_a_trial_changes_nothing_and_applying_changes_what_it_said(
    database: Database, importer: Importer
) -> None:
    before = await everything(database)
    raw = table(f"{LI},李敏,Li Min,{W1},2026-12-01 08:30,2026-12-01 12:00", f"{WANG},王强,Wang,{W1},2026/12/1 12:00,")
    plan = await importer.plan("duties", "十二月.csv", raw, "li")

    assert await everything(database) == before
    assert (plan.number, plan.added, plan.changed, plan.same, plan.applied_at) == (1, 4, 0, 0, None)
    found = await differences(database, plan)
    begin, noon = (CALENDAR.moment("2026-12-01", minute) for minute in (510, 720))
    assert [(one.row, one.table, one.key, one.before, one.after) for one in found] == [
        (2, "person", (LI,), None, ("李敏", "Li Min")),
        (2, "duty", (W1, begin), None, (noon, LI)),
        (3, "person", (WANG,), None, ("王强", "Wang")),
        (3, "duty", (W1, noon), None, (None, WANG)),
    ]

    applied = await importer.apply(plan.number, "wang")
    after = await everything(database)
    assert {key: after[key] for key in after if after[key] != before.get(key)} == {
        (one.table, one.key): one.after for one in found
    }
    assert applied.applied_by == "wang"
    async with database.reader.begin() as connection:
        log = await changes.page(connection, 1 << 53, 9)
    assert [(one.who, one.what, one.subject) for one in log] == [
        ("wang", "change-registry", "duties 1"),
        ("li", "make-plan", "1"),
    ]
    for number, why in ((plan.number, "applied"), (7, "unknown")):
        with pytest.raises(Unplanned) as refused:
            await importer.apply(number, "wang")
        assert refused.value.why == why
    again = await importer.plan("duties", "again.csv", raw, "li")
    assert (again.number, again.added, again.changed, again.same) == (2, 0, 0, 4)


async def test_whoever_changed_the_registry_or_a_duty_since_makes_a_plan_void(
    database: Database, importer: Importer
) -> None:
    raw = table(f"{LI},李敏,Li,{W1},2026-12-01 08:30,2026-12-01 12:00")
    first, second = [await importer.plan("duties", "x.csv", raw, "li") for _ in range(2)]
    tenure = Tenure(W1, CALENDAR.moment("2026-12-01", 510), CALENDAR.moment("2026-12-01", 600), WANG)
    async with database.writer.begin() as connection:
        # As a sign-in does, which leaves the registry's version alone.
        await put(connection, Staff([], [], [], [tenure]), {W1})
    before = await everything(database)
    with pytest.raises(Unplanned, match="changed"):
        await importer.apply(first.number, "li")
    assert await everything(database) == before

    late = await importer.plan("duties", "x.csv", raw, "li")
    assert (late.added, late.changed) == (1, 1)
    await register(database.writer, json.dumps(NODES), NOW + 1)
    with pytest.raises(Unplanned, match="changed"):
        await importer.apply(late.number, "li")
    assert await everything(database) == before

    assert await importer.drop(second.number, "li")
    assert not await importer.drop(second.number, "li")
    await importer.drop_old("li")
    async with database.reader.begin() as connection:
        assert await store.page(connection, 1 << 53, 9) == []
        log = await changes.page(connection, 1 << 53, 2)
    assert [(one.what, one.subject) for one in log] == [("end-plan", "1, 3"), ("end-plan", "2")]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_template_can_be_imported_with_either_languages_headings(
    database: Database, importer: Importer, kind: Kind
) -> None:
    by_word: dict[str, list[str]] = {}
    for said, word in headings().items():
        by_word.setdefault(word, []).append(said)
    plans = []
    for language in (0, -1):
        head = ",".join(by_word[column.word][language] for column in COLUMNS[kind])
        for raw in (table(",".join(EXAMPLES[kind]), head=head),):
            plans.append(await importer.plan(kind, "x.csv", raw, "li"))
            plans.append(await importer.plan(kind, "x.csv", b"\xef\xbb\xbf" + raw, "li"))
            plans.append(await importer.plan(kind, "x.csv", raw.decode().encode("gb18030"), "li"))
    found = [await differences(database, plan) for plan in plans]
    assert all(one == found[0] for one in found)
    assert found[0]
    await importer.apply(plans[0].number, "li")


def book(*rows: Sequence[object]) -> bytes:
    made, out = Workbook(), BytesIO()
    assert made.active is not None
    for row in rows:
        made.active.append(list(row))
    made.save(out)
    return out.getvalue()


WRONG: dict[str, tuple[Kind, bytes, list[tuple[int, str, str]]]] = {
    "every row is named": (
        "duties",
        table(
            f"{LI},李敏,Li,{W1},2026-12-01 08:30,2026-12-01 08:00",
            f"371721122:7,赵,Zhao,{W1},2026-12-02 08:30,",
            f"{WANG},王,Wang,{NODE}/09,2026-12-01 08:30,",
            f"{LI},李梅,Li,{W2},2026-12-01 08:30,",
            f"{LI},李敏,Li,{W1},2026-12-01 08:30,",
        ),
        [
            (2, "sheet.to", "imports.ends_before"),
            (3, "sheet.window", "imports.elsewhere"),
            (4, "sheet.window", "imports.no_window"),
            (5, "sheet.zh", "imports.two_names"),
            (6, "", "imports.twice"),
        ],
    ),
    "every cell is named": (
        "duties",
        table("李敏,,Li,01,明天,2026-12-01 08:30:30"),
        [
            (2, "sheet.person", "imports.person"),
            (2, "sheet.zh", "imports.name"),
            (2, "sheet.window", "imports.window"),
            (2, "sheet.from", "imports.moment"),
            (2, "sheet.to", "imports.moment"),
        ],
    ),
    "headings": (
        "duties",
        table("x", head="人员编号,中文名,英文名,window,窗口,开头"),
        [
            (1, "", "imports.heading_twice"),
            (1, "", "imports.heading_unknown"),
            (1, "sheet.from", "imports.heading_missing"),
        ],
    ),
    "two at once": (
        "duties",
        table(f"{LI},李敏,Li,{W1},2026-12-01 08:30,", f"{WANG},王,Wang,{W1},2026-12-01 09:30,"),
        [(3, "sheet.window", "imports.taken")],
    ),
    "nothing": ("duties", table(), [(1, "", "imports.empty")]),
    "no node": (
        "windows",
        table(f"{NODE},03,,", "371721121-b1,01,,", f"{NODE},04,2026-12-01,2026-12-01", head="node,window,from,to"),
        [(3, "sheet.node", "imports.no_node"), (4, "sheet.to", "imports.ends_before")],
    ),
    "no place": (
        "closures",
        table(
            "999999,2026-12-01,2026-12-02,x",
            "city,2026-12-02,2026-12-01,x",
            "city,x,2026-12-01,x",
            head="place,from,to,reason",
        ),
        [
            (2, "sheet.place", "imports.no_place"),
            (3, "sheet.to", "imports.ends_before"),
            (4, "sheet.from", "imports.day"),
        ],
    ),
    "a day twice": (
        "days",
        table("2026-12-01,放假,x", "2026/12/1,working,y", "2026-12-02,闭,", head="日期,类型,原因"),
        [(3, "", "imports.twice"), (4, "sheet.kind", "imports.daykind"), (4, "sheet.reason", "imports.reason")],
    ),
    "hours": (
        "hours",
        table(
            "city,2026-12-01,,08:00-12:00 11:00-13:00,,,,",
            "city,2026-12-01,,24:00-25:00,,,,也许",
            head="place,from,to,working,saturday,sunday,holiday,withdrawn",
        ),
        [
            (2, "sheet.working", "imports.stretches"),
            (3, "sheet.working", "imports.stretches"),
            (3, "sheet.withdrawn", "imports.yes"),
        ],
    ),
}


@pytest.mark.parametrize("what", WRONG)
async def test_every_wrong_row_is_named_and_one_is_enough_to_change_nothing(
    database: Database, importer: Importer, what: str
) -> None:
    kind, raw, expected = WRONG[what]
    before = await everything(database)
    assert await faults(importer, kind, raw) == expected
    assert await everything(database) == before
    async with database.reader.begin() as connection:
        assert await store.page(connection, 1 << 53, 9) == []


async def test_a_row_that_overlaps_with_what_is_registered_says_whose_it_is(importer: Importer) -> None:
    plan = await importer.plan("duties", "x.csv", table(f"{LI},李敏,Li,{W1},2026-12-01 08:30,"), "li")
    await importer.apply(plan.number, "li")
    with pytest.raises(Faulty) as wrong:
        await importer.plan("duties", "x.csv", table(f"{WANG},王,Wang,{W1},2026-12-01 09:30,"), "li")
    (fault,) = wrong.value.faults
    assert (fault.row, fault.word, fault.figures["who"]) == (2, "imports.taken", LI)


async def test_what_is_no_table_is_refused_with_why(importer: Importer) -> None:
    wrong = {
        "x.txt": b"x",
        "x.csv": "停".encode("utf-16"),
        "bad.xlsx": b"PK no zip",
        "empty.csv": b"",
        "long.csv": b"\n".join([b"node"] * (MOST_ROWS + 2)),
        "quote.csv": b'"a',
    }
    for name, raw in wrong.items():
        with pytest.raises(SettingsError, match=name.replace(".", r"\.")):
            await importer.plan("windows", name, raw, "li")


async def test_an_excel_file_gives_its_dates_and_numbers(database: Database, importer: Importer) -> None:
    raw = book(
        ("place", "from", "to", "reason", None),
        (371721, datetime(2026, 12, 1), datetime(2026, 12, 2), "停电", None),  # noqa: DTZ001  (a spreadsheet's has no zone)
        (None, None, None, None, None),
        ("371721121", "2026-12-05", "2026/12/6", "装修", None),
    )
    plan = await importer.plan("closures", "closures.XLSX", raw, "li")
    assert [(one.row, one.key, one.after) for one in await differences(database, plan)] == [
        (2, ("371721", "2026-12-01"), ("2026-12-02", "停电")),
        (4, ("371721121", "2026-12-05"), ("2026-12-06", "装修")),
    ]


HOURS = st.integers(0, 23)
DUTIES = st.lists(
    st.tuples(st.sampled_from([LI, WANG]), st.sampled_from([W1, W2]), HOURS, st.none() | HOURS), max_size=6
)


@pytest.mark.timeout(120)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(DUTIES, min_size=1, max_size=3))
async def test_whatever_a_table_says_the_trial_is_what_applying_does(
    database: Database, importer: Importer, tables: list[list[tuple[str, str, int, int | None]]]
) -> None:
    for rows in tables:
        lines = [
            f"{who},{who[-4:]},x,{window},2026-12-01 {begin}:00,{'' if end is None else f'2026-12-01 {end}:00'}"
            for who, window, begin, end in rows
        ]
        before = await everything(database)
        try:
            plan = await importer.plan("duties", "x.csv", table(*lines), "li")
        except Faulty:
            assert await everything(database) == before
            continue
        assert await everything(database) == before
        said = await differences(database, plan)
        await importer.apply(plan.number, "li")
        after = await everything(database)
        assert {
            key: (before.get(key), after.get(key)) for key in before | after if before.get(key) != after.get(key)
        } == {(one.table, one.key): (one.before, one.after) for one in said if one.verdict != "same"}
        assert all(after[one.table, one.key] == one.before for one in said if one.verdict == "same")
