"""Whose turn it is, who may have one, and the page where that is said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.database import Database
from cloud.people.rules import Person, Role
from cloud.rota import store
from cloud.rota.rules import Turn, around, check, on_duty
from contract.errors import SettingsError
from tests.cloud import where as places
from tests.cloud.reception import Stage, open_stage
from tests.cloud.test_door import word_of

NOW = 1_795_370_494_364
HOUR = 3_600_000
TOWNSHIP, COUNTY = "371721121", "371721"
PLACES = {TOWNSHIP, COUNTY}
turns = st.builds(
    Turn, st.just(TOWNSHIP), st.integers(0, 20), st.none() | st.integers(0, 20), st.sampled_from("ab"), st.none()
)


@given(st.lists(turns, max_size=8, unique_by=lambda one: one.valid_from), st.integers(0, 21))
def test_of_several_that_hold_the_one_that_began_last_does(some: list[Turn], at: int) -> None:
    found = on_duty(some, at)
    holding = [one for one in some if one.valid_from <= at and (one.valid_to is None or at < one.valid_to)]
    assert (found is None) == (not holding)
    assert found is None or found.valid_from == max(one.valid_from for one in holding)


def test_the_places_around_a_window() -> None:
    assert around("371721121-a1/01") == ("371721121", "371721", "city")


@pytest.mark.parametrize(
    ("role", "own", "place", "fits"),
    [
        ("township", TOWNSHIP, TOWNSHIP, True),
        ("township", TOWNSHIP, COUNTY, False),
        ("township", "371721122", TOWNSHIP, False),
        ("supervisor", COUNTY, TOWNSHIP, True),
        ("supervisor", COUNTY, COUNTY, True),
        ("supervisor", COUNTY, "city", False),
        ("operator", "city", "city", True),
        ("auditor", "city", "city", False),
        ("clerk", f"{TOWNSHIP}-a1/01", TOWNSHIP, False),
    ],
)
def test_a_leader_can_act_in_the_whole_place(role: Role, own: str, place: str, fits: bool) -> None:  # noqa: FBT001
    turn = Turn(place, 5, None, "wang", None)
    holders = [Person("wang", role, own), None]
    if fits:
        check(turn, holders, PLACES)
    else:
        with pytest.raises(SettingsError, match="cannot act in"):
            check(turn, holders, PLACES)


@pytest.mark.parametrize(
    ("turn", "says"),
    [
        (Turn("371799", 5, None, "wang", None), "no place 371799"),
        (Turn(TOWNSHIP, 5, 5, "wang", None), "ends before it begins"),
        (Turn(TOWNSHIP, 5, None, "wang", "wang"), "one and the same"),
        (Turn(TOWNSHIP, 5, None, "nobody", None), "no such account"),
        (Turn(TOWNSHIP, 5, None, "wang", "nobody"), "no such account"),
    ],
)
def test_what_cannot_be_is_refused_and_says_why(turn: Turn, says: str) -> None:
    known = {"wang": Person("wang", "operator", "city")}
    with pytest.raises(SettingsError, match=says):
        check(turn, [known.get(name or "") for name in (turn.a, turn.b)], PLACES)


async def test_what_is_over_or_taken_back_is_not_coming(database: Database) -> None:
    async with database.writer.begin() as connection:
        for begin, end in ((1, 5), (2, None), (NOW + HOUR, None), (NOW + 2 * HOUR, NOW + 3 * HOUR)):
            await store.put(connection, Turn(TOWNSHIP, begin, end, "wang", None))
        assert await store.end(connection, TOWNSHIP, NOW + HOUR, NOW) == "wang"
        assert await store.end(connection, TOWNSHIP, NOW + HOUR, NOW) is None
        assert [turn.valid_from for turn in await store.coming(connection, NOW)] == [2, NOW + 2 * HOUR]
        assert await store.end(connection, TOWNSHIP, 2, NOW) == "wang"
        # It held up to now; one that had not begun never did.
        assert await store.coming(connection, NOW - 1) == [
            Turn(TOWNSHIP, 2, NOW, "wang", None),
            Turn(TOWNSHIP, NOW + 2 * HOUR, NOW + 3 * HOUR, "wang", None),
        ]


@pytest.fixture
async def stage(tmp_path: Path, upgraded_file: Path) -> AsyncIterator[Stage]:
    async with open_stage(places.InFile(tmp_path, upgraded_file)) as opened:
        yield opened


async def test_a_supervisor_puts_turns_of_the_own_county_and_the_log_says_so(stage: Stage) -> None:
    await stage.account("wang", "township")
    async with stage.browser() as browser:
        await stage.come_in(browser, "zhao", "supervisor")
        form = {"csrf": await word_of(browser), "a": "wang", "b": "zhao", "from": "2026-11-01T08:00", "to": ""}
        refused = await browser.post("/rota?place=371722", data=form)
        assert refused.status_code == 403
        wrong = await browser.post(f"/rota?place={TOWNSHIP}", data={**form, "a": "nobody"})
        assert (wrong.status_code, "nobody: there is no such account" in wrong.text) == (400, True)
        wrong = await browser.post(f"/rota?place={TOWNSHIP}", data={**form, "from": "tomorrow"})
        assert (wrong.status_code, "2026-12-01T08:30" in wrong.text) == (400, True)
        answer = await browser.post(f"/rota?place={TOWNSHIP}", data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/rota?place={TOWNSHIP}")
        page = (await browser.get(f"/rota?place={TOWNSHIP}")).text
        assert "当班" in page
        assert "2026-11-01 08:00" in page
        begin = 1_793_491_200_000
        ended = await browser.post(f"/rota/end?place={TOWNSHIP}", data={"csrf": form["csrf"], "valid_from": str(begin)})
        assert ended.status_code == 303
        assert "当班" not in (await browser.get(f"/rota?place={TOWNSHIP}")).text
    async with stage.program("auditor") as auditor:
        page = (await auditor.get("/changes")).text
        assert "排 AB 角值班" in page
        assert "结束值班" in page
