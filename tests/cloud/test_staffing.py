"""Offices and duties: what a document adds and moves, and that no minute of a window is two's."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.database import Database, fetch
from cloud.registry.load import register
from cloud.staffing.rules import Tenure, check_apart
from contract.errors import SettingsError
from contract.identity import NODE as NODE_NAME
from contract.identity import OFFICE, PERSON
from contract.signing import Signer

NOW = 1_795_370_400_000
NODE = "371721121-a1"
W1, W2 = f"{NODE}/01", f"{NODE}/02"
HALL, DESK, LI, WANG = "371721121:zw", "371721121:gs", "371721121:1024", "371721121:0017"
NODES = [{"node": NODE, "key": Signer(b"o" * 32).public, "windows": ["01", "02"]}]
MORNING, NOON, EVENING = (f"2026-11-02T{hour}:00+08:00" for hour in ("09:00", "12:00", "17:30"))
HELD = {
    "office_window": 'SELECT "window", valid_from, valid_to, office FROM office_window ORDER BY "window", valid_from',
    "duty": 'SELECT "window", valid_from, valid_to, person FROM duty ORDER BY "window", valid_from',
    "office": "SELECT code, zh, en FROM office ORDER BY code",
    "person": "SELECT code, zh, en FROM person ORDER BY code",
}


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def office(code: str, *windows: Mapping[str, object], zh: str = "政务大厅") -> dict[str, object]:
    return {"code": code, "zh": zh, "en": "Hall", "windows": list(windows)}


def member(window: str, begin: str | None = None, end: str | None = None) -> dict[str, object]:
    return {"id": window, **({"from": begin} if begin else {}), **({"to": end} if end else {})}


def duty(person: str, begin: str, end: str | None = None, window: str = W1, zh: str = "李敏") -> dict[str, object]:
    return {"person": person, "zh": zh, "en": "x", "window": window, "from": begin, **({"to": end} if end else {})}


def document(offices: list[Any] | None = None, duties: list[Any] | None = None, **more: object) -> str:
    return json.dumps({"offices": offices or [], "duties": duties or [], **more})


async def held(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    async with database.reader.begin() as connection:
        return {name: await fetch(connection, query) for name, query in HELD.items()}


async def test_a_document_registers_windows_offices_and_duties_at_once(database: Database) -> None:
    text = document(
        [office(HALL, member(W1), member(W2, MORNING, NOON))],
        [duty(LI, MORNING, NOON), duty(WANG, NOON, zh="王强"), duty(LI, NOON, EVENING, window=W2)],
        nodes=NODES,
    )

    summary = await register(database.writer, text, NOW)

    assert (summary.windows, summary.members, summary.duties, summary.offices) == (2, 2, 3, 0)
    assert await held(database) == {
        "office_window": [(W1, 0, None, HALL), (W2, ms(MORNING), ms(NOON), HALL)],
        "duty": [
            (W1, ms(MORNING), ms(NOON), LI),
            (W1, ms(NOON), None, WANG),
            (W2, ms(NOON), ms(EVENING), LI),
        ],
        "office": [(HALL, "政务大厅", "Hall")],
        "person": [(WANG, "王强", "x"), (LI, "李敏", "x")],
    }
    before = await held(database)
    await register(database.writer, text, NOW + 5)
    assert await held(database) == before


async def test_an_end_is_moved_a_window_handed_on_and_a_mistake_taken_back(database: Database) -> None:
    await register(database.writer, document([office(HALL, member(W1))], [duty(LI, MORNING)], nodes=NODES), NOW)

    text = document(
        [office(DESK, member(W1, NOON), zh="工商"), office(HALL, member(W1, end=NOON), zh="大厅")],
        [duty(LI, MORNING, NOON), duty(WANG, NOON, EVENING, zh="王强")],
    )
    await register(database.writer, text, NOW)
    found = await held(database)
    assert found["office_window"] == [(W1, 0, ms(NOON), HALL), (W1, ms(NOON), None, DESK)]
    assert found["duty"] == [(W1, ms(MORNING), ms(NOON), LI), (W1, ms(NOON), ms(EVENING), WANG)]
    assert found["office"] == [(DESK, "工商", "Hall"), (HALL, "大厅", "Hall")]

    # Wang never came, and Li stayed; then it was Wang in the morning after all.
    await register(database.writer, document(duties=[duty(WANG, NOON, NOON), duty(LI, MORNING, EVENING)]), NOW)
    await register(database.writer, document(duties=[duty(WANG, MORNING, EVENING)]), NOW)
    assert (await held(database))["duty"] == [
        (W1, ms(MORNING), ms(EVENING), WANG),
        (W1, ms(NOON), ms(NOON), WANG),
    ]


LATE = "2026-11-02T09:00:30+08:00"
WRONG = {
    document([office("371721121-zw", member(W1))]): "$.offices[0].code",
    document([office(LI, member(W1))]): "$.offices[0].code",
    document(duties=[duty(HALL, MORNING)]): "$.duties[0].person",
    document(duties=[duty(LI, "2026-11-02T09:00:00")]): "$.duties[0].from",
    document([office(HALL, member("01"))]): "$.offices[0].windows[0].id",
    document([office("371721122:zw", member(W1))]): "371721122:zw: window 371721121-a1/01 is in township 371721121",
    document(duties=[duty("371721122:7", MORNING)]): "371721122:7: window 371721121-a1/01 is in township 371721121",
    document([office(HALL, member(f"{NODE}/09"))]): f"{HALL}: there is no window {NODE}/09",
    document(duties=[duty(LI, MORNING, window=f"{NODE}/09")]): f"{LI}: there is no window {NODE}/09",
    document(duties=[duty(LI, LATE)]): "2026-11-02T09:00:30+08:00: give a full minute",
    document(duties=[duty(LI, NOON, MORNING)]): "ends before it begins",
    document(duties=[duty(LI, MORNING), duty(WANG, MORNING)]): "is given twice from the same minute on",
    document(duties=[duty(LI, MORNING, NOON), duty(LI, NOON, zh="李梅")]): f"{LI} is called 李敏 and 李梅",
    document(duties=[duty(WANG, NOON, EVENING, W2)]): (
        f"{W2} from 2026-11-02T04:00Z: {LI} has it from 2026-11-02T01:00Z until further notice, "
        f"so it cannot be {WANG}'s"
    ),
    document([office(DESK, member(W2, NOON))]): f"{HALL} has it from ever until 2026-11-02T09:30Z",
}


@pytest.mark.parametrize(("text", "told"), WRONG.items(), ids=range(len(WRONG)))
async def test_a_wrong_document_changes_nothing_and_says_where_it_is_wrong(
    database: Database, text: str, told: str
) -> None:
    here = document([office(HALL, member(W2, end=EVENING))], [duty(LI, MORNING, window=W2)], nodes=NODES)
    await register(database.writer, here, NOW)
    before = await held(database)

    with pytest.raises(SettingsError) as wrong:
        await register(database.writer, text, NOW)

    assert told in str(wrong.value)
    assert "\n" not in str(wrong.value)
    assert await held(database) == before


HOURS = st.tuples(st.integers(0, 9), st.none() | st.integers(0, 9)).filter(
    lambda one: one[1] is None or one[0] <= one[1]
)


@given(st.lists(HOURS, max_size=3), st.lists(HOURS, max_size=3, unique_by=lambda one: one[0]))
def test_it_is_refused_exactly_where_some_hour_would_be_twos(
    known: list[tuple[int, int | None]], more: list[tuple[int, int | None]]
) -> None:
    standing = [*more, *(one for one in dict(known).items() if one[0] not in dict(more))]
    twice = any(sum(begin <= hour and (end is None or hour < end) for begin, end in standing) > 1 for hour in range(10))

    # What is known was registered, so nothing in it begins twice.
    rows = [
        [Tenure(W1, begin, end, code) for begin, end in some]
        for code, some in ((LI, dict(known).items()), (WANG, more))
    ]
    if twice:
        with pytest.raises(SettingsError, match="cannot be"):
            check_apart(*rows)
    else:
        check_apart(*rows)


@given(st.from_regex(OFFICE, fullmatch=True), st.from_regex(PERSON, fullmatch=True))
def test_no_code_can_be_taken_for_another_kinds(hall: str, somebody: str) -> None:
    assert not PERSON.fullmatch(hall)
    assert not OFFICE.fullmatch(somebody)
    assert not NODE_NAME.fullmatch(hall)
    assert not NODE_NAME.fullmatch(somebody)
